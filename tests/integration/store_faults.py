#!/usr/bin/env python3
"""A store whose disk is full or hangs, whose files are damaged, or which another broker has."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, Broker, Skip, expect, expect_equal, free_port, wait_until
from load import number_of
from scenarios import main, scenario
from stored import back, lasting, log_files

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


def unanswered(client):
    """Whether nothing has come by the answer to a PINGREQ."""
    client.ping()
    return not client.inbox


def drain(address, name, count):
    """Numbers of the messages that wait for a session."""
    with back(address, name) as client:
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


# Another broker


@scenario
def second_broker():
    """Of another configuration file: what is locked is the store."""
    with Broker(port=free_port()) as first:
        with lasting(first.address, "away") as client:
            client.subscribe("t", qos=1)
        with mqtt.opened(first.address, "publisher") as publisher:
            publisher.publish("t", "before", 1)
            config = first.folder / "second.conf"
            config.write_text(f"listener.tcp.default = 127.0.0.1:0\nallow_anonymous = on\nlog.console = console\n"
                              f"vmq_generic_msg_store.store_dir = {first.store}\n")
            done = first.command("console", config=config)
            expect_equal(done.returncode, 1, f"exit status, with {done.stdout} {done.stderr}")
            expect(f"error: the store in {first.store} is in use" in done.stderr, "it says:", done.stderr)
            publisher.publish("t", "after", 1)
        first.kill()
        first.restart()
        with back(first.address, "away") as client:
            expect_equal([each.payload for each in client.messages(2)], [b"before", b"after"], "messages")


# Damage


class Damage:
    """A broker whose sessions have messages waiting, and what is left of them after its files were damaged.

    Session i has the filters own/i and all; message n is for one of them or for all.
    """

    SESSIONS = 8
    MESSAGES = 800

    def __init__(self, broker):
        self.broker = broker
        self.chance = random.Random(1)
        self.pristine = broker.folder / "pristine"
        self.wanted = [[] for _ in range(self.SESSIONS)]
        for i in range(self.SESSIONS):
            with self.connect(i) as client:
                client.subscribe(f"own/{i}", "all", qos=1)
        with mqtt.opened(broker.address, "publisher") as publisher:
            for number in range(self.MESSAGES):
                to_all = number % 4 == 0
                payload = self.payload(number)
                topic = "all" if to_all else f"own/{number % self.SESSIONS}"
                expect_equal(publisher.publish(topic, payload, 1), 0, "PUBACK")
                for i in range(self.SESSIONS) if to_all else (number % self.SESSIONS,):
                    self.wanted[i].append(number)

    def payload(self, number):
        return number.to_bytes(4, "big") + random.Random(number).randbytes(400)

    def connect(self, i):
        return lasting(self.broker.address, f"session-{i}")

    def keep(self):
        """The store as it is now is what flip() damages."""
        shutil.copytree(self.broker.store, self.pristine)

    def flip(self, name, share):
        """Turns bits of the kept store at this share of the file's length."""
        shutil.rmtree(self.broker.store)
        shutil.copytree(self.pristine, self.broker.store)
        path = self.broker.store / name
        data = bytearray(path.read_bytes())
        begin = min(int(len(data) * share), len(data) - 16)
        for at in range(begin, begin + 16):
            data[at] ^= self.chance.randrange(1, 256)
        path.write_bytes(data)

    def folders(self):
        return list(self.broker.store.glob("damaged-*"))

    def take(self):
        """Sessions that are left, and messages; what comes must be whole, in order and once."""
        sessions = messages = 0
        for i in range(self.SESSIONS):
            with self.connect(i) as client:
                sessions += client.session_present
                client.subscribe(f"own/{i}", "all", qos=1)
                with mqtt.opened(self.broker.address, "publisher") as publisher:
                    expect(publisher.publish(f"own/{i}", "new", 1) < 0x80, "a new message is refused")
                found = []
                while (message := client.message()).payload != b"new":
                    number = number_of(message)
                    expect(message.payload == self.payload(number), f"content of message {number} is not what was sent")
                    found.append(number)
                expect_equal(found, sorted(set(found)), f"order at session {i}")
                expect(set(found) <= set(self.wanted[i]), f"session {i} got messages of others")
                client.nothing_more()
                client.disconnect()
                messages += len(found)
        return sessions, messages

    def all_messages(self):
        return sum(len(each) for each in self.wanted)

    def in_order(self):
        """Nothing of the damage is left after the repair."""
        self.broker.stop()
        check = self.broker.command("store", "check")
        expect(check.returncode == 0 and "all good" in check.stdout, "store check says:", check.stdout, check.stderr)
        kept = self.folders()
        self.broker.restart()
        expect("damaged" not in self.broker.log(), "damaged again:", self.broker.log())
        expect_equal(self.folders(), kept, "folders of damaged files")
        self.broker.stop()


@scenario
def t11_damaged_log():
    with Broker("shards = 2", *QUEUES_WITHOUT_LIMIT, port=free_port()) as broker:
        damage = Damage(broker)
        broker.kill()
        damage.keep()
        newest = log_files(broker.store)[-1]
        for share in (0.1, 0.5, 0.9):
            damage.flip(newest.name, share)
            broker.restart()
            broker.wait_for_log("the store in data/msgstore is damaged")
            broker.wait_for_log("damaged records of its log were left out")
            expect(damage.folders() and (damage.folders()[0] / newest.name).exists(), "no copy of the damaged log")
            sessions, messages = damage.take()
            print(f"damage at {share:.0%} of {newest.name}: {sessions} sessions, {messages} of "
                  f"{damage.all_messages()} messages are left", flush=True)
            expect(damage.all_messages() > messages > damage.all_messages() / 2, "messages left")
            damage.in_order()


def told_as_lost(log):
    """Messages that the log says are lost: in queues, and shared ones in each of their queues."""
    in_queues = sum(int(count) for count in re.findall(r"of queues was damaged:.*? (\d+) records are lost", log))
    at_start = sum(int(count) for count in re.findall(r"(\d+) messages lost their content", log))
    return in_queues + at_start + log.count("is lost: its shared body is not there")


@scenario
def damaged_table():
    """Each table file in turn: what a damaged block does not hold is served, of whatever session."""
    with Broker("shards = 2", *QUEUES_WITHOUT_LIMIT, port=free_port()) as broker:
        damage = Damage(broker)
        broker.stop()
        damage.keep()
        tables = sorted(damage.pristine.glob("*.sst"))
        expect(len(tables) >= 3, f"only {tables}")
        # Tables of several blocks in many places: a block may hold the middle of one queue or ends of two.
        places = [(path.name, share / 100) for path in tables
                  for share in (range(5, 100, 15) if path.stat().st_size > 65536 else (30,))]
        partly = 0
        for name, share in places:
            damage.flip(name, share)
            broker.restart()
            sessions, messages = damage.take()
            broker.stop()  # so that all that it logs is there
            told = broker.log()
            lost = damage.all_messages() - messages
            print(f"damage at {share:.0%} of {name}: {sessions} sessions, {messages} of {damage.all_messages()} messages "
                  "are left", flush=True)
            if "damaged" not in told:
                expect_equal((sessions, lost), (damage.SESSIONS, 0), "left without a word")
                continue
            expect(any((folder / name).exists() for folder in damage.folders()), "the damaged file is not kept")
            if sessions == damage.SESSIONS and "taken out" not in told:
                expect_equal(lost, told_as_lost(told), "messages lost, and told as lost")
                partly += lost > 0
            damage.in_order()
        expect(partly > 0, "no damage takes some messages")


# A disk that hangs


class FrozenDisk:
    """An ext4 of its own; while it is frozen, whatever writes to it waits, and does not fail."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vmq_disk_"))
        self.image = self.folder / "image"
        self.mounted = self.folder / "mounted"
        self.mounted.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(256 << 20)
        try:
            self.run("mkfs.ext4", "-q", self.image)
            self.run("mount", "-o", "loop", self.image, self.mounted)
        except Skip:
            shutil.rmtree(self.folder)
            raise
        return self

    def run(self, *command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
        except FileNotFoundError:
            raise Skip(f"there is no {command[0]}") from None
        if done.returncode:
            raise Skip(f"{command[0]} failed: {done.stderr.strip()}")

    def freeze(self):
        self.run("fsfreeze", "--freeze", self.mounted)

    def thaw(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.mounted], capture_output=True, check=False)

    def __exit__(self, *_):
        self.thaw()
        subprocess.run(["umount", "--lazy", self.mounted], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@scenario
def slow_store():
    """Who has nothing to do with the store does not notice."""
    with FrozenDisk() as disk, Broker(f"vmq_generic_msg_store.store_dir = {disk.mounted}/store", "shards = 2",
                                      *QUEUES_WITHOUT_LIMIT, port=free_port()) as broker:
        with lasting(broker.address, "away") as client:
            client.subscribe("stored", qos=2)
        publishers = [mqtt.opened(broker.address, f"publisher-{version}", version) for version in (4, 5)]
        for publisher in publishers:
            publisher.publish("stored", "before", 1)
        with lasting(broker.address, "lively", keep_alive=1) as lively, \
                mqtt.opened(broker.address, "silent", keep_alive=1) as silent:
            disk.freeze()
            try:
                begin = time.monotonic()
                for publisher in publishers:
                    for number in range(100):
                        publisher.send(mqtt.publish("stored", b"%d" % number, 1 + number % 2, 100 + number,
                                                    version=publisher.version))
                for qos in (0, 1, 2):
                    expect_prompt(broker.address, qos)
                while not is_closed(silent):  # after 1.5 s
                    lively.ping()
                    expect(time.monotonic() - begin < LIMIT, "a silent client is not closed")
                for publisher in publishers:
                    expect(unanswered(publisher), "acknowledged what cannot have been stored")
                print(f"the store hung for {time.monotonic() - begin:.1f} s", flush=True)
            finally:
                disk.thaw()
            begin = time.monotonic()
            for publisher in publishers:
                for number in range(100):
                    answer = publisher.expect(mqtt.PUBREC if number % 2 else mqtt.PUBACK)
                    expect_equal((mqtt.packet_id(answer), mqtt.reason_code(answer)), (100 + number, 0), "answer")
            print(f"the last acknowledgement came {time.monotonic() - begin:.2f} s later", flush=True)
            lively.ping()
        expect("refused" not in broker.log(), "it took the slow disk for a broken one")
        broker.kill()
        broker.restart()
        with back(broker.address, "away") as client:
            found = [each.payload for each in client.messages(202)]
            expect_equal(sorted(found), sorted(2 * [b"before", *(b"%d" % number for number in range(100))]), "messages")
            client.nothing_more()


def is_closed(client):
    """Whether the broker has closed it within the next moment."""
    try:
        client.receive(0.2)
    except mqtt.Closed:
        return True
    return False


if __name__ == "__main__":
    main()
