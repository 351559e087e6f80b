#!/usr/bin/env python3
"""Networks that break between nodes, each of which has a network namespace of its own: one case after the other.

What comes of many at random is in cluster_chaos.py. T3 to T34 are the cases that VerneMQ's users reported.
"""

import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
import namespaces
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, expect, expect_equal, wait_until
from cluster import wait_until_running, wait_until_whole
from load import number_of
from namespaces import BrokenNetwork, heartbeats
from scenarios import main, scenario
from stored import back, lasting

IN_TIME = 5 * SLOWNESS  # seconds after which any client can connect
EARLY = 0.3 * SLOWNESS  # seconds in which nothing may come


def numbered(number):
    return struct.pack(">I", number)


def cut(switch, one, other):
    """And wait until both have noticed."""
    switch.both(one.number, other.number, cut=True)
    wait_until_running(one, other, False)
    wait_until_running(other, one, False)


@scenario
def t14_moved_while_a_publisher_was_cut_off():
    """What B holds for a session of A, which it does not reach, is not lost because the session has moved to C."""
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        with lasting(a.address, "moves") as client:
            client.subscribe("m", qos=1)
            client.disconnect()
        cut(switch, a, b)
        with mqtt.opened(b.address, "out") as publisher:
            publisher.send(mqtt.publish("m", numbered(7), 1, 1))
            expect(publisher.receive(EARLY) is None, "acknowledged although A, which has to store it, is cut off")
            with back(c.address, "moves") as client:
                wait_until(lambda: "session of client moves is at node c" in a.log() or client.inbox, "it to move")
                switch.heal()
                wait_until_whole(a, b, c)
                expect_equal(mqtt.reason_code(publisher.expect(mqtt.PUBACK)) & 0x80, 0)
                expect_equal(number_of(client.message()), 7)


@scenario
def t13_moved_on_before_it_had_arrived():
    """A session that was made twice moves to a third node while the two become one: its client is let in in time."""
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        with lasting(c.address, "x") as client:
            client.subscribe("x/#", qos=1)
            client.disconnect()
        with mqtt.opened(a.address, "out") as publisher:
            for number in range(50):
                publisher.publish("x/1", numbered(number) + bytes(1000), 1)
            switch.both(b.number, c.number, cut=True)
            switch.both(a.number, b.number, cut=True)
            wait_until_running(b, c, False)
            wait_until_running(b, a, False)
            with lasting(b.address, "x") as client:
                client.subscribe("x/#", qos=1)
                client.disconnect()
            # B hears of the other one and asks for it, but the line is so slow that it does not arrive.
            switch.both(a.number, b.number)
            switch.both(b.number, c.number, rate=10_000)
            wait_until(lambda: "session of client x goes to node b" in c.log(), "the session to move", 2 * LIMIT)
            begin = time.monotonic()
            client = lasting(a.address, "x")
            took = time.monotonic() - begin
            switch.heal()
            print(f"let in after {took:.1f} s")
            expect(took < IN_TIME, f"let in after {took:.1f} s")
            got = set()
            while len(got) < 50:
                got.add(number_of(client.message()))
            client.disconnect()


@scenario
def t1_repeated_before_it_was_stored():
    """PUBLISH of QoS 2 again while the node that has to store it is cut off: PUBREC waits like the first one."""
    with BrokenNetwork(2, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b)):
        with lasting(b.address, "keeps") as client:
            client.subscribe("k", qos=2)
            client.disconnect()
        cut(switch, a, b)
        first = lasting(a.address, "out")
        first.send(mqtt.publish("k", numbered(1), 2, 5))
        expect(first.receive(EARLY) is None, "acknowledged although nobody has stored it")
        first.close()
        with back(a.address, "out") as again:
            again.send(mqtt.publish("k", numbered(1), 2, 5, dup=True))
            expect(again.receive(EARLY) is None, "the second time it is acknowledged, and nobody has stored it")
            switch.heal()
            wait_until_whole(a, b)
            expect_equal(mqtt.packet_id(again.expect(mqtt.PUBREC)), 5)
        with back(b.address, "keeps") as client:
            expect_equal(number_of(client.message()), 1)
            client.nothing_more()


if __name__ == "__main__":
    namespaces.enter()
    main()
