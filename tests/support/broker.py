"""Starts the real broker for a test, waits until clients can connect, and judges how it ended."""

import os
import pathlib
import re
import resource
import signal
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
    expect(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


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


def open_file_limit():
    """The most that this process and a broker started by it can have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard


class Broker:
    """`with Broker("max_connections = 3") as broker:`; afterwards it must have ended well.

    `settings` are lines of vernemq.conf, besides a listener on a port of the system's choice and anonymous access.
    """

    def __init__(self, *settings, files=None, folder=None):
        self.program = pathlib.Path(os.environ["VMQ_BROKER"]).resolve()
        self.settings = settings
        self.files = files
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
        lines = ("listener.tcp.default = 127.0.0.1:0", "allow_anonymous = on", "log.console = console", *self.settings)
        (self.folder / "vernemq.conf").write_text("\n".join(lines) + "\n")
        self.log_file = self.folder / "output.log"
        environment = {name: value for name, value in os.environ.items()
                       if name.endswith("SAN_OPTIONS") or name == "PATH"}
        environment["VERNEMQ_RUN_DIR"] = str(self.folder / "run")
        with open(self.log_file, "wb") as output:
            self.process = subprocess.Popen(
                [self.program, "console", "-c", str(self.folder / "vernemq.conf")], cwd=self.folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=self._limit_files)
        self.address = wait_until(self._find_address, "the broker's line 'listening on'")

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

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for_log(self, pattern, limit=None):
        return wait_until(lambda: re.search(pattern, self.log()), f"a log line like {pattern!r}", limit)

    def rss(self):
        """Resident memory in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failure("the broker is gone")

    def alive(self):
        return self.process.poll() is None

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
