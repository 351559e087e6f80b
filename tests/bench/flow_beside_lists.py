#!/usr/bin/env python3
"""Latency of a flow of 500 messages per second while an operator lists 100,000 sessions again and again.

    tests/bench/flow_beside_lists.py --broker build/release/bin/vernemq [--sessions N] [--seconds N]

The middle row is the flow beside a program that only computes: client, broker and vmq-admin share the cores.
"""

import argparse
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import broker as support
import mqtt_wire as wire


def make_sessions(port, count):
    """Sessions whose clients are away."""
    for i in range(count):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(wire.connect(f"device-{i:06}", clean=False, props={wire.SESSION_EXPIRY: 86_400}))
            client.recv(64)
            client.sendall(wire.packet(wire.DISCONNECT, 0, b""))


COMPUTES = """
import time
end = time.time() + .15
while time.time() < end:
    pass
"""


class Flow:
    """One connection that hears itself: what it sends comes back through the broker."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(wire.connect("flow", version=4))
        self.socket.recv(64)
        self.socket.sendall(wire.packet(wire.SUBSCRIBE, 2, b"\0\1" + wire.text("flow") + b"\0"))
        self.socket.recv(64)

    def run(self, seconds):
        latencies = []
        begin = time.perf_counter()
        for i in range(int(seconds * 500)):
            due = begin + i / 500
            if (rest := due - time.perf_counter()) > 0:
                time.sleep(rest)
            sent = time.perf_counter()
            packet = wire.publish("flow", struct.pack(">I", i), version=4)
            self.socket.sendall(packet)
            got = b""
            while len(got) < len(packet):
                got += self.socket.recv(len(packet) - len(got))
            latencies.append((time.perf_counter() - sent) * 1e6)
        return sorted(latencies)


def row(name, latencies, note=""):
    at = lambda part: latencies[min(len(latencies) - 1, int(len(latencies) * part))]
    print(f"{name:<28} p50 {at(.5):7.0f} us  p99 {at(.99):7.0f} us  max {latencies[-1]:7.0f} us  {note}", flush=True)


def beside(flow, seconds, name, run):
    """The flow while `run` is called again and again."""
    stop = threading.Event()
    took = []

    def again():
        while not stop.is_set():
            begin = time.perf_counter()
            run()
            took.append((time.perf_counter() - begin) * 1e3)

    thread = threading.Thread(target=again)
    thread.start()
    latencies = flow.run(seconds)
    stop.set()
    thread.join()
    row(name, latencies, f"{len(took)} runs, median {statistics.median(took):.0f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", type=pathlib.Path, required=True)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    os.environ["VMQ_BROKER"] = str(options.broker)
    with support.Broker("log.connections = off", "shards = 1") as broker:
        make_sessions(broker.port, options.sessions)
        flow = Flow(broker.port)
        flow.run(1)
        row("alone", flow.run(options.seconds))
        beside(flow, options.seconds, "beside one that computes",
               lambda: subprocess.run([sys.executable, "-c", COMPUTES], check=True))

        words = ("session", "show", f"--limit={options.sessions + 10}", "--rowtimeout=100000")
        support.expect(broker.admin(*words).stdout.count("\n") > options.sessions, "the list is not complete")

        def show():  # whoever reads the list here would hold the flow up itself
            support.expect(broker.start_admin(*words, stdout=subprocess.DEVNULL).wait() == 0, "a list has failed")

        beside(flow, options.seconds, f"beside lists of {options.sessions}", show)


if __name__ == "__main__":
    main()
