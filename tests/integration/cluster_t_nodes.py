#!/usr/bin/env python3
"""What VerneMQ's users lost or suffered in clusters, one scenario for each: nodes that stop, start, join and die.

T2 to T33 are the names of these cases; README.md says where the other ones are tested.
"""

import contextlib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, WITHOUT_STORE, Failure, Skip, expect, expect_equal, wait_until
from cluster import HEARTBEATS, SILENCE, Cluster, Node, passes_on, wait_until_running, wait_until_whole
from load import Probe, Task, event, flood, number_of, numbered
from scenarios import main, scenario
from stored import back, lasting

QUORUM = "netsplit_policy = quorum"
IN_TIME = 5.0 * SLOWNESS  # seconds


def publish_anywhere(addresses, topic, name, stop):
    """Publishes numbers one after the other at whichever node takes them, until `stop` is set: those acknowledged."""
    acknowledged, number = [], 0
    while not stop.is_set():
        for address in addresses:
            with contextlib.suppress(Failure, mqtt.Closed, OSError):
                with mqtt.opened(address, name) as client:
                    while not stop.is_set():
                        number += 1
                        client.send(mqtt.publish(topic, numbered(number), 1, number % 60000 + 1))
                        if mqtt.reason_code(client.expect(mqtt.PUBACK, 2 * SLOWNESS)) >= 0x80:
                            break
                        acknowledged.append(number)
    return acknowledged


def wait_until_ready(*nodes):
    for node in nodes:
        wait_until(lambda node=node: node.metric("cluster_ready") == 1, f"{node.name} to be ready")


@scenario
def t2_t6_offline_through_rolling_restart():
    """SIGTERM never leaves the cluster, and a subscriber who is away while all nodes restart in turn misses nothing."""
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    with Cluster(3, QUORUM, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as nodes:
        wait_until_ready(*nodes)
        with lasting(nodes[1].address, "away") as client:
            client.subscribe("roll/#", qos=1)
            client.disconnect()
        stop = event()
        addresses = [node.address for node in nodes]
        publisher = Task(publish_anywhere, addresses, "roll/1", "out", stop)
        for node in nodes:
            node.stop()
            for other in nodes:
                if other is not node:
                    wait_until_running(other, node, False)
                    expect_equal(len(other.members()), 3, "a node that was stopped is a member")
            node.restart()
            wait_until_whole(*nodes)
            wait_until_ready(*nodes)
        stop.set()
        acknowledged = publisher.result()
        with mqtt.opened(nodes[0].address, "last") as last:
            expect_equal(last.publish("roll/2", numbered(0), 1), 0)
        got = []
        with back(nodes[2].address, "away") as client:
            while not got or got[-1] != 0:
                got.append(number_of(client.message()))
        first = list(dict.fromkeys(got))[:-1]
        expect_equal(sorted(set(acknowledged) - set(first))[:10], [], f"missing of {len(acknowledged)}")
        expect(first == sorted(first), "out of order", first[:50])
        print(f"{len(acknowledged)} messages, {len(got) - len(first) - 1} came again")


@scenario
def t8_member_dies_before_it_acknowledges():
    """What a member on B has not acknowledged when its connection breaks goes to the member on A."""
    with Cluster(2, "shared_subscription_policy = random") as (a, b):
        with mqtt.opened(a.address, "here") as here, mqtt.opened(b.address, "there", acknowledge=False) as there:
            there.subscribe("$share/g/t", qos=1)
            with mqtt.opened(a.address, "out") as publisher:
                for number in range(10):
                    expect_equal(publisher.publish("t", numbered(number), 1), 0)
                got = [number_of(mqtt.decode_publish(there.expect(mqtt.PUBLISH))) for _ in range(10)]
                expect_equal(got, list(range(10)), "the only member")
                here.subscribe("$share/g/t", qos=1)
                there.close()
                expect_equal(sorted(number_of(each) for each in here.messages(10)), list(range(10)))


@scenario
def t9_restart_under_shared_load():
    """A group with members on three nodes, one of which restarts: nothing is lost, and there is no gap of 5 s."""
    with Cluster(3, QUORUM, "shared_subscription_policy = random", *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as nodes:
        a, b, c = nodes
        wait_until_ready(*nodes)
        members = {}
        for node in nodes:
            members[node] = mqtt.opened(node.address, f"member-{node.name}")
            members[node].subscribe("$share/g/t", qos=1)
        stop = event()
        publisher = Task(publish_anywhere, [a.address], "t", "out", stop)
        got, last, gap = set(), time.monotonic(), 0.0

        def take(seconds):
            nonlocal last, gap
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                for node, member in list(members.items()):
                    try:
                        packet = member.receive(0.002)
                    except mqtt.Closed:
                        del members[node]
                        continue
                    if packet and packet.kind == mqtt.PUBLISH:
                        got.add(number_of(mqtt.decode_publish(packet)))
                        gap, last = max(gap, time.monotonic() - last), time.monotonic()

        take(0.5)
        c.stop()
        take(2 * SILENCE)
        c.restart()
        wait_until_whole(*nodes)
        wait_until_ready(*nodes)
        members[c] = mqtt.opened(c.address, "member-again")
        members[c].subscribe("$share/g/t", qos=1)
        take(0.5)
        stop.set()
        acknowledged = publisher.result()
        wait_until(lambda: take(0.1) or set(acknowledged) <= got, "all that was acknowledged")
        print(f"{len(acknowledged)} messages, longest gap {gap:.2f} s")
        expect(gap < IN_TIME, f"a gap of {gap:.1f} s")


@scenario
def t10_offline_queue_is_flushed():
    """Whatever waits for a client comes when it connects, at whichever node, with nobody publishing any more."""
    with Cluster(3, *QUEUES_WITHOUT_LIMIT) as nodes:
        with lasting(nodes[0].address, "flushed") as client:
            client.subscribe("q", qos=1)
            client.disconnect()
        with mqtt.opened(nodes[1].address, "out") as publisher:
            for turn in range(15):
                for number in range(turn % 4 * 10 + 1):
                    expect_equal(publisher.publish("q", numbered(number), 1 + turn % 2), 0)
                with back(nodes[turn % 3].address, "flushed") as client:
                    got = client.messages(turn % 4 * 10 + 1)
                    expect_equal([number_of(each) for each in got], list(range(turn % 4 * 10 + 1)))
                    client.nothing_more()
                    client.disconnect()


@scenario
def t12_expiry_survives_restart():
    """Expired messages and sessions do not come back, and what is left of the time goes on, over restarts and moves."""
    if WITHOUT_STORE:
        raise Skip("it keeps sessions")
    seconds = 3 * SLOWNESS
    with Cluster(2, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b):
        with lasting(b.address, "keeps") as client:
            client.subscribe("e", qos=1)
            client.disconnect()
        with mqtt.opened(b.address, "short", clean=False, props={mqtt.SESSION_EXPIRY: seconds}) as client:
            client.subscribe("s", qos=1)
            client.disconnect()
        with mqtt.opened(a.address, "out") as publisher:
            sent = time.monotonic()
            publisher.publish("e", b"short", 1, props={mqtt.MESSAGE_EXPIRY: seconds})
            publisher.publish("e", b"long", 1, props={mqtt.MESSAGE_EXPIRY: 1000})
            publisher.publish("e", b"for ever", 1)
        b.kill()
        b.restart()
        wait_until_whole(a, b)
        wait_until(lambda: time.monotonic() > sent + seconds + 1, "the time to pass", 2 * LIMIT)
        with back(a.address, "keeps") as client:
            got = client.messages(2)
            expect_equal([each.payload for each in got], [b"long", b"for ever"])
            left = got[0].properties[mqtt.MESSAGE_EXPIRY]
            expect(900 < left <= 1000 - seconds, f"{left} s are left")
            client.nothing_more()
            client.disconnect()
        with lasting(a.address, "short") as client:
            expect(not client.session_present, "a session that had expired is back")


@scenario
def t22_join_under_load():
    """A node joins while messages flow: nobody is disconnected, nothing is lost, others do not wait."""
    count = 300
    with Cluster(2, "netsplit_policy = all", *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b):
        wait_until_ready(a, b)
        crowd = []
        for i in range(count):
            client = mqtt.opened((a, b)[i % 2].address, f"crowd-{i}")
            client.subscribe(f"crowd/{i}", f"crowd/{i}/+/x", qos=1)
            crowd.append(client)
        stop = event()
        publisher = Task(publish_anywhere, [a.address], "crowd/1", "out", stop)
        with Node("c", "netsplit_policy = all", *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as c:
            with Probe(b.address) as probe:
                expect_equal(c.join(a).stdout, "Done\n")
                wait_until_whole(a, b, c)
                wait_until_ready(a, b, c)
                with mqtt.opened(c.address, "new") as new:
                    for i in range(count):
                        new.publish(f"crowd/{i}/new/x", numbered(i), 1)
            probe.expect_prompt()
            stop.set()
            acknowledged = publisher.result()
            for i, client in enumerate(crowd):
                client.ping()  # it is connected
                got = [mqtt.decode_publish(each) for each in client.inbox if each.kind == mqtt.PUBLISH]
                expect_equal([each.topic for each in got if each.topic != "crowd/1"], [f"crowd/{i}/new/x"])
                if i == 1:
                    expect_equal([number_of(each) for each in got if each.topic == "crowd/1"], acknowledged)
                client.close()


@scenario
def t31_memory_within_its_budget():
    """A node that hangs and a subscriber that does not read cost their buffers and no more."""
    size, budget = 10_000, 4 << 20
    with Cluster(2, "shards = 1", f"outgoing_clustering_buffer_size = {budget}",
                 f"cluster.heartbeat_timeout = {1000 * LIMIT}", "max_online_messages = 100") as (a, b):
        with mqtt.opened(b.address, "far") as far, mqtt.opened(a.address, "near", receive_buffer=4096) as near:
            far.subscribe("big")
            near.subscribe("big")
            flood(a.address, "big", 100, size)
            with mqtt.opened(a.address, "out") as publisher:  # nobody new gets in while the other node hangs
                before = a.rss()
                b.freeze()
                for number in range(8000):
                    publisher.send(mqtt.publish("big", numbered(number) + bytes(size), 0))
                publisher.ping()
            grown = a.rss(peak=True) - before
            b.thaw()
            print(f"{grown / 1e6:.1f} MB more for 80 MB of messages")
            expect(grown < 40e6 * (3 if SLOWNESS > 1 else 1), f"it grew by {grown / 1e6:.0f} MB")
            expect(a.metric("cluster_bytes_dropped") > 0, "nothing was dropped for the node that hangs")
            passes_on(a, b)


@scenario
def t33_mass_reconnect():
    """A node with many sessions dies; all of its clients come to the others at once, and are served in time."""
    count = 200 if SLOWNESS > 1 else 600
    with Cluster(3, QUORUM, *HEARTBEATS) as nodes:
        a, b, c = nodes
        wait_until_ready(*nodes)
        for i in range(count):
            with lasting(c.address, f"mass-{i}") as client:
                client.subscribe(f"mass/{i}", qos=1)
                client.disconnect()
        c.kill()
        for node in (a, b):
            wait_until_running(node, c, False)
        begin = time.monotonic()
        clients = [mqtt.Client((a, b)[i % 2].address, f"mass-{i}", clean=False, props={mqtt.SESSION_EXPIRY: 3600})
                   for i in range(count)]
        for client in clients:
            client.send(client.greeting)
        for i, client in enumerate(clients):
            expect_equal(client.expect(mqtt.CONNACK).body[1], 0, "reason of the CONNACK")
            client.send(mqtt.subscribe([(f"mass/{i}", 1)], 1))
        for client in clients:
            client.expect(mqtt.SUBACK)
        took = time.monotonic() - begin
        print(f"{count} clients after {took:.2f} s")
        expect(took < IN_TIME, f"it took {took:.1f} s")
        c.restart()
        wait_until_whole(*nodes)
        wait_until_ready(*nodes)
        # What was made twice becomes one, and its client stays.
        with mqtt.opened(c.address, "out") as publisher:
            for i in range(count):
                expect_equal(publisher.publish(f"mass/{i}", numbered(i), 1), 0)
        for i, client in enumerate(clients):
            expect_equal(number_of(client.message()), i)
            client.close()
        wait_until(lambda: "mass-" not in c.admin("session", "show", "--client_id", f"--node={c.name}").stdout,
                   "the old sessions to be gone")


if __name__ == "__main__":
    main()
