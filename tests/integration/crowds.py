#!/usr/bin/env python3
"""Very many connections, and too many of them."""

import os
import pathlib
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import (LIMIT, SANITIZERS, Broker, Skip, expect, expect_equal, open_file_limit, raise_file_limit)
from load import Probe
from scenarios import main, scenario

SPARE_FILES = 200  # of the process for other things
PORTS_OF_AN_ADDRESS = 5_000  # more, and the system searches long for a free one


class Crowd:
    """Many connections of one thread, waited for together."""

    def __init__(self):
        self.sockets = {}
        self.poll = select.epoll()

    def add(self, address, number, data):
        """Opens one from an address of the loopback network that has ports left, and sends `data`."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        connection.bind((f"127.0.0.{2 + number // PORTS_OF_AN_ADDRESS}", 0))
        connection.settimeout(LIMIT)
        connection.connect(address)
        connection.sendall(data)
        connection.setblocking(False)
        self.sockets[connection.fileno()] = (connection, mqtt.Splitter(), number)
        self.poll.register(connection.fileno(), select.EPOLLIN)

    def send(self, data):
        for connection, _, _ in self.sockets.values():
            expect_equal(connection.send(data), len(data), "bytes sent")

    def packets(self, wait):
        """(number of the connection, packet) for everything that comes within `wait` seconds."""
        for descriptor, _ in self.poll.poll(wait, 4096):
            connection, splitter, number = self.sockets[descriptor]
            data = connection.recv(65536)
            expect(data, f"the broker closed connection {number}")
            for packet in splitter.feed(data):
                yield number, packet

    def take(self, kind, count):
        """Waits for `count` packets of this kind; the numbers of the connections they came on."""
        came = []
        deadline = time.monotonic() + 3 * LIMIT
        while len(came) < count:
            expect(time.monotonic() < deadline, f"{len(came)} of {count} packets of kind {kind} came")
            came += [number for number, packet in self.packets(0.5) if packet.kind == kind]
        return came

    def close(self):
        for connection, _, _ in self.sockets.values():
            connection.close()


def room_for(wanted):
    """As many connections as the limit of open files has room for, up to `wanted`."""
    room = min(wanted, raise_file_limit(wanted + SPARE_FILES) - SPARE_FILES, open_file_limit() - SPARE_FILES)
    return 2000 if SANITIZERS else room


@scenario
def fan_out():
    """One message for 10,000 subscribers of a topic: each gets it once, others do not wait."""
    count = room_for(10_000)
    if count < 10_000 and not SANITIZERS:
        raise Skip(f"the limit of open files has room for {count} connections, 10,000 are needed (ulimit -Hn)")
    with Broker("listener.max_connections = infinity", "max_online_messages = 1000") as broker:
        crowd = Crowd()
        for number in range(count):
            crowd.add(broker.address, number, mqtt.connect(f"crowd-{number}", 4 + number % 2, keep_alive=0)
                      + mqtt.subscribe([("crowd", number % 3)], 1, 4 + number % 2))
        crowd.take(mqtt.SUBACK, count)
        with Probe(broker.address) as probe, mqtt.opened(broker.address, "publisher") as publisher:
            for qos in (0, 1, 2):
                start = time.monotonic()
                publisher.publish("crowd", b"payload", qos)
                came = crowd.take(mqtt.PUBLISH, count)
                print(f"QoS {qos}: {count} deliveries in {(time.monotonic() - start) * 1e3:.0f} ms")
                expect_equal(len(set(came)), count, "subscribers that got it")
            publisher.ping()
        probe.expect_prompt()
        crowd.close()


@scenario
def idle_connections():
    """20,000 connections that do nothing, or VMQ_IDLE_CONNECTIONS of them; they cost memory and nothing else."""
    wanted = int(os.environ.get("VMQ_IDLE_CONNECTIONS", "20000"))
    count = room_for(wanted)
    if count < 1000:
        raise Skip(f"the limit of open files has room for {count} connections (ulimit -Hn)")
    if count < wanted:
        print(f"the limit of open files has room for {count} instead of {wanted} connections")
    with Broker("listener.max_connections = infinity") as broker:
        with mqtt.opened(broker.address, "first") as first:
            first.ping()
        crowd = Crowd()
        before = broker.rss()
        start = time.monotonic()
        for number in range(count):
            crowd.add(broker.address, number, mqtt.connect(f"idle-{number:06}", 4 + number % 2, keep_alive=0))
        crowd.take(mqtt.CONNACK, count)
        took = time.monotonic() - start
        each = (broker.rss() - before) / count
        print(f"{count} connections in {took:.1f} s, {each:.0f} bytes each in the broker")
        if not SANITIZERS:
            expect(each < 3000, f"{each:.0f} bytes per idle connection")
        with Probe(broker.address) as probe:
            crowd.send(mqtt.PING)
            expect_equal(len(set(crowd.take(mqtt.PINGRESP, count))), count, "connections that live")
        probe.expect_prompt()
        crowd.close()
        with mqtt.opened(broker.address, "last") as last:
            last.ping()


@scenario
def low_file_limit():
    """ulimit -n 80: a warning, a clear error when it is reached, nobody inside is hurt, and then it goes on."""
    with Broker("shards = 1", files=80) as broker:
        broker.wait_for_log(r"WARNING: ulimit -n is 80")
        inside = [mqtt.opened(broker.address, f"inside-{i}") for i in range(10)]
        inside[0].subscribe("room", qos=1)
        waiting = [mqtt.Client(broker.address, f"waiting-{i}") for i in range(100)]  # the system accepts for the broker
        for client in waiting:
            client.send(client.greeting)
        broker.wait_for_log(r"cannot accept a connection: .*raise the limit of open files \(ulimit -n\)")
        for client in inside:
            client.ping()
            client.publish("room", client.socket.getsockname()[1].to_bytes(4, "big"), 1)
        expect_equal(len(inside[0].messages(len(inside))), len(inside), "messages among those inside")

        # Most go: the rest gets its turn.
        for client in waiting[:80]:
            client.close()
        for client in waiting[80:]:
            expect_equal(client.expect(mqtt.CONNACK).body[1], 0, "CONNACK")
        mqtt.opened(broker.address, "new").ping()
        lines = broker.log().count("cannot accept a connection")
        expect(lines < 100, f"{lines} log lines about it")


if __name__ == "__main__":
    main()
