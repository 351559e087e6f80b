#!/usr/bin/env python3
"""mosquitto_pub and mosquitto_sub against the broker."""

import json
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, Broker, Failure, Skip, expect, expect_equal
from certificates import Authority
from programs import run
from scenarios import main, scenario
from ways import Ways

VERSIONS = ("mqttv31", "mqttv311", "mqttv5")
MARK = "MESSAGE "


def tool(name):
    found = shutil.which(name)
    if not found:
        raise Skip(f"{name} is not here (Debian: mosquitto-clients)")
    return found


def arguments(to, version, client_id):
    """`to`: a Broker, or the options that say how to reach one."""
    way = to if isinstance(to, tuple) else ("-h", to.address[0], "-p", str(to.port))
    return [*way, "-V", version, *(["-i", client_id] if client_id else [])]


def publish(to, version, *words, client_id=None, stdin=None):
    """Runs mosquitto_pub to its end."""
    done = subprocess.run([tool("mosquitto_pub"), *arguments(to, version, client_id), *words], input=stdin,
                          capture_output=True, timeout=LIMIT)
    expect(done.returncode == 0, "mosquitto_pub", words, "failed:", done.stdout, done.stderr)


class Subscriber:
    """A running mosquitto_sub that is subscribed."""

    def __init__(self, to, version, *words, client_id=None):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", tool("mosquitto_sub"), *arguments(to, version, client_id), "-d", "-F", MARK + "%j",
             *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.waiting = []
        self._line(lambda line: line.startswith("Subscribed"))

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _line(self, wanted):
        """The first line that is wanted; messages before it are kept."""
        deadline = time.monotonic() + LIMIT
        seen = []
        while True:
            try:
                line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise Failure(f"mosquitto_sub did not print what was expected, but {seen[-10:]}") from None
            if line is None:
                raise Failure(f"mosquitto_sub ended after {seen[-10:]}")
            seen.append(line)
            if wanted(line):
                return line
            if line.startswith(MARK):
                self.waiting.append(line)

    def message(self):
        line = self.waiting.pop(0) if self.waiting else self._line(lambda each: each.startswith(MARK))
        return json.loads(line.removeprefix(MARK))

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(LIMIT / 4)
        except subprocess.TimeoutExpired:
            # It disconnects in its signal handler (2.0.11), which waits for ever for a lock that it interrupted.
            self.process.kill()
            self.process.wait(LIMIT)


def every_qos(version, to):
    for subscribed in (0, 1, 2):
        with Subscriber(to, version, "-t", "every/#", "-q", str(subscribed)) as subscriber:
            for published in (0, 1, 2):
                publish(to, version, "-t", f"every/{published}", "-q", str(published), "-l", stdin=b"one\ntwo\nthree\n")
                got = subscriber.messages(3)
                expect_equal([each["payload"] for each in got], ["one", "two", "three"], "payloads")
                expect_equal({each["qos"] for each in got}, {min(subscribed, published)}, "QoS")
                expect_equal({each["topic"] for each in got}, {f"every/{published}"}, "topic")


@scenario
def qos_v31():
    with Broker() as broker:
        every_qos("mqttv31", broker)


@scenario
def qos_v311():
    with Broker() as broker:
        every_qos("mqttv311", broker)


@scenario
def qos_v5():
    with Broker() as broker:
        every_qos("mqttv5", broker)


@scenario
def versions_mix():
    """Each version receives from each."""
    with Broker() as broker:
        for receiving in VERSIONS:
            with Subscriber(broker, receiving, "-t", "mix", "-q", "2") as subscriber:
                for sending in VERSIONS:
                    publish(broker, sending, "-t", "mix", "-m", sending, "-q", "2")
                    expect_equal(subscriber.message()["payload"], sending, f"{receiving} from {sending}")


@scenario
def retained():
    with Broker() as broker:
        for version in VERSIONS:
            topic = f"state/{version}"
            publish(broker, version, "-t", topic, "-m", "old", "-r", "-q", "1")
            publish(broker, version, "-t", topic, "-m", "kept", "-r", "-q", "1")
            with Subscriber(broker, version, "-t", f"{topic}/#", "-q", "1") as subscriber:
                message = subscriber.message()
                expect_equal((message["payload"], message["retain"], message["qos"]), ("kept", 1, 1), version)
                publish(broker, version, "-t", topic, "-m", "live", "-r", "-q", "1")
                message = subscriber.message()
                expect_equal((message["payload"], message["retain"]), ("live", 0), version)
            publish(broker, version, "-t", topic, "-n", "-r")  # empty: forget it
            with Subscriber(broker, version, "-t", topic) as subscriber:
                publish(broker, version, "-t", topic, "-m", "first")
                message = subscriber.message()
                expect_equal((message["payload"], message["retain"]), ("first", 0), version)
        # --remove-retained takes away what matches.
        publish(broker, "mqttv5", "-t", "away/a", "-m", "x", "-r", "-q", "1")
        done = subprocess.run([tool("mosquitto_sub"), *arguments(broker, "mqttv5", None), "-t", "away/#",
                               "--remove-retained", "--retained-only", "-W", "2"], capture_output=True, timeout=LIMIT)
        with Subscriber(broker, "mqttv5", "-t", "away/#") as subscriber:
            publish(broker, "mqttv5", "-t", "away/a", "-m", "now")
            expect_equal(subscriber.message()["payload"], "now", f"after --remove-retained {done}")


@scenario
def wills():
    with Broker() as broker:
        for version in VERSIONS:
            with Subscriber(broker, version, "-t", "will/+", "-R", "-q", "2") as witness:
                with Subscriber(broker, version, "-t", "any", "--will-topic", f"will/{version}", "--will-payload", "gone",
                                "--will-qos", "2", "--will-retain") as dying:
                    dying.process.kill()
                    message = witness.message()
                expect_equal((message["topic"], message["payload"], message["qos"]), (f"will/{version}", "gone", 2),
                             "will")
                # Said good-bye: no will.
                with Subscriber(broker, version, "-t", "any", "--will-topic", "will/never", "--will-payload", "x", "-C",
                                "1") as leaving:
                    publish(broker, version, "-t", "any", "-m", "last")
                    leaving.process.wait(LIMIT)
                publish(broker, version, "-t", "will/mark", "-m", "mark")
                expect_equal(witness.message()["payload"], "mark", "after a clean end")
            with Subscriber(broker, version, "-t", f"will/{version}") as late:
                message = late.message()
                expect_equal((message["payload"], message["retain"]), ("gone", 1), "retained will")
        with Subscriber(broker, "mqttv5", "-t", "late/#") as witness:
            with Subscriber(broker, "mqttv5", "-t", "any", "--will-topic", "late/will", "--will-payload", "late", "-c",
                            "-x", "60", "-D", "will", "will-delay-interval", "1", "-D", "will", "user-property", "a", "b",
                            client_id="late") as dying:
                dying.process.kill()
                begin = time.monotonic()
                message = witness.message()
            expect(time.monotonic() - begin > 0.8, "a will with a delay of 1 s came too early")
            expect_equal(message["properties"]["user-properties"], {"a": "b"}, "will properties")


@scenario
def persistent_session():
    with Broker() as broker:
        for version in VERSIONS:
            client_id = f"keeper-{version}"
            expiry = ["-x", "3600"] if version == "mqttv5" else []
            words = ["-t", "kept/#", "-q", "2", "-c", *expiry]
            with Subscriber(broker, version, *words, client_id=client_id):
                pass
            for qos in ("1", "2"):
                publish(broker, version, "-t", f"kept/{qos}", "-q", qos, "-l",
                        stdin=b"".join(b"%d\n" % i for i in range(50)))
            publish(broker, version, "-t", "kept/0", "-m", "not kept")
            with Subscriber(broker, version, *words, client_id=client_id) as subscriber:
                got = subscriber.messages(100)
                for qos in (1, 2):
                    expect_equal([each["payload"] for each in got if each["qos"] == qos],
                                 [str(i) for i in range(50)], f"{version} QoS {qos}")
                publish(broker, version, "-t", "kept/end", "-m", "end")
                expect_equal(subscriber.message()["payload"], "end", "QoS 0 is not kept")
            # A clean start throws it away.
            publish(broker, version, "-t", "kept/1", "-m", "lost", "-q", "1")
            with Subscriber(broker, version, "-t", "kept/#", client_id=client_id) as subscriber:
                publish(broker, version, "-t", "kept/1", "-m", "new", "-q", "1")
                expect_equal(subscriber.message()["payload"], "new", "after clean start")


@scenario
def shared_subscription():
    with Broker() as broker:
        words = ("-t", "$share/workers/job/+", "-q", "1")
        with Subscriber(broker, "mqttv5", *words) as one, Subscriber(broker, "mqttv311", *words) as two, \
                Subscriber(broker, "mqttv5", "-t", "job/#", "-q", "1") as everything:
            publish(broker, "mqttv5", "-t", "job/a", "-q", "1", "-l", stdin=b"".join(b"%d\n" % i for i in range(100)))
            wanted = [str(i) for i in range(100)]
            expect_equal([each["payload"] for each in everything.messages(100)], wanted, "the one beside the group")
            got = []
            deadline = time.monotonic() + LIMIT
            while len(got) < 100 and time.monotonic() < deadline:
                for member in (one, two):
                    try:
                        line = member.waiting.pop(0) if member.waiting else member.lines.get(timeout=0.05)
                    except queue.Empty:
                        continue
                    if line.startswith(MARK):
                        got.append((member, json.loads(line.removeprefix(MARK))["payload"]))
            expect_equal(sorted((payload for _, payload in got), key=int), wanted, "the group together")
            shares = [sum(1 for member, _ in got if member is each) for each in (one, two)]
            expect(min(shares) > 0, f"one member got everything: {shares}")


@scenario
def properties():
    with Broker() as broker:
        with Subscriber(broker, "mqttv5", "-t", "props", "-q", "1", "-D", "subscribe", "subscription-identifier",
                        "1234") as subscriber:
            publish(broker, "mqttv5", "-t", "props", "-q", "1", "-m", "body", "-D", "publish", "user-property", "k", "v",
                    "-D", "publish", "user-property", "l", "w", "-D", "publish", "content-type", "text/plain", "-D",
                    "publish", "response-topic", "answer/here", "-D", "publish", "correlation-data", "c0rr", "-D",
                    "publish", "message-expiry-interval", "300", "-D", "publish", "payload-format-indicator", "1")
            found = subscriber.message()["properties"]
            expect_equal(list(found["user-properties"].items()), [("k", "v"), ("l", "w")], "user properties")
            expect_equal(found["content-type"], "text/plain", "content type")
            expect_equal(found["response-topic"], "answer/here", "response topic")
            expect_equal(found["correlation-data"], "c0rr", "correlation data")
            expect_equal(found["payload-format-indicator"], 1, "payload format")
            expect(0 < found["message-expiry-interval"] <= 300, "message expiry", found)
            publish(broker, "mqttv311", "-t", "props", "-q", "1", "-m", "plain")
            expect_equal(subscriber.message()["payload"], "plain", "from a client without properties")


@scenario
def payload_sizes():
    """None at all, and 5 MB."""
    large = bytes(range(33, 127)) * (5 * 1024 * 1024 // 94)
    with Broker() as broker:
        for version in VERSIONS:
            for qos in ("0", "1", "2"):
                with Subscriber(broker, version, "-t", "size", "-q", qos) as subscriber:
                    publish(broker, version, "-t", "size", "-q", qos, "-n")
                    expect_equal(subscriber.message()["payloadlen"], 0, f"empty {version} QoS {qos}")
                    publish(broker, version, "-t", "size", "-q", qos, "-s", stdin=large)
                    message = subscriber.message()
                    expect_equal(message["payloadlen"], len(large), f"large {version} QoS {qos}")
                    expect(message["payload"] == large.decode(), "the large payload came changed")


@scenario
def tls():
    """With and without a client certificate, and not with another CA's broker."""
    ways = Ways()
    device = ways.ca.issue("device", common_name="device-1")
    other = Authority(ways.broker.folder / "other")
    port = ways.add("ssl", "cafile = pki/ca.pem", "use_identity_as_username = on")
    with ways.broker as broker:
        way = ("-h", "localhost", "-p", str(port), "--cafile", str(ways.ca.cafile))
        named = (*way, "--cert", str(device[0]), "--key", str(device[1]))
        for version, to in (("mqttv311", way), ("mqttv5", named)):
            every_qos(version, to)
        large = "x" * 100_000
        with Subscriber(named, "mqttv5", "-t", "large", client_id="subscriber") as subscriber:
            broker.wait_for_log("client \"subscriber\" connected from 127.0.0.1:\\d+ as device-1")
            publish(way, "mqttv5", "-t", "large", "-s", stdin=large.encode(), client_id="publisher")
            broker.wait_for_log("client \"publisher\" connected from 127.0.0.1:\\d+ as nobody")
            expect_equal(subscriber.message()["payload"], large, "payload")
        strict = ("-h", "localhost", "-p", str(port), "--cafile", str(other.cafile), "-t", "large", "-m", "x")
        said = run(tool("mosquitto_pub"), *strict, status=None)
        expect(b"TLS error" in said, said)
        broker.wait_for_log("TLS: the client does not trust the listener's certificate")


@scenario
def pre_shared_key():
    ways = Ways()
    key = "a key of sufficient length"
    (ways.broker.folder / "psk").write_text(f"thing:{key}\n")
    (ways.broker.folder / "psk").chmod(0o600)
    port = str(ways.add("ssl", "psk_support = on", "pskfile = psk"))
    with ways.broker:
        for tls_version in ("tlsv1.2", "tlsv1.3"):
            every_qos("mqttv5", ("-h", "localhost", "-p", port, "--psk", key.encode().hex(), "--psk-identity", "thing",
                                 "--tls-version", tls_version))


@scenario
def unix_socket():
    with Broker("listener.tcp.local = local:mqtt.sock:0") as broker:
        for version in VERSIONS:
            every_qos(version, ("--unix", str(broker.folder / "mqtt.sock")))


if __name__ == "__main__":
    main()
