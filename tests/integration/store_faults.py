#!/usr/bin/env python3
"""A store whose disk is full, whose files are damaged, or which another broker has."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import QUEUES_WITHOUT_LIMIT, SLOWNESS, Broker, Skip, expect, expect_equal, free_port, wait_until
from load import number_of
from scenarios import main, scenario

LASTING = {mqtt.SESSION_EXPIRY: 3600}
QUOTA_EXCEEDED = 0x97
BALLAST = 16 << 20


class SmallDisk:
    """A file system of its own in memory, with a ballast file that can be taken away."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vmq_disk_"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.folder],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode:
            self.folder.rmdir()
            raise Skip(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
        self.ballast = self.folder / "ballast"
        self.ballast.write_bytes(bytes(BALLAST))
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.folder], check=False)
        self.folder.rmdir()

    def broker(self, *settings):
        return Broker(f"vmq_generic_msg_store.store_dir = {self.folder}/store", "leveldb.maximum_memory = 8388608",
                      *QUEUES_WITHOUT_LIMIT, *settings, port=free_port())

    def fill(self, broker, size=4000):
        """Stores messages for the session `away` until one is not acknowledged: how many were, and the publisher.

        The last one is still under way then, and is acknowledged when there is room."""
        publisher = mqtt.opened(broker.address, "filler")

        def outcome():
            if publisher.receive(0.05):
                return "stored"
            return "full" if "are refused until it works again" in broker.log() else None

        for number in range(100_000):
            payload = number.to_bytes(4, "big") + os.urandom(size - 4)
            publisher.send(mqtt.publish("full", payload, 1, number % 60000 + 1))
            if wait_until(outcome, "PUBACK or a full disk") == "full":
                return number, publisher
        raise AssertionError("it does not get full")


def lasting(address, name, version=5, **options):
    return mqtt.opened(address, name, version, clean=False, props=LASTING if version == 5 else None, **options)


def unanswered(client):
    """Whether nothing has come by the answer to a PINGREQ."""
    client.ping()
    return not client.inbox


def drain(address, name, count):
    """Numbers of the messages that wait for a session."""
    with lasting(address, name) as client:
        expect(client.session_present, f"the session of {name} is lost")
        numbers = [number_of(each) for each in client.messages(count)]
        client.nothing_more()
        return numbers


def expect_prompt(address, qos, limit=0.1):
    """Messages between clients whose sessions end with their connections are as quick as ever."""
    latencies = []
    with mqtt.opened(address, "prompt-in") as subscriber, mqtt.opened(address, "prompt-out", 4) as publisher:
        subscriber.subscribe("prompt", qos=qos)
        for _ in range(300):
            begin = time.monotonic()
            publisher.publish("prompt", b"x", qos)
            subscriber.message()
            latencies.append(time.monotonic() - begin)
    latencies.sort()
    print(f"QoS {qos}: median {latencies[150] * 1e3:.1f} ms, 99 % {latencies[297] * 1e3:.1f} ms", flush=True)
    expect(latencies[150] < limit * SLOWNESS, "it is slow")


@scenario
def disk_full():
    with SmallDisk("48m") as disk, disk.broker("shards = 2") as broker:
        with lasting(broker.address, "away") as client:
            client.subscribe("full", qos=1)
        acknowledged, filler = disk.fill(broker)
        print(f"full after {acknowledged} messages", flush=True)
        with mqtt.opened(broker.address, "v5") as v5, mqtt.opened(broker.address, "v3", 4) as v3:
            refused = b"refused"
            for qos in (1, 2):
                expect_equal(v5.publish("full", refused, qos), QUOTA_EXCEEDED, f"answer to QoS {qos}")
                expect_equal(v5.publish("r", refused, qos, retain=True), QUOTA_EXCEEDED, f"retained, QoS {qos}")
                v3.send(mqtt.publish("full", refused, qos, 9 + qos, version=4))
            expect(unanswered(v3), "v3 got an acknowledgement")
            expect(v5.publish("nobody", b"", 1) < 0x80, "refused although nothing is to be stored")
        for qos in (0, 1, 2):
            expect_prompt(broker.address, qos)
        expect(unanswered(filler), "acknowledged on a full disk")
        disk.ballast.unlink()
        filler.expect(mqtt.PUBACK, 10 * SLOWNESS)
        with mqtt.opened(broker.address, "v5") as v5:
            expect_equal(v5.publish("full", (acknowledged + 1).to_bytes(4, "big"), 1), 0, "with room again")
        broker.wait_for_log("writing works again")
        broker.kill()
        broker.restart()
        expect_equal(drain(broker.address, "away", acknowledged + 2), list(range(acknowledged + 2)), "messages")


@scenario
def nothing_promised_when_full():
    """What an earlier connection of a session has changed is not safe either, so nothing may tell of it."""
    with SmallDisk("48m") as disk, disk.broker("shards = 1") as broker:
        for name, topic in (("away", "full"), ("taker", "taker"), ("leaver", "leaver")):
            with lasting(broker.address, name) as client:
                client.subscribe(topic, qos=2)
        taker, giver, leaver = (lasting(broker.address, name, acknowledge=False)
                                for name in ("taker", "giver", "leaver"))
        with mqtt.opened(broker.address, "publisher") as publisher:
            publisher.publish("taker", "once", 2)
        taken = taker.message()
        giver.send(mqtt.publish("nobody", b"", 2, 7))
        giver.expect(mqtt.PUBREC)
        _, filler = disk.fill(broker)
        promises = []
        for client, name, data, what in (
                (taker, "taker", mqtt.ack(mqtt.PUBREC, taken.id), "PUBREL"),
                (giver, "giver", mqtt.ack(mqtt.PUBREL, 7), "PUBCOMP"),
                (leaver, "leaver", mqtt.unsubscribe(["leaver"], 5), "UNSUBACK")):
            client.send(data)
            expect(unanswered(client), f"{what} on the connection that asked for it")
            client.close()
            with lasting(broker.address, name, acknowledge=False) as again:
                again.send(data)
                again.ping()
                promises.extend((what, each) for each in again.inbox if each.kind != mqtt.PUBLISH)
        expect(not promises, "promised to the next connection:", *promises)
        disk.ballast.unlink()
        filler.close()


if __name__ == "__main__":
    main()
