"""Clients of a cluster in chaos: they wander between nodes, come back whatever happens, and write into a ledger.

All of them are coroutines of one event loop.
"""

import asyncio
import collections
import contextlib
import struct
import time

import mqtt_wire as mqtt
from broker import SLOWNESS, expect
from chaos_ledger import SubscriberLedger, clock

PATIENCE = 2.0 * SLOWNESS  # seconds without the answer that is due, after which a client tries elsewhere
PAUSE = 0.1  # seconds between two attempts to connect
LASTING = {mqtt.SESSION_EXPIRY: 3600}
FILTER = "chaos/#"


SILENCE = "silence"


class Lost(Exception):
    """The connection is of no use any more."""


class Connection:
    """A connection, from CONNECT on."""

    def __init__(self, version):
        self.version = version
        self.splitter = mqtt.Splitter()
        self.packets = []

    async def open(self, address, name, clean, props):
        """The CONNACK's session present, or Lost."""
        try:
            async with asyncio.timeout(PATIENCE):
                self.reader, self.writer = await asyncio.open_connection(*address, limit=1 << 20)
        except (OSError, TimeoutError) as error:
            raise Lost(f"connect: {error}") from None
        self.send(mqtt.connect(name, self.version, clean=clean, props=props if self.version == 5 else None))
        answer = await self.receive()
        if answer.kind != mqtt.CONNACK or answer.body[1] != 0:
            raise Lost(f"CONNACK {answer.body[:2].hex()}")
        return bool(answer.body[0] & 1)

    def send(self, data):
        self.writer.write(data)

    async def receive(self, patience=PATIENCE):
        """The next packet. Lost if none comes in time or the connection ends."""
        while not self.packets:
            try:
                async with asyncio.timeout(patience):
                    data = await self.reader.read(1 << 16)
            except TimeoutError:
                raise Lost(SILENCE) from None
            except OSError as error:
                raise Lost(str(error)) from None
            if not data:
                raise Lost("closed by the broker")
            self.packets = self.splitter.feed(data)
        return self.packets.pop(0)

    def close(self):
        if hasattr(self, "writer"):
            self.writer.close()

    def abort(self):
        if hasattr(self, "writer"):
            self.writer.transport.abort()


class Wanderer:
    """Somebody with a client id who is connected most of the time.

    `home`: the only node it uses; without it, any. `stay` of the world: nobody goes away any more.
    """

    def __init__(self, world, name, version=5, home=None, lasting=True):
        self.world, self.name, self.version, self.home, self.lasting = world, name, version, home, lasting
        self.chance = world.chance_of(name)
        self.node = None
        self.connection = None
        self.connected_at = 0.0
        self.known = False  # the broker has to know its session
        self.why = ""
        self.leave = asyncio.Event()

    def note(self, words):
        pass

    async def run(self):
        while True:
            node = self.home or self.chance.choice(self.world.nodes)
            connection = Connection(self.version)
            try:
                present = await connection.open(node.address, self.name, not self.lasting, LASTING)
                moved_in_chaos = self.world.ledger.broken and node is not self.node
                self.note(f"connected to {node.name}, session present: {present}")
                self.node, self.connection, self.leave = node, connection, asyncio.Event()
                self.connected_at = time.monotonic()
                await self.session(connection, present, moved_in_chaos)
            except Lost as reason:
                self.why = f"{node.name}: {reason}"
                self.note(f"lost: {self.why}")
            finally:
                self.connection = None
                # Some say goodbye, some are torn off.
                if self.chance.random() < 0.5:
                    with contextlib.suppress(Exception):
                        connection.send(mqtt.disconnect(self.version))
                    connection.close()
                else:
                    connection.abort()
            await asyncio.sleep(PAUSE * self.chance.uniform(0.5, 1.5))
            if not self.world.stay and self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.uniform(0, 1))

    async def until_leave(self, *works):
        """Does all of these, until one ends or it is time to go."""
        timer = asyncio.get_running_loop().call_later(self.chance.uniform(0.3, 3), self._leave, self.leave)
        tasks = [asyncio.ensure_future(each) for each in (self.leave.wait(), *works)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            timer.cancel()
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, leave):
        if not self.world.stay:
            leave.set()

    def go(self):
        """Connect again."""
        self.leave.set()

    async def packets(self, connection):
        """What comes, as long as it answers."""
        asked = False
        while True:
            try:
                packet = await connection.receive()
            except Lost as reason:
                if asked or str(reason) != SILENCE or self.waits():
                    raise
                connection.send(mqtt.PING)
                asked = True
                continue
            asked = False
            if packet.kind == mqtt.DISCONNECT:
                raise Lost(f"DISCONNECT {mqtt.reason_code(packet):#x}")
            yield packet

    def waits(self):
        """For an answer that should have been there long ago."""
        return False


class Subscriber(Wanderer):
    def __init__(self, world, name, qos, **options):
        super().__init__(world, name, **options)
        self.record = SubscriberLedger(world.ledger, name, qos)
        self.unreleased = set()  # packet ids of QoS 2
        self.subscribed = False

    def note(self, words):
        self.record.note(words)

    async def session(self, connection, present, moved_in_chaos):
        if self.known and (moved_in_chaos or not present):
            self.record.torn()
        if not present:
            self.unreleased.clear()
            connection.send(mqtt.subscribe([(FILTER, self.record.qos)], 1, self.version))
        self.subscribed = present
        await self.until_leave(self.receive_all(connection))

    def waits(self):
        return not self.subscribed

    async def receive_all(self, connection):
        async for packet in self.packets(connection):
            if packet.kind == mqtt.PUBLISH:
                self.take(connection, mqtt.decode_publish(packet, self.version))
            elif packet.kind == mqtt.PUBREL:
                self.unreleased.discard(mqtt.packet_id(packet))
                connection.send(mqtt.ack(mqtt.PUBCOMP, mqtt.packet_id(packet)))
            elif packet.kind == mqtt.SUBACK:
                if packet.body[-1] >= 0x80:
                    raise Lost(f"SUBACK {packet.body[-1]:#x}")
                self.subscribed = self.known = True
                self.note("subscribed")

    def take(self, connection, received):
        (index,) = struct.unpack_from(">I", received.payload)
        again = False
        if received.qos == 2:
            again = received.id in self.unreleased
            self.unreleased.add(received.id)
        if not again:
            self.record.receive(self.world.ledger.messages[index], received.qos, received.dup)
        if received.qos:
            connection.send(mqtt.ack(mqtt.PUBACK if received.qos == 1 else mqtt.PUBREC, received.id))


class Publisher(Wanderer):
    """QoS 1 in sessions that begin anew with each connection, QoS 2 in one that goes on."""

    WINDOW = 10

    def __init__(self, world, name, qos, **options):
        super().__init__(world, name, lasting=qos == 2, **options)
        self.qos = qos
        self.topics = [f"chaos/{name}/{i}" for i in range(2)]
        self.under_way = {}  # packet id: [message, whether it was acknowledged with PUBREC], in the order of sending
        self.last_id = 0
        self.progress = asyncio.Event()

    async def session(self, connection, present, moved_in_chaos):
        if moved_in_chaos:
            self.world.ledger.moves(self.name)
        for number, (message, released) in list(self.under_way.items()):
            if released:
                connection.send(mqtt.ack(mqtt.PUBREL, number))
                continue
            self.world.ledger.sent_again(message, present and not moved_in_chaos)
            message.note(f"sent again to {self.node.name}, packet id {number}, session present: {present}")
            connection.send(self.encoded(number, message, True))
        await self.until_leave(self.send_all(connection), self.receive_all(connection))

    def waits(self):
        return bool(self.under_way)

    async def receive_all(self, connection):
        async for packet in self.packets(connection):
            if packet.kind in (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP):
                self.acknowledge(connection, packet)

    def encoded(self, number, message, dup):
        # A clean session does not know the first one, so it must not be marked as a second one [v5 3.3.1.1].
        return mqtt.publish(message.topic, struct.pack(">I", message.index) + bytes(self.world.padding), self.qos, number, version=self.version,
                            dup=dup and self.qos == 2)

    async def send_all(self, connection):
        while True:
            while len(self.under_way) >= self.WINDOW or self.world.silent:
                self.progress.clear()
                await self.progress.wait()
            self.last_id = self.last_id % 60000 + 1
            message = self.world.ledger.new_message(self.name, self.chance.choice(self.topics), self.qos)
            message.note(f"sent to {self.node.name}, packet id {self.last_id}")
            self.under_way[self.last_id] = [message, False]
            connection.send(self.encoded(self.last_id, message, False))
            await asyncio.sleep(self.chance.uniform(0, 2 * self.world.pause))

    def acknowledge(self, connection, packet):
        number, reason = mqtt.packet_id(packet), mqtt.reason_code(packet) if self.version == 5 else 0
        if number not in self.under_way:
            if packet.kind == mqtt.PUBREC:
                connection.send(mqtt.ack(mqtt.PUBREL, number))
            return
        entry = self.under_way[number]
        if packet.kind == mqtt.PUBCOMP:
            del self.under_way[number]
        elif reason >= 0x80:
            del self.under_way[number]
            self.world.ledger.refused(entry[0], reason)
        else:
            if reason:
                entry[0].note(f"acknowledged with {reason:#x}")
            self.world.ledger.acknowledged(entry[0])
            if packet.kind == mqtt.PUBACK:
                del self.under_way[number]
            else:
                entry[1] = True
                connection.send(mqtt.ack(mqtt.PUBREL, number))
        self.progress.set()


class Retainer(Wanderer):
    """Changes retained messages, one after the other; some are deleted. Nobody else writes to its topics."""

    def __init__(self, world, name, **options):
        super().__init__(world, name, lasting=False, **options)
        self.topics = [f"kept/{name}/{i}" for i in range(3)]
        self.settled = {topic: b"" for topic in self.topics}  # what is there, unless something doubtful took its place
        self.doubtful = {topic: [] for topic in self.topics}  # sent and never answered
        self.story = {topic: collections.deque(maxlen=12) for topic in self.topics}
        self.busy = False
        self.count = self.acknowledged = 0

    async def session(self, connection, present, moved_in_chaos):
        await self.until_leave(self.write(connection))

    async def write(self, connection):
        while True:
            await asyncio.sleep(self.chance.uniform(0, 0.1))
            if self.world.silent:
                connection.send(mqtt.PING)
                await connection.receive()
                continue
            self.count += 1
            topic = self.chance.choice(self.topics)
            payload = b"" if self.chance.random() < 0.2 else b"%d" % self.count
            self.doubtful[topic].append(payload)
            self.tell(topic, f"{payload} sent to {self.node.name}")
            self.busy = True
            try:
                connection.send(mqtt.publish(topic, payload, 1, self.count % 60000 + 1, version=self.version, retain=True))
                answer = await connection.receive()
                if answer.kind != mqtt.PUBACK:
                    raise Lost(mqtt.NAMES[answer.kind])
                self.doubtful[topic].pop()
                self.tell(topic, f"answered with {mqtt.reason_code(answer):#x}")
                if self.version < 5 or mqtt.reason_code(answer) < 0x80:
                    self.settled[topic] = payload
                    self.acknowledged += 1
            finally:
                self.busy = False

    def tell(self, topic, words):
        self.story[topic].append(f"{clock()}: {words}")

    def judge(self, found):
        """`found`: {topic: payload}, the same on all nodes and for good."""
        for topic in self.topics:
            value = found.get(topic, b"")
            expect(value == self.settled[topic] or value in self.doubtful[topic],
                   f"{topic} is {value}, acknowledged last was {self.settled[topic]}, not answered {self.doubtful[topic]}:",
                   *("\n  " + each for each in self.story[topic]))
            self.tell(topic, f"{value} on all nodes")
            self.settled[topic] = value
            self.doubtful[topic] = []
