#!/usr/bin/env python3
"""Clients that behave badly must not disturb the others."""

import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, SANITIZERS, Broker, expect, expect_equal
from load import Probe, Task, flood, number_of
from scenarios import main, scenario

MEGABYTE = 1 << 20


def stalled_subscriber(qos, count, size):
    limit = 1000
    with Broker(f"max_online_messages = {limit}") as broker:
        stalled = mqtt.opened(broker.address, "stalled", acknowledge=False, receive_buffer=4096)
        stalled.subscribe("flood", qos=qos)
        before = broker.rss()
        with Probe(broker.address) as probe:
            publisher = Task(flood, broker.address, "flood", count, size, qos)
            most = before
            while not publisher.done():
                most = max(most, broker.rss())
                publisher.pipe.poll(0.05)
            publisher.result()
        probe.expect_prompt()
        print(f"memory grew by {(most - before) / MEGABYTE:.1f} MB")
        if not SANITIZERS:
            expect(most - before < 200 * MEGABYTE, f"memory grew by {(most - before) / MEGABYTE:.0f} MB")
        broker.wait_for_log(r"client stalled: dropped \d+ messages, queue full")

        # It reads again: what was under way and what its queue kept, in order and once; then what comes now.
        stalled.acknowledge = True
        got = []
        while not got or not got[-1].properties:
            message = stalled.message()
            got.append(message)
            if len(got) == limit:  # the queue has room again
                with mqtt.opened(broker.address, "end") as last:
                    last.publish("flood", struct.pack(">I", count), qos, props={mqtt.USER_PROPERTY: ("last", "")})
        numbers = [number_of(each) for each in got]
        expect_equal(numbers, sorted(set(numbers)), "order")
        kept = len(numbers) - 1
        print(f"{kept} of {count} messages reached the stalled subscriber")
        expect(limit <= kept < count, f"{kept} of {count} messages with a queue of {limit}")
        stalled.nothing_more()
        stalled.disconnect()


@scenario
def stalled_qos0():
    stalled_subscriber(0, 60_000, 1000)


@scenario
def stalled_qos1():
    stalled_subscriber(1, 40_000, 1000)


@scenario
def flood_limited():
    """max_message_rate slows the one that floods, and only that one."""
    rate = 300
    with Broker(f"max_message_rate = {rate}", "max_online_messages = -1") as broker:
        witness = mqtt.opened(broker.address, "witness")
        witness.subscribe("flood", qos=1)
        # 16 messages a second: far below the rate.
        with Probe(broker.address) as probe:
            start = time.monotonic()
            flooding = Task(flood, broker.address, "flood", 5 * rate, 100, 0)
            got = witness.messages(4 * rate)
            took = time.monotonic() - start
            flooding.result()
        probe.expect_prompt()
        # As many at once as the rate, then the rate.
        print(f"{4 * rate} messages took {took:.1f} s at {rate} messages/s")
        expect(took > 2.5, f"{4 * rate} messages came in {took:.1f} s")
        expect_equal([number_of(each) for each in got], list(range(4 * rate)), "order")
        expect_equal(len(witness.messages(rate)), rate, "the rest comes as well")


@scenario
def slow_connect():
    """One byte at a time: the CONNECT that does not end is cut at mqtt_connect_timeout."""
    with Broker("mqtt_connect_timeout = 2000") as broker:
        with Probe(broker.address) as probe:
            slow = [mqtt.Client(broker.address, f"slow-{i}") for i in range(20)]
            start = time.monotonic()
            ends = [None] * len(slow)
            for at in range(200):
                for i, client in enumerate(slow):
                    if ends[i] is None and not _send_byte(client, at):
                        ends[i] = time.monotonic() - start
                if all(ends):
                    break
                time.sleep(0.25)
        expect(all(1.5 < end < 2.5 + LIMIT for end in ends), f"cut after {ends} s")
        for client in slow:
            port = client.socket.getsockname()[1]
            broker.wait_for_log(rf":{port} closed by the broker: no CONNECT within mqtt_connect_timeout")
            client.close()
        probe.expect_prompt()


def _send_byte(client, at):
    """False once the broker has closed."""
    try:
        client.socket.settimeout(0.001)
        if not client.socket.recv(100):
            return False
    except TimeoutError:
        pass
    except ConnectionError:
        return False
    try:
        client.send(client.greeting[at:at + 1])
        return True
    except ConnectionError:
        return False


@scenario
def slow_publish():
    """A PUBLISH of one byte every 300 ms is served, and nobody waits for it."""
    with Broker("mqtt_connect_timeout = 1000") as broker:
        witness = mqtt.opened(broker.address, "witness")
        witness.subscribe("slow/#", qos=1)
        slow = [mqtt.opened(broker.address, f"slow-{i}") for i in range(10)]
        with Probe(broker.address) as probe:
            packets = [mqtt.publish(f"slow/{i}", b"done", 1, 7) for i in range(len(slow))]
            for at in range(len(packets[0])):
                for client, packet in zip(slow, packets):
                    client.send(packet[at:at + 1])
                time.sleep(0.3)
            for client in slow:
                client.expect(mqtt.PUBACK)
        probe.expect_prompt()
        expect_equal({each.topic for each in witness.messages(len(slow))}, {f"slow/{i}" for i in range(len(slow))},
                     "what the slow ones published")


@scenario
def stalled_while_closing():
    """A client that reads nothing, and then is taken over, does not hold up its successor."""
    with Broker() as broker:
        stalled = mqtt.opened(broker.address, "stalled", acknowledge=False, receive_buffer=4096)
        stalled.subscribe("flood", qos=0)
        Task(flood, broker.address, "flood", 20_000, 1000, 0).result()
        begin = time.monotonic()
        successor = mqtt.opened(broker.address, "stalled")
        successor.subscribe("flood", qos=1)
        with mqtt.opened(broker.address, "publisher") as publisher:
            publisher.publish("flood", b"new", 1)
        expect_equal(successor.message().payload, b"new", "the successor's message")
        expect(time.monotonic() - begin < LIMIT / 4, "the takeover took too long")
        stalled.close()


if __name__ == "__main__":
    main()
