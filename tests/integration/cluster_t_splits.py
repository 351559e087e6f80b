#!/usr/bin/env python3
"""Networks that break between nodes, each of which has a network namespace of its own: one case after the other.

What comes of many at random is in cluster_chaos.py. T3 to T34 are the cases that VerneMQ's users reported.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
import namespaces
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, WITHOUT_STORE, Skip, expect, expect_equal, wait_until
from cluster import passes_on, retained_at, wait_until_running, wait_until_whole
from leaving import fill, has_ended, have_all, kept_sessions, leave, left
from load import Task, event, flood, number_of, numbered
from namespaces import BrokenNetwork, heartbeats
from scenarios import main, scenario
from small_disks import Disks
from stored import back, lasting

IN_TIME = 5 * SLOWNESS  # seconds after which any client can connect
EARLY = 0.3 * SLOWNESS  # seconds in which nothing may come


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
            with back(c.address, "moves") as client:
                wait_until(lambda: "session of client moves is at node c" in a.log() or client.inbox, "it to move")
                switch.heal()
                wait_until_whole(a, b, c)
                expect_equal(mqtt.reason_code(publisher.expect(mqtt.PUBACK)) & 0x80, 0)
                expect_equal(number_of(client.message()), 7)


@scenario
def t14_moved_twice_while_a_publisher_was_cut_off():
    """The same when it has moved on by then, and what it had got meanwhile does not come again."""
    with BrokenNetwork(4, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c, d)):
        with lasting(a.address, "moves") as client:
            client.subscribe("m/#", qos=2)
            client.disconnect()
        cut(switch, a, b)
        with mqtt.opened(b.address, "out") as publisher:
            publisher.publish("m/1", numbered(1), 1)
            with back(c.address, "moves") as client:
                wait_until(lambda: "session of client moves is at node c" in a.log(), "it to move")
                publisher.publish("m/2", numbered(2), 1)
                expect_equal(number_of(client.message()), 2)
                client.disconnect()
            with back(d.address, "moves") as client:
                wait_until(lambda: "session of client moves is at node d" in c.log(), "it to move on")
                switch.heal()
                wait_until_whole(a, b, c, d)
                expect_equal(number_of(client.message()), 1)
                publisher.publish("m/3", numbered(3), 1)
                expect_equal(number_of(client.message()), 3)
                client.nothing_more()


@scenario
def t14b_cut_off_while_it_leaves():
    """A node leaves while others publish to its sessions, and loses its line to one of them. Asked again, all is there."""
    names = [f"s{i}" for i in range(20)]
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        kept_sessions(c, names)
        fill(c, names, 200)
        stop = event()

        def go_on(node, first):
            acknowledged = 0
            while not stop.is_set():
                fill(node, names, 5, first=first + acknowledged)
                acknowledged += 5
            return acknowledged

        publishers = [Task(go_on, node, first) for node, first in ((a, 1_000_000), (b, 2_000_000))]
        asked = Task(leave, a, c, "-k", "-i", "1", "-t", str(int(5 * SLOWNESS)))
        wait_until(lambda: "session of client s" in b.log(), "the first session to move")
        switch.both(b.number, c.number, cut=True)
        wait_until(lambda: not b.members().get(c.name), "it to be away, or a member no more")
        said = asked.result().stdout.splitlines()[-1]
        print(said)
        switch.heal()
        if said != "Done":
            wait_until_whole(a, b, c)
            left(a, c, "-i", "1")
        has_ended(c)
        wait_until_whole(a, b)
        stop.set()
        wanted = set(range(200))
        for first, publisher in zip((1_000_000, 2_000_000), publishers):
            wanted |= set(range(first, first + publisher.result()))
        have_all(a, names, wanted)
        c.restart()


def have_come(*nodes):
    """How many sessions have moved there."""
    return sum(node.log().count("session of client s") for node in nodes)


@scenario
def t15_killed_while_it_leaves():
    """The node that leaves is killed in the middle, twice. Asked again it goes on, and nothing is lost."""
    names = [f"s{i}" for i in range(30)]
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        kept_sessions(c, names)
        fill(c, names, 300)
        # So slow that it takes some seconds.
        for node in (a, b):
            switch.both(node.number, c.number, rate=100_000)
        for turn in range(2):
            before = have_come(a, b)
            asked = Task(leave, a, c, "-k", "-i", "1")
            wait_until(lambda: have_come(a, b) > before, "the first session to move", 2 * LIMIT)
            c.kill()
            said = asked.result().stdout
            expect("Done" not in said.splitlines(), said)
            c.restart()
            wait_until_whole(a, b, c)
        switch.heal()
        left(b, c, "-i", "1")
        has_ended(c)
        wait_until_whole(a, b)
        have_all(a, names, 300)
        c.restart()


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
def t13_three_sessions_become_one():
    """Three nodes, none of which reaches another, make a session of the same id each: its client connects in time."""
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, nodes):
        for turn in range(3):
            switch.split(*([node.number] for node in nodes))
            for node in nodes:
                for other in nodes:
                    if other is not node:
                        wait_until_running(node, other, False)
            names = [f"three-{turn}-{i}" for i in range(6)]
            for node in nodes:
                for name in names:
                    with lasting(node.address, name) as client:
                        client.subscribe(f"three/{node.number}", qos=1)
                        client.disconnect()
            switch.heal()
            wait_until_whole(*nodes)
            begin = time.monotonic()
            for i, name in enumerate(names):
                with back(nodes[i % 3].address, name) as client, mqtt.opened(nodes[0].address, "out") as publisher:
                    for node in nodes:
                        publisher.publish(f"three/{node.number}", b"", 1)
                    client.messages(3)
            took = time.monotonic() - begin
            print(f"all of them after {took:.1f} s")
            expect(took < IN_TIME, f"it took {took:.1f} s")


@scenario
def t30_bridge_between_two_sides():
    """A and C do not reach each other, B reaches both: a session of C comes to B, whichever node registers it."""
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        names = [f"bridge-{i}" for i in range(12)]  # every node registers some of them
        for name in names:
            with lasting(c.address, name) as client:
                client.subscribe(name, qos=1)
                client.disconnect()
        cut(switch, a, c)
        with mqtt.opened(b.address, "out") as publisher:
            for name in names:
                with back(b.address, name) as client:
                    publisher.publish(name, b"1", 1)
                    client.message()
        switch.heal()
        wait_until_whole(a, b, c)
        for node in (a, b, c):
            again = node.log().count("has a session at another node, too")
            expect(again <= len(names), f"{node.name} has registered {again} times")


@scenario
def t1_acknowledged_for_a_node_that_is_cut_off():
    """What is acknowledged for a session of B, which is cut off, survives the end of A, also if it was sent again."""
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    with BrokenNetwork(2, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b)):
        with lasting(b.address, "keeps") as client:
            client.subscribe("k/#", qos=2)
            client.disconnect()
        cut(switch, a, b)
        acknowledged = []
        with mqtt.opened(a.address, "once") as once:
            once.send(mqtt.publish("k/1", b"", 1, 4))
            if once.receive(EARLY):
                acknowledged.append("k/1")
        with lasting(a.address, "out") as first:
            first.send(mqtt.publish("k/2", b"", 2, 5))
            if first.receive(EARLY):
                acknowledged.append("k/2")
        with back(a.address, "out") as again:
            again.send(mqtt.publish("k/2", b"", 2, 5, dup=True))
            if again.receive(EARLY):
                acknowledged.append("k/2")
        a.kill()
        switch.heal()
        a.restart()
        wait_until_whole(a, b)
        print("acknowledged:", *acknowledged)
        with mqtt.opened(a.address, "last") as last:
            expect_equal(last.publish("k/last", b"", 1), 0)
        with back(b.address, "keeps") as client:
            got = []
            while "k/last" not in got:
                got.append(client.message().topic)
            expect(set(acknowledged) <= set(got), f"acknowledged {acknowledged}, and there is {got}")
            expect(got.count("k/2") <= 1, f"QoS 2 twice: {got}")


@scenario
def t1_refused_when_its_publisher_had_gone():
    """QoS 2 that the node which has to store it refuses, after its publisher's connection broke: not acknowledged later."""
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    for moves in (False, True):
        disks = Disks(2)
        try:
            with BrokenNetwork(2, *heartbeats(60), *QUEUES_WITHOUT_LIMIT,
                               of_node=lambda number: disks.disks[number - 1].settings()) as (_, (a, b)):
                with lasting(b.address, "keeps") as client:
                    client.subscribe("k/#", qos=2)
                    client.disconnect()
                with lasting(a.address, "out") as first:
                    disks.disks[1].fill()
                    with mqtt.opened(a.address, "filler") as filler:
                        filler.send(mqtt.publish("k/filler", bytes(5_000_000), 1, 1))
                        b.wait_for_log("the disk is full")
                        b.freeze()
                        first.send(mqtt.publish("k/2", b"", 2, 5))
                        expect(first.receive(EARLY) is None, "acknowledged by a node that hangs")
                        first.close()
                        b.thaw()
                        expect(filler.receive(EARLY) is None, "acknowledged without room")
                        disks.disks[1].make_room()
                        filler.expect(mqtt.PUBACK)  # and what is behind it has had its answer, too
                wait_until(lambda: a.metric("cluster_waiting_bytes") == 0, "answers of B")
                with back((a, b)[moves].address, "out") as again:
                    again.send(mqtt.publish("k/2", b"", 2, 5, dup=True))
                    code = mqtt.reason_code(again.expect(mqtt.PUBREC))
                with back(b.address, "keeps") as client, mqtt.opened(b.address, "last") as last:
                    expect_equal(last.publish("k/last", b"", 1), 0)
                    got = []
                    while "k/last" not in got:
                        got.append(client.message().topic)
                    print(f"PUBREC {code:#x}, then came {got}")
                    expect(code >= 0x80 or "k/2" in got, "acknowledged and lost")
        finally:
            disks.remove()


def tick():
    """The nodes' clocks count milliseconds."""
    time.sleep(0.01)


@scenario
def t18_retained_after_healing():
    """Changed and deleted on both sides of a split: equal on all nodes in time, the later change counts."""
    with BrokenNetwork(3, *heartbeats()) as (switch, (a, b, c)):
        with mqtt.opened(a.address, "one") as one, mqtt.opened(c.address, "other") as other:
            for i in range(6):
                one.publish(f"kept/{i}", b"old", 1, retain=True)
            wait_until(lambda: len(retained_at(c)) == 6, "retained messages on C")
            cut(switch, a, c)
            cut(switch, b, c)
            one.publish("kept/0", b"A only", 1, retain=True)
            other.publish("kept/1", b"C only", 1, retain=True)
            one.publish("kept/2", b"A first", 1, retain=True)
            tick()
            other.publish("kept/2", b"C later", 1, retain=True)
            other.publish("kept/3", b"C first", 1, retain=True)
            tick()
            one.publish("kept/3", b"", 1, retain=True)
            other.publish("kept/4", b"", 1, retain=True)
            tick()
            one.publish("kept/4", b"A later", 1, retain=True)
            one.publish("kept/5", b"", 1, retain=True)
            other.publish("kept/new", b"C", 1, retain=True)
            # A deletes what it has never heard of: what C wrote before that is gone, not what C writes later.
            other.publish("kept/unknown", b"C before", 1, retain=True)
            tick()
            for topic in ("kept/unknown", "kept/unknown-2", "kept/1"):
                one.publish(topic, b"", 1, retain=True)
            tick()
            other.publish("kept/unknown-2", b"C after", 1, retain=True)
        switch.heal()
        begin = time.monotonic()
        wanted = {"kept/0": b"A only", "kept/2": b"C later", "kept/4": b"A later", "kept/new": b"C",
                  "kept/unknown-2": b"C after"}
        for node in (a, b, c):
            while (found := retained_at(node)) != wanted:
                expect(time.monotonic() < begin + IN_TIME, f"{node.name} has {found}")
        print(f"equal after {time.monotonic() - begin:.2f} s")
        # What was deleted stays deleted when a node that has seen neither starts again.
        b.kill()
        b.restart()
        wait_until_whole(a, b, c)
        for node in (a, b, c):
            expect_equal(retained_at(node), wanted, node.name)


@scenario
def t28_silence_is_noticed():
    """Packets vanish, connections stay open: noticed on both sides after 3 s, with the settings as they are."""
    with BrokenNetwork(2) as (switch, (a, b)):
        passes_on(a, b)
        switch.both(a.number, b.number, cut=True)
        begin = time.monotonic()
        for node, other in ((a, b), (b, a)):
            wait_until_running(node, other, False)
        took = time.monotonic() - begin
        print(f"noticed after {took:.2f} s")
        expect(2 < took < 3 * SLOWNESS + 1.5, f"noticed after {took:.2f} s")
        switch.heal()
        wait_until_whole(a, b)
        passes_on(a, b)


@scenario
def t29_heartbeats_do_not_wait_behind_messages():
    """A line that is full for seconds is no reason to think that the other node is away."""
    with BrokenNetwork(2, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b)):
        with mqtt.opened(b.address, "in") as subscriber:
            subscriber.subscribe("bulk/#", qos=1)
            before = [(node.metric("netsplit_detected"), node.log().count("is away")) for node in (a, b)]
            switch.both(a.number, b.number, rate=2_000_000)
            floods = [Task(flood, a.address, f"bulk/{i}", 100, 60_000, 1, f"flood-{i}") for i in range(2)]
            got = subscriber.messages(200, 3 * LIMIT)
            for i, each in enumerate(floods):
                each.result()
                expect_equal([number_of(message) for message in got if message.topic == f"bulk/{i}"], list(range(100)))
        expect_equal([(node.metric("netsplit_detected"), node.log().count("is away")) for node in (a, b)], before,
                     "netsplits")


@scenario
def t7_slow_lossy_line():
    """300 ms, 5 % of packets lost and a subscriber who takes one at a time: nothing is dropped or out of order."""
    count = 300
    with BrokenNetwork(2, *heartbeats(10), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b)):
        with lasting(b.address, "in", receive_buffer=4096) as subscriber:
            subscriber.subscribe("slow/#", qos=1)
            switch.both(a.number, b.number, delay=0.3, loss=0.05)
            floods = [Task(flood, a.address, f"slow/{qos}", count, 2000, qos, f"flood-{qos}") for qos in (0, 1)]
            got = []
            while len(got) < 2 * count:
                got.append(subscriber.message(3 * LIMIT))
            for qos, each in enumerate(floods):
                each.result()
                numbers = list(dict.fromkeys(number_of(message) for message in got if message.topic == f"slow/{qos}"))
                expect_equal(numbers, list(range(count)), f"QoS {qos}")
        expect_equal(a.metric("cluster_bytes_dropped"), 0, "bytes dropped")


@scenario
def t30_nothing_comes_back():
    """Packets go from A to B and none come back: both notice, C serves both, and nothing acknowledged is lost."""
    with BrokenNetwork(3, *heartbeats(), *QUEUES_WITHOUT_LIMIT) as (switch, (a, b, c)):
        kept = [lasting(node.address, f"kept-{node.name[0]}") for node in (a, b, c)]
        for client in kept:
            client.subscribe("one/#", qos=2)
        publishers = [mqtt.opened(node.address, f"out-{node.name[0]}") for node in (a, b, c)]
        switch.set(b.number, a.number, cut=True)
        wait_until_running(a, b, False)
        wait_until_running(b, a, False)
        expect_equal(publishers[2].publish("one/c", b"from c", 2), 0, "C reaches both")
        for i in (0, 1):
            publishers[i].send(mqtt.publish(f"one/{i}", b"held up", 1, 9))
        switch.heal()
        wait_until_whole(a, b, c)
        for client in publishers[:2]:
            expect_equal(mqtt.reason_code(client.expect(mqtt.PUBACK)), 0)
        for client in kept:
            expect_equal(sorted(each.topic for each in client.messages(3)), ["one/0", "one/1", "one/c"])
            client.nothing_more()
        for client in publishers + kept:
            client.disconnect()


if __name__ == "__main__":
    namespaces.enter()
    main()
