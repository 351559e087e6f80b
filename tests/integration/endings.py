#!/usr/bin/env python3
"""How connections and the broker itself end."""

import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, Broker, expect, expect_equal
from load import Task
from scenarios import main, scenario

SHUTTING_DOWN, QUOTA_EXCEEDED, KEEP_ALIVE_TIMEOUT = 0x8B, 0x97, 0x8D


def _sleeper(address, version):
    client = mqtt.opened(address, f"dying-{version}", version, will=mqtt.Will("will/killed", b"killed", 1))
    client.publish("will/ready", b"ready")
    client.socket.settimeout(LIMIT)
    client.socket.recv(1)  # until it is killed


@scenario
def killed_client():
    """SIGKILL of a client's process: the system closes its socket, the will goes out."""
    with Broker() as broker:
        witness = mqtt.opened(broker.address, "witness")
        witness.subscribe("will/#", qos=1)
        for version in (3, 4, 5):
            dying = Task(_sleeper, broker.address, version)
            expect_equal(witness.message().payload, b"ready", "the sign of life")
            os.kill(dying.process.pid, signal.SIGKILL)
            expect_equal(witness.message().payload, b"killed", "the will")


@scenario
def keep_alive():
    """A client that says nothing for one and a half keep alives is gone; one that pings is not."""
    with Broker() as broker:
        witness = mqtt.opened(broker.address, "witness")
        witness.subscribe("will/#", qos=1)
        for version in (4, 5):
            will = mqtt.Will("will/silent", b"silent", 1)
            silent = mqtt.opened(broker.address, f"silent-{version}", version, keep_alive=1, will=will)
            lively = mqtt.opened(broker.address, "lively", version, keep_alive=1, will=mqtt.Will("will/never", b"x"))
            start = time.monotonic()
            while not witness.inbox and time.monotonic() < start + LIMIT:
                lively.ping()
                witness._fill(0.3)
            took = time.monotonic() - start
            expect_equal(witness.message().payload, b"silent", "the will")
            print(f"v{version}: closed after {took:.2f} s")
            expect(1.3 < took < 2.5 + LIMIT / 10, f"the will came after {took:.2f} s")
            last = silent.closed()
            if version == 5:
                expect_equal([mqtt.reason_code(each) for each in last], [KEEP_ALIVE_TIMEOUT], "DISCONNECT")
            lively.disconnect()
        broker.wait_for_log("client {\\[\\],<<\"silent-5\">>} with username undefined stopped due to keepalive expired")


@scenario
def sigterm():
    """An operator's stop: MQTT 5 clients are told, the others closed, the exit status is 0."""
    with Broker("shards = 3") as broker:
        clients = [mqtt.opened(broker.address, f"client-{i}", (4, 5, 5)[i % 3]) for i in range(30)]
        unfinished = mqtt.Client(broker.address)  # has not said CONNECT
        start = time.monotonic()
        broker.stop()
        took = time.monotonic() - start
        for client in clients:
            last = client.closed()
            wanted = [SHUTTING_DOWN] if client.version == 5 else []
            expect_equal([mqtt.reason_code(each) for each in last if each.kind == mqtt.DISCONNECT], wanted,
                         f"v{client.version}")
        unfinished.close()
        print(f"stopped after {took:.1f} s with {len(clients)} clients that did not close their side")
        expect(took < 8, f"the stop took {took:.1f} s")


@scenario
def max_connections():
    with Broker("listener.max_connections = 3", "shards = 2") as broker:
        inside = [mqtt.opened(broker.address, f"inside-{i}", 5) for i in range(3)]
        for version, wanted in ((5, QUOTA_EXCEEDED), (4, 3), (3, 3)):
            refused = mqtt.Client(broker.address, "outside", version).open(accepted=False)
            expect_equal(refused.reason, wanted, f"CONNACK of v{version}")
            refused.closed()
        for client in inside:
            client.ping()
        inside[0].disconnect()
        deadline = time.monotonic() + LIMIT
        while mqtt.Client(broker.address, "again", 5).open(accepted=False).reason != 0:
            expect(time.monotonic() < deadline, "the place that became free cannot be used")


if __name__ == "__main__":
    main()
