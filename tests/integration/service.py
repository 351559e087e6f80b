#!/usr/bin/env python3
"""The broker as a service: what systemd hears from it, and the unit file it is started with."""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, SLOWNESS, Broker, Skip, expect, expect_equal, wait_until
from scenarios import main, scenario

WATCHDOG = 2.0 * SLOWNESS  # seconds
UNIT = "vernemq.service"
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


class Service(Broker):
    """A broker whose NOTIFY_SOCKET is the test's."""

    def __init__(self, *settings, watchdog=None, **options):
        super().__init__(*settings, **options)
        self.watchdog = watchdog
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / "notify"))

    def _environment(self):
        environment = super()._environment()
        environment["NOTIFY_SOCKET"] = str(self.folder / "notify")
        if self.watchdog:
            environment["WATCHDOG_USEC"] = str(int(self.watchdog * 1_000_000))
        return environment

    def hear(self, limit=LIMIT):
        """The next datagram; nothing if none comes in time."""
        self.notify.settimeout(limit)
        try:
            return self.notify.recv(4096).decode()
        except TimeoutError:
            return None

    def hear_until(self, start):
        """The first datagram that begins with `start`."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            heard = self.hear()
            if heard and heard.startswith(start):
                return heard
        expect(False, f"systemd was not told {start}")


@contextlib.contextmanager
def halted(pid, name):
    """Stops the thread `name` of process `pid` alone, as a debugger does."""
    threads = [int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
               if (task / "comm").read_text().strip() == name]
    expect_equal(len(threads), 1, f"threads called {name}")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(PTRACE_SEIZE, threads[0], None, None) != 0:
        raise Skip(f"a thread cannot be stopped here: {os.strerror(ctypes.get_errno())}")
    expect_equal(libc.ptrace(PTRACE_INTERRUPT, threads[0], None, None), 0, "interrupt")
    wall = 0x40000000  # __WALL: it is no child
    os.waitpid(threads[0], wall)
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, threads[0], None, None)


@scenario
def watchdog_hears_of_a_shard_that_hangs():
    with Service("shards = 3", watchdog=WATCHDOG) as broker:
        expect_equal(broker.hear(), f"READY=1\nMAINPID={broker.process.pid}")
        for _ in range(3):
            began = time.monotonic()
            expect_equal(broker.hear(), "WATCHDOG=1")
            expect(time.monotonic() - began < WATCHDOG, "systemd would have ended the broker")
        with halted(broker.process.pid, "shard-1"):
            broker.wait_for_log("shards that do not answer: 1\\.")
            while broker.hear(0.01):
                pass
            expect_equal(broker.hear(1.5 * WATCHDOG), None, "with a shard that hangs")
        expect_equal(broker.hear(), "WATCHDOG=1")
        broker.wait_for_log("all shards answer again")
        broker.stop()
        broker.hear_until("STOPPING=1")


@scenario
def nobody_watches_unless_asked():
    with Service() as broker:
        broker.hear_until("READY=1")
        broker.stop()
        expect_equal(broker.hear(), "STOPPING=1")


@scenario
def reload_is_over_when_it_is_said():
    with Service("max_client_id_size = 50") as broker:
        broker.hear_until("READY=1")
        file = broker.folder / "vernemq.conf"
        file.write_text(file.read_text().replace("size = 50", "size = 60"))
        broker.process.send_signal(signal.SIGHUP)
        expect(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", broker.hear() or ""), "RELOADING=1 was not said")
        expect_equal(broker.hear(), "READY=1")
        expect("| 60 " in broker.admin("show", "max_client_id_size").stdout, "the new value is not in force")


def build_folder():
    return pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent.parent


def unit_text():
    return (build_folder() / "packaging" / UNIT).read_text()


@scenario
def unit_file_is_valid():
    """systemd-analyze looks for the programs as well, so it gets a unit that names the ones just built."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        raise Skip("no systemd-analyze: apt install systemd")
    with Broker() as broker:
        text = re.sub(r"(?<=Exec)(Start|StartPre)=\S+", rf"\1={broker.program}", unit_text())
        expect(str(broker.program) in text, "the unit starts nothing")
        unit = broker.folder / UNIT
        unit.write_text(text)
        # Man pages are not installed here, and neither is the user.
        done = subprocess.run([analyze, "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True,
                              text=True, timeout=3 * LIMIT, check=False)
        expect_equal((done.returncode, done.stdout + done.stderr), (0, ""), "systemd-analyze verify")
        exposure = subprocess.run([analyze, "security", "--offline=yes", unit], capture_output=True, text=True,
                                  timeout=3 * LIMIT, check=False)
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", exposure.stdout)
        expect(level, exposure.stdout + exposure.stderr)
        expect(float(level.group(1)) <= 3.0, "exposure", level.group(0))


if __name__ == "__main__":
    main()
