#!/usr/bin/env python3
"""What a cluster costs: messages between nodes, filters of other nodes, a join with many filters, doing nothing.

    tests/bench/cluster_cost.py --broker build/release/bin/vernemq --load MQLOAD [MEASUREMENT...]

MQLOAD is the comparison's load generator, compiled, or its source. Everything runs on this machine: CPU times and
their ratios within one run say something, messages per second do not. Without MEASUREMENT all are made.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import mqtt_wire as wire
from broker import expect, wait_until
from cluster import Cluster, Node
from flow_beside_lists import Flow, row

GENEROUS = ("max_inflight_messages = 1000", "max_online_messages = 100000", "log.connections = off")


class Load:
    def __init__(self, program):
        self.program = program

    def run(self, scenario, nodes, *, clients_of, **options):
        """One row of the generator, with the CPU of all `clients_of`; `nodes` take its clients in turns."""
        words = [str(self.program), scenario, "--port", ",".join(str(node.port) for node in nodes),
                 "--pid", ",".join(str(node.process.pid) for node in clients_of)]
        for name, value in options.items():
            words += [f"--{name}", str(value)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, done.stdout + done.stderr)
        return json.loads(done.stdout)


# --- Messages ---


def messages(load, options):
    """CPU of one message of 64 bytes, all nodes together, when both clients are on one node, and on two.

    The clients are the same: publisher i is on another node than subscriber i when the number of pairs is no multiple
    of the number of nodes.
    """
    print(f"{'':<34}{'QoS 0':>8}{'QoS 1':>8}{'QoS 2':>8}   us per message, medians of {options.rounds}")
    base = {}
    for count in (1, 2, 3):
        with Cluster(count, *GENEROUS) as nodes:
            kinds = (("local", 6 * 2),) if count == 1 else (("local", 6 * 2), ("to another node", 6 * 2 + 1))
            costs = {kind: {0: [], 1: [], 2: []} for kind, _ in kinds}
            for _ in range(options.rounds):
                for qos in (0, 1, 2):
                    for kind, pairs in kinds:
                        found = load.run("p2p", nodes, clients_of=nodes, pubs=pairs, qos=qos, seconds=options.seconds)
                        costs[kind][qos].append(found["cpu_us_per_delivery"])
            for kind, of_qos in costs.items():
                medians = {qos: statistics.median(each) for qos, each in of_qos.items()}
                base = base or medians
                print(f"{count} node{'s'[:count - 1]}, {kind:<24}"
                      + "".join(f"{medians[qos]:8.2f}" for qos in (0, 1, 2))
                      + "   times alone: " + " ".join(f"{medians[qos] / base[qos]:.2f}" for qos in (0, 1, 2)),
                      flush=True)


# --- Filters ---


def subscribe_many(node, count, *, clients=100):
    """Connections that have `count` different filters together."""
    opened = []
    per_client = count // clients
    for i in range(clients):
        client = wire.Client(node.address, f"many-{i}", keep_alive=0)
        client.open()
        for first in range(0, per_client, 1000):
            filters = [(f"site{n % 1000}/dev{n // 3}/" + ("temp", "+", "#")[n % 3], 0)
                       for n in range(i * per_client + first, i * per_client + min(first + 1000, per_client))]
            client.send(wire.subscribe(filters, 1 + first // 1000))
            client.expect(wire.SUBACK, 120)
        opened.append(client)
    return opened


def filters(_, options):
    """Bytes of memory of a filter that another node has."""
    with Cluster(2, *GENEROUS) as (a, b):
        before = a.rss(), b.rss()
        clients = subscribe_many(b, options.filters)
        wait_until(lambda: knows(a, options.filters), "the other node to know all filters", 120)
        time.sleep(2)
        grown = a.rss() - before[0], b.rss() - before[1]
        print(f"{options.filters} filters: {grown[0] / options.filters:.0f} bytes each where they are another node's, "
              f"{grown[1] / options.filters:.0f} at their own", flush=True)
        for client in clients:
            client.close()


def knows(node, count):
    return node.metric("router_filters") >= count


def join(_, options):
    """A node joins a cluster that has many filters, beside a flow of messages through an old node."""
    with Cluster(2, *GENEROUS) as (a, b), Node("c", *GENEROUS) as c:
        clients = subscribe_many(b, options.filters)
        wait_until(lambda: knows(a, options.filters), "the other node to know all filters", 120)
        for node in (a, b):
            flow = Flow(node.port)
            flow.run(1)
            row(f"flow through {node.name}", flow.run(5))
        latencies = []
        stop = threading.Event()

        def measure():
            flow = Flow(b.port)
            while not stop.is_set():
                latencies.extend(flow.run(0.5))

        thread = threading.Thread(target=measure)
        thread.start()
        begin = time.perf_counter()
        joined = c.join(a)
        expect(joined.returncode == 0, joined.stdout + joined.stderr)
        told = time.perf_counter() - begin
        wait_until(lambda: knows(c, options.filters), "the new node to know all filters", 120)
        took = time.perf_counter() - begin
        stop.set()
        thread.join()
        row(f"while one joins, {b.name}", sorted(latencies))
        print(f"{options.filters} filters: the command took {told:.2f} s, all were known after {took:.2f} s; "
              f"memory of the new node {c.rss() / 1e6:.0f} MB", flush=True)
        for client in clients:
            client.close()


# --- Nothing ---


def cpu_s(node):
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(_, options):
    """CPU of nodes that nobody is connected to."""
    for count in (1, 3, 5):
        with Cluster(count) as nodes:
            time.sleep(2)
            before = sum(map(cpu_s, nodes))
            time.sleep(options.idle_seconds)
            used = (sum(map(cpu_s, nodes)) - before) / options.idle_seconds
            print(f"{count} idle nodes: {used * 100:.2f} % of a core together", flush=True)


MEASUREMENTS = {each.__name__: each for each in (messages, filters, join, idle)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", choices=[[], *MEASUREMENTS])
    parser.add_argument("--broker", type=pathlib.Path, required=True)
    parser.add_argument("--load", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--filters", type=int, default=1_000_000)
    parser.add_argument("--idle-seconds", type=int, default=20)
    options = parser.parse_args()
    os.environ["VMQ_BROKER"] = str(options.broker)
    with tempfile.TemporaryDirectory() as folder:
        program = options.load
        if program.suffix == ".cpp":
            program = pathlib.Path(folder) / "mqload"
            subprocess.run(["g++", "-std=c++20", "-O2", "-pthread", str(options.load), "-o", str(program)], check=True)
        for name in options.measurements or MEASUREMENTS:
            print(f"== {name}", flush=True)
            MEASUREMENTS[name](Load(program), options)


if __name__ == "__main__":
    main()
