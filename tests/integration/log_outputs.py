#!/usr/bin/env python3
"""What the log says, in which form, where it goes, and that none of it stops the broker."""

import contextlib
import ctypes
import gzip
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, SANITIZERS, Broker, Skip, expect, expect_equal, free_port, wait_until
from certificates import Authority
from scenarios import main, scenario

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from rights import Guarded, suback

FILE = "log/console.log"
EXTENDED = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \[\w+\] <\d+> [\w/]+:\d+: .*$")
SIMPLE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \w+: .*$")


def come_and_go(broker, client_id="c", **options):
    client = mqtt.opened(broker.address, client_id, **options)
    client.send(mqtt.disconnect(version=options.get("version", 5)))
    client.closed()


def text(path):
    return path.read_text(errors="replace") if path.exists() else ""


def wait_for_line(path, pattern):
    return wait_until(lambda: re.search(pattern, text(path)), f"{pattern!r} in {path}")


def objects(path):
    """Every line must be one JSON object of valid UTF-8."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    expect_equal(lines[-1], "", "the last line is not whole")
    return [json.loads(line) for line in lines[:-1]]


@scenario
def forms_of_lines():
    for form, pattern in (("extended", EXTENDED), ("simple", SIMPLE)):
        with Broker("log.console = both", f"log.template = {form}") as broker:
            come_and_go(broker, "a\u2028\u009b[1mb")
            wait_for_line(broker.folder / FILE, "client \"a.*closed")
            for line in (broker.folder / FILE).read_text().split("\n")[:-1]:
                expect(pattern.match(line), line)
                expect(not re.search("[\x00-\x1f\x7f-\x9f\u2028]", line), repr(line))


@scenario
def json_of_every_client():
    """Whoever the clients say they are, each line is an object, and says it."""
    odd = ["quote\"", "back\\slash", "new\nline", "tab\t", "\u0001\u001f\u007f", "\u009b[2J", "\u2028",
           "\U0001f41d", "{\"level\":\"error\"}", "x" * 100]
    with Broker("log.console = both", "log.console.file.format = json", "log.console.level = debug",
                "log.console.console.format = json") as broker:
        for client_id in odd:
            come_and_go(broker, client_id)
        with mqtt.opened(broker.address, "twice"), mqtt.opened(broker.address, "twice"):
            pass
        # What is not UTF-8 gets nobody in, and is logged all the same.
        for bad in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\x00"):
            with mqtt.Client(broker.address, "BAD", 4) as client:
                client.send(client.greeting.replace(b"BAD", (bad + b"abc")[:3]))
                client.closed()
        path = broker.folder / FILE
        wait_until(lambda: text(path).count("closed by the broker") >= 4, "the refused ones")
        wait_for_line(path, "taken_over")
        found = objects(path)
        for line in found:
            for key, kind in (("time", int), ("level", str), ("msg", str), ("pid", str), ("module", str), ("line", int)):
                expect(isinstance(line[key], kind), key, line)
        for event in ("connected", "disconnected"):
            lines = {line["client_id"]: line for line in found if line.get("event") == event}
            for client_id in odd:
                expect(client_id in lines, event, repr(client_id))
        line = lines["quote\""]
        expect_equal((line["level"], line["mountpoint"], line["user"], line["reason"], line["listener"]),
                     ("info", "", "", "client_disconnect", "tcp.default"))
        expect(re.fullmatch(r"127\.0\.0\.1:\d+", line["peer"]), line)
        console = [json.loads(line) for line in broker.log().splitlines() if line.startswith("{")]
        expect_equal([line["msg"] for line in console][:20], [line["msg"] for line in found][:20])


@scenario
def who_comes_and_goes():
    """One line each, with name, user and address; none with log.connections = off."""
    with Guarded("logging.keepalive_as_warning = off", users=[("alice", "right")], acl="user alice\ntopic ok\n") as broker:
        alice = broker.login("alice", b"right", "a").open()
        broker.wait_for_log(r"\[info\] .*client \"a\" connected from 127\.0\.0\.1:\d+ as alice, MQTT 5 on tcp\.default, "
                            r"new session, clean start, keep alive ")
        expect_equal(broker.reason("alice", b"wrong"), 0x86)
        broker.wait_for_log(r"\[warning\] .*can't authenticate client \{\[\],<<\"x\">>\} from 127\.0\.0\.1:\d+ due to "
                            r"invalid_credentials\n")
        broker.reason("bob", b"wrong")
        broker.wait_for_log(r"due to plugin_chain_exhausted\n")
        expect_equal(alice.publish("no", "x", 1), 0x87)
        broker.wait_for_log(r"\[error\] .*can't auth publish for client \{\[\],<<\"a\">>\} \(user alice\) on topic no due to "
                            r"not_authorized\n")
        suback(alice, "no")
        broker.wait_for_log(r"\[error\] .*can't authorize SUBSCRIBE from v5 client \{\[\],<<\"a\">>\} on topic \"no\" from .* due to "
                            r"not_authorized\n")
        again = broker.login("alice", b"right", "a").open()
        broker.wait_for_log(r"\[info\] .*client \"a\" from 127\.0\.0\.1:\d+ taken over by a new connection\n")
        again.send(mqtt.disconnect())
        again.closed()
        broker.wait_for_log(r"\[info\] .*client \"a\" from 127\.0\.0\.1:\d+ closed: client disconnected\n")
        wait_for_line(broker.folder / "log/error.log", "can't auth publish")
        expect("alice connected" not in text(broker.folder / "log/error.log"), "error.log holds more than errors")
        before = broker.log().count(" connected from ")
        expect_equal(broker.admin("set", "log.connections=off").returncode, 0)
        for _ in range(3):
            with broker.login("alice", b"right", "b") as client:
                client.open()
        broker.reason("carol", b"wrong")
        wait_until(lambda: broker.log().count("due to plugin_chain_exhausted") == 2, "the refusal of carol")
        expect_equal(broker.log().count(" connected from "), before)
    with Broker("plugins.vmq_passwd = off", "listener.tcp.default.allow_anonymous_override = off", "allow_anonymous = off") as broker:
        with mqtt.Client(broker.address, "x", 4) as client:
            client.open(accepted=False)
        broker.wait_for_log(r"\[error\] .*due to no_matching_hook_found")


@scenario
def abusive_clients():
    """Hundreds of refused logins are some lines and a sum."""
    with Guarded(users=[("alice", "right")], acl="topic #\n") as broker:
        for _ in range(200):
            broker.reason("alice", b"guess", version=4)
        broker.wait_for_log(r"\d+ more clients at 127\.0\.0\.1 were refused")

        def counted():
            log = broker.log()
            return (log.count("can't authenticate client") +
                    sum(map(int, re.findall(r"(\d+) more clients at 127", log)))) == 200
        wait_until(counted, "200 refusals")
        expect(broker.log().count("can't authenticate client") <= 100, "every guess is a line")


def is_at_rest(path):
    """Nothing is written any more: every client's end is in the log."""
    before = path.stat().st_size
    time.sleep(0.2)
    return path.exists() and path.stat().st_size == before


@scenario
def rotation():
    with Broker("log.console = both", "log.console.rotation.size = 4KB", "log.console.rotation.keep = 3",
                "log.console.rotation.compress_on_rotate = on") as broker:
        path = broker.folder / FILE
        packed = [path.with_name(f"console.log.{i}.gz") for i in range(3)]
        rounds = 0
        while not all(each.exists() for each in packed):
            come_and_go(broker, f"rotated-{rounds}")
            rounds += 1
            expect(rounds < 20_000, "it is not rotated", os.listdir(path.parent))
        for _ in range(300):
            come_and_go(broker, "more")
        # The last lines may still come, and begin one more file.
        wait_until(lambda: all(each.exists() for each in packed) and not list(path.parent.glob("*.part"))
                   and not path.with_name("console.log.0").exists() and is_at_rest(path), "compression to end")
        names = sorted(each.name for each in path.parent.glob("console.log*"))
        expect(set(names) <= {"console.log", "console.log.0"} | {each.name for each in packed}, names)
        expect(path.stat().st_size < 100_000, "the current file grows on")
        for each in packed:
            lines = gzip.decompress(each.read_bytes()).decode().split("\n")
            expect_equal(lines[-1], "", "a line is torn")
            expect(all(EXTENDED.match(line) for line in lines[:-1]), each)
            expect(each.stat().st_mode & 0o027 == 0, "others can read it")


@scenario
def moved_by_logrotate():
    """Renamed without a word, removed, cut by copytruncate, and by the real logrotate if it is there."""
    with Broker("log.console = both") as broker:
        path = broker.folder / FILE
        come_and_go(broker, "first")
        wait_for_line(path, "client \"first\"")
        path.rename(path.with_name("moved"))
        come_and_go(broker, "second")
        wait_for_line(path, "client \"second\"")
        expect("second" not in text(path.with_name("moved")), "it went on in the old file")
        path.unlink()
        come_and_go(broker, "third")
        wait_for_line(path, "client \"third\"")
        os.truncate(path, 0)
        come_and_go(broker, "fourth")
        wait_for_line(path, "client \"fourth\"")
        expect(b"\0" not in path.read_bytes(), "a hole in the file")
        logrotate = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
        if logrotate:
            (broker.folder / "rotate.conf").write_text(f"{path} {{\n rotate 2\n nocreate\n su root root\n}}\n")
            done = subprocess.run([logrotate, "-f", "-s", broker.folder / "state", broker.folder / "rotate.conf"],
                                  capture_output=True, text=True, check=False)
            expect_equal(done.returncode, 0, done.stderr)
            come_and_go(broker, "fifth")
            wait_for_line(path, "client \"fifth\"")


@scenario
def full_disk():
    """A disk for logs that is full costs lines; the broker goes on, and logs again when there is room."""
    with contextlib.ExitStack() as stack:
        broker = Broker("log.console = both", "log.error = on")
        disk = broker.folder / "log"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False).returncode:
            raise Skip("mounting a tmpfs needs root")
        stack.callback(lambda: subprocess.run(["umount", "-l", disk], check=False))
        broker.start()
        with contextlib.ExitStack() as running:
            running.callback(broker.process.kill)
            (disk / "filler").write_bytes(b"x" * 40_000)
            while "cannot write the log file" not in broker.log():
                come_and_go(broker)
            expect("No space left on device" in broker.log(), broker.log())
            for _ in range(200):
                come_and_go(broker, "unlogged")
            whole = text(disk / "console.log").split("\n")
            expect_equal(whole[-1], "", "a torn line")
            expect(all(EXTENDED.match(line) for line in whole[:-1]), "a torn line")
            (disk / "filler").unlink()

            def logged():
                come_and_go(broker, "again")
                return "can be written again; lines lost: " in text(disk / "console.log")
            wait_until(logged, "the log to go on")
            wait_for_line(disk / "console.log", "client \"again\" connected")
            metric = broker.admin("metrics", "show")
            lost = re.search(r"log_lines_dropped = (\d+)", metric.stdout)
            expect(lost and int(lost.group(1)) >= 200, metric.stdout[-500:])
            broker.stop()
            running.pop_all()


@scenario
def levels_at_run_time():
    with Broker("log.console = both") as broker:
        path = broker.folder / FILE
        shown = broker.admin("log", "show", "config", "--format=csv").stdout.splitlines()
        expect_equal(shown, ["logger,level,type,file", "default,error,file,log/error.log", "console,info,console,-",
                             f"consolefile,info,file,{FILE}"])
        done = broker.admin("log", "level", "logger=consolefile", "level=warning")
        expect_equal((done.returncode, done.stdout), (0, "Done\n"))
        broker.wait_for_log("Changed log level for Logger consolefile to warning")
        come_and_go(broker, "quiet")
        broker.wait_for_log("client \"quiet\" from .* closed")
        expect("client \"quiet\"" not in text(path), "the level of the file has not changed")
        expect_equal(broker.admin("log", "level", "module=session", "level=info").stdout, "Done\n")
        come_and_go(broker, "heard")
        wait_for_line(path, "client \"heard\" connected")
        modules = broker.admin("log", "show", "modules", "--format=csv").stdout
        expect("session,info" in modules and "store,default" in modules, modules)
        broker.admin("log", "level", "module=session", "level=error")
        come_and_go(broker, "silent")
        broker.admin("log", "level", "module=session", "level=default")
        come_and_go(broker, "console")
        broker.wait_for_log("client \"console\" from .* closed")
        expect("client \"silent\"" not in broker.log(), "the level of the module does not count")
        expect_equal(broker.admin("set", "log.console.level=debug").returncode, 0)
        probe = socket.create_connection(broker.address)
        probe.close()
        wait_for_line(path, r"\[debug\] .*client \(no id\)")
        config = broker.folder / "vernemq.conf"
        config.write_text(config.read_text() + "log.console.level = error\n")
        broker.process.send_signal(1)
        broker.wait_for_log("log file opened anew")
        wait_until(lambda: ",error,console" in broker.admin("log", "show", "config", "--format=csv").stdout, "SIGHUP")
        come_and_go(broker, "after-hup")
        expect("after-hup" not in broker.log(), "SIGHUP has not changed the level")


@scenario
def crash_file():
    """In the background, standard error leads to a file; where it cannot, nothing else is lost."""
    broker = Broker()
    (broker.folder / "vernemq.conf").write_text(
        f"listener.tcp.default = 127.0.0.1:{free_port()}\nallow_anonymous = on\nplugins.vmq_acl = off\n"
        "plugins.vmq_passwd = off\nlog.crash.rotation.size = 1KB\n")
    crash = broker.folder / "log/crash.log"
    crash.parent.mkdir()
    crash.write_text("x" * 2000)
    expect_equal(broker.command("start").returncode, 0)
    try:
        pid = int(broker.command("getpid").stdout)
        expect_equal(os.readlink(f"/proc/{pid}/fd/2"), str(crash.resolve()))
        expect_equal((crash.stat().st_size, crash.with_name("crash.log.0").stat().st_size), (0, 2000))
        expect_equal(crash.stat().st_mode & 0o027, 0)
    finally:
        expect_equal(broker.command("stop").returncode, 0)
    expect("Administrative stop" in text(broker.folder / FILE), "the log file is not whole")


class Syslog:
    """A receiver; messages arrive in `got`. Streams are read as RFC 6587 says, counted or by lines."""

    def __init__(self, kind, port, context=None):
        self.kind, self.port, self.context = kind, port, context
        self.got, self.open, self.raw = [], [], b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        if kind != "udp":
            self.socket.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                if self.kind == "udp":
                    self.got.append(self.socket.recv(65536).decode())
                    continue
                connection, _ = self.socket.accept()
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with contextlib.suppress(OSError):
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.open.append(connection)
            rest = b""
            while data := connection.recv(65536):
                rest += data
                while rest:
                    if rest[:1].isdigit():
                        size, blank, after = rest.partition(b" ")
                        if not blank or len(after) < int(size):
                            break
                        message, rest = after[:int(size)], after[int(size):]
                    else:
                        message, line_end, after = rest.partition(b"\n")
                        if not line_end:
                            break
                        rest = after
                    self.got.append(message.decode())

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def wait(self, pattern):
        return wait_until(lambda: next((m for m in (re.fullmatch(pattern, got) for got in list(self.got)) if m), None),
                          f"a syslog message like {pattern!r}")


def remote(kind, port, *more):
    return ("log.syslog = on", "nodename = node1@10.1.2.3", "log.syslog.remote.host = localhost",
            f"log.syslog.remote.port = {port}", f"log.syslog.remote.protocol = {kind}", "log.syslog.facility = local2", *more)


# local2 is 18, info 6.
OLD = r"<150>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d 10\.1\.2\.3 node1\[\d+\]: "
NEW = r"<150>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d 10\.1\.2\.3 node1 \d+ session - "


@scenario
def syslog_udp():
    port = free_port()
    server = Syslog("udp", port)
    with Broker(*remote("udp", port)) as broker:
        come_and_go(broker, "udp\n")
        server.wait(OLD + r"client \"udp\?\" connected from .*")
        expect("syslog" in broker.admin("log", "show", "config").stdout, "the logger is not shown")
        server.close()
        for _ in range(20):
            come_and_go(broker, "nobody listens")
        broker.wait_for_log("syslog: localhost:.* cannot be reached")
        server = Syslog("udp", port)

        def back():
            come_and_go(broker, "back")
            return any("client \"back\"" in got for got in server.got)
        wait_until(back, "messages to arrive again")
        server.close()


@scenario
def syslog_tcp():
    """Both forms; a server that goes away and comes back gets what waited for it."""
    for pattern, goes, more in ((OLD, True, ()), (NEW, False, ("log.syslog.format = rfc5424",))):
        port = free_port()
        server = Syslog("tcp", port)
        with Broker(*remote("tcp", port, *more)) as broker:
            come_and_go(broker, "tcp")
            server.wait(pattern + r"client \"tcp\" connected from .*")
            if goes:
                server.close()
                broker.wait_for_log("syslog: localhost:.* cannot be reached")
                for i in range(50):
                    come_and_go(broker, f"waits-{i}")
                server = Syslog("tcp", port)
                server.wait(pattern + r"client \"waits-49\" connected from .*")
                broker.wait_for_log("takes messages again")
                for i in range(50):
                    server.wait(pattern + rf"client \"waits-{i}\" connected from .*")
        server.wait(r".*Administrative stop")  # what was said last has left as well
        server.close()


class BrokerWithoutNames(Broker):
    """One whose name server, of which it is asked on `NAME_SERVER`, never answers."""

    NAME_SERVER = "127.0.0.153"

    def _limit_files(self):
        """In a mount namespace of its own the process has another /etc/resolv.conf."""
        libc = ctypes.CDLL(None, use_errno=True)
        new_namespace, recursive, private, bind = 0x20000, 0x4000, 0x40000, 0x1000
        if (libc.unshare(new_namespace) or libc.mount(b"none", b"/", None, recursive | private, None)
                or libc.mount(bytes(self.folder / "resolv.conf"), b"/etc/resolv.conf", None, bind, None)):
            raise OSError(ctypes.get_errno(), "mount")


@scenario
def stop_without_name_server():
    """Syslog and Graphite wait for the addresses of their servers, the stop does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        broker = BrokerWithoutNames("log.syslog = on", "log.syslog.remote.host = log.example", "graphite_enabled = on",
                                    "graphite_host = graphite.example")
        (broker.folder / "resolv.conf").write_text(
            f"nameserver {broker.NAME_SERVER}\noptions timeout:30 attempts:5\n")
        try:
            silent.bind((broker.NAME_SERVER, 53))
            broker.start()
        except (OSError, subprocess.SubprocessError) as not_allowed:
            raise Skip(f"needs root and a mount namespace: {not_allowed}") from not_allowed
        try:
            asked = {name: False for name in (b"graphite", b"log")}
            silent.settimeout(LIMIT)
            while not all(asked.values()):
                question = silent.recv(1000)
                asked.update({name: True for name in asked if bytes([len(name)]) + name in question})
            broker.stop()  # fails if it takes long
        finally:
            broker.process.kill()
            broker.process.wait()


@scenario
def syslog_down_from_the_start():
    """Nobody is held up, what waits is bounded, and what is given up is counted."""
    with Broker(*remote("tcp", free_port()), "max_client_id_size = 65535") as broker:
        broker.wait_for_log("syslog: localhost:.* cannot be reached: .*; messages wait for it, up to 4 MB")
        def given_up():
            for _ in range(100):  # each a line of 8 KB
                come_and_go(broker, "x" * 30_000, version=4)
            lost = re.search(r"log_lines_dropped = (\d+)", broker.admin("metrics", "show").stdout)
            return lost and int(lost.group(1)) > 0
        wait_until(given_up, "lines to be given up", 120)
        kept = 700e6 if SANITIZERS else 0  # what was freed, and shadows
        expect(broker.rss() < 300e6 + kept, "memory", broker.rss())
        come_and_go(broker, "fine")


@scenario
def syslog_tls():
    """The server must have a certificate of the right authority and name."""
    port = free_port()
    broker = Broker(*remote("tls", port, "log.syslog.format = rfc5424", "log.syslog.remote.tls.cafile = pki/ca.pem"))
    authority = Authority(broker.folder / "pki")
    others = Authority(broker.folder / "others")
    if authority.cafile != broker.folder / "pki/ca.pem":
        shutil.copy(authority.cafile, broker.folder / "pki/ca.pem")

    def context(certificate):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*map(str, certificate))
        return made

    server = Syslog("tls", port, context(others.issue("server", hosts=("localhost",))))
    with broker:
        broker.wait_for_log("syslog: localhost:.* cannot be reached: .*(verify|certificate)")
        expect_equal(server.got, [], "it has talked to a stranger")
        server.close()
        server = Syslog("tls", port, context(authority.issue("elsewhere", hosts=("elsewhere.example",))))
        come_and_go(broker, "kept")
        server.close()
        expect_equal(server.got, [], "it has talked to another host")
        server = Syslog("tls", port, context(authority.issue("server", hosts=("localhost",))))
        server.wait(NEW + r"client \"kept\" connected from .*")
        server.close()


@scenario
def nothing_secret():
    """At debug, in every output: no password, key or passphrase, of whoever gets in or does not."""
    port = free_port()
    server = Syslog("udp", port)
    secrets = ["pw-of-alice-1", "pw-guessed-2", "passphrase-3", "cookie-4", "api-key-5", "auth-data-6"]
    tls_port = free_port()
    broker = Guarded("log.console = both", "log.console.level = debug", "log.console.file.format = json",
                    *remote("udp", port), f"distributed_cookie = {secrets[3]}",
                    f"listener.ssl.default = 127.0.0.1:{tls_port}", "listener.ssl.default.certfile = pki/server.pem",
                    "listener.ssl.default.keyfile = pki/locked.key", f"listener.ssl.default.keypasswd = {secrets[2]}",
                    users=[("alice", secrets[0])], acl="topic #\n")
    authority = Authority(broker.folder / "pki")
    _, key = authority.issue("server", hosts=("localhost",))
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", f"pass:{secrets[2]}", "-out",
                    broker.folder / "pki/locked.key"], check=True, capture_output=True)
    with broker:
        expect_equal(broker.reason("alice", secrets[0].encode()), 0)
        for version in (3, 4, 5):
            broker.reason("alice", secrets[1].encode(), version=version)
            broker.reason("bob", secrets[1].encode(), version=version)
        with broker.login("alice", secrets[0].encode(), "e", props={0x15: "SCRAM", 0x16: secrets[5].encode()}) as client:
            with contextlib.suppress(Exception):
                client.open(accepted=False)
        # A CONNECT with too much behind the password.
        with mqtt.Client(broker.address, "broken", 4, username="alice", password=secrets[0].encode()) as client:
            client.send(mqtt.packet(mqtt.CONNECT, 0, mqtt.connect("broken", 4, username="alice", password=secrets[0].encode())[2:] + b"xx"))
            client.closed()
        broker.admin("api-key", "add", f"key={secrets[4]}")
        broker.admin("set", "log.console.level=info")
        broker.admin("set", "log.console.level=debug")
        broker.process.send_signal(1)
        broker.wait_for_log("log file opened anew")
        layers = ssl.create_default_context(cafile=str(authority.cafile))
        with mqtt.Client(("127.0.0.1", tls_port), "last", username="alice", password=secrets[0].encode(),
                         layers=lambda plain: layers.wrap_socket(plain, server_hostname="localhost")) as client:
            client.open()
        server.wait(r".*client \"last\" from .* closed.*")
        broker.wait_for_log("client \"last\" from .* closed")
        outputs = {"console": broker.log(), "syslog": "\n".join(server.got), "file": text(broker.folder / FILE)}
        for name, output in outputs.items():
            expect(re.search(r"client \\?\"last", output), name, "does not say everything")
        outputs["errors"] = text(broker.folder / "log/error.log")
        for name, output in outputs.items():
            for secret in secrets:
                expect(secret not in output, f"{name} shows {secret}")
    server.close()


if __name__ == "__main__":
    main()
