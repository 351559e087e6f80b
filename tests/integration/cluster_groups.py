#!/usr/bin/env python3
"""Shared subscriptions whose members are on several nodes."""

import collections
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import QUEUES_WITHOUT_LIMIT, expect, expect_equal, wait_until
from cluster import HEARTBEATS, Cluster, wait_until_running, wait_until_whole
from load import flood, number_of
from scenarios import main, scenario
from stored import lasting



def members_of(nodes, group="$share/g/t", each=1, qos=1):
    """`each` members of the group on each of the nodes: [(node, client)]."""
    found = []
    for node in nodes:
        for i in range(each):
            client = mqtt.opened(node.address, f"member-{node.name}-{i}")
            client.subscribe(group, qos=qos)
            found.append((node, client))
    return found


def arrived(client):
    """Messages that have come by now."""
    client.ping()
    found = [each for each in client.inbox if each.kind == mqtt.PUBLISH]
    for each in found:
        client.inbox.remove(each)
    return [mqtt.decode_publish(each, client.version) for each in found]


def take(members, count):
    """All `count` numbers, whoever gets them: {number: node name}."""
    got = {}

    def look():
        for node, client in members:
            for message in arrived(client):
                number = number_of(message)
                expect(number not in got, f"{number} came twice, to {got.get(number)} and {node.name}")
                got[number] = node.name
        return len(got) == count
    wait_until(look, f"{count} messages; there are {len(got)}")
    return got


@scenario
def one_member_gets_it():
    """T14: published on a node without members, each message goes to one member of each group, on any node."""
    count = 600
    with Cluster(3, "shared_subscription_policy = random", *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        members = members_of((b, c), each=2)
        other = mqtt.opened(b.address, "other-group")
        other.subscribe("$share/h/t", qos=1)
        outside = mqtt.opened(c.address, "outside")
        outside.subscribe("t", qos=1)
        for qos in (0, 1, 2):
            flood(a.address, "t", count, 32, qos, "out")
            got = take(members, count)
            expect_equal(sorted(got), list(range(count)), f"QoS {qos}")
            by_node = collections.Counter(got.values())
            expect(min(by_node[b.name], by_node[c.name]) > count / 4, f"{by_node}")
            for client in (other, outside):
                expect_equal([number_of(each) for each in client.messages(count)], list(range(count)), "all of them")
        for _, client in [*members, (b, other), (c, outside)]:
            client.nothing_more()


def sessions_of(nodes, *topics):
    """A session of the client id "several" on each node; they have subscribed: [(node, client)]."""
    found = []
    for node in nodes:
        client = lasting(node.address, "several")
        for topic in topics:
            client.subscribe(topic, qos=1)
        found.append((node, client))
    return found


@scenario
def sessions_take_turns():
    """allow_multiple_sessions with queue_deliver_mode = balance: each message goes to one session, on any node; what
    one has not acknowledged when it breaks goes to the others."""
    count = 600
    with Cluster(3, "allow_multiple_sessions = on", "queue_deliver_mode = balance", "max_inflight_messages = 100",
                 *QUEUES_WITHOUT_LIMIT) as nodes:
        a, b, c = nodes
        with mqtt.opened(a.address, "out") as publisher:
            publisher.publish("t/1", b"\0\0\0\0kept", 1, retain=True)
        sessions = sessions_of(nodes, "t/+")
        for node, client in sessions:
            expect_equal(client.message().payload[4:], b"kept", f"retained, on {node.name}")
        other = mqtt.opened(b.address, "another")
        other.subscribe("t/2", qos=1)
        flood(a.address, "t/2", count, 32, 1, "out")
        got = take(sessions, count)
        by_node = collections.Counter(got.values())
        expect(min(by_node[node.name] for node in nodes) > count / 6, f"{by_node}")
        expect_equal([number_of(each) for each in other.messages(count)], list(range(count)), "all for another client")

        silent = sessions.pop()[1]  # on c: from now on it does not read, so it acknowledges nothing
        flood(a.address, "t/3", count, 32, 1, "out")
        silent.close()
        got = take(sessions, count)
        expect_equal(set(got.values()), {a.name, b.name}, "those who are there")

        for _, client in sessions:
            client.disconnect()
        flood(c.address, "t/4", count, 32, 1, "out")  # kept, somewhere
        take([(node, lasting(node.address, "several")) for node in nodes], count)


@scenario
def full_members_give_back():
    """What waits for a member whose connection ends goes to a connected one of another node as far as that one has room;
    the rest is not lost."""
    count = 180
    with Cluster(2, "shared_subscription_policy = random", "max_online_messages = 90", "max_inflight_messages = 10",
                 "max_offline_messages = 1000") as (a, b):
        here, there = (lasting(node.address, name, 4) for node, name in ((a, "here"), (b, "there")))
        for client in (here, there):
            client.subscribe("$share/g/t", qos=1)
        flood(a.address, "t", count, 32, 1, "out")  # they do not read: nearly half of it waits for each
        here.close()
        wait_until(lambda: a.metric("active_mqtt_connections") == 0, "its connection has ended")
        wait_until(lambda: sum(kept(node) for node in (a, b)) == count, "every message is somewhere")
        expect(kept(a) > 50 and kept(b) >= 100, f"{kept(a)} messages at one node, {kept(b)} at the other")
        taken = take([(b, there), (a, lasting(a.address, "here", 4))], count)
        expect_equal(len(set(taken.values())), 2, "nodes")


def kept(node):
    """Messages of all sessions of a node, on the way to their clients or not."""
    done = node.admin("session", "show", f"--node={node.name}", "--queue_size", "--waiting_acks", "--format=json")
    return sum((row["queue_size"] or 0) + (row["waiting_acks"] or 0) for row in json.loads(done.stdout)["table"])


@scenario
def policies():
    """What shared_subscription_policy says, changed at run time."""
    with Cluster(2) as (a, b):
        here, there = members = members_of((a, b))

        def who(policy, count=40):
            done = a.admin("set", f"shared_subscription_policy={policy}")
            expect_equal(done.returncode, 0, done.stdout + done.stderr)
            flood(a.address, "t", count, 32, 1, "out")
            return set(take(members, count).values())

        expect_equal(who("prefer_local"), {a.name}, "prefer_local")
        expect_equal(who("random"), {a.name, b.name}, "random")
        expect_equal(who("prefer_online_before_local"), {a.name}, "prefer_online_before_local")
        here[1].disconnect()
        members = [there]
        with mqtt.opened(a.address, "probe") as probe:
            probe.subscribe("probe")  # the member that has left is gone everywhere
        expect_equal(who("prefer_local"), {b.name}, "the only one left")
        with lasting(a.address, "kept") as kept:
            kept.subscribe("$share/g/t", qos=1)
            kept.disconnect()
        expect_equal(who("prefer_online_before_local"), {b.name}, "connected ones first")
        with mqtt.opened(a.address, "out") as publisher:
            done = a.admin("set", "shared_subscription_policy=local_only")
            expect_equal(done.returncode, 0)
            expect_equal(publisher.publish("t", b"kept here", 1), 0)
        there[1].nothing_more()


@scenario
def a_dead_node_gives_back():
    """T15: what a node with members has not acknowledged when it hangs goes to members elsewhere; nothing is lost."""
    count = 300
    with Cluster(2, "shared_subscription_policy = random", *HEARTBEATS,
                 *QUEUES_WITHOUT_LIMIT) as (a, b):
        here, there = members_of((a, b))
        b.freeze()
        with mqtt.opened(a.address, "out") as publisher:
            publisher.send(b"".join(mqtt.publish("t", number.to_bytes(4, "big"), 1, number + 1)
                                    for number in range(count)))
            got = set()

            def all_here():
                got.update(number_of(each) for each in arrived(here[1]))
                return len(got) == count
            wait_until(all_here, f"all {count} on the node that runs")
            for number in range(count):
                expect_equal(mqtt.reason_code(publisher.expect(mqtt.PUBACK)), 0)
        wait_until_running(a, b, False)
        b.thaw()
        wait_until_whole(a, b)
        flood(a.address, "t", 100, 32, 1, "again")
        numbers = collections.Counter()

        def hundred():
            for _, client in (here, there):
                numbers.update(number_of(each) for each in arrived(client))
            return all(numbers[n] > 0 for n in range(100))
        wait_until(hundred, "what is published after it is back")


if __name__ == "__main__":
    main()
