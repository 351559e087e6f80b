#!/usr/bin/env python3
"""What storing costs: much that waits for one session, many sessions, and nothing for what is acknowledged in time."""

import pathlib
import select
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SANITIZERS, SLOWNESS, Broker, expect, expect_equal, free_port, wait_until
from load import Task, flood, number_of, semaphore
from scenarios import main, scenario
from stored import MEGABYTE, back, lasting, log_files, size_of

START = 2 * SLOWNESS  # seconds from the start of the process to the first CONNACK


def broker_with_store(*settings):
    return Broker(*QUEUES_WITHOUT_LIMIT, *settings, port=free_port())


def restarted(broker):
    """Starts it and connects; how long that took."""
    begin = time.monotonic()
    broker.restart()
    mqtt.opened(broker.address, "first").disconnect()
    took = time.monotonic() - begin
    print(f"first CONNACK {took:.2f} s after the start of the process", flush=True)
    expect(took < START, "that is slow")


def take_numbers(address, name, count):
    """What waits for a session must be the numbers up to `count`, in order and once; seconds it took."""
    begin = time.monotonic()
    with back(address, name) as client:
        for number in range(count):
            message = client.message()
            expect((number_of(message), message.dup) == (number, False), f"{message} in place of number {number}")
        client.nothing_more()
        client.disconnect()
    return time.monotonic() - begin


# What is acknowledged in time


def acknowledge_until_end(address, ready):
    """How many messages came."""
    count = 0
    with back(address, "reader") as client:
        ready.release()
        while client.message().payload != b"end":
            count += 1
        client.disconnect()
    return count


class Subscriber:
    """The session `reader`, online in a process of its own."""

    def __init__(self, address):
        self.address = address

    def __enter__(self):
        ready = semaphore()
        self.task = Task(acknowledge_until_end, self.address, ready)
        expect(ready.acquire(timeout=LIMIT), "the subscriber could not connect")
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.task.kill()
            return
        with mqtt.opened(self.address, "end") as client:
            client.publish("t", "end", 1)
        self.count = self.task.result()


@scenario
def acknowledged_in_time_is_not_written():
    """Other programs may keep the subscriber from acknowledging within 2 ms, so it has several tries."""
    count, size = 2000, 100
    with broker_with_store() as broker:

        def written():
            return sum(path.stat().st_size for path in log_files(broker.store))

        def growth():
            before, files = written(), log_files(broker.store)
            flood(broker.address, "t", count, size, 1, window=20)
            return (written() - before) if log_files(broker.store) == files else None

        with lasting(broker.address, "reader") as client:
            client.subscribe("t", qos=1)
        offline = growth()
        expect(offline and offline > count * size, f"{offline} bytes written for {count * size} bytes stored")
        take_numbers(broker.address, "reader", count)
        shares = []
        while not shares or shares[-1] > 0.1:
            expect(len(shares) < 20, "written of what was acknowledged:", shares)
            with Subscriber(broker.address) as subscriber:
                online = growth()
            expect_equal(subscriber.count, count, "messages online")
            if online is not None:
                shares.append(online / offline)
        print(f"{offline} bytes offline, online this share of it: {shares}")


# Much that waits


@scenario
def t32_big_backlog():
    count = 100_000 if SANITIZERS else 200_000
    with broker_with_store() as broker:
        with lasting(broker.address, "away") as client:
            client.subscribe("backlog", qos=1)
        before = broker.rss()
        begin = time.monotonic()
        Task(flood, broker.address, "backlog", count, 64, 1, "flood", 1000).result()
        took = time.monotonic() - begin
        grown = broker.rss(peak=True) - before
        print(f"{count / took:.0f} messages/s stored, memory grew by {grown / MEGABYTE:.1f} MB at most, "
              f"{size_of(broker.store)[0] / MEGABYTE:.1f} MB in the store", flush=True)
        if not SANITIZERS:
            expect(grown < 100 * MEGABYTE, f"memory grew by {grown / MEGABYTE:.0f} MB")
        broker.kill()
        restarted(broker)
        before = broker.rss()
        took = Task(take_numbers, broker.address, "away", count).result(3 * LIMIT)
        grown = broker.rss(peak=True) - before
        print(f"{count / took:.0f} messages/s taken, memory grew by {grown / MEGABYTE:.1f} MB at most", flush=True)
        if not SANITIZERS:
            expect(grown < 100 * MEGABYTE, f"memory grew by {grown / MEGABYTE:.0f} MB")
        begin = time.monotonic()
        wait_until(lambda: size_of(broker.store)[0] < 5 * MEGABYTE, "a small store", 60 * SLOWNESS)
        print(f"the store is small {time.monotonic() - begin:.1f} s later: %d bytes, %d on the disk"
              % size_of(broker.store), flush=True)
        broker.kill()
        restarted(broker)
        with back(broker.address, "away") as client:
            client.nothing_more()


# Many sessions


@scenario
def many_sessions():
    sessions = 500 if SANITIZERS else 2000
    with broker_with_store("shards = 2") as broker:
        begin = time.monotonic()
        for number in range(sessions):
            with lasting(broker.address, f"session-{number}") as client:
                client.subscribe(f"own/{number}", f"tenth/{number % 10}", qos=1)
                client.disconnect()
        with mqtt.opened(broker.address, "publisher") as publisher:
            for number in range(sessions):
                publisher.send(mqtt.publish(f"own/{number}", b"own %d" % number, 1, number + 1))
            for number in range(sessions):
                publisher.expect(mqtt.PUBACK)
            for tenth in range(10):
                expect_equal(publisher.publish(f"tenth/{tenth}", b"of all %d" % tenth, 1), 0, "PUBACK")
        print(f"{sessions} sessions made in {time.monotonic() - begin:.1f} s", flush=True)
        for end in (broker.kill, broker.stop):
            end()
            restarted(broker)
        broker.wait_for_log(f"{sessions} sessions")
        for number in (*range(0, sessions, sessions // 50), sessions - 1):
            with back(broker.address, f"session-{number}") as client:
                expect_equal([each.payload for each in client.messages(2)],
                             [b"own %d" % number, b"of all %d" % (number % 10)], f"of session-{number}")
                client.nothing_more()
        with mqtt.opened(broker.address, "publisher") as publisher:
            expect_equal(publisher.publish("tenth/3", "later", 1), 0, "PUBACK")
        with back(broker.address, "session-13") as client:
            expect_equal([each.payload for each in client.messages(3)], [b"own 13", b"of all 3", b"later"], "of 13")


# The disk


@scenario
def fsync():
    """Publishers that wait for each acknowledgement share the waiting for the disk."""
    publishers, each = 50, 40 if SANITIZERS else 100
    with broker_with_store("durability = fsync") as broker:
        with lasting(broker.address, "away") as client:
            client.subscribe("f/+", qos=1)
        clients = [mqtt.opened(broker.address, f"publisher-{i}") for i in range(publishers)]
        sent = [0] * publishers

        def send(index):
            clients[index].send(mqtt.publish(f"f/{index}", struct.pack(">I", sent[index]), 1, sent[index] + 1))
            sent[index] += 1

        begin = time.monotonic()
        by_socket = {client.socket: index for index, client in enumerate(clients)}
        for index in range(publishers):
            send(index)
        while by_socket:
            ready, _, _ = select.select(list(by_socket), [], [], LIMIT)
            expect(ready, "no acknowledgement comes")
            for index in [by_socket[socket] for socket in ready]:
                clients[index].expect(mqtt.PUBACK)
                if sent[index] < each:
                    send(index)
                else:
                    del by_socket[clients[index].socket]
        took = time.monotonic() - begin
        print(f"{publishers * each / took:.0f} messages/s of {publishers} publishers with one in flight", flush=True)
        broker.kill()
        for client in clients:
            client.close()
        broker.restart()
        found = [[] for _ in clients]
        with back(broker.address, "away") as client:
            for message in client.messages(publishers * each):
                found[int(message.topic[2:])].append(number_of(message))
            client.nothing_more()
        expect_equal(found, [list(range(each))] * publishers, "messages by publisher")


if __name__ == "__main__":
    main()
