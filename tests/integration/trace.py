#!/usr/bin/env python3
"""vmq-admin trace: what a client does as an operator sees it, and that watching costs the watched nothing."""

import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, Broker, Skip, expect, expect_equal, wait_until
from scenarios import main, scenario

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", re.MULTILINE)
PID = re.compile(r"<\d+\.\d+>")
SECRET = "n0b0dy-may-see-th1s"


class Watcher:
    """`vmq-admin WORDS` that goes on, with what it has said so far."""

    def __init__(self, broker, *words, **options):
        self.file = open(broker.folder / f"watcher-{len(list(broker.folder.glob('watcher-*')))}", "w+b")
        self.process = broker.start_admin(*words, stdout=self.file, stderr=subprocess.STDOUT, **options)

    def text(self):
        return pathlib.Path(self.file.name).read_bytes().decode()

    def wait_for(self, pattern, limit=None):
        return wait_until(lambda: re.search(pattern, self.text(), re.MULTILINE),
                          f"{pattern!r} in the output; there is:\n{self.text()[-3000:]}", limit)

    def ended(self, status=0):
        expect_equal(self.process.wait(LIMIT), status, "exit status; output: " + self.text()[-1000:])
        return self.text()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.file.close()


def trace(broker, *words, **options):
    """A trace that has begun."""
    watcher = Watcher(broker, "trace", "client", *words, **options)
    watcher.wait_for(r"No sessions found for|Starting trace for")
    return watcher


def normal(text):
    """Without what differs from run to run."""
    return PID.sub("<P>", TIME.sub("T ", text))


def with_users(*settings):
    broker = Broker("allow_anonymous = off", "plugins.vmq_passwd = on", "plugins.vmq_acl = on",
                    "vmq_passwd.password_file = vmq.passwd", "vmq_acl.acl_file = vmq.acl", *settings)
    tool = broker.program.with_name("vmq-passwd")
    subprocess.run([tool, "-c", "-b", broker.folder / "vmq.passwd", "ann", SECRET], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)
    (broker.folder / "vmq.acl").write_text("topic readwrite a/#\n")
    return broker


GOLDEN = '''T No sessions found for client "me"
T New session with PID <P> found for client "me"
T <P> MQTT RECV: CID: "me" CONNECT(c: me, v: 4, u: ann, p: pw_no_print, cs: 1, ka: 60)
    with LWT(wr: false, wq: 1, wt: a/gone) with payload:
    good bye
T <P> Calling auth_on_register({{127,0,0,1},PORT},{[],<<"me">>},ann,pw_no_print,true) 
T <P> Hook returned "ok"
T <P> Calling auth_on_publish(ann,{[],<<"me">>},1,a/gone,false) with payload:
    good bye
T <P> Hook returned "ok"
T <P> MQTT SEND: CID: "me" CONNACK(sp: 0, rc: 0)
T <P> MQTT RECV: CID: "me" SUBSCRIBE(m1) with topics:
    q:1, t: "a/+"
    q:1, t: "b"
T <P> Calling auth_on_subscribe(ann,{[],<<"me">>}) with topics:
    q:1, t: "a/+"
    q:1, t: "b"
T <P> Hook returned "ok" with modifiers:
    q:1, t: "a/+"
    left to the next plugin, t: "b"
T <P> Calling auth_on_subscribe(ann,{[],<<"me">>}) with topics:
    q:1, t: "b"
T <P> Hook returned {error,no_matching_hook_found}
T <P> MQTT SEND: CID: "me" SUBACK(m1, qt[1,128])
T <P> MQTT SEND: CID: "me" PUBLISH(d0, q1, r0, m1, "a/b") with payload:
    {"t": 21} \\x1b[2J
T <P> MQTT RECV: CID: "me" PUBACK(m1)
T <P> MQTT RECV: CID: "me" DISCONNECT()
T <P> Trace session for me stopped
Done.
'''


@scenario
def golden_session():
    """A session of mosquitto_sub from its CONNECT to its end."""
    if not shutil.which("mosquitto_sub"):
        raise Skip("no mosquitto_sub")
    with with_users("shards = 2") as broker:
        where = ["-h", broker.address[0], "-p", str(broker.port), "-u", "ann", "-P", SECRET]
        with trace(broker, "client-id=me", "--rate-max=1000") as watcher:
            subscriber = subprocess.Popen(
                ["mosquitto_sub", *where, "-i", "me", "-t", "a/+", "-t", "b", "-q", "1", "-C", "1", "--will-topic",
                 "a/gone", "--will-payload", "good bye", "--will-qos", "1"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            watcher.wait_for("SUBACK")
            subprocess.run(["mosquitto_pub", *where, "-i", "other", "-t", "a/b", "-m", '{"t": 21} \x1b[2J', "-q", "1"],
                           check=True, timeout=LIMIT)
            subscriber.communicate(timeout=LIMIT)
            watcher.wait_for("Trace session for me stopped")
            text = normal(watcher.interrupt())
        wanted = GOLDEN
        found = re.sub(r"(\{\{127,0,0,1\},)\d+", r"\1PORT", text)
        if found != wanted:
            for ours, theirs in zip(found.splitlines(), wanted.splitlines()):
                expect_equal(ours, theirs, "a line of:\n" + found)
        expect_equal(found, wanted)


@scenario
def secrets_are_nowhere():
    """Passwords, authentication data and what else a CONNECT of MQTT 5 may carry in confidence."""
    with with_users() as broker:
        with trace(broker, "client-id=me", "--rate-max=1000") as watcher:
            for version in (3, 4, 5):
                mqtt.opened(broker.address, "me", version, username="ann", password=SECRET).disconnect()
            props = {mqtt.AUTHENTICATION_METHOD: "PLAIN", mqtt.AUTHENTICATION_DATA: SECRET.encode(),
                     mqtt.USER_PROPERTY: [("token", SECRET)]}
            mqtt.Client(broker.address, "me", 5, username="ann", password=SECRET, props=props).open(accepted=False)
            mqtt.Client(broker.address, "me", 5, username="ann", password=SECRET + "x").open(accepted=False)
            watcher.wait_for(r"CONNACK\(sp: 0, rc: bad_username_or_password\(134\)\)")
            text = watcher.interrupt()
        expect(text.count("p: pw_no_print") >= 5, text)
        expect("p_authentication_data => pw_no_print" in text, text)
        expect('{<<"token">>,pw_no_print}' in text, text)
        expect(SECRET not in text, text)
        expect(SECRET not in broker.log(), "a secret in the log")


@scenario
def several_at_once():
    """Each with its own filter: a client that is there already, a topic, a user, an address."""
    with with_users("shards = 2", "topic_alias_max_client = 10") as broker:
        def client(name):
            return mqtt.opened(broker.address, name, 5, username="ann", password=SECRET)

        one, two = client("one"), client("two")
        all_of = "--rate-max=1000"
        with trace(broker, "client-id=one", all_of) as by_client, trace(broker, "--topic=a/+/x", all_of) as by_topic, \
                trace(broker, "--user=ann", all_of) as by_user, trace(broker, "--user=bob") as by_other, \
                trace(broker, "--peer=127.0.0.1", "client-id=two", all_of) as by_peer, \
                trace(broker, "--peer=127.0.0.2") as from_elsewhere:
            by_client.wait_for(r'Starting trace for 1 existing sessions for client "one" with PIDs\n    \[<\d\.\d+>\]')
            one.subscribe("a/+/x")
            two.publish("a/1/x", b"yes", 1)
            two.publish("a/1/y", b"no", 1)
            two.publish("a/1/x", b"aliased", 1, props={mqtt.TOPIC_ALIAS: 1})
            two.publish("", b"by alias", 1, props={mqtt.TOPIC_ALIAS: 1})
            one.messages(3)
            one.disconnect()
            two.disconnect()
            by_client.wait_for("Trace session for one stopped")
            by_peer.wait_for("Trace session for two stopped")
            by_user.wait_for("Trace session for one stopped")
            by_user.wait_for("Trace session for two stopped")
            by_topic.wait_for(r'(?s)(MQTT SEND: CID: "one" PUBLISH.*){3}')
            texts = [each.interrupt() for each in (by_client, by_topic, by_user, by_other, by_peer, from_elsewhere)]
        one_text, topic_text, user_text, other_text, peer_text, elsewhere_text = texts
        expect('CID: "one"' in one_text and 'CID: "two"' not in one_text, one_text)
        expect_equal(len(re.findall("MQTT SEND: .*PUBLISH", one_text)), 3, one_text)
        for word, count in (("SUBSCRIBE", 1), ("MQTT RECV: CID: \"two\" PUBLISH", 3),
                            ("MQTT SEND: CID: \"one\" PUBLISH", 3), ("Calling auth_on_publish_m5", 3), ("PUBACK", 0),
                            ("Hook returned", 4), ("    no", 0), ("    by alias", 3)):
            expect_equal(topic_text.count(word), count, f"{word} in {topic_text}")
        expect('CID: "one"' in user_text and 'CID: "two"' in user_text, user_text)
        expect('CID: "two"' in peer_text and 'CID: "one"' not in peer_text, peer_text)
        for text in (other_text, elsewhere_text):
            expect("MQTT" not in text, text)
        for text in texts:
            expect(text.endswith("Done.\n"), text)


@scenario
def rate_limit():
    """One event too many ends the trace, and not the client's session."""
    with Broker() as broker:
        client = mqtt.opened(broker.address, "me", 5)
        with trace(broker, "client-id=me", "--rate-max=3", "--rate-interval=3600000") as watcher:
            for number in range(5):
                client.publish("t", str(number), 1)
            text = normal(watcher.ended())
        expect_equal(text.splitlines()[-2:], ["T Trace rate limit triggered.", "Done."])
        expect_equal(len(re.findall("T <P> MQTT", text)), 3, text)
        client.ping()


@scenario
def ways_to_end():
    """stop_all, --duration, the end of the input, of vmq-admin and of the broker."""
    with Broker() as broker:
        client = mqtt.opened(broker.address, "me", 5)
        with trace(broker, "client-id=me") as watcher, trace(broker, "client-id=you") as other:
            result = broker.admin("trace", "stop_all")
            expect_equal((result.returncode, result.stdout), (0, "Done\n"))
            for each in (watcher, other):
                expect(normal(each.ended()).endswith("T Trace terminated by external action.\nDone.\n"), each.text())
        with trace(broker, "client-id=me", "--duration=1") as watcher:
            expect(watcher.ended().endswith("\nDone.\n"), watcher.text())
        with trace(broker, "client-id=me", stdin=subprocess.PIPE) as watcher:
            watcher.process.stdin.close()
            expect(watcher.ended().endswith("\nDone.\n"), watcher.text())
        # Without being asked to go: its trace ends with it, so that there is room for others again.
        for _ in range(20):
            with trace(broker, "client-id=me") as watcher:
                watcher.process.kill()
        client.ping()
        running = []
        while len(running) < 16:
            watcher = Watcher(broker, "trace", "client", "client-id=me")
            wait_until(lambda: watcher.text(), "the begin of a trace")
            if "already running" in watcher.text():  # a killed one is still to be noticed
                watcher.ended(1)
                continue
            running.append(watcher)
        one_more = broker.admin("trace", "client", "client-id=me")
        expect_equal((one_more.returncode, one_more.stdout),
                     (1, "Cannot start trace as 16 traces are already running.\n"))
        client.ping()
        broker.stop()
        for each in running:
            expect("the broker is stopping" in each.ended(1), each.text())
            each.__exit__()


@scenario
def stopped_reader():
    """vmq-admin that is stopped holds up neither the client nor others; what it missed is counted."""
    with Broker() as broker:
        client = mqtt.opened(broker.address, "me", 5)
        with trace(broker, "client-id=me", "--rate-max=1000000", "--trunc-payload=10000") as watcher:
            client.ping()
            watcher.wait_for("PINGRESP")
            watcher.process.send_signal(signal.SIGSTOP)
            for _ in range(200):
                client.publish("t", b"x" * 10_000, 1)
            client.ping()
            result = broker.admin("cluster", "show")
            expect_equal(result.returncode, 0, result.stderr)
            watcher.process.send_signal(signal.SIGCONT)
            client.publish("t", b"the last", 1)

            def counted():
                lost = re.findall(r"(\d+) events lost: they came faster than they were read", watcher.text())
                return len(re.findall(" MQTT (?:RECV|SEND): ", watcher.text())), sum(map(int, lost))

            # 201 messages and two pings, each with its answer.
            wait_until(lambda: sum(counted()) == 406, "every event shown or counted as lost")
            print("{} events shown, {} lost".format(*counted()))
            expect(counted()[1] > 0, "nothing was lost")
            expect(watcher.interrupt().endswith("Done.\n"), watcher.text()[-300:])


@scenario
def output_file():
    """What clients send is for the operator alone."""
    with Broker() as broker:
        client = mqtt.opened(broker.address, "me", 5)
        file = broker.folder / "trace.txt"
        with Watcher(broker, "trace", "client", "client-id=me", f"--output={file}") as watcher:
            wait_until(lambda: file.exists() and "Starting trace" in file.read_text(), "the begin of the trace")
            client.publish("t", b"payload", 1)
            wait_until(lambda: "    payload\n" in file.read_text(), "the packet in the file")
            expect_equal(watcher.interrupt(), "")
        expect_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "permissions of the file")
        expect(file.read_text().endswith("Done.\n"), file.read_text())
        again = broker.admin("trace", "client", "client-id=me", f"--output={file}")
        expect_equal((again.returncode, again.stdout), (1, ""))
        expect("File exists; choose another name" in again.stderr, again.stderr)


if __name__ == "__main__":
    main()
