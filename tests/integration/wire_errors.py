#!/usr/bin/env python3
"""Packets that are wrong: the sender is told or cut off, the log says who and why, nobody else notices."""

import os
import pathlib
import random
import re
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, SANITIZERS, Broker, expect, expect_equal
from load import Probe
from scenarios import main, scenario

MALFORMED, PROTOCOL_ERROR, TOPIC_INVALID, TOPIC_ALIAS_INVALID, PACKET_TOO_LARGE = 0x81, 0x82, 0x90, 0x94, 0x95


def raw(hexadecimal):
    return bytes.fromhex(hexadecimal)


# name, bytes behind an accepted CONNECT, reasons of which MQTT 5 gives one
IN_A_SESSION = [
    ("reserved packet type", raw("00 00"), {MALFORMED, PROTOCOL_ERROR}),
    ("length of five bytes", raw("30 ff ff ff ff 01"), {MALFORMED}),
    ("second CONNECT", mqtt.connect("again"), {PROTOCOL_ERROR}),
    ("packet only servers send", raw("20 02 00 00"), {PROTOCOL_ERROR, MALFORMED}),
    ("QoS 3", raw("36 06 00 01 61 00 01 00"), {MALFORMED}),
    ("publish to a wildcard", mqtt.publish("a/#", b"x"), {TOPIC_INVALID, MALFORMED, PROTOCOL_ERROR}),
    ("topic with a NUL", mqtt.publish(b"a\0b", b"x"), {MALFORMED, TOPIC_INVALID}),
    ("topic that is no UTF-8", mqtt.publish(b"a\xff", b"x"), {MALFORMED, TOPIC_INVALID}),
    ("packet id 0", raw("32 06 00 01 61 00 00 00"), {MALFORMED, PROTOCOL_ERROR}),
    ("PUBLISH that ends early", raw("30 01 00"), {MALFORMED}),
    ("SUBSCRIBE with wrong flags", b"\x80" + mqtt.subscribe([("a", 0)], 1)[1:], {MALFORMED, PROTOCOL_ERROR}),
    ("SUBSCRIBE to nothing", mqtt.subscribe([], 1), {PROTOCOL_ERROR, MALFORMED}),
    ("SUBSCRIBE with QoS 3", mqtt.subscribe([("a", 3)], 1), {MALFORMED, PROTOCOL_ERROR}),
    ("packet larger than allowed", mqtt.publish("a", bytes(3000)), {PACKET_TOO_LARGE}),
]

ONLY_V5 = [
    ("alias never set", mqtt.publish("", b"x", props={mqtt.TOPIC_ALIAS: 1}), {PROTOCOL_ERROR, TOPIC_ALIAS_INVALID}),
    ("alias above the maximum", mqtt.publish("a", b"x", props={mqtt.TOPIC_ALIAS: 9}), {TOPIC_ALIAS_INVALID}),
    ("unknown property", raw("30 06 00 01 61 02 7f 00"), {MALFORMED}),
    ("property of another packet", raw("30 09 00 01 61 05 11 00 00 00 01"), {MALFORMED, PROTOCOL_ERROR}),
    ("property twice", raw("30 08 00 01 61 04 01 00 01 00"), {PROTOCOL_ERROR}),
    ("property length beyond the packet", raw("30 04 00 01 61 7f"), {MALFORMED}),
]

# name, all the bytes
INSTEAD_OF_CONNECT = [
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("TLS", raw("16 03 01 02 00 01 00 01 fc 03 03")),
    ("PUBLISH first", mqtt.publish("a", b"x")),
    ("other protocol name", mqtt.packet(1, 0, mqtt.text("AMQP") + raw("04 02 00 3c 00 01 61"))),
    ("reserved connect flag", mqtt.packet(1, 0, mqtt.text("MQTT") + raw("04 03 00 3c 00 01 61"))),
    ("will QoS 3", mqtt.packet(1, 0, mqtt.text("MQTT") + raw("04 1e 00 3c 00 01 61 00 01 61 00 00"))),
    ("CONNECT that ends early", mqtt.packet(1, 0, mqtt.text("MQTT") + raw("04 02 00"))),
    ("version 9", mqtt.packet(1, 0, mqtt.text("MQTT") + raw("09 02 00 3c 00 00 01 61"))),
    ("noise", bytes(range(255, 0, -1))),
]


def refused(broker, client, name):
    """Waits for the end and for its log line; the packets that came before."""
    port = client.socket.getsockname()[1]
    packets = client.closed()
    client.close()
    line = broker.wait_for_log(rf"from 127\.0\.0\.1:{port} closed by the broker: (.+)")
    print(f"{name}: {line.group(1)}")
    return packets


@scenario
def in_a_session():
    with Broker("max_message_size = 2000", "topic_alias_max_client = 5") as broker:
        for version in (3, 4, 5):
            for name, data, reasons in IN_A_SESSION + (ONLY_V5 if version == 5 else []):
                if version != 5 and data == mqtt.publish("a", bytes(3000)):
                    data = mqtt.publish("a", bytes(3000), version=version)
                client = mqtt.opened(broker.address, "wrong", version)
                client.send(data)
                packets = refused(broker, client, f"v{version}, {name}")
                told = [mqtt.reason_code(each) for each in packets if each.kind == mqtt.DISCONNECT]
                if version == 5:
                    expect(len(told) == 1 and told[0] in reasons, f"{name}: DISCONNECT {told}, wanted {reasons}")
                else:
                    expect_equal(packets, [], f"{name}: MQTT 3 servers only close")
        mqtt.opened(broker.address, "right").ping()


@scenario
def instead_of_connect():
    with Broker() as broker:
        for name, data in INSTEAD_OF_CONNECT:
            client = mqtt.Client(broker.address)
            client.send(data)
            packets = refused(broker, client, name)
            expect(all(each.kind == mqtt.CONNACK and each.body[1] != 0 for each in packets), f"{name}: {packets}")
        mqtt.opened(broker.address, "right").ping()


@scenario
def port_scan():
    """Connections that come and go without a word leave nothing behind, not even a warning."""
    with Broker() as broker:
        for _ in range(500):
            socket.create_connection(broker.address).close()
        mqtt.opened(broker.address, "right").ping()
        expect("[warning]" not in broker.log(), "a warning about a port scan")


def valid_packets(chance, version):
    """A conversation of a client, one packet each."""
    props = {mqtt.USER_PROPERTY: [("a", "b"), ("c", "d")], mqtt.MESSAGE_EXPIRY: 100} if version == 5 else None
    will = mqtt.Will("will/t", b"will", 1, False, {mqtt.WILL_DELAY: 1} if version == 5 else {})
    packets = [mqtt.connect(f"fuzz-{chance.randrange(50)}", version, clean=chance.random() < 0.7, will=will,
                            username="user", password="secret",
                            props={mqtt.SESSION_EXPIRY: 1, mqtt.RECEIVE_MAXIMUM: 10})]
    rest = [mqtt.subscribe([("fuzz/+", 2), ("$share/g/fuzz/#", 1)], 1, version),
            mqtt.publish("fuzz/a", b"payload", 0, version=version, props=props),
            mqtt.publish("fuzz/b", b"payload", 1, 2, version=version, retain=True, props=props),
            mqtt.publish("fuzz/c", b"payload" * 50, 2, 3, version=version, props=props),
            mqtt.ack(mqtt.PUBREL, 3), mqtt.ack(mqtt.PUBACK, 1), mqtt.ack(mqtt.PUBREC, 2), mqtt.ack(mqtt.PUBCOMP, 2),
            mqtt.unsubscribe(["fuzz/+"], 4, version), mqtt.PING,
            mqtt.disconnect(version, 4 if version == 5 else 0)]
    chance.shuffle(rest)
    return packets + rest[:chance.randrange(1, len(rest))]


def mutate(chance, packets):
    """One to three changes somewhere; mostly not in the CONNECT, so that there is a session."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(packets)) if chance.random() < 0.3 else len(packets) - 1
        data = bytearray(packets[at])
        if not data:
            continue
        place = chance.randrange(len(data))
        kind = chance.randrange(6)
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            del data[place:place + chance.randint(1, 4)]
        elif kind == 3:
            data[place:place] = chance.randbytes(chance.randint(1, 8))
        elif kind == 4:
            data = data[:place]
        else:
            data[place:place + 2] = struct.pack(">H", chance.choice((0, 0x7FFF, 0xFFFF)))
        packets[at] = bytes(data)
    return packets


@scenario
def mutations():
    """Thousands of conversations with something wrong in them; VMQ_SEED repeats a run."""
    seed = int(os.environ.get("VMQ_SEED", random.SystemRandom().randrange(1 << 32)))
    count = 1000 if SANITIZERS else 5000
    print(f"VMQ_SEED={seed}, {count} conversations")
    chance = random.Random(seed)
    with Broker("max_message_size = 100000", "log.console.level = warning", "shards = 2") as broker:
        with Probe(broker.address) as probe:
            for _ in range(count):
                version = chance.choice((3, 4, 5, 5))
                data = b"".join(mutate(chance, valid_packets(chance, version)))
                with socket.create_connection(broker.address, LIMIT) as connection:
                    try:
                        connection.sendall(data)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except ConnectionError:
                        pass
                expect(broker.alive(), f"the broker died of {data.hex(' ')}")
        probe.expect_prompt()
        log, refusals = "", 0
        end = time.monotonic() + LIMIT
        while refusals <= count / 10 and time.monotonic() < end:
            time.sleep(0.1)
            log = broker.log()
            # Beyond 50 lines a second a shard sums them up, a second later.
            summed_up = re.findall(r"(\d+) more connections were closed by the broker", log)
            refusals = log.count("closed by the broker: ") + sum(int(number) for number in summed_up)
        print(f"{refusals} refused")
        expect(refusals > count / 10, f"only {refusals} were refused")
        expect(not re.search(r"closed by the broker: *$", log, re.MULTILINE), "a refusal without a reason")


if __name__ == "__main__":
    main()
