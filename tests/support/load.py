"""Clients in processes of their own, so that a test that floods does not disturb itself while it measures."""

import multiprocessing
import os
import struct
import time
import traceback

import mqtt_wire as mqtt
from broker import LIMIT, SLOWNESS, expect

_fork = multiprocessing.get_context("fork")


def semaphore():
    """Between tasks; nothing is free at first."""
    return _fork.Semaphore(0)


def event():
    """Between tasks."""
    return _fork.Event()


class Task:
    """function(*arguments) in a process of its own; result() is what it returned, or fails as it failed."""

    def __init__(self, function, *arguments):
        self.pipe, other = _fork.Pipe()
        self.process = _fork.Process(target=self._run, args=(other, function, arguments), daemon=True)
        self.process.start()
        other.close()

    @staticmethod
    def _run(pipe, function, arguments):
        try:
            pipe.send((True, function(*arguments)))
        except BaseException:
            pipe.send((False, traceback.format_exc()))
        pipe.close()
        os._exit(0)

    def done(self):
        return self.pipe.poll()

    def result(self, limit=None):
        expect(self.pipe.poll(limit or 3 * LIMIT), "a task did not end in time")
        good, value = self.pipe.recv()
        self.process.join(LIMIT)
        expect(good, value)
        return value

    def kill(self):
        self.process.kill()
        self.process.join(LIMIT)


def _probe(address, ready, stop, qos):
    """One message after the other from a publisher to a subscriber, at most one per 5 ms; the latencies in seconds."""
    latencies = []
    name = f"probe-{os.getpid()}"
    with mqtt.opened(address, f"{name}-in") as subscriber, mqtt.opened(address, f"{name}-out") as publisher:
        subscriber.subscribe(name, qos=qos)
        ready.set()
        while not stop.is_set():
            sent = time.monotonic()
            publisher.publish(name, struct.pack(">d", sent), qos)
            subscriber.message()
            latencies.append(time.monotonic() - sent)
            stop.wait(max(0.005 - latencies[-1], 0))
    return latencies


class Probe:
    """`with Probe(address) as probe:` measures how long messages between two other clients take meanwhile."""

    def __init__(self, address, qos=1):
        ready = _fork.Event()
        self.stop = _fork.Event()
        self.task = Task(_probe, address, ready, self.stop, qos)
        expect(ready.wait(LIMIT), "the probe could not connect")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        if kind:
            self.task.kill()
            return
        self.latencies = sorted(self.task.result())
        print(f"latency of others: {self.summary()}")

    def percentile(self, share):
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]

    def summary(self):
        return (f"{len(self.latencies)} messages, p50 {self.percentile(0.5) * 1e3:.1f} ms, "
                f"p99 {self.percentile(0.99) * 1e3:.1f} ms, worst {self.latencies[-1] * 1e3:.1f} ms")

    def expect_prompt(self, limit=0.5):
        expect(self.percentile(0.99) < limit * SLOWNESS, f"others were disturbed: {self.summary()}")


def flood(address, topic, count, size, qos=0, client_id="flood", window=200):
    """Publishes `count` numbered messages of `size` bytes as fast as the broker takes them; how many were taken."""
    with mqtt.opened(address, client_id) as client:
        for first in range(0, count, window):
            numbers = range(first, min(first + window, count))
            batch = bytearray()
            for number in numbers:
                payload = struct.pack(">I", number) + bytes(size - 4)
                batch += mqtt.publish(topic, payload, qos, number % 60000 + 1)
            client.send(batch)
            if qos == 0:
                continue
            for _ in numbers:
                client.expect(mqtt.PUBACK if qos == 1 else mqtt.PUBREC)
            if qos == 2:
                client.send(b"".join(mqtt.ack(mqtt.PUBREL, number % 60000 + 1) for number in numbers))
                for _ in numbers:
                    client.expect(mqtt.PUBCOMP)
        client.ping()  # everything before it has been read
        client.disconnect()
    return count


def numbered(number):
    """A payload that number_of() reads."""
    return struct.pack(">I", number)


def number_of(message):
    return struct.unpack_from(">I", message.payload)[0]
