#!/usr/bin/env python3
"""What a broker still knows after it was killed or stopped, and what storing costs."""

import pathlib
import select
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, Broker, expect, expect_equal, free_port, wait_until
from scenarios import main, scenario

LASTING = {mqtt.SESSION_EXPIRY: 3600}
SUBSCRIPTION_ID = 11
RETAIN_AS_PUBLISHED = 8


def lasting(address, name, version=5, **options):
    """A connection to a session that is kept."""
    props = options.pop("props", {})
    return mqtt.opened(address, name, version, clean=False, props={**LASTING, **props} if version == 5 else None,
                       **options)


def back(address, name, version=5, **options):
    client = lasting(address, name, version, **options)
    expect(client.session_present, f"the session of {name} is lost")
    return client


def by_kill(broker):
    broker.kill()


def by_signal(broker):
    broker.stop()


class Passing:
    """Waits until something that ends after so many seconds has ended, measured from now."""

    def __init__(self, seconds):
        self.begin, self.seconds = time.monotonic(), seconds

    def elapsed(self):
        return time.monotonic() - self.begin

    def wait(self):
        wait_until(lambda: self.elapsed() > self.seconds, f"the end of {self.seconds} s", self.seconds + 1)


def stored(client):
    """Whatever this client has said before is in the store now."""
    client.subscribe(f"fence/{id(client)}", qos=1)
    client.unsubscribe(f"fence/{id(client)}")


def with_restart(shards=4):
    """A broker that can be ended and started again on the same port."""
    return Broker(f"shards = {shards}", *QUEUES_WITHOUT_LIMIT, port=free_port())


# Messages that wait


def messages_survive(end):
    with with_restart() as broker:
        with lasting(broker.address, "away") as client:
            client.subscribe(("a/+", 2 | RETAIN_AS_PUBLISHED), props={SUBSCRIPTION_ID: 77})
        with lasting(broker.address, "away3", 4) as client:
            client.subscribe("a/+", qos=1)
        sent = []
        with mqtt.opened(broker.address, "publisher") as publisher:
            for number in range(300):
                qos, retain = 1 + number % 2, number % 50 == 0
                props = {mqtt.USER_PROPERTY: [("number", str(number))]}
                if number % 3 == 0:
                    props[mqtt.MESSAGE_EXPIRY] = 1000
                topic, payload = f"a/{number % 3}", b"%d " % number + bytes(number)
                expect_equal(publisher.publish(topic, payload, qos, retain=retain, props=props), 0, "PUBACK")
                sent.append((topic, payload, qos, retain, props))
            passing = Passing(3)
            for qos in (1, 2):
                publisher.publish("a/0", "short-lived", qos, props={mqtt.MESSAGE_EXPIRY: 2})
            publisher.publish("r/short-lived", "x", 1, retain=True, props={mqtt.MESSAGE_EXPIRY: 2})
            publisher.publish("r/kept", "old", 1, retain=True)
            publisher.publish("r/kept", "new", 2, retain=True, props={mqtt.MESSAGE_EXPIRY: 1000})
            publisher.publish("r/removed", "x", 1, retain=True)
            publisher.publish("r/removed", "", 1, retain=True)
        end(broker)
        passing.wait()
        broker.restart()
        for round_of in range(2):
            with back(broker.address, "away") as client:
                if round_of == 0:
                    age = passing.elapsed()
                    for found, (topic, payload, qos, retain, props) in zip(client.messages(len(sent)), sent):
                        where = f"message {payload[:4]}"
                        expect_equal((found.topic, found.payload, found.qos, found.retain, found.dup),
                                     (topic, payload, qos, retain, False), where)
                        expect_equal(found.properties.get(mqtt.USER_PROPERTY), props[mqtt.USER_PROPERTY], where)
                        expect_equal(found.properties.get(SUBSCRIPTION_ID), [77], where)
                        left = found.properties.get(mqtt.MESSAGE_EXPIRY)
                        if mqtt.MESSAGE_EXPIRY in props:
                            expect(1000 - age - 5 * SLOWNESS <= left <= 1000 - age + 1, f"{where}: {left} s left")
                        else:
                            expect_equal(left, None, where)
                client.nothing_more()
                stored(client)
            with back(broker.address, "away3", 4) as client:
                if round_of == 0:
                    expect_equal([(each.topic, each.payload, each.qos, each.dup)
                                  for each in client.messages(len(sent))],
                                 [(topic, payload, 1, False) for topic, payload, *_ in sent], "of v3")
                client.nothing_more()
                stored(client)
            with mqtt.opened(broker.address, "retained") as client:
                client.subscribe("r/#", qos=2)
                (found,) = client.messages(1)
                expect_equal((found.topic, found.payload, found.qos, found.retain), ("r/kept", b"new", 2, True), "kept")
                left = found.properties.get(mqtt.MESSAGE_EXPIRY)
                expect(1000 - passing.elapsed() - 5 * SLOWNESS <= left < 1000, f"{left} s left")
                client.nothing_more()
            end(broker)
            broker.restart()


@scenario
def messages_survive_kill():
    messages_survive(by_kill)


@scenario
def messages_survive_stop():
    messages_survive(by_signal)


# Exchanges in the middle


def exchanges_survive(end):
    """QoS 2 at every stage, in both directions [v5 MQTT-4.4.0-1]."""
    with with_restart() as broker, mqtt.opened(broker.address, "publisher") as publisher:
        with lasting(broker.address, "taker", acknowledge=False) as taker, \
                lasting(broker.address, "taker3", 4, acknowledge=False) as taker3:
            takers = {"taker": taker, "taker3": taker3}
            for client in takers.values():
                client.subscribe("x/+", qos=2)
            for number in range(8):
                publisher.publish(f"x/{number}", str(number), 1 if number == 5 else 2)
            ids = {}
            for name, client in takers.items():
                found = client.messages(8)
                expect_equal([each.payload for each in found], [b"%d" % i for i in range(8)], "payloads")
                ids[name] = [each.id for each in found]
                # 0 and 1 are complete, 2 and 3 wait for PUBCOMP, the others for PUBREC, 5 for PUBACK.
                for number in range(4):
                    client.send(mqtt.ack(mqtt.PUBREC, found[number].id))
                    expect_equal(mqtt.packet_id(client.expect(mqtt.PUBREL)), found[number].id, "PUBREL")
                for number in range(2):
                    client.send(mqtt.ack(mqtt.PUBCOMP, found[number].id))
                stored(client)
        with lasting(broker.address, "giver") as giver, lasting(broker.address, "listener") as listener:
            listener.subscribe("y", qos=2)
            giver.send(mqtt.publish("y", b"released", 2, 6))
            giver.expect(mqtt.PUBREC)
            giver.send(mqtt.ack(mqtt.PUBREL, 6))
            giver.expect(mqtt.PUBCOMP)
            giver.send(mqtt.publish("y", b"remembered", 2, 7))
            giver.expect(mqtt.PUBREC)
        end(broker)
        broker.restart()
        for name, version in (("taker", 5), ("taker3", 4)):
            for again in range(2):  # the second time after another crash without an answer
                with back(broker.address, name, version, acknowledge=False) as client:
                    packets = [client.receive() for _ in range(6)]
                    expect(None not in packets, f"{name} got only {packets}")
                    released = [mqtt.packet_id(each) for each in packets if each.kind == mqtt.PUBREL]
                    expect_equal(released, ids[name][2:4], f"PUBREL for {name}")
                    found = [mqtt.decode_publish(each, version) for each in packets if each.kind == mqtt.PUBLISH]
                    expect_equal([each.payload for each in found], [b"4", b"5", b"6", b"7"], f"again to {name}")
                    expect(all(each.dup for each in found), "without DUP")
                    expect_equal([each.id for each in found if each.qos == 2],
                                 [ids[name][4], ids[name][6], ids[name][7]], "packet ids")
                    client.nothing_more()
                    if not again:
                        continue
                    for number in released:
                        client.send(mqtt.ack(mqtt.PUBCOMP, number))
                    for each in found:
                        client.send(mqtt.ack(mqtt.PUBACK if each.qos == 1 else mqtt.PUBREC, each.id))
                    for each in found:
                        if each.qos == 2:
                            client.send(mqtt.ack(mqtt.PUBCOMP, mqtt.packet_id(client.expect(mqtt.PUBREL))))
                    stored(client)
                if not again:
                    end(broker)
                    broker.restart()
        with back(broker.address, "giver") as giver, back(broker.address, "listener") as listener:
            expect_equal([each.payload for each in listener.messages(2)], [b"released", b"remembered"], "at listener")
            giver.send(mqtt.publish("y", b"remembered", 2, 7, dup=True))
            expect_equal(mqtt.packet_id(giver.expect(mqtt.PUBREC)), 7, "PUBREC")
            giver.send(mqtt.ack(mqtt.PUBREL, 7))
            giver.expect(mqtt.PUBCOMP)
            giver.send(mqtt.publish("y", b"another", 2, 7))  # the id is free again
            giver.expect(mqtt.PUBREC)
            expect_equal(listener.message().payload, b"another", "the next message")
            listener.nothing_more()
        end(broker)
        broker.restart()
        for name, version in (("taker", 5), ("taker3", 4)):
            with back(broker.address, name, version) as client:
                client.nothing_more()


@scenario
def exchanges_survive_kill():
    exchanges_survive(by_kill)


@scenario
def exchanges_survive_stop():
    exchanges_survive(by_signal)


@scenario
def group_message_changes_hands():
    """A message of a shared group whose first receiver goes before it has acknowledged is as safe with the next one."""
    with with_restart() as broker:
        members = [lasting(broker.address, name, acknowledge=False) for name in ("first", "second")]
        for member in members:
            member.subscribe("$share/group/g", "fence", qos=1)
        lost = []
        for number in range(20):
            payload = b"%d" % number
            with mqtt.opened(broker.address, "publisher") as publisher:
                publisher.send(mqtt.publish("g", payload, 1, 1))
                ready = select.select([each.socket for each in members], [], [], LIMIT)[0]
                expect(ready, "no member got it")
                for member in members:
                    if member.socket in ready:
                        member.close()
                publisher.expect(mqtt.PUBACK)
                broker.kill()
            for member in members:
                member.close()
            broker.restart()
            members = [back(broker.address, name, acknowledge=False) for name in ("first", "second")]
            with mqtt.opened(broker.address, "publisher") as publisher:
                publisher.publish("fence", "fence", 1)  # comes behind what waits
            found = []
            for member in members:
                while not found or found[-1] != b"fence":
                    message = member.message()
                    found.append(message.payload)
                    member.send(mqtt.ack(mqtt.PUBACK, message.id))
                found.append(b"")
                stored(member)
            if payload not in found:
                lost.append(number)
        expect(not lost, "acknowledged and lost:", *lost)
        for member in members:
            member.close()


# Sessions


def sessions_survive(end):
    with with_restart(shards=1) as broker:  # as in wills_survive
        with mqtt.opened(broker.address, "brief", clean=False, props={mqtt.SESSION_EXPIRY: 2}) as client:
            client.subscribe("s", qos=1)
        passing = Passing(2)
        with lasting(broker.address, "shortened") as client:
            client.subscribe("s", qos=1)
            client.disconnect(props={mqtt.SESSION_EXPIRY: 1})
        with lasting(broker.address, "long") as client:
            client.subscribe("s", "left", ("$share/g/s2", 1), qos=1)
            client.unsubscribe("left")
        with mqtt.opened(broker.address, "no expiry given", clean=False) as client:
            client.subscribe("s", qos=1)
        with lasting(broker.address, "three", 4) as client:
            client.subscribe("s", qos=1)
        connected = [lasting(broker.address, "connected"),
                     mqtt.opened(broker.address, "connected briefly", clean=False, props={mqtt.SESSION_EXPIRY: 3}),
                     mqtt.opened(broker.address, "noticed late", clean=False, props={mqtt.SESSION_EXPIRY: 1}),
                     mqtt.opened(broker.address, "clean", clean=True)]
        for client in connected:
            client.subscribe("s", qos=1)
        with lasting(broker.address, "started anew") as client:
            client.subscribe("s", qos=1)
        with mqtt.opened(broker.address, "started anew", clean=True, props=LASTING) as client:
            stored(client)
        end(broker)
        since_end = Passing(3)
        passing.wait()
        since_end.wait()
        broker.restart()
        # Nobody can have written down when a crash ended its connection: the interval begins at the start.
        with mqtt.opened(broker.address, "connected briefly", clean=False) as client:
            expect_equal(client.session_present, end is by_kill, "session present of one that was connected")
        if end is by_kill:
            broker.wait_for_log("session of client noticed late expired")
        for client in connected:
            client.close()
        with mqtt.opened(broker.address, "publisher") as publisher:
            for qos in (1, 2):
                publisher.publish("s", f"qos {qos}", qos)
            publisher.publish("left", "left", 1)
            publisher.publish("s2", "shared", 1)
        for name, version, wanted in (
                ("long", 5, ["qos 1", "qos 2", "shared"]), ("three", 4, ["qos 1", "qos 2"]),
                ("connected", 5, ["qos 1", "qos 2"]), ("started anew", 5, [])):
            with back(broker.address, name, version) as client:
                found = client.messages(len(wanted))
                expect_equal(sorted(each.payload.decode() for each in found), wanted, name)
                client.nothing_more()
        for name in ("brief", "shortened", "no expiry given", "clean", "noticed late"):
            with mqtt.opened(broker.address, name, clean=False) as client:
                expect(not client.session_present, f"the session {name} is still there")
                client.nothing_more()


@scenario
def sessions_survive_kill():
    sessions_survive(by_kill)


@scenario
def sessions_survive_stop():
    sessions_survive(by_signal)


@scenario
def new_session_stays_new():
    """A client that was told that its old session is gone must not get it back [v5 MQTT-3.1.2-4]."""
    with with_restart() as broker:
        came_back = []
        for version in (4, 5):
            name = f"anew-{version}"
            with lasting(broker.address, name, version) as client:
                client.subscribe("anew", qos=1)
            with mqtt.opened(broker.address, "publisher") as publisher:
                publisher.publish("anew", "old", 1)
            with mqtt.opened(broker.address, name, version, clean=True, props=LASTING if version == 5 else None):
                broker.kill()
            broker.restart()
            with lasting(broker.address, name, version) as client:
                came_back += [(name, client.session_present)] if client.receive(0.2) else []
        expect(not came_back, "the old session came back:", *came_back)


@scenario
def will_is_kept_from_connack_on():
    with with_restart() as broker:
        with lasting(broker.address, "heir") as heir:
            heir.subscribe("will", qos=1)
        with lasting(broker.address, "testator", will=mqtt.Will("will", "last words", 1)):
            broker.kill()
        broker.restart()
        with back(broker.address, "heir") as heir:
            expect_equal(heir.message().payload, b"last words", "will")


# Wills


def wills_survive(end):
    # DISCONNECT has no answer to wait for. On one shard what is stored after it shows that it was handled.
    with with_restart(shards=1) as broker:
        with lasting(broker.address, "heir") as heir:
            heir.subscribe("will/+", qos=2)

        def testator(name, delay, qos=1, retain=False):
            properties = {mqtt.WILL_DELAY: delay, mqtt.USER_PROPERTY: [("of", name)]}
            client = lasting(broker.address, name, will=mqtt.Will(f"will/{name}", f"of {name}", qos, retain, properties))
            stored(client)
            return client

        testator("lapsed", 2, 2, True).close()  # its delay ends while the broker is down
        passing = Passing(3)
        testator("returned", 60).close()
        with testator("polite", 2) as client:
            client.disconnect()
        connected = [testator(name, delay) for name, delay in
                     (("connected", 2), ("connected and returned", 60), ("connected without delay", 0))]
        end(broker)
        passing.wait()
        broker.restart()
        returned = [back(broker.address, name) for name in ("returned", "connected and returned")]
        with back(broker.address, "heir") as heir:
            found = {}
            for message in heir.messages(3):
                expect(message.topic not in found, f"a second will: {message}")
                found[message.topic] = message
            expect_equal(sorted(found), ["will/connected", "will/connected without delay", "will/lapsed"], "wills")
            lapsed = found["will/lapsed"]
            expect_equal((lapsed.payload, lapsed.qos, lapsed.properties.get(mqtt.USER_PROPERTY)),
                         (b"of lapsed", 2, [("of", "lapsed")]), "a will")
            heir.nothing_more()
            stored(heir)
        with mqtt.opened(broker.address, "late") as late:
            late.subscribe("will/#", qos=1)
            expect_equal(late.message().payload, b"of lapsed", "retained will")
            late.nothing_more()
        for client in returned:
            client.disconnect()
        end(broker)
        broker.restart()
        with back(broker.address, "heir") as heir:
            heir.nothing_more()


@scenario
def wills_survive_kill():
    wills_survive(by_kill)


@scenario
def wills_survive_stop():
    wills_survive(by_signal)


if __name__ == "__main__":
    main()
