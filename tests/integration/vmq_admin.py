#!/usr/bin/env python3
"""vmq-admin and the broker it speaks to: what commands do, what they print, how they end."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, SANITIZERS, SLOWNESS, Broker, Skip, expect, expect_equal, free_port, wait_until
from certificates import Authority
from scenarios import main, scenario

ADMINISTRATIVE_ACTION = 0x98
BAD_USER_NAME = 0x86
IDENTIFIER_NOT_VALID = 0x85
NOBODY = 65534


def done(broker, *words, out="Done\n"):
    """Runs a command that must succeed and print `out`, if that is not None; what it printed."""
    result = broker.admin(*words)
    expect_equal((result.returncode, result.stderr), (0, ""), " ".join(words) + ": " + result.stdout)
    if out is not None:
        expect_equal(result.stdout, out, " ".join(words))
    return result.stdout


def rows(broker, *words):
    return json.loads(done(broker, *words, "--format=json", out=None))["table"]


def refused(broker, *words):
    result = broker.admin(*words)
    expect_equal(result.returncode, 1, " ".join(words) + ": " + result.stdout)
    return result


@scenario
def formats_and_exit_statuses():
    with Broker("nodename = a@b") as broker:
        done(broker, "cluster", "show", out="+------+---------+\n| Node | Running |\n+------+---------+\n"
                                            "| a@b  | true    |\n+------+---------+\n")
        done(broker, "cluster", "show", "--format=json", out='{"table":[{"Node":"a@b","Running":true}],"type":"table"}')
        done(broker, "--format", "csv", "cluster", "show", out="Node,Running\r\na@b,true\r\n")
        expect_equal(refused(broker, "cluster", "show", "--nonsense").stdout, 'Invalid key: "nonsense"\n')
        wrong = refused(broker, "cluster", "shwo")
        expect(wrong.stdout.startswith("Usage: vmq-admin cluster <sub-command>\n"), wrong.stdout)
        expect("vmq-admin cluster show" in wrong.stderr, wrong.stderr)
        expect(refused(broker).stdout.startswith("Usage: vmq-admin <sub-command>\n"))
        usage = broker.admin("session", "disconnect")  # an alert, which is no failure
        expect_equal(usage.returncode, 0)
        expect(usage.stdout.startswith("Usage: vmq-admin session disconnect client-id=<ClientId>"), usage.stdout)
        expect_equal(refused(broker, "show", "nokey").stdout, "Invalid config keys: nokey \n")


@scenario
def broker_down():
    with Broker("nodename = down@host") as broker:
        broker.stop()
        result = refused(broker, "cluster", "show")
        expect_equal((result.stdout, result.stderr), ("", "Node 'down@host' not responding to pings.\n"))
        done(broker, "session", "--help", out=None)
        broker.restart()
        done(broker, "cluster", "show", out=None)


@scenario
def only_the_owner():
    """The socket is the owner's alone; others are told so and do nothing."""
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    with Broker() as broker:
        control = next((broker.folder / "run").glob("*.ctl"))
        expect_equal(stat.S_IMODE(control.stat().st_mode), 0o600, "permissions of the socket")
        for folder in (broker.folder, broker.folder / "run"):
            folder.chmod(0o755)
        program = shutil.copy(broker.program.with_name("vmq-admin"), broker.folder / "vmq-admin")
        result = broker.admin("metrics", "reset", program=program, user=NOBODY, group=NOBODY, extra_groups=[])
        expect_equal((result.returncode, result.stdout),
                     (1, "You need to be root or use sudo to run this command\n"), result.stderr)


@scenario
def answers_at_once():
    """A command takes 20 ms, the start of the program included; what the broker adds is judged with sanitizers too,
    whose programs take long to start."""
    def took(broker, *words):
        start = time.monotonic()
        done(broker, *words, out=None)
        return time.monotonic() - start

    with Broker() as broker:
        asking, starting = [], []
        for _ in range(40):
            asking.append(took(broker, "cluster", "show"))
            starting.append(took(broker, "cluster", "show", "--help"))
        quarter = sorted(asking)[10], sorted(starting)[10]
        print(f"a quarter took {quarter[0] * 1000:.1f} ms or less, {quarter[1] * 1000:.1f} ms without a broker")
        expect(quarter[0] - quarter[1] < 0.010 * SLOWNESS, "the broker answers late")
        if not SANITIZERS:
            expect(quarter[0] < 0.020, "it takes more than 20 ms")


@scenario
def many_at_once():
    """More than the broker serves at a time: each one is answered or told that it cannot be."""
    with Broker() as broker:
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            results = list(pool.map(lambda _: broker.admin("cluster", "show"), range(120)))
        answered = sum(result.returncode == 0 for result in results)
        print(f"{answered} of {len(results)} were answered")
        for result in results:
            if result.returncode != 0:
                expect("not responding" in result.stderr, result.stderr)
        expect(answered >= 32)
        done(broker, "cluster", "show", out=None)


@scenario
def strangers_on_the_socket():
    """What is no request neither harms the broker nor keeps others from being answered."""
    with Broker() as broker:
        path = str(next((broker.folder / "run").glob("*.ctl")))
        silent = []
        for garbage in (b"", b"\x00" * 70_000, b"admin {\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\n", os.urandom(3000) + b"\n"):
            stranger = socket.socket(socket.AF_UNIX)
            stranger.settimeout(LIMIT)
            stranger.connect(path)
            try:
                stranger.sendall(garbage)
            except BrokenPipeError:
                pass
            silent.append(stranger)
        done(broker, "cluster", "show", out=None)
        for stranger in silent:
            stranger.close()


@scenario
def settings_take_effect():
    with Broker() as broker:
        old = mqtt.opened(broker.address, "a-client-that-is-there", 5)
        done(broker, "set", "max_client_id_size=3", 'allow_anonymous=on',
             out='max_client_id_size set to "3"\nallow_anonymous set to "on"\n')
        expect_equal(mqtt.Client(broker.address, "long", 5).open(accepted=False).reason, IDENTIFIER_NOT_VALID)
        done(broker, "set", "allow_anonymous=off", out='allow_anonymous set to "off"\n')
        expect_equal(mqtt.Client(broker.address, "abc", 5).open(accepted=False).reason, BAD_USER_NAME)
        old.ping()
        expect_equal(rows(broker, "show", "allow_anonymous", "max_client_id_size"),
                     [{"node": "VerneMQ@127.0.0.1", "allow_anonymous": "off", "max_client_id_size": "3"}])
        expect_equal(refused(broker, "set", "allow_anonymous=on", "shards=7").stdout,
                     'The following config keys are not settable: ["shards"]\n')
        expect_equal(mqtt.Client(broker.address, "abc", 5).open(accepted=False).reason, BAD_USER_NAME)
        done(broker, "set", "allow_anonymous=on", "durability=fsync", out=None)
        mqtt.opened(broker.address, "abc", 5).disconnect()
        expect_equal(rows(broker, "show", "durability")[0]["durability"], "fsync")


@scenario
def changed_file_and_sighup():
    """SIGHUP takes over what the file has changed, keeps what an operator has, and says what needs a restart."""
    with Broker("max_client_id_size = 50", "retry_interval = 20") as broker:
        done(broker, "set", "max_client_id_size=3", out=None)
        file = broker.folder / "vernemq.conf"
        file.write_text(file.read_text() + "retry_interval = 9\nmax_retained_messages = 7\n")
        broker.process.send_signal(signal.SIGHUP)
        broker.wait_for_log("retry_interval is now 9")
        broker.wait_for_log("takes effect after a restart: max_retained_messages")
        shown = rows(broker, "show", "retry_interval", "max_client_id_size", "max_retained_messages")[0]
        expect_equal([shown[key] for key in ("retry_interval", "max_client_id_size", "max_retained_messages")],
                     ["9", "3", "0"])


@scenario
def listeners():
    with Broker() as broker:
        port = free_port()
        where = ("address=127.0.0.1", f"port={port}")
        address = ("127.0.0.1", port)
        taken = broker.admin("listener", "start", "address=127.0.0.1", f"port={broker.port}")
        expect_equal((taken.returncode, taken.stdout), (0, "can't start listener due to 'eaddrinuse'\n"))
        done(broker, "listener", "start", "--max_connections=3", *where)
        inside = mqtt.opened(address, "inside", 5)

        def shown():
            found = [row for row in rows(broker, "listener", "show") if row["port"] == str(port)]
            return [(row["status"], row["max_conns"], row["active_conns"], row["all_conns"]) for row in found]

        expect_equal(shown(), [("running", 3, 1, 1)])
        done(broker, "listener", "stop", *where)
        expect_equal(shown(), [("suspended", 3, 1, 1)])
        inside.ping()
        with socket.socket() as outside:
            expect(outside.connect_ex(address) != 0, "a suspended listener lets in")
        done(broker, "listener", "restart", *where)
        mqtt.opened(address, "second", 5).disconnect()
        done(broker, "listener", "stop", "-k", *where)
        expect_equal([mqtt.reason_code(each) for each in inside.closed()], [ADMINISTRATIVE_ACTION])
        expect_equal(shown(), [])
        expect(str(port) in refused(broker, "listener", "stop", *where).stdout)
        done(broker, "listener", "delete", *where)


@scenario
def new_listener_follows_settings():
    with Broker() as broker:
        port = free_port()
        done(broker, "listener", "start", "address=127.0.0.1", f"port={port}", "--allow_anonymous_override")
        done(broker, "set", "allow_anonymous=off", "max_client_id_size=2", out=None)
        mqtt.opened(("127.0.0.1", port), "ab", 5).disconnect()
        expect_equal(mqtt.Client(("127.0.0.1", port), "abc", 5).open(accepted=False).reason, IDENTIFIER_NOT_VALID)


@scenario
def sessions():
    with Broker("shards = 3") as broker:
        lasting = {mqtt.SESSION_EXPIRY: 100}
        client = mqtt.opened(broker.address, "a=b c", 5, clean=False, props=lasting)
        client.subscribe("t/#", qos=1)
        publisher = mqtt.opened(broker.address, "publisher", 5)
        publisher.publish("t/1", b"x", 1)
        expect_equal(client.message().payload, b"x")
        done(broker, "session", "unsubscribe", "topic=t/#", "client-id=a=b c")
        done(broker, "session", "unsubscribe", "topic=t/#", "client-id=a=b c", out="Not successfull\n")
        publisher.publish("t/2", b"y", 1)
        client.nothing_more()
        done(broker, "session", "disconnect", "--cleanup", "client-id=a=b c")
        expect_equal([mqtt.reason_code(each) for each in client.closed()], [ADMINISTRATIVE_ACTION])
        back = mqtt.opened(broker.address, "a=b c", 5, clean=False, props=lasting)
        expect(not back.session_present, "the session was not cleaned up")
        done(broker, "session", "disconnect", "client-id=nobody")
        others = [mqtt.opened(broker.address, f"other-{i}", 5) for i in range(10)]
        done(broker, "session", "disconnect", "batch", "count=100", "-f", "publisher,a=b c")
        for other in others:
            other.closed()
        back.ping()
        publisher.ping()


@scenario
def retained_messages_and_metrics():
    with Broker("shards = 2") as broker:
        client = mqtt.opened(broker.address, "a", 5)
        for topic in ("a/b", "a/c", "d"):
            client.publish(topic, topic.encode() + b",\"x\"", 1, retain=True)
        expect_equal(sorted(row["topic"] for row in rows(broker, "retain", "show")), ["a/b", "a/c", "d"])
        done(broker, "retain", "show", "--topic=d", "--format=csv", out='payload,topic\r\n"d,""x""",d\r\n')
        expect_equal(len(rows(broker, "retain", "show", "--topic=a/+", "--limit=1")), 1)
        done(broker, "retain", "delete", "--topic=d")
        done(broker, "retain", "show", "--topic=d", out="")
        shown = done(broker, "metrics", "show", "--mqtt_version=5", out=None)
        expect("counter.mqtt_publish_received = 3\n" in shown, shown)
        done(broker, "metrics", "reset")
        shown = done(broker, "metrics", "show", out=None)
        expect("counter.mqtt_publish_received = 0\n" in shown and "gauge.retain_messages = 2\n" in shown, shown)


@scenario
def lists_of_sessions_and_drops():
    """Fields are shown and asked for; what was not delivered is told by reason."""
    with Broker("max_offline_messages = 1") as broker:
        lasting = {"clean": False, "props": {0x11: 3600}}
        with mqtt.opened(broker.address, "away", **lasting) as away:
            away.subscribe("news", qos=1)
        here = mqtt.opened(broker.address, "here", username="ann")
        here.subscribe("a/+", "b", qos=1)
        expect_equal(rows(broker, "session", "show", "--client_id", "--is_online", "--user", "--order_by=client_id"),
                     [{"client_id": "here", "is_online": True, "user": "ann"},  # the largest first
                      {"client_id": "away", "is_online": False, "user": None}])
        expect_equal(rows(broker, "session", "show", "--topic", "--qos", "--client_id=here", "--order_by=topic"),
                     [{"topic": "b", "qos": 1}, {"topic": "a/+", "qos": 1}])
        expect_equal(rows(broker, "session", "show", "--client_id", "--client_id=~^a"), [{"client_id": "away"}])
        expect_equal(rows(broker, "session", "show", "--client_id", "--client_id=nobody"), [])
        for number in range(3):
            here.publish("news", str(number), 1)
        drops = rows(broker, "drops", "show", "--reason", "--by", "--messages", "--reason=queue_full")
        expect({"reason": "queue_full", "by": "reason", "messages": 2} in drops, f"drops: {drops}")
        refused(broker, "session", "show", "--nothing")


@scenario
def certificates():
    broker = Broker()
    authority = Authority(broker.folder / "pki")
    authority.issue("server", hosts=("localhost",))
    broker.settings += (f"listener.ssl.default = 127.0.0.1:{free_port()}",
                        "listener.ssl.default.certfile = pki/server.pem", "listener.ssl.default.keyfile = pki/server.key")
    with broker:
        shown = rows(broker, "tls", "show")
        expect_equal([(row["File"], row["SAN"]) for row in shown], [("pki/server.pem", "DNS:localhost")])
        done(broker, "tls", "check", out="All fine\n")
        expect_equal(len(rows(broker, "tls", "check", "-v", str(10**10))), 1)
        done(broker, "tls", "reload")
        broker.wait_for_log("certificates and keys are loaded anew")
        (broker.folder / "pki" / "server.pem").rename(broker.folder / "pki" / "gone.pem")
        expect("Error" in rows(broker, "tls", "show")[0])


@scenario
def log_level_and_backup():
    with Broker() as broker:
        done(broker, "log", "level", "level=debug", "logger=console")
        broker.wait_for_log("Changed log level")
        mqtt.opened(broker.address, "visible", 5).disconnect()
        broker.wait_for_log("client \"visible\" connected")
        folder = broker.folder / "a folder whose name is longer than what an earlier protocol of the control socket took"
        done(broker, "backup", f"path={folder}")
        expect((folder / "CURRENT").exists(), "the backup is empty")
        expect_equal(refused(broker, "backup", "path=here").stdout, "Invalid arguments: path=here \n")


if __name__ == "__main__":
    main()
