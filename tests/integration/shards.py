#!/usr/bin/env python3
"""What goes wrong only between shards: four of them, on however many cores there are."""

import os
import pathlib
import random
import select
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SANITIZERS, SLOWNESS, Broker, expect, expect_equal
from load import Task, semaphore
from scenarios import main, scenario

SHARDS = 4
TAKEN_OVER = 0x8E


def takeover_round(address, chance, name, contenders):
    """All connect with one client id at once; returns when one is left, which answers."""
    clients = [mqtt.Client(address, name, chance.choice((4, 5)), clean=chance.random() < 0.5,
                           props={mqtt.SESSION_EXPIRY: chance.choice((0, 60))}) for _ in range(contenders)]
    for client in clients:
        client.send(client.greeting)
    poll = select.poll()
    waiting = {client.socket.fileno(): client for client in clients}
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while len(waiting) > 1:
        ready = poll.poll(LIMIT * 1000)
        expect(ready, f"{len(waiting)} of {contenders} connections with the same client id are still open")
        for descriptor, _ in ready:
            client = waiting[descriptor]
            try:
                client._fill(0.001)
            except mqtt.Closed:
                poll.unregister(descriptor)
                del waiting[descriptor]
                said = [(each.kind, mqtt.reason_code(each)) for each in client.inbox if each.kind != mqtt.CONNACK]
                expect(said in ([], [(mqtt.DISCONNECT, TAKEN_OVER)]), f"it was told {said}")
                client.close()
    (last,) = waiting.values()
    last.expect(mqtt.CONNACK)
    last.ping()
    last.close()


@scenario
def takeover_storm():
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    rounds = 100 if SANITIZERS else 500
    print(f"VMQ_SEED={seed}, {rounds} rounds")
    chance = random.Random(seed)
    with Broker(f"shards = {SHARDS}", "log.console.level = warning", "listener.max_connections = infinity") as broker:
        for number in range(rounds):
            takeover_round(broker.address, chance, f"twin-{number % 7}", 20)


def publish_numbered(address, publisher, count, qos, clean=True):
    """Messages 0, 1, 2... with up to 500 under way."""
    with mqtt.opened(address, f"publisher-{publisher}", 4 + publisher % 2, clean=clean) as client:
        for first in range(0, count, 500):
            numbers = range(first, min(first + 500, count))
            client.send(b"".join(mqtt.publish(f"order/{publisher}", struct.pack(">HI", publisher, number), qos,
                                              number % 60000 + 1, version=client.version) for number in numbers))
            for number in numbers:
                answer = client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC)
                expect_equal(mqtt.packet_id(answer), number % 60000 + 1, "order of acknowledgements")
            if qos == 2:
                client.send(b"".join(mqtt.ack(mqtt.PUBREL, number % 60000 + 1) for number in numbers))
                for number in numbers:
                    client.expect(mqtt.PUBCOMP)
        client.disconnect()


def receive_numbered(address, subscriber, publishers, count, qos, ready):
    """Fails unless every publisher's messages come complete, once and in their order."""
    with mqtt.opened(address, f"subscriber-{subscriber}", 5 - subscriber % 2) as client:
        client.subscribe("order/+", qos=qos)
        ready.release()
        next_number = [0] * publishers
        for _ in range(publishers * count):
            message = client.message()
            publisher, number = struct.unpack(">HI", message.payload)
            expect_equal(number, next_number[publisher], f"next message of publisher {publisher} at {subscriber}")
            expect_equal(message.qos, qos, "QoS")
            next_number[publisher] += 1
        client.nothing_more()
        client.disconnect()


def ordering(qos):
    publishers, subscribers = 4, 2
    count = (2000 if SANITIZERS else 50_000) // publishers
    with Broker(f"shards = {SHARDS}", *QUEUES_WITHOUT_LIMIT) as broker:
        ready = semaphore()
        receiving = [Task(receive_numbered, broker.address, i, publishers, count, qos, ready)
                     for i in range(subscribers)]
        for _ in receiving:
            expect(ready.acquire(timeout=LIMIT), "no SUBACK")
        sending = [Task(publish_numbered, broker.address, i, count, qos) for i in range(publishers)]
        for task in sending + receiving:
            task.result()


@scenario
def ordering_qos1():
    ordering(1)


@scenario
def ordering_qos2():
    ordering(2)


@scenario
def persistent_sessions():
    """What was acknowledged to the publisher reaches every persistent session, though their connections break."""
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"VMQ_SEED={seed}")
    chance = random.Random(seed)
    publishers, count, keepers = 3, 200 if SANITIZERS else 1000, 6
    expiry = {mqtt.SESSION_EXPIRY: 3600}
    with Broker(f"shards = {SHARDS}", *QUEUES_WITHOUT_LIMIT) as broker:
        for qos in (1, 2):
            for i in range(keepers):
                with mqtt.opened(broker.address, f"keeper-{qos}-{i}", 5, clean=False, props=expiry) as client:
                    client.subscribe("order/+", qos=qos)
            sending = [Task(publish_numbered, broker.address, i, count, qos) for i in range(publishers)]
            got = [[[] for _ in range(publishers)] for _ in range(keepers)]
            unreleased = [set() for _ in range(keepers)]
            finished = set()
            while len(finished) < keepers:
                keeper = chance.choice(sorted(set(range(keepers)) - finished))
                finishing = all(task.done() for task in sending)
                receive_some(broker.address, f"keeper-{qos}-{keeper}", got[keeper], unreleased[keeper],
                             10**9 if finishing else chance.randrange(400), publishers * count)
                if sum(len(set(each)) for each in got[keeper]) == publishers * count:
                    finished.add(keeper)
            for task in sending:
                task.result()
            for keeper in range(keepers):
                for publisher in range(publishers):
                    numbers = got[keeper][publisher]
                    first_times = list(dict.fromkeys(numbers))
                    expect_equal(first_times, list(range(count)), f"keeper {keeper}, publisher {publisher}, QoS {qos}")
                    if qos == 2:
                        expect_equal(len(numbers), count, "messages of QoS 2, each once")


def receive_some(address, name, got, unreleased, most, total):
    """Takes up to `most` packets, leaves some unacknowledged and breaks the connection."""
    with mqtt.opened(address, name, 5, clean=False, props={mqtt.SESSION_EXPIRY: 3600, mqtt.RECEIVE_MAXIMUM: 100},
                     acknowledge=False) as client:
        expect(client.session_present, f"the session of {name} is lost")
        while most > 0 and sum(len(set(each)) for each in got) < total:
            packet = client.receive(0.05 * SLOWNESS)
            if packet is None:
                return
            most -= 1
            if packet.kind == mqtt.PUBREL:
                unreleased.discard(mqtt.packet_id(packet))
                client.send(mqtt.ack(mqtt.PUBCOMP, mqtt.packet_id(packet)))
                continue
            message = mqtt.decode_publish(packet)
            publisher, number = struct.unpack(">HI", message.payload)
            if message.qos == 1 or message.id not in unreleased:
                got[publisher].append(number)
            if message.qos == 2:
                unreleased.add(message.id)
            client.send(mqtt.ack(mqtt.PUBACK if message.qos == 1 else mqtt.PUBREC, message.id))


@scenario
def shared_group():
    """A group with members on all shards: every message reaches one of them, once."""
    members, count = 8, 500 if SANITIZERS else 5000
    with Broker(f"shards = {SHARDS}", *QUEUES_WITHOUT_LIMIT) as broker:
        group = [mqtt.opened(broker.address, f"member-{i}", 4 + i % 2) for i in range(members)]
        for client in group:
            client.subscribe("$share/group/order/#", qos=1)
        sending = [Task(publish_numbered, broker.address, i, count, 1) for i in range(2)]
        got = []
        poll = select.poll()
        by_descriptor = {client.socket.fileno(): client for client in group}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while len(got) < 2 * count:
            ready = poll.poll(LIMIT * 1000)
            expect(ready, f"{len(got)} of {2 * count} messages came")
            for descriptor, _ in ready:
                client = by_descriptor[descriptor]
                client._fill(0.001)
                while client.inbox:
                    got.append(struct.unpack(">HI", mqtt.decode_publish(client.receive(), client.version).payload))
        for task in sending:
            task.result()
        expect_equal(sorted(got), [(i, number) for i in range(2) for number in range(count)], "messages")
        for client in group:
            client.nothing_more()


if __name__ == "__main__":
    main()
