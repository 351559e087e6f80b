"""The clients of the soak test, which remember everything, and the ledger that judges what they got."""

import collections
import select
import socket
import struct
import time

import mqtt_wire as mqtt
from broker import LIMIT, expect

NEVER = 1 << 62
TOPICS = [f"soak/{i}" for i in range(8)]
GROUP_TOPICS = [f"group/{i}" for i in range(3)]
GROUP_FILTER = "$share/soak/group/+"
SETTLING = 1.0  # seconds after which an acknowledged message must have reached a session that is not stored
MOST_UNDER_WAY = 10
PACKET_ID_NOT_FOUND = 0x92


class Sent:
    """A message on its way: when it was sent and acknowledged, in ticks of the world."""

    def __init__(self, publisher, number, topic, qos, retain, tick):
        self.publisher, self.number, self.topic, self.qos, self.retain = publisher, number, topic, qos, retain
        self.sent, self.acked, self.acked_at = tick, NEVER, None
        self.empty = False  # its payload, which takes a retained message away
        self.repeated = False  # with DUP, by its publisher


class Subscription:
    """From asked to ended it may bring messages, from granted to leaving it must."""

    def __init__(self, name, qos, tick):
        self.filter, self.qos, self.asked = name, qos, tick
        self.granted = self.leaving = self.ended = NEVER
        self.leaving_at, self.asked_at = None, time.monotonic()

    def matches(self, topic):
        name = self.filter.removeprefix("$share/soak/")
        return name == topic or name.endswith("/+") and topic.startswith(name[:-1])


class Session:
    """What the broker keeps for a client id, and what the client keeps for it."""

    def __init__(self, stored):
        self.stored = stored
        self.subscriptions = []
        self.under_way = {}  # packet id -> [message, its stage], in the order of sending
        self.received_ids = {}  # QoS 2, not released yet: packet id -> payload
        self.got_below_2 = set()  # messages, of crash tests
        self.got = collections.Counter()  # message index -> times, not counting retained ones
        self.newest = {}  # (publisher, topic, qos) -> number
        self.certain = False  # something was acknowledged that the broker has to keep
        self.over = False


class World:
    def __init__(self, address):
        self.address = address
        self.poll = select.epoll()
        self.by_descriptor = {}
        self.ticks = 0
        self.messages = []
        self.sessions = []  # (client, session)
        self.group_got = collections.Counter()
        self.group_got_once = collections.Counter()  # those that came with QoS 2
        self.received = self.connections = 0

    def tick(self):
        self.ticks += 1
        return self.ticks

    def turn(self, wait):
        """Handles what has come; whether anything has."""
        ready = self.poll.poll(wait)
        for descriptor, _ in ready:
            if descriptor in self.by_descriptor:
                self.by_descriptor[descriptor].on_readable(descriptor)
        return bool(ready)

    def settle(self, clients):
        """Everybody comes back and takes what is left."""
        for client in clients:
            if not client.connected and not client.connecting:
                client.connect(clean=not client.keeps)
        quiet_since, deadline = time.monotonic(), time.monotonic() + 6 * LIMIT
        while time.monotonic() - quiet_since < 1 or not all(each.settled() for each in clients):
            if self.turn(0.1):
                quiet_since = time.monotonic()
            expect(time.monotonic() < deadline, "it does not come to rest:",
                   [each.name for each in clients if not each.settled()])
        for client in clients:
            client.ping()
        while not all(each.settled() for each in clients):
            self.turn(0.1)
            expect(time.monotonic() < deadline, "no answer to the last PINGREQ")

    def judge(self):
        """Fails if somebody has not got what it should; a summary. What nobody may get fails on arrival."""
        checked = 0
        by_topic = collections.defaultdict(list)
        for index, message in enumerate(self.messages):
            if message.qos and message.acked < NEVER:
                by_topic[message.topic].append((index, message))
        for client, session in self.sessions:
            if session.over:
                continue
            for subscription in session.subscriptions:
                topics = [each for each in by_topic if subscription.matches(each)]
                for index, message in (each for topic in topics for each in by_topic[topic]):
                    if not self._must(session, subscription, message):
                        continue
                    checked += 1
                    times = session.got[index]
                    qos = min(message.qos, subscription.qos)
                    expect(times >= 1 if qos == 1 else times == 1,
                           f"{client.name} got message {index} of {message.publisher} on {message.topic} with QoS {qos}"
                           f" {times} times (sent {message.sent}, acknowledged {message.acked}; {vars(subscription)})"
                           f"{self.trail(index)}")
        joined = min((each.granted for _, session in self.sessions for each in session.subscriptions
                      if each.filter == GROUP_FILTER), default=NEVER)
        for index, message in enumerate(self.messages):
            if message.topic in GROUP_TOPICS and message.qos and message.sent > joined and message.acked < NEVER:
                checked += 1
                expect(self.group_got[index] >= 1, f"nobody in the group got message {index} ({vars(message)})"
                       f"{self.trail(index)}")
        return (f"{len(self.messages)} messages sent, {self.received} received, {self.connections} connections, "
                f"{checked} deliveries checked")

    def trail(self, _):
        """What is known of a message besides."""
        return ""

    @staticmethod
    def _must(session, subscription, message):
        if subscription.filter == GROUP_FILTER or subscription.qos == 0:
            return False
        if not (subscription.granted < message.sent and message.acked < subscription.leaving):
            return False
        # The acknowledgement waits for stored sessions only.
        return session.stored or subscription.leaving_at is None or message.acked_at < subscription.leaving_at - SETTLING


class SoakClient:
    def __init__(self, world, name, version, keeps, group):
        self.world, self.name, self.version = world, name, version
        self.keeps = keeps or group
        self.group = group
        self.session = None
        self.socket = None
        self.connected = self.connecting = False
        self.pings = 0
        self.next_number = 0
        self.last_id = 0
        self.requests = {}  # packet id -> what is asked

    def settled(self):
        return self.connected and not self.requests and not self.session.under_way and not self.pings \
            and not self.session.received_ids

    # Connections

    def connect(self, clean):
        if self.session and clean:
            self._session_over()
        self.clean = clean
        self.connecting = True
        self.world.connections += 1
        self.socket = socket.create_connection(self.world.address, LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.splitter = mqtt.Splitter()
        self.world.by_descriptor[self.socket.fileno()] = self
        self.world.poll.register(self.socket.fileno(), select.EPOLLIN)
        props = {mqtt.SESSION_EXPIRY: 3600} if self.keeps else {}
        # MQTT 3 has one flag for both: a clean session is also not kept.
        clean_flag = not self.keeps if self.version < 5 else clean
        if self.version < 5 and self.keeps and clean:
            clean_flag = False
            self._clear_with_a_clean_session()
        self._send(mqtt.connect(self.name, self.version, clean=clean_flag, props=props))

    def _clear_with_a_clean_session(self):
        with mqtt.opened(self.world.address, self.name, self.version) as client:
            client.disconnect()

    def end(self, politely):
        if politely:
            self._send(mqtt.disconnect(self.version))
        self._lost()

    def take_over(self):
        """Connects again without ending the first connection."""
        old = self.socket
        self.world.poll.unregister(old.fileno())
        del self.world.by_descriptor[old.fileno()]
        self.socket = None
        self._forget_connection()
        self.connect(clean=not self.keeps)
        old.close()

    def _lost(self):
        if self.socket:
            self.world.poll.unregister(self.socket.fileno())
            del self.world.by_descriptor[self.socket.fileno()]
            self.socket.close()
            self.socket = None
        self._forget_connection()

    def _forget_connection(self):
        self.connected = self.connecting = False
        self.pings = 0
        # Whether the broker still got them is not known.
        for kind, subscription in self.requests.values():
            if kind == "unsubscribe":
                subscription.unclear = True
        self.requests.clear()
        if self.session and not self.keeps:
            self._session_over()

    def _session_over(self):
        self.session.over = True
        tick = self.world.tick()
        for subscription in self.session.subscriptions:
            subscription.leaving = min(subscription.leaving, tick)
        self.session = None

    def _send(self, data):
        if self.socket is None:
            return
        try:
            self.socket.settimeout(LIMIT)
            self.socket.sendall(data)
        except ConnectionError:
            self._broken()

    def _broken(self):
        """The connection takes nothing any more."""
        self._lost()

    def _closed_by_broker(self):
        raise AssertionError(f"the broker closed the connection of {self.name}")

    # What it does

    def _id(self):
        while True:
            self.last_id = self.last_id % 65535 + 1
            if self.last_id not in self.session.under_way and self.last_id not in self.requests:
                return self.last_id

    def publish_something(self, chance):
        self._publish(chance.choice((0, 1, 1, 2, 2)), chance.choice(TOPICS + GROUP_TOPICS), chance.random() < 0.05)

    def _publish(self, qos, topic, retain, empty=False):
        if qos and len(self.session.under_way) >= MOST_UNDER_WAY:
            return
        message = Sent(self.name, self.next_number, topic, qos, retain, self.world.tick())
        message.empty = empty
        self.next_number += 1
        index = len(self.world.messages)
        self.world.messages.append(message)
        number = self._id() if qos else 0
        if qos:
            self.session.under_way[number] = [index, mqtt.PUBLISH]
        self._send(self._encoded(index, number, False))

    def _encoded(self, index, number, dup):
        message = self.world.messages[index]
        payload = b"" if message.empty else struct.pack(">I", index)
        return mqtt.publish(message.topic, payload, message.qos, number, version=self.version, retain=message.retain,
                            dup=dup)

    def subscribe_something(self, chance):
        """At most one filter per topic, so that every message is due at most once."""
        if self.group:
            name = GROUP_FILTER
        else:
            name = chance.choice(TOPICS + ["soak/+"] * 3)
        current = [each for each in self.session.subscriptions if each.ended == NEVER]
        if any(name == each.filter or "+" in name + each.filter for each in current):
            return
        subscription = Subscription(name, chance.choice((1, 2) if self.group else (0, 1, 2, 2)), self.world.tick())
        self.session.subscriptions.append(subscription)
        number = self._id()
        self.requests[number] = ("subscribe", subscription)
        self._send(mqtt.subscribe([(name, subscription.qos)], number, self.version))

    def unsubscribe_something(self, chance):
        current = [each for each in self.session.subscriptions if each.granted < NEVER and each.leaving == NEVER]
        if self.group or not current:
            return
        self._unsubscribe(chance.choice(current))

    def _unsubscribe(self, subscription):
        subscription.leaving = self.world.tick()
        subscription.leaving_at = time.monotonic()
        number = self._id()
        self.requests[number] = ("unsubscribe", subscription)
        self._send(mqtt.unsubscribe([subscription.filter], number, self.version))

    def ping(self):
        self.pings += 1
        self._send(mqtt.PING)

    # What comes

    def on_readable(self, descriptor):
        self.socket.settimeout(0)
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            return self._closed_by_broker()
        for packet in self.splitter.feed(data):
            if self.socket is None:
                return
            self.on_packet(packet)

    def on_packet(self, packet):
        kind = packet.kind
        if kind == mqtt.PUBLISH:
            self._on_publish(mqtt.decode_publish(packet, self.version))
        elif kind == mqtt.PUBREL:
            self.session.received_ids.pop(mqtt.packet_id(packet), None)
            self._send(mqtt.ack(mqtt.PUBCOMP, mqtt.packet_id(packet)))
        elif kind in (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBCOMP):
            self._on_ack(kind, mqtt.packet_id(packet), mqtt.reason_code(packet))
        elif kind == mqtt.SUBACK:
            _, subscription = self.requests.pop(mqtt.packet_id(packet))
            subscription.granted = self.world.tick()
            self.session.certain = True
            expect(packet.body[-1] == subscription.qos, f"{self.name}: SUBACK {packet.body.hex()}")
        elif kind == mqtt.UNSUBACK:
            _, subscription = self.requests.pop(mqtt.packet_id(packet))
            subscription.ended = self.world.tick()
        elif kind == mqtt.PINGRESP:
            self.pings -= 1
        elif kind == mqtt.CONNACK:
            self._on_connack(packet)
        else:
            raise AssertionError(f"{self.name} got {packet}")

    def _on_connack(self, packet):
        present = bool(packet.body[0] & 1)
        expect(packet.body[1] == 0, f"{self.name}: CONNACK {packet.body.hex()}")
        if self.version > 3:
            self._check_present(present)
        self.connected, self.connecting = True, False
        if self.session is None:
            self.session = Session(self.keeps)
            self.world.sessions.append((self, self.session))
        for number, (index, stage) in list(self.session.under_way.items()):
            self.world.messages[index].repeated = True
            self._send(self._encoded(index, number, True) if stage == mqtt.PUBLISH else mqtt.ack(mqtt.PUBREL, number))
        for subscription in self.session.subscriptions:
            if subscription.ended == NEVER and (subscription.granted == NEVER or subscription.leaving < NEVER):
                # The connection broke between request and answer: ask once more to end it.
                subscription.leaving = min(subscription.leaving, self.world.tick())
                number = self._id()
                self.requests[number] = ("unsubscribe", subscription)
                self._send(mqtt.unsubscribe([subscription.filter], number, self.version))

    def _check_present(self, present):
        expect(present == (self.session is not None), f"{self.name}: session present is {present}")

    def _on_ack(self, kind, number, reason):
        index, stage = self.session.under_way[number]
        message = self.world.messages[index]
        recovering = message.repeated and kind == mqtt.PUBCOMP and reason == PACKET_ID_NOT_FOUND  # [v5 3.7.2.1]
        expect(reason < 0x80 or recovering, f"{self.name}: refused with {reason:#x}")
        if kind == mqtt.PUBREC:
            if stage == mqtt.PUBLISH:
                message.acked, message.acked_at = self.world.tick(), time.monotonic()
            self.session.under_way[number][1] = mqtt.PUBREL
            self.session.certain = True
            self._send(mqtt.ack(mqtt.PUBREL, number))
            return
        if kind == mqtt.PUBACK:
            message.acked, message.acked_at = self.world.tick(), time.monotonic()
        expect(kind == (mqtt.PUBACK if message.qos == 1 else mqtt.PUBCOMP), f"{self.name}: wrong acknowledgement {kind}")
        del self.session.under_way[number]

    def _on_publish(self, received):
        self.world.received += 1
        (index,) = struct.unpack(">I", received.payload)
        message = self.world.messages[index]
        where = f"{self.name} got message {index} ({vars(message)}) as {received[2:]}"
        expect(received.topic == message.topic, f"another topic: {where}")
        session = self.session
        repeated = False
        if received.qos == 1:
            self._send(mqtt.ack(mqtt.PUBACK, received.id))
        elif received.qos == 2:
            repeated = received.id in session.received_ids
            expect(not repeated or session.received_ids[received.id] == index, f"a packet id used twice: {where}")
            session.received_ids[received.id] = index
            self._send(mqtt.ack(mqtt.PUBREC, received.id))
        if repeated:
            expect(received.dup, f"repeated without DUP: {where}")
            return
        fitting = [each for each in session.subscriptions if each.matches(message.topic) and each.ended > message.sent]
        expect(fitting, f"not subscribed: {where}")
        expect(received.qos in {min(message.qos, each.qos) for each in fitting}, f"another QoS: {where}")
        if received.retain:
            expect(message.retain, f"was never retained: {where}")
            return
        if self.group:
            self.world.group_got[index] += 1
            self.world.group_got_once[index] += received.qos == 2
            expect(self.world.group_got_once[index] <= 1, f"twice to the group: {where}")
            return
        # Acknowledged does not mean that it has left the publisher's shard, unless it is stored.
        in_time = any(each.asked < message.acked or each.asked_at < message.acked_at + SETTLING for each in fitting)
        expect(in_time, f"sent before it subscribed: {where}")
        session.got[index] += 1
        if session.got[index] > 1:
            # QoS 1 promises no more than at least once, on either side.
            expect(self._may_come_again(received, message), f"again: {where}")
            return
        if message.qos == 1 and message.repeated:
            return  # perhaps routed for the first time before there was this subscription
        key = (message.publisher, message.topic, received.qos)
        expect(session.newest.get(key, -1) < message.number, f"out of order, after {session.newest.get(key)}: {where}")
        session.newest[key] = message.number

    def _may_come_again(self, received, message):
        return received.qos == 1 and received.dup or message.qos == 1 and message.repeated


def act(client, chance):
    """One random thing that this client can do now."""
    if client.connecting:
        return
    if not client.connected:
        if chance.random() < 0.5:
            # The members of the group stay: what waits for one that leaves may be lost.
            client.connect(clean=not client.keeps or not client.group and chance.random() < 0.03)
        return
    choice = chance.random()
    if choice < 0.62:
        client.publish_something(chance)
    elif choice < 0.74:
        client.subscribe_something(chance)
    elif choice < 0.80:
        client.unsubscribe_something(chance)
    elif choice < 0.84:
        client.ping()
    elif choice < 0.88:
        client.end(politely=True)
    elif choice < 0.93:
        client.end(politely=False)
    elif choice < 0.95:
        client.take_over()
