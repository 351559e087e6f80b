"""MQTT 3.1, 3.1.1 and 5 packets as bytes, and a small blocking client for tests."""

import collections
import socket
import struct
import time

from broker import LIMIT, Failure, expect

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 10, 11, 12, 13, 14, 15
NAMES = ("", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
         "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")

# Property identifier -> form on the wire [v5 2.2.2.2].
_FORMS = {1: "B", 2: "I", 3: "s", 8: "s", 9: "b", 11: "v", 17: "I", 18: "s", 19: "H", 21: "s", 22: "b", 23: "B",
          24: "I", 25: "B", 26: "s", 28: "s", 31: "s", 33: "H", 34: "H", 35: "H", 36: "B", 37: "B", 38: "p", 39: "I",
          40: "B", 41: "B", 42: "B"}
AUTHENTICATION_METHOD, AUTHENTICATION_DATA = 21, 22
MESSAGE_EXPIRY, SESSION_EXPIRY, WILL_DELAY, RECEIVE_MAXIMUM, TOPIC_ALIAS, USER_PROPERTY = 2, 17, 24, 33, 35, 38

Packet = collections.namedtuple("Packet", "kind flags body")
Publish = collections.namedtuple("Publish", "topic payload qos retain dup id properties")
Will = collections.namedtuple("Will", "topic payload qos retain properties", defaults=(0, False, {}))


class Closed(Exception):
    """The broker has closed the connection."""


def varint(number):
    out = bytearray()
    while True:
        number, byte = number >> 7, number & 0x7F
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def read_varint(data, at):
    """(number, position behind it), or None while bytes are missing."""
    number = 0
    for i in range(4):
        if at + i >= len(data):
            return None
        number |= (data[at + i] & 0x7F) << 7 * i
        if data[at + i] < 0x80:
            return number, at + i + 1
    raise Failure("malformed length from the broker")


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def properties(values):
    """{id: value or list of values} as it stands in a packet, with its length."""
    out = bytearray()
    for key, many in values.items():
        for value in many if isinstance(many, list) else [many]:
            form = _FORMS[key]
            out.append(key)
            if form == "s" or form == "b":
                out += text(value)
            elif form == "p":
                out += text(value[0]) + text(value[1])
            elif form == "v":
                out += varint(value)
            else:
                out += struct.pack(">" + form, value)
    return varint(len(out)) + bytes(out)


def read_properties(data, at):
    """({id: value, or list of them for what may stand more than once}, position behind them)."""
    length, at = read_varint(data, at)
    end = at + length
    values = {}

    def binary():
        nonlocal at
        size = struct.unpack_from(">H", data, at)[0]
        at += 2 + size
        return bytes(data[at - size:at])

    while at < end:
        key = data[at]
        at += 1
        form = _FORMS[key]
        if form == "s":
            value = binary().decode()
        elif form == "b":
            value = binary()
        elif form == "p":
            value = (binary().decode(), binary().decode())
        elif form == "v":
            value, at = read_varint(data, at)
        else:
            value = struct.unpack_from(">" + form, data, at)[0]
            at += struct.calcsize(">" + form)
        if key in (USER_PROPERTY, 11):
            values.setdefault(key, []).append(value)
        else:
            expect(key not in values, f"property {key} twice from the broker")
            values[key] = value
    expect(at == end, "the broker's properties have the wrong length")
    return values, end


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def connect(client_id, version=5, *, clean=True, keep_alive=60, will=None, username=None, password=None, props=None):
    flags = 2 if clean else 0
    payload = text(client_id)
    if will:
        flags |= 4 | will.qos << 3 | (32 if will.retain else 0)
        payload += (properties(will.properties) if version == 5 else b"") + text(will.topic) + text(will.payload)
    if username is not None:
        flags |= 128
        payload += text(username)
    if password is not None:
        flags |= 64
        payload += text(password)
    head = text("MQIsdp" if version == 3 else "MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive)
    return packet(CONNECT, 0, head + (properties(props or {}) if version == 5 else b"") + payload)


def publish(topic, payload, qos=0, packet_id=0, *, version=5, retain=False, dup=False, props=None):
    body = text(topic) + (struct.pack(">H", packet_id) if qos else b"")
    if version == 5:
        body += properties(props) if props else b"\0"
    return packet(PUBLISH, (8 if dup else 0) | qos << 1 | (1 if retain else 0), body + payload)


def ack(kind, packet_id):
    return packet(kind, 2 if kind == PUBREL else 0, struct.pack(">H", packet_id))


def subscribe(filters, packet_id, version=5, props=None):
    """`filters`: (filter, options) pairs; the options byte of MQTT 3 is just the QoS."""
    body = struct.pack(">H", packet_id) + (properties(props or {}) if version == 5 else b"")
    return packet(SUBSCRIBE, 2, body + b"".join(text(name) + bytes([options]) for name, options in filters))


def unsubscribe(filters, packet_id, version=5):
    body = struct.pack(">H", packet_id) + (b"\0" if version == 5 else b"")
    return packet(UNSUBSCRIBE, 2, body + b"".join(text(name) for name in filters))


def disconnect(version=5, reason=0, props=None):
    if version == 5 and (reason or props):
        return packet(DISCONNECT, 0, bytes([reason]) + (properties(props) if props else b""))
    return packet(DISCONNECT, 0, b"")


PING = packet(PINGREQ, 0, b"")


def decode_publish(received, version=5):
    body = received.body
    size = struct.unpack_from(">H", body)[0]
    at = 2 + size
    topic = bytes(body[2:at]).decode()
    qos = received.flags >> 1 & 3
    packet_id = 0
    if qos:
        packet_id = struct.unpack_from(">H", body, at)[0]
        at += 2
    props = {}
    if version == 5:
        if body[at] == 0:
            at += 1
        else:
            props, at = read_properties(body, at)
    return Publish(topic, bytes(body[at:]), qos, bool(received.flags & 1), bool(received.flags & 8), packet_id, props)


def packet_id(received):
    return struct.unpack_from(">H", received.body)[0]


def reason_code(received):
    """Of acknowledgements and DISCONNECT; what is left out means success [v5 3.4.2.1, 3.14.2.1]."""
    at = 0 if received.kind == DISCONNECT else 2
    return received.body[at] if len(received.body) > at else 0


class Splitter:
    """Cuts a stream of bytes into packets."""

    def __init__(self):
        self.data = bytearray()

    def feed(self, data):
        """The packets that `data` completes."""
        self.data += data
        buffer, at, packets = self.data, 0, []
        while len(buffer) - at >= 2:
            length = read_varint(buffer, at + 1)
            if length is None or length[1] + length[0] > len(buffer):
                break
            end = length[1] + length[0]
            packets.append(Packet(buffer[at] >> 4, buffer[at] & 15, bytes(buffer[length[1]:end])))
            at = end
        if at:
            del buffer[:at]
        return packets


class Client:
    """One connection, one thread. Acknowledges what it receives unless told not to."""

    def __init__(self, address, client_id="", version=5, *, clean=True, keep_alive=60, will=None, username=None,
                 password=None, props=None, acknowledge=True, receive_buffer=None, source=None, layers=None):
        """`address`: (host, port) or the path of a Unix socket. `layers`: makes of the connected socket something else
        that sends and receives: TLS, WebSocket."""
        self.version = version
        self.acknowledge = acknowledge
        self.inbox = collections.deque()  # packets nobody has asked for yet
        self.splitter = Splitter()
        self.last_id = 0
        local = isinstance(address, str)
        self.socket = socket.socket(socket.AF_UNIX if local else socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:  # before connecting, because it decides the window
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if not local:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.socket.bind(source)
        self.socket.settimeout(LIMIT)
        self.socket.connect(address)
        if layers:
            self.socket = layers(self.socket)
        self.greeting = connect(client_id, version, clean=clean, keep_alive=keep_alive, will=will, username=username,
                                password=password, props=props)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, accepted=True):
        """Sends CONNECT and takes the CONNACK; fails unless it accepts (or `accepted` is false)."""
        self.send(self.greeting)
        answer = self.expect(CONNACK)
        self.session_present = bool(answer.body[0] & 1)
        self.reason = answer.body[1]
        self.properties = read_properties(answer.body, 2)[0] if self.version == 5 else {}
        if accepted:
            expect(self.reason == 0, f"CONNACK with reason {self.reason:#x}")
        return self

    def close(self):
        """Without DISCONNECT."""
        self.socket.close()

    def disconnect(self, reason=0, props=None):
        self.send(disconnect(self.version, reason, props))
        self.close()

    def send(self, data):
        self.socket.settimeout(LIMIT)
        self.socket.sendall(data)

    def next_id(self):
        self.last_id = self.last_id % 65535 + 1
        return self.last_id

    def receive(self, timeout=None):
        """The next packet in the order of arrival, None if none comes in time. Raises Closed."""
        if not self.inbox:
            self._fill(timeout)
        return self.inbox.popleft() if self.inbox else None

    def _fill(self, timeout):
        """Waits until at least one more packet is in the inbox, or for `timeout` seconds."""
        deadline = time.monotonic() + (LIMIT if timeout is None else timeout)
        before = len(self.inbox)
        while len(self.inbox) == before:
            left = deadline - time.monotonic()
            self.socket.settimeout(max(left, 0.001))
            try:
                data = self.socket.recv(1 << 18)
            except (TimeoutError, BlockingIOError):
                if left <= 0.001:
                    return
                continue
            except ConnectionError:
                raise Closed from None
            if not data:
                raise Closed
            packets = self.splitter.feed(data)
            if self.acknowledge:
                self._answer(packets)
                packets = [each for each in packets if each.kind != PUBREL]  # nobody asks for those
            self.inbox.extend(packets)

    def _answer(self, packets):
        answers = bytearray()
        for received in packets:
            if received.kind == PUBLISH and received.flags & 6:
                size = struct.unpack_from(">H", received.body)[0]
                number = struct.unpack_from(">H", received.body, 2 + size)[0]
                answers += ack(PUBACK if received.flags & 2 else PUBREC, number)
            elif received.kind == PUBREL:
                answers += ack(PUBCOMP, packet_id(received))
        if answers:
            self.send(answers)

    def expect(self, kind, timeout=None):
        """The next packet of this kind; others stay in the inbox."""
        deadline = time.monotonic() + (timeout or LIMIT)
        looked = 0
        while True:
            for i in range(looked, len(self.inbox)):
                if self.inbox[i].kind == kind:
                    found = self.inbox[i]
                    del self.inbox[i]
                    return found
            looked = len(self.inbox)
            expect(time.monotonic() < deadline, f"no packet of kind {kind} came, but {list(self.inbox)[:5]}")
            self._fill(deadline - time.monotonic())

    def message(self, timeout=None):
        return decode_publish(self.expect(PUBLISH, timeout), self.version)

    def messages(self, count, timeout=None):
        deadline = time.monotonic() + (timeout or LIMIT)
        return [self.message(max(deadline - time.monotonic(), 0.001)) for _ in range(count)]

    def nothing_more(self):
        """Fails if messages are under way: what was sent before a PINGRESP has arrived before it."""
        self.ping()
        left = [decode_publish(each, self.version) for each in self.inbox if each.kind == PUBLISH]
        expect(not left, f"{len(left)} messages too many, first {left[:1]}")

    def closed(self, timeout=None):
        """Waits for the broker's close; the packets that came before it."""
        deadline = time.monotonic() + (timeout or LIMIT)
        try:
            while time.monotonic() < deadline:
                self._fill(deadline - time.monotonic())
        except Closed:
            return list(self.inbox)
        raise Failure(f"the broker did not close; it sent {list(self.inbox)[:5]}")

    def ping(self):
        self.send(PING)
        self.expect(PINGRESP)

    def subscribe(self, *filters, qos=0, props=None):
        """Reason codes of the SUBACK. A filter may be a pair with its options byte."""
        pairs = [each if isinstance(each, tuple) else (each, qos) for each in filters]
        number = self.next_id()
        self.send(subscribe(pairs, number, self.version, props))
        answer = self.expect(SUBACK)
        expect(packet_id(answer) == number, "SUBACK for another packet")
        at = read_properties(answer.body, 2)[1] if self.version == 5 else 2
        codes = list(answer.body[at:])
        expect(all(code < 0x80 for code in codes), f"subscription refused: {codes}")
        return codes

    def unsubscribe(self, *filters):
        self.send(unsubscribe(filters, self.next_id(), self.version))
        self.expect(UNSUBACK)

    def publish(self, topic, payload=b"", qos=0, *, retain=False, props=None):
        """Sends it and waits for the acknowledgements of its QoS; the reason code."""
        payload = payload.encode() if isinstance(payload, str) else payload
        number = self.next_id() if qos else 0
        self.send(publish(topic, payload, qos, number, version=self.version, retain=retain, props=props))
        if qos == 0:
            return 0
        answer = self.expect(PUBACK if qos == 1 else PUBREC)
        expect(packet_id(answer) == number, "acknowledgement for another packet")
        if qos == 2 and reason_code(answer) < 0x80:
            self.send(ack(PUBREL, number))
            self.expect(PUBCOMP)
        return reason_code(answer)


def opened(address, client_id="", version=5, **options):
    """A connected Client."""
    return Client(address, client_id, version, **options).open()
