#!/usr/bin/env python3
"""vmq-admin top: what it tells scripts, and how it behaves on a terminal."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, Broker, expect, expect_equal, wait_until
from scenarios import main, scenario

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Traffic:
    """Publishes and receives until it is left."""

    def __init__(self, broker, topic="a/busy"):
        self.subscriber = mqtt.opened(broker.address, "listener")
        self.subscriber.subscribe("a/#")
        self.publisher = mqtt.opened(broker.address, "talker")
        self.topic = topic
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            self.publisher.publish(self.topic, b"x" * 100, 1)
            self.subscriber.message()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class Screen:
    """vmq-admin top on a pseudo-terminal of some size."""

    def __init__(self, broker, *words, size=(24, 80), term="xterm"):
        self.master, slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self.process = broker.start_admin("top", "--interval=1", *words, stdin=slave, stdout=slave, stderr=slave,
                                          environment={"TERM": term}, start_new_session=True)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        while select.select([self.master], [], [], 0)[0]:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:  # nobody has the other end
                return

    def wait_for(self, pattern):
        def found():
            self._read()
            return re.search(pattern, self.output, re.DOTALL)
        return wait_until(found, f"{pattern!r} on the screen; there is {self.output[-2000:]!r}")

    def stopped(self):
        # The state stands behind the name, which is in parentheses.
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def press(self, key):
        os.write(self.master, key)

    def ended(self, status=0):
        def over():
            self._read()  # else it would wait for us
            return self.process.poll() is not None
        wait_until(over, "the end of vmq-admin")
        self._read()
        expect_equal(self.process.returncode, status, repr(self.output[-500:]))
        expect_equal(self.output.count(ENTER), self.output.count(LEAVE), "screens entered and left")
        expect(self.output.rfind(LEAVE) > self.output.rfind(ENTER), "the terminal's text is not back")
        expect(b"\x1b[?25h" in self.output, "the cursor is not back")
        expect_equal(termios.tcgetattr(self.slave)[3], self.before[3], "modes of the terminal")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@scenario
def json_once():
    """One object with rates, the busiest and the shards, and people's form of the same."""
    with Broker("shards = 2") as broker, Traffic(broker):
        result = broker.admin("top", "--once", "--interval=1", "--format=json")
        expect_equal((result.returncode, result.stderr), (0, ""))
        told = json.loads(result.stdout)
        expect(950 <= told["interval_ms"], told["interval_ms"])
        expect(told["rates"]["publish_in"] > 0 and told["rates"]["publish_out"] > 0, told["rates"])
        clients = {row["client_id"]: row for row in told["clients"]}
        expect(clients["talker"]["messages_in"] > 0 and clients["talker"]["messages_out"] == 0, clients)
        expect(clients["listener"]["messages_out"] > 0 and clients["listener"]["messages_in"] == 0, clients)
        expect(clients["talker"]["bytes_in"] >= 100 * clients["talker"]["messages_in"], clients)
        expect_equal([row["topic"] for row in told["topics"]], ["a/busy"])
        expect_equal([row["shard"] for row in told["shards"]], [0, 1])
        expect("shard turn" in [row["what"] for row in told["latency"]], told["latency"])
        expect_equal((told["connections"], told["shards_missing"]), (2, 0))
        people = broker.admin("top", "--once", "--interval=1")
        expect_equal((people.returncode, people.stderr), (0, ""))
        expect(re.search(r"^talker +\d", people.stdout, re.MULTILINE), people.stdout)
        expect("\x1b" not in people.stdout, repr(people.stdout))


@scenario
def json_lines():
    """One line per interval until somebody ends it; too many at a time are told so."""
    with Broker() as broker:
        running = [broker.start_admin("top", "--interval=1", "--format=json", stdout=subprocess.PIPE) for _ in range(4)]
        try:
            lines = [json.loads(running[0].stdout.readline()) for _ in range(2)]
            expect_equal([line["node"] for line in lines], ["VerneMQ@127.0.0.1"] * 2)
            for each in running[1:]:
                each.stdout.readline()
            fifth = broker.admin("top", "--once")
            expect_equal((fifth.returncode, fifth.stdout), (1, "4 others watch already.\n"))
            running[0].send_signal(signal.SIGINT)
            expect_equal(running[0].wait(LIMIT), 0)
            wait_until(lambda: broker.admin("top", "--once", "--interval=1").returncode == 0, "room for another one")
        finally:
            for each in running:
                each.kill()
                each.wait()
                each.stdout.close()


@scenario
def terminal():
    """It shows, sorts, follows the size, and leaves the terminal as it was."""
    with Broker("shards = 2") as broker, Traffic(broker):
        with Screen(broker) as screen:
            screen.wait_for(rb"talker +\d.*topic.*a/busy +\d")
            screen.press(b"s")
            screen.wait_for(rb"every 1\.\d s  by in")
            expect(screen.output.count(b"\x1b[2J") == 1, "it clears the screen, which flickers")
            screen.output = screen.output[:screen.output.find(ENTER) + len(ENTER)]
            screen.resize(8, 20)
            screen.process.send_signal(signal.SIGWINCH)
            drawn = screen.wait_for(rb"\x1b\[H((?:(?!\x1b\[J).)*)\x1b\[J").group(1)
            lines = [line.strip(b"\r") for line in drawn.replace(b"\x1b[K", b"").split(b"\n")]
            expect(len(lines) <= 8 and max(map(len, lines)) < 20, lines)
            screen.press(b"q")
            screen.ended()


@scenario
def terminal_and_signals():
    """However it ends, the terminal is as it was; stopped and continued it shows on."""
    with Broker() as broker:
        for way in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with Screen(broker) as screen:
                screen.wait_for(rb"connections 0")
                screen.process.send_signal(way)
                screen.ended()
        with Screen(broker) as screen:
            screen.wait_for(rb"connections 0")
            screen.process.send_signal(signal.SIGTSTP)
            screen.wait_for(re.escape(LEAVE))
            wait_until(screen.stopped, "it to stop")
            screen.process.send_signal(signal.SIGCONT)
            screen.wait_for(re.escape(LEAVE) + rb".*" + re.escape(ENTER) + rb".*connections 0")
            screen.press(b"\x04")
            screen.ended()
        with Screen(broker, term="dumb") as screen:  # one picture without any sequence
            wait_until(lambda: screen.process.poll() is not None, "the end of vmq-admin")
            screen.wait_for(rb"connections 0")
            expect(b"\x1b" not in screen.output, screen.output)
        with Screen(broker) as screen:
            screen.wait_for(rb"connections 0")
            broker.stop()
            screen.wait_for(rb"the broker is stopping|not responding")
            screen.ended(1)


if __name__ == "__main__":
    main()
