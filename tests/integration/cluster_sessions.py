#!/usr/bin/env python3
"""One client id, one session, whichever node it connects to: takeover and sessions that move with their queues.

T4 to T34 in descriptions are the cases that VerneMQ's users reported, which are a list in the cluster's design.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, NO_STORE, QUEUES_WITHOUT_LIMIT, WITHOUT_STORE, expect, expect_equal, wait_until
from cluster import HEARTBEATS, Cluster, wait_until_running, wait_until_whole
from load import Task, event, number_of, numbered
from scenarios import main, scenario
from stored import LASTING, back, lasting

TAKEN_OVER = 0x8E


def kicked(client, version=5):
    """The broker has sent it away for another connection of its client id."""
    if version == 5:
        expect_equal(mqtt.reason_code(client.expect(mqtt.DISCONNECT)), TAKEN_OVER, "reason of the DISCONNECT")
    client.closed()


def alive(client):
    client.ping()
    return True


def publish_numbers(address, topic, numbers, name, qos=1, stop=None, window=50):
    """Publishes them in order, or until `stop` is set; how many were acknowledged, which all sent ones were."""
    sent, under_way = 0, 0
    with mqtt.opened(address, name) as client:
        while True:
            batch = bytearray()
            while sent < len(numbers) and under_way < window and not (stop and stop.is_set()):
                batch += mqtt.publish(topic, numbered(numbers[sent]), qos, sent % 60000 + 1)
                sent, under_way = sent + 1, under_way + 1
            client.send(batch)
            if not under_way:
                return sent
            answer = client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, 3 * LIMIT)
            expect(mqtt.reason_code(answer) < 0x80, f"refused: {mqtt.reason_code(answer):#x}")
            under_way -= 1
            if qos == 2:
                client.send(mqtt.ack(mqtt.PUBREL, mqtt.packet_id(answer)))


def sessions_of(node, name):
    """How many sessions of the client the node has."""
    shown = node.admin("session", "show", "--client_id", f"--client_id={name}", f"--node={node.name}",
                       "--format=json").stdout
    return shown.count(f'"{name}"')


# --- Takeover ---


@scenario
def t16_connect_elsewhere_kicks():
    """T16, T16b: v5 gets 0x8E, v3 is closed; clean sessions and such as are kept, in every direction."""
    with Cluster(3) as nodes:
        for version in (5, 4):
            for clean in (True, False):
                for old, new in ((0, 1), (1, 0), (2, 1), (0, 2)):
                    name = f"k-{version}-{clean}-{old}-{new}"
                    open_one = mqtt.opened if clean else lasting
                    first = open_one(nodes[old].address, name, version)
                    second = open_one(nodes[new].address, name, version)
                    kicked(first, version)
                    alive(second)
                    expect_equal(second.session_present, not clean, f"session present, {name}")
                    # And at the same node again, which asks nobody.
                    third = open_one(nodes[new].address, name, version)
                    kicked(second, version)
                    expect_equal(third.session_present, not clean, f"session present, {name}")
                    third.disconnect()


@scenario
def clean_start_discards():
    """A clean start at B ends the session that A keeps: nothing of it is seen again."""
    with Cluster(2) as (a, b):
        with lasting(a.address, "c") as client:
            client.subscribe("old", qos=1)
            client.disconnect()
        with mqtt.opened(b.address, "p") as publisher:
            publisher.publish("old", b"1", 1)
            with mqtt.opened(b.address, "c") as client:
                expect(not client.session_present, "session present after a clean start")
                publisher.publish("old", b"2", 1)
                client.nothing_more()
                client.disconnect()
        with lasting(a.address, "c") as client:
            expect(not client.session_present, "the session that was discarded is there again")
            client.nothing_more()


@scenario
def side_by_side():
    """allow_multiple_sessions: nobody is sent away."""
    with Cluster(2, "allow_multiple_sessions = on") as (a, b):
        with mqtt.opened(a.address, "m") as first, mqtt.opened(b.address, "m") as second:
            first.subscribe("x")
            second.subscribe("x")
            with mqtt.opened(a.address, "p") as publisher:
                publisher.publish("x", b"1")
            first.message()
            second.message()


def race(nodes, count, name):
    """`count` connections of one client id at the same moment; those that got in."""
    clients = [mqtt.Client(nodes[i % len(nodes)].address, name) for i in range(count)]
    for client in clients:
        client.send(client.greeting)
    return clients


@scenario
def racing_connects():
    """T16: 20 connections of one client id on three nodes at the same moment: one is live in the end."""
    with Cluster(3) as nodes:
        for turn in range(5):
            name = f"race-{turn}"
            clients = race(nodes, 20, name)
            open_ones = list(clients)

            def settled():
                for client in list(open_ones):
                    try:
                        client.receive(0.01)
                    except mqtt.Closed:
                        open_ones.remove(client)
                return len(open_ones) <= 1

            wait_until(settled, "all but one to be sent away")
            expect_equal(len(open_ones), 1, "live connections")
            alive(open_ones[0])
            expect_equal(sum(sessions_of(node, name) for node in nodes), 1, "sessions")
            open_ones[0].disconnect()


@scenario
def t4_takeover_storm():
    """T4, T13: a client that changes between two nodes 50 times misses nothing of what is published meanwhile."""
    for settings in ((),) if WITHOUT_STORE else ((), NO_STORE):
        with Cluster(3, *QUEUES_WITHOUT_LIMIT, *settings) as nodes:
            a, b, _ = nodes
            client = lasting(a.address, "hops")
            client.subscribe("hop/#", qos=1)
            stop = event()
            publishers = [Task(publish_numbers, node.address, f"hop/{i}", range(1_000_000), f"p{i}", 1, stop, 2)
                          for i, node in enumerate(nodes)]
            got = []
            for turn in range(50):
                got += [client.message() for _ in range(5)]
                # What it has acknowledged before it goes.
                other = back((b, a)[turn % 2].address, "hops")
                got += [mqtt.decode_publish(each) for each in client.inbox if each.kind == mqtt.PUBLISH]
                client.close()
                client = other
            stop.set()
            counts = [each.result() for each in publishers]
            numbers = [[] for _ in nodes]

            def note(message):
                numbers[int(message.topic[-1])].append(number_of(message))

            for message in got:
                note(message)
            left = {(i, counts[i] - 1) for i in range(3)} - {(i, each) for i in range(3) for each in numbers[i]}
            while left:
                message = client.message()
                note(message)
                left.discard((int(message.topic[-1]), number_of(message)))
            for i in range(3):
                first = list(dict.fromkeys(numbers[i]))
                expect_equal(sorted(set(range(counts[i])) - set(first))[:10], [], f"missing of {counts[i]}")
                at = next((at for at, number in enumerate(first) if at != number), None)
                expect(at is None, f"order: at {at} came", first[max((at or 0) - 5, 0):(at or 0) + 30])
            alive(client)
            expect_equal(sum(sessions_of(node, "hops") for node in nodes), 1, "sessions")
            print(f"{sum(counts)} messages, {sum(map(len, numbers)) - sum(counts)} came again")


# --- Sessions that move ---


@scenario
def t34_queue_moves_in_order():
    """T34, T4: 1,000 stored messages move in order while publishers on both nodes go on. Each comes once."""
    count = 1000
    for settings in ((),) if WITHOUT_STORE else ((), ("durability = memory",), NO_STORE):
        with Cluster(2, *QUEUES_WITHOUT_LIMIT, *settings) as (a, b):
            with lasting(a.address, "moves") as client:
                client.subscribe("q/#", qos=2)
                client.disconnect()
            for i, node in enumerate((a, b)):
                expect_equal(publish_numbers(node.address, f"q/{i}", range(count), f"first-{i}", 1 + i), count)
            stop = event()
            publishers = [Task(publish_numbers, node.address, f"q/{i}", range(count, 1_000_000), f"then-{i}", 1 + i,
                               stop) for i, node in enumerate((a, b))]
            client = back(b.address, "moves")
            got = client.messages(3 * count, 3 * LIMIT)
            stop.set()
            counts = [count + each.result() for each in publishers]
            got += client.messages(sum(counts) - len(got), 3 * LIMIT)
            client.nothing_more()
            for i in (0, 1):
                expect_equal([number_of(each) for each in got if each.topic == f"q/{i}"], list(range(counts[i])),
                             f"publisher {i} {settings}")
            expect_equal(sessions_of(a, "moves"), 0, "sessions left behind")
            expect_equal(a.metric("queue_message_drop") + b.metric("queue_message_drop"), 0)
            client.disconnect()


@scenario
def session_moves_whole():
    """Subscriptions with options and identifiers, exchanges of QoS 2 in both directions, session expiry."""
    with Cluster(2) as (a, b):
        client = lasting(a.address, "whole")
        client.subscribe("s/1", qos=2, props={11: 7})
        client.subscribe("s/2", qos=1)
        # From the client: PUBLISH without PUBREL. To the client: PUBLISH, PUBREC without PUBCOMP, and unacknowledged.
        client.send(mqtt.publish("s/2", b"mine", 2, 77))
        client.expect(mqtt.PUBREC)
        client.message()
        client.acknowledge = False
        with mqtt.opened(a.address, "p") as publisher:
            publisher.publish("s/1", b"first", 2)
            publisher.publish("s/1", b"second", 2)
        first, second = (mqtt.decode_publish(client.expect(mqtt.PUBLISH)) for _ in range(2))
        client.send(mqtt.ack(mqtt.PUBREC, first.id))
        client.expect(mqtt.PUBREL)
        other = lasting(b.address, "whole", acknowledge=False)
        expect(other.session_present, "the session is lost")
        kicked(client)
        expect_equal(mqtt.packet_id(other.expect(mqtt.PUBREL)), first.id, "PUBREL again")
        again = mqtt.decode_publish(other.expect(mqtt.PUBLISH))
        expect_equal((again.payload, again.id, again.dup), (b"second", second.id, True), "PUBLISH again")
        expect_equal(again.properties.get(11), [7], "subscription identifier")
        other.send(mqtt.publish("s/2", b"mine", 2, 77, dup=True) + mqtt.ack(mqtt.PUBREL, 77))
        other.expect(mqtt.PUBREC)
        other.expect(mqtt.PUBCOMP)
        other.nothing_more()  # it was published before
        other.close()


@scenario
def killed_while_moving():
    """T14: either node is killed in the middle of a move. Nothing that was acknowledged is lost."""
    count = 5000
    with Cluster(2, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b):
        for turn, victim in enumerate((a, b, a, b)):
            name = f"mover-{turn}"
            with lasting(a.address, name) as client:
                client.subscribe(f"m/{turn}", qos=1)
                client.disconnect()
            publish_numbers(a.address, f"m/{turn}", range(count), "p")
            client = mqtt.Client(b.address, name, clean=False, props=LASTING)
            client.send(client.greeting)
            # A few thousand messages take longer than it takes to see the line.
            wait_until(lambda: f"session of client {name} goes to node" in a.log(), "the session to move")
            victim.kill()
            client.close()
            victim.restart()
            wait_until_whole(a, b)
            got = set()
            client = lasting(b.address, name)
            try:
                while len(got) < count:
                    got.add(number_of(client.message()))
            finally:
                expect_equal(sorted(set(range(count)) - got)[:10], [], f"missing after {victim.name} was killed")
            client.disconnect()


@scenario
def split_and_healed():
    """T27: a session that was made twice while the nodes did not see each other is one again afterwards."""
    with Cluster(2, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT, "allow_register_during_netsplit = on",
                 "allow_publish_during_netsplit = on", "allow_subscribe_during_netsplit = on") as (a, b):
        first = lasting(a.address, "twice")
        first.subscribe("t/#", qos=1)
        a.freeze()
        wait_until_running(b, a, False)
        second = lasting(b.address, "twice")
        expect(not second.session_present, "where should it have come from?")
        second.subscribe("t/#", qos=1)
        a.thaw()
        wait_until_whole(a, b)
        kicked(first)
        alive(second)
        wait_until(lambda: sessions_of(a, "twice") == 0, "the older session to be gone")
        with mqtt.opened(a.address, "p") as publisher:
            publisher.publish("t/1", b"1", 1)
        expect_equal(second.message().payload, b"1")
        second.nothing_more()
        second.disconnect()


@scenario
def what_waited_for_the_old_owner():
    """A node keeps messages for a session's old owner, which has given it away when they come, and was killed since."""
    with Cluster(3, *HEARTBEATS, "netsplit_policy = none") as (a, b, c):
        with lasting(a.address, "late") as client:
            client.subscribe("late/#", qos=1)
            client.disconnect()
        a.kill()
        wait_until_running(c, a, False)
        with mqtt.opened(c.address, "p") as publisher:
            publisher.publish("late/1", b"kept", 1)
        c.kill()
        a.restart()
        wait_until_running(b, a, True)
        wait_until_running(a, b, True)
        client = back(b.address, "late")
        wait_until(lambda: sessions_of(a, "late") == 0, "the session to be gone from there")
        client.nothing_more()
        a.kill()
        a.restart()
        c.restart()
        expect_equal(client.message().payload, b"kept")
        client.disconnect()


if __name__ == "__main__":
    main()
