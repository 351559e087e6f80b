#!/usr/bin/env python3
"""Several brokers that are one: joining, messages and subscriptions across nodes, nodes that die, hang and leave.

T1 to T28 in descriptions are the cases that VerneMQ's users reported, which are a list in the cluster's design.
"""

import os
import pathlib
import random
import re
import shutil
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, expect, expect_equal, free_port, wait_until
from cluster import HEARTBEATS, SILENCE, Cluster, Node, passes_on, retained_at, wait_until_running, wait_until_whole
from cutting_proxy import CuttingProxy
from load import Probe, Task, event, flood, number_of, numbered
from scenarios import main, scenario
from stored import back, lasting

EARLY = 0.3 * SLOWNESS  # seconds in which nothing may come


def send_numbers(address, topic, numbers, qos, client_id="numbers", window=100, stop=None, padding=b""):
    """Publishes each of the range `numbers`, or until `stop` is set; {number: reason code}.

    Waits for acknowledgements as long as it takes.
    """
    codes, sent, under_way = {}, 0, {}
    with mqtt.opened(address, client_id) as client:
        while True:
            batch = bytearray()
            while sent < len(numbers) and len(under_way) < window and not (stop and stop.is_set()):
                identifier = sent % 60000 + 1
                under_way[identifier] = numbers[sent]
                batch += mqtt.publish(topic, numbered(numbers[sent]) + padding, qos, identifier)
                sent += 1
            client.send(batch)
            if not under_way:
                client.ping()  # everything before it has been read
                return codes
            answer = client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC, 3 * LIMIT)
            identifier, reason = mqtt.packet_id(answer), mqtt.reason_code(answer)
            codes[under_way.pop(identifier)] = reason
            if qos == 2 and reason < 0x80:
                client.send(mqtt.ack(mqtt.PUBREL, identifier))


def send_padded(address, topic, numbers, qos, size):
    """Like send_numbers(), messages of `size` bytes and a few more."""
    return send_numbers(address, topic, numbers, qos, padding=bytes(size))


def receive_until(client, last):
    """Numbers in the order of arrival, until `last` is there."""
    got = []
    while last not in got[-1:]:
        got.append(number_of(client.message()))
    return got


def first_ones(numbers):
    """Without repetitions."""
    return list(dict.fromkeys(numbers))


def expect_in_order(got, count):
    """Every number from 0 is there, the first time in its place; some may have come again."""
    first = list(dict.fromkeys(got))
    at = next((i for i in range(count) if first[i:i + 1] != [i]), None)
    expect(at is None, f"missing: {sorted(set(range(count)) - set(got))[:20]}; instead of {at} came",
           first[max(at or 0, 5) - 5:(at or 0) + 20], f"of {len(got)} messages")


def seeded():
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"VMQ_SEED={seed}")
    return random.Random(seed)


def refused(done, first_line, *more):
    """A command failed with status 1 and this first line; each of `more` is somewhere in what it said."""
    said = done.stdout + done.stderr
    expect_equal((done.returncode, said.splitlines()[0]), (1, first_line), "exit status and first line of " + said)
    for words in more:
        expect(words in said, f"{words!r} is not in {said}")


# --- Membership ---


@scenario
def join_and_show():
    with Cluster(3) as (a, b, c):
        shown = c.admin("cluster", "show").stdout
        expect_equal(re.findall(r"^\|\s*(\S+)\s*\|\s*(\S+)\s*\|\s*$", shown, re.MULTILINE),
                     [("Node", "Running"), (a.name, "true"), (b.name, "true"), (c.name, "true")], shown)
        again = b.join(a)  # it has been done
        expect_equal((again.returncode, again.stdout), (0, "Done\n"))
        b.stop()
        for node in (a, c):
            wait_until_running(node, b, False)
            expect_equal(sorted(node.members()), [a.name, b.name, c.name], "a node that is down stays a member")
        b.restart()
        wait_until_whole(a, b, c)


@scenario
def join_refused():
    with Cluster(2) as (a, b), Node("c") as c, Node("d", cookie="another secret of the tests") as d, Node("b") as twin:
        missing = c.admin("cluster", "join")
        expect_equal((missing.returncode, missing.stdout), (0, "You have to provide a discovery node (example "
                                                            "discovery-node=vernemq1@127.0.0.1)\n"))
        refused(c.admin("cluster", "join", "discovery-node=nonsense"), "Invalid arguments: discovery-node=nonsense ",
                "NAME@HOST:PORT")

        def rpc(node, reason):
            return f"RPC to node {node} failed for reason: {reason}"

        def join(node, name, port):
            return node.admin("cluster", "join", f"discovery-node={name}:{port}")

        closed = free_port()
        refused(join(c, "x@127.0.0.1", closed), rpc("x@127.0.0.1", "not_reachable"), "refuses connections")
        refused(join(c, "x@no-such-host.invalid", closed), rpc("x@no-such-host.invalid", "not_reachable"))
        refused(c.join(c), rpc(c.name, "self_join"))
        refused(join(c, "x@127.0.0.1", c.cluster_port), rpc("x@127.0.0.1", "self"), "its own")
        refused(join(c, "x@127.0.0.1", a.cluster_port), rpc("x@127.0.0.1", "wrong_name"), a.name)

        different = f"{a.name} and {d.name} have different cookies"
        refused(d.join(a), rpc(a.name, "bad_cookie"), different, "distributed_cookie")
        a.wait_for_log(rf"\({d.name}\) is not let in: {different}")
        expect("secret of the tests" not in a.log() + d.log(), "a cookie is in the log")

        refused(twin.join(a), rpc(a.name, "name_taken"), "another nodename")
        refused(a.join(c), rpc(c.name, "non_empty_node"), "leave that first")
        # Nothing has come of all that.
        for node in (c, d, twin):
            expect_equal(node.members(), {node.name: True})
        wait_until_whole(a, b)


@scenario
def t25_restarted():
    """A node keeps its members over kill -9, is found at a new port, and all at once may be gone (T25)."""
    with Cluster(3) as (a, b, c):
        b.kill()
        for node in (a, c):
            wait_until_running(node, b, False)
        b.restart(cluster_port=free_port())
        wait_until_whole(a, b, c)
        for node in (a, b, c):
            node.kill()
        c.restart()
        expect_equal(c.members(), {a.name: False, b.name: False, c.name: True})
        a.restart(cluster_port=free_port())
        b.restart()
        wait_until_whole(a, b, c)
        with mqtt.opened(b.address, "in") as subscriber, mqtt.opened(a.address, "out") as publisher:
            subscriber.subscribe("alive")
            publisher.publish("alive", b"yes")
            subscriber.message()


@scenario
def t23_wiped_disk():
    """A member that has lost its data is another one: not before it joins again is it let in (T23)."""
    with Cluster(2) as (a, b):
        b.kill()
        shutil.rmtree(b.folder / "data")
        b.restart()
        wait_until_running(a, b, False)
        expect_equal(b.members(), {b.name: True})
        expect_equal(b.join(a).stdout, "Done\n")
        wait_until_whole(a, b)
        passes_on(b, a)


@scenario
def old_copy_put_back():
    """A node with an old copy of its data gets back what it wrote after it, whatever it writes before it is told."""
    def keep(node, **messages):
        with mqtt.opened(node.address, "writer") as client:
            for name, payload in messages.items():
                client.publish(f"kept/{name}", payload, 1, retain=True)

    def wait_for(node, **wanted):
        wanted = {f"kept/{name}": payload for name, payload in wanted.items()}
        wait_until(lambda: retained_at(node) == wanted, f"{node.name} to have {wanted}")

    with Cluster(2) as (a, b):
        keep(b, one=b"first", two=b"first", three=b"first")
        wait_for(a, one=b"first", two=b"first", three=b"first")
        b.stop()
        copy = b.folder / "copy"
        shutil.copytree(b.folder / "data", copy)
        b.restart()
        wait_until_whole(a, b)
        keep(b, two=b"second", three=b"", four=b"second")
        wait_for(a, one=b"first", two=b"second", four=b"second")
        b.stop()
        a.stop()
        shutil.rmtree(b.folder / "data")
        copy.rename(b.folder / "data")
        b.restart()
        keep(b, five=b"third")
        wait_for(b, one=b"first", two=b"first", three=b"first", five=b"third")
        a.restart()
        wait_until_whole(a, b)
        for node in (a, b):
            wait_for(node, one=b"first", two=b"second", four=b"second", five=b"third")


@scenario
def dead_node_leaves():
    with Cluster(3, *HEARTBEATS) as (a, b, c):
        missing = a.admin("cluster", "leave", "node=x@127.0.0.1")
        refused(missing, "x@127.0.0.1 is no member of the cluster.")
        with lasting(c.address, "kept") as client:
            client.subscribe("left/#", qos=1)
        c.kill()
        wait_until_running(a, c, False)
        with mqtt.opened(a.address, "publisher") as publisher:
            expect_equal(publisher.publish("left/1", b"for c", 1), 0)
            wait_until(lambda: a.metric("cluster_spooled_bytes") > 0, "the message to be on disk")
            left = a.admin("cluster", "leave", f"node={c.name}")
            expect_equal((left.returncode, left.stdout), (0, "Done\n"))
            wait_until(lambda: a.metric("cluster_spooled_bytes") == 0, "what waited for C to be given up")
            expect_equal(publisher.publish("left/2", b"for nobody", 1) & 0x80, 0)
        wait_until_whole(a, b)
        c.restart()
        wait_until(lambda: c.members() == {c.name: True}, "the node that has left to be alone")
        c.wait_for_log("it goes on alone")
        wait_until_whole(a, b)
        with back(c.address, "kept"):
            pass
        # Nothing binds it to the cluster, so it may come again.
        expect_equal(c.join(b).stdout, "Done\n")
        wait_until_whole(a, b, c)


# --- Messages ---


@scenario
def both_ways_in_order():
    """QoS 0, 1 and 2, 1,000 each, from A to B and from B to A at the same time."""
    count = 1000
    with Cluster(2, *QUEUES_WITHOUT_LIMIT) as (a, b):
        directions = ((a, b, "east"), (b, a, "west"))
        for qos in (0, 1, 2):
            subscribers = {name: mqtt.opened(to.address, name) for _, to, name in directions}
            for name, subscriber in subscribers.items():
                subscriber.subscribe(f"{name}/#", qos=2)
            floods = [Task(flood, source.address, f"{name}/{qos}", count, 64, qos, f"flood-{name}")
                      for source, _, name in directions]
            for name, subscriber in subscribers.items():
                got = subscriber.messages(count)
                expect_equal([number_of(each) for each in got], list(range(count)), f"{name}, QoS {qos}")
                expect_equal({each.qos for each in got}, {qos}, "QoS")
            for each in floods:
                each.result()
            for subscriber in subscribers.values():
                subscriber.nothing_more()
                subscriber.disconnect()


@scenario
def t24_suback_means_everywhere():
    """T24: whoever has a SUBACK gets what is published on any node from then on."""
    chance = seeded()
    with Cluster(3) as nodes:
        subscribers = [mqtt.opened(node.address, f"in-{i}") for i, node in enumerate(nodes)]
        publishers = [mqtt.opened(node.address, f"out-{i}") for i, node in enumerate(nodes)]
        for number in range(200):
            here, there = chance.sample(range(len(nodes)), 2)
            topic = f"t/{number}/{chance.randrange(10)}"
            wanted = chance.choice((topic, f"t/{number}/+", f"t/{number}/#", f"+/{number}/+"))
            subscribers[here].subscribe(wanted, qos=chance.randrange(3))
            publishers[there].publish(topic, numbered(number))  # QoS 0: nothing makes up for it later
            expect_equal(number_of(subscribers[here].message()), number, f"{wanted} on {here}, {topic} on {there}")
            if chance.random() < 0.3:
                subscribers[here].unsubscribe(wanted)
        for client in subscribers + publishers:
            client.disconnect()


@scenario
def kept_for_the_absent():
    """A persistent session on B gets in order what is published on A and C while its client is away."""
    count = 300
    with Cluster(3, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        with lasting(b.address, "away") as client:
            client.subscribe("a/#", "c/#", qos=2)
            client.disconnect()
        for source, topic, qos in ((a, "a/x", 1), (c, "c/x", 2)):
            codes = send_numbers(source.address, topic, range(count), qos)
            expect_equal(set(codes.values()), {0}, "reason codes")
        with back(b.address, "away") as client:
            got = client.messages(2 * count)
            for topic in ("a/x", "c/x"):
                expect_equal([number_of(each) for each in got if each.topic == topic], list(range(count)), topic)
            client.nothing_more()


@scenario
def acknowledged_is_stored():
    """T1: what A has acknowledged is on the disk of B, which may be killed at that moment."""
    with Cluster(2, *HEARTBEATS) as (a, b):
        with lasting(b.address, "keeps") as client:
            client.subscribe("k", qos=2)
            client.disconnect()
        sent = []
        with mqtt.opened(a.address, "out") as publisher:
            for qos in (1, 2, 1):
                wait_until_whole(a, b)
                for _ in range(3):
                    sent.append(len(sent))
                    expect_equal(publisher.publish("k", numbered(sent[-1]), qos), 0)
                b.kill()
                b.restart()
            wait_until_whole(a, b)
            # And while it cannot store, nothing is acknowledged.
            b.freeze()
            sent.append(len(sent))
            publisher.send(mqtt.publish("k", numbered(sent[-1]), 1, 999))
            expect(publisher.receive(EARLY) is None, "acknowledged while the other node hangs")
            b.thaw()
            expect_equal(mqtt.reason_code(publisher.expect(mqtt.PUBACK)), 0)
        with back(b.address, "keeps") as client:
            expect_equal(first_ones(receive_until(client, sent[-1])), sent)


@scenario
def t1_killed_under_load():
    """T1: B is killed three times while A publishes for one of its clients. All that is acknowledged arrives."""
    chance = seeded()
    with Cluster(2, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b):
        client = lasting(b.address, "survivor")
        client.subscribe("load", qos=1)
        stop = event()
        publisher = Task(send_numbers, a.address, "load", range(1_000_000), 1, "numbers", 100, stop)
        got = []
        for _ in range(3):
            got += [number_of(client.message()) for _ in range(chance.randrange(100, 1000))]
            b.kill()
            # It has acknowledged these already.
            got += [number_of(mqtt.decode_publish(each)) for each in client.inbox if each.kind == mqtt.PUBLISH]
            client.close()
            b.restart()
            client = back(b.address, "survivor")
        stop.set()
        codes = publisher.result()
        expect_equal(set(codes.values()), {0}, "reason codes")
        got += receive_until(client, len(codes) - 1)
        expect_in_order(got, len(codes))
        print(f"{len(got) - len(codes)} of {len(codes)} messages came again")
        client.disconnect()


@scenario
def t3_cut_links():
    """T3: links are cut in the middle of frames. Nothing is lost or changes places, and QoS 2 comes once."""
    chance = seeded()
    with Node("b", *HEARTBEATS, *QUEUES_WITHOUT_LIMIT, cluster_host="127.0.0.2") as b:
        address = "127.0.0.1", b.cluster_port
        with CuttingProxy(address, ("127.0.0.2", b.cluster_port), chance, most_bytes=20_000) as proxy:
            with Node("a", *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as a:
                expect_equal(a.join(b).stdout, "Done\n")
                wait_until_whole(a, b)
                with lasting(b.address, "in") as client:
                    client.subscribe("cut/#", qos=2)
                    proxy.cutting = True
                    stop = event()
                    publishers = {qos: Task(send_numbers, a.address, f"cut/{qos}", range(1_000_000), qos, f"out-{qos}",
                                            100, stop) for qos in (1, 2)}
                    wait_until(lambda: proxy.cuts >= 10, "ten links to be cut", 2 * LIMIT)
                    stop.set()
                    proxy.cutting = False
                    codes = {qos: each.result() for qos, each in publishers.items()}
                    got = client.messages(sum(len(each) for each in codes.values()))
                    for qos, each in codes.items():
                        expect_equal(set(each.values()), {0}, "reason codes")
                        expect_equal([number_of(message) for message in got if message.qos == qos],
                                     list(range(len(each))), f"QoS {qos}")
                    client.nothing_more()
                    print(f"{proxy.cuts} cuts, {len(got)} messages")


@scenario
def forwarding_stops():
    """What nobody on B wants any more is not sent there."""
    with Cluster(2) as (a, b), mqtt.opened(a.address, "out") as publisher:
        def forwarded():
            """Whether a publish on A goes to B."""
            before = a.metric("router_matches_remote")
            publisher.publish("f/x", b"", 1)
            return a.metric("router_matches_remote") - before

        def expect_no_more(what):
            wait_until(lambda: forwarded() == 0, f"nothing to be forwarded after {what}")
            expect_equal([forwarded() for _ in range(3)], [0, 0, 0], f"forwarded after {what}")

        expect_equal(forwarded(), 0, "forwarded without subscribers")
        with mqtt.opened(b.address, "in") as client, mqtt.opened(b.address, "second") as second:
            client.subscribe("f/+", "f/#")
            second.subscribe("f/+")
            expect_equal(forwarded(), 1, "once for a node, however many want it there")
            client.unsubscribe("f/+", "f/#")
            second.ping()
            expect_equal(forwarded(), 1, "forwarded for the other one")
            second.unsubscribe("f/+")
            expect_no_more("unsubscribing")
            client.subscribe("f/+")
            second.subscribe("f/#")
            expect_equal(forwarded(), 1)
            client.disconnect()
            second.close()
            expect_no_more("clean sessions have ended")
        with lasting(b.address, "kept") as client:
            client.subscribe("f/+", qos=1)
            client.disconnect()
        expect_equal(forwarded(), 1, "forwarded for a session that is kept")
        mqtt.opened(b.address, "kept").disconnect()
        expect_no_more("a session was discarded")
        with mqtt.opened(b.address, "short", clean=False, props={mqtt.SESSION_EXPIRY: 1}) as client:
            client.subscribe("f/+", qos=1)
            client.disconnect()
        expect_equal(forwarded(), 1, "forwarded for a session that is kept a second")
        expect_no_more("a session has expired")


# --- Nodes that hang ---


@scenario
def t20_hanging_node():
    """T28, T20: a node that hangs is noticed in time, disturbs nobody, and misses nothing that was acknowledged."""
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        with lasting(c.address, "waits") as client:
            client.subscribe("h", qos=1)
            client.disconnect()
        with Probe(a.address) as probe:
            publisher = Task(send_numbers, a.address, "h", range(500), 1)
            expect_equal(set(publisher.result().values()), {0})
            c.freeze()
            frozen = time.monotonic()
            for_c = Task(send_numbers, a.address, "h", range(500, 1000), 1)
            with mqtt.opened(b.address, "in") as subscriber:
                # A SUBACK waits for all nodes that run, but not for ever.
                subscriber.subscribe("h/other", qos=1)
                for node in (a, b):
                    wait_until_running(node, c, False)
                took = time.monotonic() - frozen
                print(f"noticed after {took:.2f} s")
                expect(took < 2 * SILENCE, f"noticed after {took:.2f} s")
                with mqtt.opened(a.address, "other") as other:
                    for number in range(20):
                        expect_equal(other.publish("h/other", numbered(number), 1), 0)
                        expect_equal(number_of(subscriber.message()), number)
            expect_equal(set(for_c.result().values()), {0}, "kept here for a node that hangs")
            c.thaw()
            wait_until_whole(a, b, c)
        probe.expect_prompt()
        with back(c.address, "waits") as client:
            expect_equal(first_ones(receive_until(client, 999)), list(range(1000)))


@scenario
def full_buffer():
    """What waits for a node that hangs is limited: then QoS 1 and 2 are refused, QoS 0 is dropped and counted."""
    size, most = 1000, 100_000
    with Cluster(2, *QUEUES_WITHOUT_LIMIT, "shards = 1", f"outgoing_clustering_buffer_size = {most}",
                 "outgoing_clustering_spool_size = 0", f"cluster.heartbeat_timeout = {1000 * LIMIT}") as (a, b):
        with lasting(b.address, "keeps") as client:
            client.subscribe("full/#", qos=1)
            client.disconnect()
        local = mqtt.opened(a.address, "local")
        local.subscribe("full/0")
        before = a.metric("cluster_bytes_dropped")
        with mqtt.opened(a.address, "first") as first, mqtt.opened(a.address, "second") as second:
            b.freeze()  # nobody who is new gets in until its silence is noticed
            count = 2 * most // size
            first.send(b"".join(mqtt.publish("full/1", numbered(number) + bytes(size), 1, number + 1)
                                for number in range(count)))
            first.ping()
            # Its acknowledgements are behind the one that waits for the other node; others hear at once.
            expect_equal((second.publish("full/1", b"x", 1), second.publish("full/1", b"x", 2)), (0x97, 0x97))
            expect_equal(a.metric("cluster_bytes_dropped"), before, "dropped, QoS 1 and 2")
            for number in range(20):
                second.publish("full/0", numbered(number) + bytes(size))
            second.ping()
            dropped = a.metric("cluster_bytes_dropped") - before
            expect(20 * size <= dropped < 40 * size, f"{dropped} bytes dropped, QoS 0")
            expect_equal([number_of(each) for each in local.messages(20)], list(range(20)), "subscribers of A itself")
            b.thaw()
            answers = [first.expect(mqtt.PUBACK) for _ in range(count)]
            expect_equal([mqtt.packet_id(each) - 1 for each in answers], list(range(count)), "acknowledgements")
            kept = [mqtt.packet_id(each) - 1 for each in answers if mqtt.reason_code(each) == 0]
            expect_equal({mqtt.reason_code(each) for each in answers}, {0, 0x97}, "reason codes")
            print(f"{len(kept)} messages of {size} bytes waited in {most} bytes")
            expect(most // size // 2 <= len(kept) <= most // size, f"{len(kept)} messages were kept")
            wait_until(lambda: second.publish("full/1", numbered(count), 1) == 0, "room")
        local.disconnect()
        with back(b.address, "keeps") as client:
            expect_equal(receive_until(client, count), kept + [count])


@scenario
def absent_node_on_disk():
    """Nobody waits for a node that is away: what it has to keep goes to disk, survives kill -9, and comes in order."""
    size, memory = 1000, 200_000
    with Cluster(2, *QUEUES_WITHOUT_LIMIT, f"outgoing_clustering_buffer_size = {memory}") as (a, b):
        with lasting(b.address, "keeps") as client:
            client.subscribe("disk/#", qos=2)
            client.disconnect()
        b.kill()
        wait_until_running(a, b, False)
        first = {qos: send_padded(a.address, f"disk/{qos}", range(2000), qos, size) for qos in (1, 2)}
        expect_equal([set(codes.values()) for codes in first.values()], [{0}, {0}], "reason codes while B is away")
        expect(a.metric("cluster_messages_spooled") >= 4000, "spooled", a.metric("cluster_messages_spooled"))
        wait_until(lambda: 4000 * size <= a.metric("cluster_spooled_bytes") < 6000 * size, "4,000 messages on disk")
        a.kill()
        a.restart()
        b.restart()
        wait_until_whole(a, b)
        expect_equal(set(send_padded(a.address, "disk/1", range(2000, 3000), 1, size).values()), {0})
        wait_until(lambda: a.metric("cluster_spooled_bytes") == 0, "all of it to be sent")
        with back(b.address, "keeps") as client:
            by_topic = {"disk/1": [], "disk/2": []}
            while len(by_topic["disk/1"]) < 3000 or len(by_topic["disk/2"]) < 2000:
                message = client.message()
                by_topic[message.topic].append(number_of(message))
        expect_equal(by_topic, {"disk/1": list(range(3000)), "disk/2": list(range(2000))})


@scenario
def filters_of_the_absent():
    """A node that starts while another is away keeps for it what its stored sessions want, and for nobody else."""
    with Cluster(3, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        with lasting(b.address, "keeps") as client:
            for topic in ("kept/#", "given/up", "$share/g/group"):
                client.subscribe(topic, qos=1)
            client.unsubscribe("given/up")
            client.disconnect()
        clean = mqtt.opened(b.address, "clean")
        clean.subscribe("clean", qos=1)
        wait_until(lambda: published(a, "clean") == 0, "A to know of the clean session")
        clean.disconnect()
        b.kill()
        for node in (a, c):
            wait_until_running(node, b, False)
        a.kill()
        a.restart()
        wait_until_running(a, c, True)
        expect_equal([published(a, topic) for topic in ("kept/1", "group", "given/up", "clean")], [0, 0, 0x10, 0x10],
                     "reason codes while B is away")
        b.restart()
        wait_until_whole(a, b, c)
        with back(b.address, "keeps") as client:
            expect_equal(sorted(each.topic for each in client.messages(2)), ["group", "kept/1"])
            client.nothing_more()
        wait_until(lambda: published(a, "clean") == 0x10, "A to know that the clean session is gone")


def published(node, topic):
    """The reason code of a message with QoS 1."""
    with mqtt.opened(node.address, "publisher") as client:
        return client.publish(topic, b"x", 1)


@scenario
def absent_node_fills_the_disk():
    """What goes to disk for a node that is away is limited: beyond it publishers are refused, until it is back."""
    size, disk = 1000, 300_000
    with Cluster(2, *QUEUES_WITHOUT_LIMIT, "shards = 1", "outgoing_clustering_buffer_size = 50000",
                 f"outgoing_clustering_spool_size = {disk}") as (a, b):
        with lasting(b.address, "keeps") as client:
            client.subscribe("disk/#", qos=1)
            client.disconnect()
        b.kill()
        wait_until_running(a, b, False)
        codes = send_padded(a.address, "disk/1", range(2 * disk // size), 1, size)
        kept = [number for number, code in codes.items() if code == 0]
        expect_equal(set(codes.values()), {0, 0x97}, "reason codes")
        expect_equal(kept, list(range(len(kept))), "the first ones are kept")
        expect(disk // size // 2 <= len(kept) <= disk // size, f"{len(kept)} messages on disk")
        b.restart()
        wait_until_whole(a, b)
        wait_until(lambda: send_padded(a.address, "disk/1", [5000], 1, size) == {5000: 0}, "room")
        with back(b.address, "keeps") as client:
            expect_equal(receive_until(client, 5000), kept + [5000])


# --- Cost, strangers ---


def effort(process):
    """Seconds of processor time, and how often threads woke up."""
    seconds = wakeups = 0
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        wakeups += int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text()).group(1))
    return seconds, wakeups


@scenario
def t21_idle():
    """T21: three nodes that have nothing to do wake up seldom, and take next to no processor time.

    What a wakeup costs says more about what else runs on the machine: about 0.1 ms, so 1 % of a processor together
    where nothing does (tests/bench/cluster_cost.py), 2 % beside builds.
    """
    with Cluster(3) as nodes:
        seconds = 4
        before = [effort(node.process) for node in nodes]
        start = time.monotonic()
        time.sleep(seconds)  # this is what is measured
        took = time.monotonic() - start
        after = [effort(node.process) for node in nodes]
        used, wakeups = ((sum(each[i] for each in after) - sum(each[i] for each in before)) / took for i in (0, 1))
        print(f"{used * 100:.2f} % of a processor, {wakeups:.0f} wakeups per second")
        expect(wakeups < 130, f"{wakeups:.0f} wakeups per second")
        expect(used < 0.04 * SLOWNESS, f"{used * 100:.2f} % of a processor")


def frame(kind, body):
    return struct.pack("<IB", len(body) + 1, kind) + body


WELCOME, PROOF = frame(3, b"\x01"), struct.pack("<IB", 33, 2)  # the second is the beginning of one


def hello(node, kind=1, *, magic=b"vmqmesh\n"):
    """As in docs/protocol/cluster.md, for protocol version 1."""
    name = node.encode()
    return frame(1, magic + b"\x01\x01" + bytes([kind, 0]) + mqtt.varint(len(name)) + name +
                 os.urandom(16 + 8 + 32) + mqtt.varint(1) + b"\0\0" + mqtt.varint(1 << 20))


def answers(node, data):
    """What the clustering listener says to somebody who sends this and then waits."""
    with socket.create_connection(("127.0.0.1", node.cluster_port), LIMIT) as stranger:
        stranger.settimeout(LIMIT)
        said = b""
        try:
            stranger.sendall(data)
            while more := stranger.recv(1 << 16):
                said += more
        except ConnectionError:
            pass
        return said


@scenario
def strangers():
    """Whoever does not know the cookie achieves nothing, whatever he sends."""
    chance = seeded()
    with Cluster(2) as (a, b):
        silent = [socket.create_connection(("127.0.0.1", a.cluster_port)) for _ in range(50)]
        good = hello("x@127.0.0.1")
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", mqtt.connect("client"),
                     b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03", b"\xff" * 10, b"\0" * 10,
                     frame(16, bytes(1000)), frame(48, bytes(1000)), frame(0x81, b""),
                     hello("x@127.0.0.1", magic=b"vmqmesj\n"), hello("no name"), hello(a.name), hello("x@127.0.0.1", 9),
                     good + frame(16, bytes(100)), good + frame(48, bytes(100)), good + frame(2, bytes(31))):
            said = answers(a, data)
            expect(WELCOME not in said and PROOF not in said, f"{data} is answered with {said}")
        for name, kind in (("x@127.0.0.1", 1), (b.name, 1), (b.name, 2), (b.name, 3), ("x@127.0.0.1", 3)):
            said = answers(a, hello(name, kind) + frame(2, os.urandom(32)))
            expect(b"different cookies" in said and PROOF not in said, f"{name}: {said}")
            a.wait_for_log(rf"a node at 127.0.0.1 \({name}\) is not let in: .* different cookies")
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", a.cluster_port)) as stranger:
                stranger.sendall(chance.randbytes(chance.randrange(1, 300)))
        # More than may wait to be asked who they are: a known node is found all the same when they are gone.
        silent += [socket.create_connection(("127.0.0.1", a.cluster_port)) for _ in range(300)]
        with mqtt.opened(b.address, "in") as subscriber, mqtt.opened(a.address, "out") as publisher:
            subscriber.subscribe("fine", qos=1)
            expect_equal(publisher.publish("fine", b"", 1), 0)
            subscriber.message()
        wait_until_whole(a, b)
        for each in silent:
            each.close()
        with Node("c") as c:
            wait_until(lambda: c.join(a).returncode == 0, "another node to be let in")
            wait_until_whole(a, b, c)


if __name__ == "__main__":
    main()
