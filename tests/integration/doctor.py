#!/usr/bin/env python3
"""`vernemq doctor` on machines and configurations that really are bad: does it find what is wrong, and say what to do?"""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, Broker, Skip, expect, expect_equal, free_port
from certificates import Authority
from scenarios import main, scenario

EXPIRED = ("200101000000Z", "200201000000Z")
NOBODY = 65534


class Patient:
    """A folder with a configuration that the doctor looks at, with a good password file and rules unless a test spoils them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.write("vmq.passwd", "", 0o600)
        self.write("vmq.acl", "user somebody\ntopic #\n", 0o600)

    def write(self, name, text, mode):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def configure(self, *lines):
        self.write("vernemq.conf", "\n".join((
            f"platform_data_dir = {self.folder}/data", "log.console = console", "shards = 1",
            "listener.max_connections = 100", f"vmq_passwd.password_file = {self.folder}/vmq.passwd",
            f"vmq_acl.acl_file = {self.folder}/vmq.acl", *lines)) + "\n", 0o600)

    def look(self, *options, **how):
        environment = {"PATH": os.environ["PATH"], "VERNEMQ_RUN_DIR": str(self.folder / "run")}
        environment |= {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        return subprocess.run([pathlib.Path(os.environ["VMQ_BROKER"]).resolve(), "doctor", "-c", str(self.folder / "vernemq.conf"), *options],
                              capture_output=True, text=True, timeout=3 * LIMIT, check=False, cwd=self.folder,
                              env=environment, stdin=subprocess.DEVNULL, **how)

    def findings(self, *options, **how):
        """(exit status, findings)"""
        done = self.look("--format=json", *options, **how)
        expect_equal(done.stderr, "")
        report = json.loads(done.stdout)
        worst = max(("ok", "note", "warning", "problem").index(each["severity"]) for each in report["findings"])
        expect_equal(report["result"], ("ok", "note", "warning", "problem")[worst])
        return done.returncode, report["findings"]

    def finds(self, severity, check, words, *options, **how):
        """That is among what is found; the exit status fits to it."""
        status, findings = self.findings(*options, **how)
        hits = [each for each in findings if each["check"] == check and each["severity"] == severity
                and words in each["what"]]
        expect(hits, f"no {severity} of {check} with {words!r} in", json.dumps(findings, indent=1))
        if severity == "problem":
            expect_equal(status, 1, "exit status")
            expect(hits[0]["why"] and hits[0]["fix"], hits[0])
        return hits[0]


@contextlib.contextmanager
def patient():
    with tempfile.TemporaryDirectory(prefix="vmq_doctor_") as folder:
        yield Patient(folder)


@scenario
def healthy():
    """Whatever this machine is like, the configuration is good."""
    with patient() as one:
        one.configure(f"listener.tcp.default = 127.0.0.1:{free_port()}", "persistent_client_expiration = 2w",
                      "max_session_expiry_interval = 1209600", "max_message_size = 1000000")
        status, findings = one.findings()
        of_the_machine = {"clock", "kernel", "disk", "memory", "brokers", "files"}
        bad = [each for each in findings if each["severity"] in ("warning", "problem")
               and each["check"] not in of_the_machine]
        expect_equal(bad, [])
        expect_equal({each["check"] for each in findings} - {"brokers", "broker"},
                     {"clock", "kernel", "disk", "memory", "files", "ports", "access", "limits", "folders", "secrets",
                      "libraries"})
        problems = any(each["severity"] == "problem" for each in findings)
        expect_equal(status, 1 if problems else 0)
        shown = one.look()
        expect("\x1b" not in shown.stdout and shown.stdout.endswith(" ok\n"), shown.stdout)


@scenario
def broken_configuration():
    with patient() as one:
        one.configure("nonsense = 1")
        expect("nonsense" in one.finds("problem", "configuration", "vernemq.conf:7:")["what"])
        one.configure("listener.tcp.default = 127.0.0.1:0", "vmq_generic_msg_store.db_backend = rocksdb")
        one.finds("warning", "configuration", "db_backend")


@scenario
def certificates():
    with patient() as one:
        authority = Authority(one.folder / "ca")
        expired, key = authority.issue("old.example", dates=EXPIRED)
        good, good_key = authority.issue("broker.example")

        def tls(certificate, key):
            one.configure("listener.ssl.default = 127.0.0.1:0", f"listener.ssl.certfile = {certificate}",
                          f"listener.ssl.keyfile = {key}")

        for each in (key, good_key):
            each.chmod(0o600)
        tls(expired, key)
        one.finds("problem", "certificates", "old.example expired on 2020-02-01")
        tls(good, good_key)
        one.finds("warning", "certificates", "broker.example expires on")  # in 20 days
        one.finds("ok", "certificates", "broker.example until", "--days=10")
        tls(good, key)
        one.finds("problem", "certificates", str(key))
        tls(good, one.folder / "nothing.key")
        one.finds("problem", "certificates", "nothing.key")
        tls(good, good_key)
        good_key.chmod(0o644)
        fix = one.finds("problem", "secrets", str(good_key))["fix"]
        subprocess.run(fix, shell=True, check=True)
        one.finds("ok", "secrets", str(good_key))


@scenario
def readable_passwords():
    with patient() as one:
        one.configure("listener.tcp.default = 127.0.0.1:0")
        one.write("vmq.passwd", "", 0o644)
        fix = one.finds("problem", "secrets", "vmq.passwd")["fix"]
        subprocess.run(fix, shell=True, check=True)  # what it says is what helps
        one.finds("ok", "secrets", "vmq.passwd")
        (one.folder / "vmq.passwd").unlink()
        one.finds("warning", "access", "vmq.passwd is not there")


@scenario
def taken_port():
    with patient() as one, socket.socket() as other:
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        one.configure(f"listener.tcp.default = 127.0.0.1:{port}", "listener.http.default = 192.0.2.77:8888")
        one.finds("problem", "ports", f"127.0.0.1:{port}: taken by {name} (pid {os.getpid()})")
        one.finds("problem", "ports", "192.0.2.77:8888: this machine has no such address")


@scenario
def few_files():
    with patient() as one:
        one.configure("listener.tcp.default = 127.0.0.1:0")
        one.finds("problem", "files", "hard limit is 200, but max_connections of all listeners add up to 100",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
        one.finds("ok", "files", "2000 files may be open",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000)))


@scenario
def open_to_everybody():
    with patient() as one:
        one.configure("listener.tcp.default = 0.0.0.0:0", "listener.http.default = 0.0.0.0:0", "allow_anonymous = on",
                      "plugins.vmq_acl = off", "durability = memory", "max_offline_messages = -1")
        one.finds("problem", "access", "need no password at listener.tcp.default")
        one.finds("warning", "listeners", "listener.tcp.default = 0.0.0.0:0 is without TLS")
        one.finds("warning", "listeners", "listener.http.default = 0.0.0.0:0 lets other machines")
        one.finds("warning", "limits", "durability = memory")
        one.finds("warning", "limits", "max_offline_messages = -1")
        one.write("vmq.acl", "topic #\n", 0o600)
        one.configure("listener.tcp.default = 0.0.0.0:0")
        one.finds("warning", "access", "the rule 'topic #'")


@scenario
def strict_fails_for_warnings():
    with patient() as one:
        one.configure("listener.tcp.default = 127.0.0.1:0", "durability = memory")
        expect_equal(one.look("--strict").returncode, 1)
        wrong = one.look("--days=soon")
        expect_equal((wrong.returncode, wrong.stdout), (1, ""))
        expect("--days" in wrong.stderr, wrong.stderr)


@scenario
def running_broker():
    """Its ports are its own, and its limits count instead of the shell's."""
    with Broker(files=3000) as broker:
        def look(*options):
            return json.loads(broker.command("doctor", "--format=json", *options).stdout)["findings"]

        findings = look()
        expect([each for each in findings if each["check"] == "broker" and each["severity"] == "ok"
                and str(broker.process.pid) in each["what"]], findings)
        expect([each for each in findings if each["check"] == "files"
                and "the running broker's limit is 3000" in each["what"]], findings)
        expect(not [each for each in findings if each["check"] == "ports"], findings)


@scenario
def store_in_memory():
    shared = pathlib.Path("/dev/shm")
    if not shared.is_dir() or not os.access(shared, os.W_OK):
        raise Skip("no /dev/shm")
    with patient() as one, tempfile.TemporaryDirectory(dir=shared) as folder:
        one.configure("listener.tcp.default = 127.0.0.1:0", f"vmq_generic_msg_store.store_dir = {folder}/store")
        one.finds("warning", "disk", "is on tmpfs")
        pathlib.Path(folder, "store").mkdir()
        os.chmod(f"{folder}/store", 0o777)
        one.finds("problem", "folders", "everybody on this machine may write")


@scenario
def not_as_root():
    """It says what it could not look at, and does not take that for a fault."""
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    with patient() as one:
        one.configure("listener.tcp.default = 127.0.0.1:0")
        one.folder.chmod(0o755)
        (one.folder / "vernemq.conf").chmod(0o644)
        (one.folder / "data").mkdir()
        (one.folder / "data/msgstore").mkdir(0o700)
        program = shutil.copy(os.environ["VMQ_BROKER"], one.folder / "vernemq")
        done = subprocess.run([program, "doctor", "--format=json", "-c", str(one.folder / "vernemq.conf")],
                              capture_output=True, text=True, timeout=3 * LIMIT, check=False, cwd=one.folder,
                              stdin=subprocess.DEVNULL, user=NOBODY, group=NOBODY, extra_groups=[],
                              env={"PATH": os.environ["PATH"], "VERNEMQ_RUN_DIR": str(one.folder / "nowhere")})
        expect_equal(done.stderr, "")
        findings = json.loads(done.stdout)["findings"]
        notes = " ".join(each["what"] for each in findings if each["severity"] == "note")
        for words in ("vmq.passwd could not be read", "vmq.acl could not be read",
                      "msgstore belongs to root and could not be checked"):
            expect(words in notes, words, findings)


if __name__ == "__main__":
    main()
