#!/usr/bin/env python3
"""`./dev cluster N`, without its build: nodes for trying things."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import mqtt_wire as mqtt
from broker import LIMIT, WITHOUT_STORE, Skip, expect, expect_equal, free_port, wait_until
from scenarios import main, scenario
from stored import back, lasting

KINDS = ("mqtt", "ws", "http", "clustering")


def free_ports(count):
    """The first of so many in a row."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as sockets:
            try:
                for port in range(first, first + count):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return first


def ports_for(count):
    """{kind: port of the first node}"""
    first = free_ports(len(KINDS) * count)
    return {kind: first + i * count for i, kind in enumerate(KINDS)}


class Run:
    """`with Run(folder, 3, ports) as cluster:`; ends by Ctrl-C, and everything has to be gone then."""

    def __init__(self, folder, count, ports):
        self.ports = ports
        programs = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent
        self.output = pathlib.Path(folder) / "output.log"
        self.command = [sys.executable, ROOT / "tools/local_cluster.py", str(count), "--programs", programs, "--folder",
                        pathlib.Path(folder) / "kept", *(f"--{kind}={port}" for kind, port in self.ports.items())]
        self.environment = {**os.environ, "VERNEMQ_RUN_DIR": str(folder), "VMQ_CLUSTER_LIMIT": str(LIMIT)}

    def __enter__(self):
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: "Ctrl-C stops" in self.said() or self.process.poll() is not None, "the cluster",
                       3 * LIMIT)
            expect(self.process.poll() is None, self.said())
        except BaseException:
            self.process.terminate()
            self.process.wait(LIMIT)
            raise
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(3 * LIMIT)
        if kind is None:
            expect_equal(status, 0, self.said())
            for number in re.findall(r"process (\d+)", self.said()):
                expect(not pathlib.Path(f"/proc/{number}").exists(), f"process {number} is left")

    def said(self):
        return self.output.read_text()

    def address(self, node):
        """Of MQTT; nodes count from 1."""
        return "127.0.0.1", self.ports["mqtt"] + node - 1


@scenario
def first_evening():
    """Two nodes, what they keep, then a third one; one is killed."""
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        ports = ports_for(3)  # the same in every run, as those of ./dev cluster are
        with Run(folder, 2, ports) as cluster:
            with lasting(cluster.address(2), "kept") as client:
                client.subscribe("say", qos=1)
                client.disconnect()
            with mqtt.opened(cluster.address(1), "out") as publisher:
                expect_equal(publisher.publish("say", b"from another node", 1), 0)
        for secret in ("cookie", "node1/vernemq.conf"):
            expect_equal(stat.S_IMODE((pathlib.Path(folder) / "kept" / secret).stat().st_mode), 0o600, secret)
        with Run(folder, 3, ports) as cluster:
            with back(cluster.address(2), "kept") as client, mqtt.opened(cluster.address(3), "out") as publisher:
                expect_equal(client.message().payload, b"from another node")
                publisher.publish("say", b"from a third one", 1)
                expect_equal(client.message().payload, b"from a third one")
            victim = int(re.findall(r"process (\d+)", cluster.said())[2])
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: "node3@127.0.0.1 was ended by SIGKILL" in cluster.said(), "the end to be noticed")

            def refused():
                with mqtt.Client(cluster.address(1), "new") as client:
                    return client.open(accepted=False).reason == 0x88

            wait_until(refused, "the others to refuse clients, as it was said")
            serve = re.search(r"^  (\S+/vmq-admin) --config (\S+) set netsplit_policy=none$", cluster.said(), re.MULTILINE)
            done = subprocess.run([serve[1], "--config", serve[2], "set", "netsplit_policy=none"],
                                  env=cluster.environment, capture_output=True, text=True, timeout=LIMIT, check=False)
            expect_equal(done.returncode, 0, done.stdout + done.stderr)
            wait_until(lambda: not refused(), "node 1 to let clients in")
        with Run(folder, 2, ports) as cluster:
            expect("cluster leave node=node3@127.0.0.1" in cluster.said(), cluster.said())


@scenario
def mistakes():
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            run = Run(folder, 1, {**ports_for(1), "http": port})
            done = subprocess.run(run.command, env=run.environment, capture_output=True, text=True, timeout=LIMIT,
                                  check=False)
            expect_equal(done.returncode, 1, done.stderr)
            expect(done.stderr.startswith(f"dev: port {port}, which node1@127.0.0.1 needs: Address already in use"),
                   done.stderr)
        for count in ("0", "10", "three"):
            run.command[2] = count
            done = subprocess.run(run.command, capture_output=True, text=True, timeout=LIMIT, check=False)
            expect_equal(done.returncode, 2, done.stderr)
            expect("a number of nodes from 1 to 9" in done.stderr, done.stderr)
        helped = subprocess.run([ROOT / "dev", "--help"], capture_output=True, text=True, timeout=LIMIT, check=True)
        expect("./dev cluster [N]" in helped.stdout, helped.stdout)


if __name__ == "__main__":
    main()
