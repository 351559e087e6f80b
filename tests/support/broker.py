"""Starts the real broker for a test, waits until clients can connect, and judges how it ended."""

import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

READY = re.compile(r"^listening on (\S+):(\d+) \(mqtt\)$", re.MULTILINE)
SANITIZER = re.compile(r"(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: |assertion failed)")
SANITIZERS = os.environ.get("VMQ_SANITIZE", "")
# Programs with a sanitizer are slower by this factor; limits of time are multiplied with it.
SLOWNESS = 6 if SANITIZERS else 1
LIMIT = 20 * SLOWNESS  # seconds that anything may take unless a test says otherwise
POLL = 0.02

QUEUES_WITHOUT_LIMIT = (
    "max_online_messages = -1", "max_offline_messages = -1", "max_inflight_messages = 1000")


class Failure(AssertionError):
    pass


class Skip(Exception):
    pass


def expect(condition, *explanation):
    if not condition:
        raise Failure(" ".join(str(word) for word in explanation) or "expectation not met")


def expect_equal(found, wanted, what=""):
    if found != wanted:
        raise Failure(f"{what}: found {repr(found)[:3000]}, wanted {repr(wanted)[:3000]}")


def wait_until(condition, what, limit=None):
    """The first true value of condition(); looks again until `limit` seconds are over."""
    deadline = time.monotonic() + (limit or LIMIT)
    while True:
        value = condition()
        if value:
            return value
        expect(time.monotonic() < deadline, "in vain waited for:", what)
        time.sleep(POLL)


def raise_file_limit(wanted):
    """Open files this process may have, as near to `wanted` as the hard limit lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


_own_ports = []  # names that other tests of this machine cannot have until this process ends


def free_port():
    """One that no connection is given by chance and no other test takes, so that a broker can have it a second time."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                name.bind(f"\0vernemq-test-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        _own_ports.append(name)
        return port


def open_file_limit():
    """The most that this process and a broker started by it can have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


# RocksDB is not instrumented for ThreadSanitizer, which would take its threads for races.
NO_STORE = ("vmq_generic_msg_store.store_dir = ''",)
WITHOUT_STORE = NO_STORE if os.environ.get("VMQ_SANITIZE") == "thread" else ()


# Of users and rules: whoever is let in may do everything.
WITHOUT_FILES = ("plugins.vmq_passwd = off", "plugins.vmq_acl = off")


class Broker:
    """`with Broker("max_connections = 3") as broker:`; afterwards it must have ended well.

    `settings` are lines of vernemq.conf, besides a listener on a port of the system's choice and anonymous access.
    """

    listen_host = "127.0.0.1"
    launcher = ()  # words before the program's name: something that becomes the program

    def __init__(self, *settings, files=None, folder=None, port=0):
        self.program = pathlib.Path(os.environ["VMQ_BROKER"]).resolve()
        self.settings = settings
        self.files = files
        self.listen_port = port
        self.starts = 0
        self.address = None
        self.process = None
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="vmq_test_")
        self.folder = pathlib.Path(folder or self._own_folder.name)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.stop()
            else:
                print("the last lines of the broker's log:")
                print("\n".join(self.log().splitlines()[-60:]))
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self._own_folder:
                self._own_folder.cleanup()

    def start(self):
        lines = (f"listener.tcp.default = {self.listen_host}:{self.listen_port}", "allow_anonymous = on", *WITHOUT_FILES, "log.console = console", *WITHOUT_STORE, *self.settings)
        (self.folder / "vernemq.conf").write_text("\n".join(lines) + "\n")
        self.starts += 1
        self.log_file = self.folder / f"output-{self.starts}.log"
        with open(self.log_file, "wb") as output:
            self.process = subprocess.Popen(
                [*self.launcher, self.program, "console", "-c", str(self.folder / "vernemq.conf")], cwd=self.folder,
                env=self._environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                preexec_fn=self._limit_files)
        self.address = wait_until(self._find_address, "the broker's line 'listening on'")

    def command(self, *words, config=None):
        """Runs `vernemq WORDS` with the broker's configuration file or another one to its end."""
        return subprocess.run([self.program, *words, "-c", str(config or self.folder / "vernemq.conf")],
                              cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=3 * LIMIT, check=False)

    def _admin_command(self, words, program=None):
        return [program or self.program.with_name("vmq-admin"), "--config", str(self.folder / "vernemq.conf"), *words]

    def start_admin(self, *words, **options):
        """Starts `vmq-admin WORDS`, for one that goes on; its input is at its end and means nothing."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self._admin_command(words), cwd=self.folder,
                                env={**self._environment(), **options.pop("environment", {})}, **options)

    def admin(self, *words, program=None, **options):
        """Runs `vmq-admin WORDS` against this broker to its end; output is text with its line ends as they are."""
        done = subprocess.run(self._admin_command(words, program), cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=3 * LIMIT, check=False, **options)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done

    def _environment(self):
        environment = {name: value for name, value in os.environ.items()
                       if name.endswith("SAN_OPTIONS") or name == "PATH"}
        environment["VERNEMQ_RUN_DIR"] = str(self.folder / "run")
        return environment

    def _limit_files(self):
        if self.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))

    def _find_address(self):
        found = READY.search(self.log())
        if not found:
            expect(self.process.poll() is None, "the broker ended at start:", self.log())
            return None
        return found.group(1), int(found.group(2))

    @property
    def port(self):
        return self.address[1]

    @property
    def store(self):
        """The folder of the durable store."""
        return self.folder / "data" / "msgstore"

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for_log(self, pattern, limit=None):
        return wait_until(lambda: re.search(pattern, self.log()), f"a log line like {pattern!r}", limit)

    def rss(self, peak=False):
        """Resident memory in bytes, now or when it was most."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:" if peak else "VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failure("the broker is gone")

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL, as by a crash."""
        self.process.kill()
        self.process.wait()

    def restart(self, *settings):
        """Starts it again on the same folder, with other settings if there are any."""
        expect(self.process.poll() is not None, "it still runs")
        self.settings = settings or self.settings
        self.start()

    def stop(self):
        """Ends it like an operator; fails if it had ended before, ends badly or a sanitizer complained."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Failure(f"the broker did not end within {LIMIT} s of SIGTERM") from None
        log = self.log()
        complaint = SANITIZER.search(log)
        expect(not complaint, "a sanitizer complained:\n" + log[max(complaint.start() - 200, 0):][:6000]
               if complaint else "")
        expect(status == 0, f"the broker ended with status {status}:\n" + "\n".join(log.splitlines()[-40:]))
