#!/usr/bin/env python3
"""What clients may do while members of the cluster are away: the answers of VerneMQ, the settings, the policies."""

import contextlib
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import Failure, expect, expect_equal, wait_until
from cluster import HEARTBEATS, Cluster, Node, wait_until_running, wait_until_whole
from load import Task, event
from scenarios import main, scenario
from stored import back, lasting

ALL = "netsplit_policy = all"
V311 = 4
REASON_STRING = 31
NOT_COMPLETE = "the cluster is not complete"


def metric(node, name, **labels):
    """The sum of the series that have these labels."""
    shown = node.admin("metrics", "show", *(f"--{key}={value}" for key, value in labels.items()))
    expect(shown.returncode == 0, shown.stdout + shown.stderr)
    found = re.findall(rf"\b{name} = (\d+)", shown.stdout)
    expect(found, f"no {name} in", shown.stdout)
    return sum(map(int, found))


def dropped(node):
    """Messages that were dropped because of a netsplit."""
    shown = node.admin("drops", "show", "--by", "--messages", "--reason=netsplit", "--format=json")
    expect(shown.returncode == 0, shown.stdout + shown.stderr)
    return sum(int(row["messages"]) for row in json.loads(shown.stdout)["table"] if row["by"] == "reason")


def wait_until_ready(*nodes):
    for node in nodes:
        wait_until(lambda node=node: node.metric("cluster_ready") == 1, f"{node.name} to be ready")


def wait_until_split(*nodes):
    for node in nodes:
        wait_until(lambda node=node: node.metric("cluster_ready") == 0, f"{node.name} to miss somebody")


class Split:
    """`with Split() as (a, b):`; a and b were whole, b hangs and a has noticed. `before(a)` runs while all is well."""

    def __init__(self, *settings, before=lambda a, b: None):
        self.cluster = Cluster(2, *HEARTBEATS, *settings, *(() if "netsplit_policy" in "".join(settings) else (ALL,)))
        self.before = before

    def __enter__(self):
        self.a, self.b = self.cluster.__enter__()
        try:
            wait_until_ready(self.a, self.b)
            self.kept = self.before(self.a, self.b)
            self.b.freeze()
            wait_until_split(self.a)
        except BaseException as error:
            self.cluster.__exit__(type(error), error, error.__traceback__)
            raise
        return self.a, self.b

    def heal(self):
        self.b.thaw()
        wait_until_whole(self.a, self.b)
        wait_until_ready(self.a, self.b)

    def __exit__(self, kind, error, trace):
        self.cluster.__exit__(kind, error, trace)


def refused_connect(node, version):
    """The code of the CONNACK, after which the connection has to be closed."""
    with mqtt.Client(node.address, "new", version) as client:
        client.open(accepted=False)
        client.closed()
        return client.reason, client.properties


def answer(client, kind, data):
    """What is answered to these bytes, None if that is nothing."""
    client.send(data)
    client.send(mqtt.PING)
    client.expect(mqtt.PINGRESP)
    found = [each for each in client.inbox if each.kind == kind]
    client.inbox.clear()
    return found[0] if found else None


def codes_of(client, received):
    at = mqtt.read_properties(received.body, 2)[1] if client.version == 5 else 2
    return list(received.body[at:])


def both(a, prefix):
    """A client of each version, by version."""
    return {version: mqtt.opened(a.address, f"{prefix}{version}", version) for version in (V311, 5)}


# --- One answer each ---


@scenario
def connect():
    """CONNACK 3 and 0x88, for new and returning ones; who is connected stays."""
    def before(a, _):
        lasting(a.address, "kept").disconnect()
        return both(a, "old")
    split = Split(before=before)
    with split as (a, _):
        expect_equal(refused_connect(a, V311), (3, {}), "CONNACK of MQTT 3.1.1")
        code, properties = refused_connect(a, 5)
        expect_equal(code, 0x88, "CONNACK of MQTT 5")
        expect(NOT_COMPLETE in str(properties.get(REASON_STRING)), properties)
        with mqtt.Client(a.address, "kept", 5, clean=False) as returning:
            expect_equal(returning.open(accepted=False).reason, 0x88, "of a session that is there")
        with mqtt.Client(a.address, "old5", 5) as second:  # would take over
            expect_equal(second.open(accepted=False).reason, 0x88)
        for client in split.kept.values():
            client.ping()
        a.wait_for_log(r"netsplit: 1 of 2 nodes run, away: b@127.0.0.1; .*vmq-admin cluster leave")
        a.wait_for_log(r"CONNECT of clients refused: .*vmq-admin set allow_register_during_netsplit=on")
        split.heal()
        a.wait_for_log(r"netsplit resolved after \d+ s: all 2 nodes run; meanwhile refused: 4 CONNECT")
        expect_equal((a.metric("netsplit_detected"), a.metric("netsplit_resolved")), (1, 1))
        back(a.address, "kept").disconnect()
        for client in split.kept.values():
            client.disconnect()


@scenario
def publish():
    """QoS 0 goes nowhere; QoS 1 and 2: 0x83 and 0x80 for MQTT 5, no answer for MQTT 3, whose client tries again."""
    def before(a, _):
        subscriber = mqtt.opened(a.address, "in")
        subscriber.subscribe("t/#", qos=2)
        return {**both(a, "out"), "in": subscriber}
    split = Split(before=before)
    with split as (a, b):
        old, new, subscriber = split.kept[V311], split.kept[5], split.kept["in"]
        for client in (old, new):
            expect_equal(answer(client, mqtt.PUBACK, mqtt.publish("t/0", b"", 0, version=client.version)), None)
        expect_equal(new.publish("t/1", b"", 1), 0x83, "PUBACK")
        expect_equal(new.publish("t/2", b"", 2), 0x80, "PUBREC")
        expect_equal(new.publish("t/nobody", b"", 1, retain=True), 0x83, "PUBACK of a retained one")
        for qos, kind in ((1, mqtt.PUBACK), (2, mqtt.PUBREC)):
            expect_equal(answer(old, kind, mqtt.publish("t/again", b"", qos, 10 + qos, version=V311)), None,
                         f"QoS {qos} of MQTT 3")
        subscriber.nothing_more()
        a.wait_for_log(r"PUBLISH of clients refused: .*allow_publish_during_netsplit=on")
        expect_equal(metric(a, "mqtt_publish_error", mqtt_version=4), 3)
        expect_equal(metric(a, "mqtt_publish_error", mqtt_version=5), 4)
        expect_equal(dropped(a), 7)
        split.heal()
        expect_equal(answer(old, mqtt.PUBACK, mqtt.publish("t/again", b"1", 1, 11, version=V311, dup=True)).body[:2],
                     b"\0\x0b", "it is taken when it comes again")
        expect_equal(new.publish("t/1", b"", 1), 0)
        # Two publishers: nothing says which one comes first.
        expect_equal(sorted(each.topic for each in subscriber.messages(2)), ["t/1", "t/again"])
        subscriber.nothing_more()
        with mqtt.opened(b.address, "there") as there:
            there.subscribe("#")
            there.nothing_more()  # nothing was retained


@scenario
def subscribe():
    """SUBACK 0x80 and 0x87 for each filter, and nothing is subscribed."""
    split = Split(before=lambda a, _: both(a, "in"))
    with split as (a, _):
        for version, code in ((V311, 0x80), (5, 0x87)):
            client = split.kept[version]
            got = answer(client, mqtt.SUBACK, mqtt.subscribe([("s/1", 0), ("s/2", 1)], 7, version))
            expect_equal(codes_of(client, got), [code, code], f"SUBACK for version {version}")
            expect_equal(metric(a, "mqtt_subscribe_error", mqtt_version=version), 1)
        a.wait_for_log(r"SUBSCRIBE of clients refused: .*allow_subscribe_during_netsplit=on")
        split.heal()
        client = split.kept[5]
        client.publish("s/1", b"", 1)
        client.nothing_more()
        client.subscribe("s/1")
        client.publish("s/1", b"", 1)
        client.message()


@scenario
def unsubscribe():
    """No answer to MQTT 3, whose client asks again; 0x83 to MQTT 5, which must have one. Nothing is taken away."""
    def before(a, _):
        clients = both(a, "in")
        for client in clients.values():
            client.subscribe("u", qos=1)
        return clients
    split = Split(before=before)
    with split as (a, _):
        old, new = split.kept[V311], split.kept[5]
        expect_equal(answer(old, mqtt.UNSUBACK, mqtt.unsubscribe(["u"], 9, V311)), None)
        expect_equal(codes_of(new, answer(new, mqtt.UNSUBACK, mqtt.unsubscribe(["u", "v"], 9))), [0x83, 0x83])
        for version in (V311, 5):
            expect_equal(metric(a, "mqtt_unsubscribe_error", mqtt_version=version), 1)
        a.wait_for_log(r"UNSUBSCRIBE of clients refused: .*allow_unsubscribe_during_netsplit=on")
        split.heal()
        with mqtt.opened(a.address, "out") as publisher:
            publisher.publish("u", b"still", 1)
        for client in (old, new):
            client.message()
            client.unsubscribe("u")


@scenario
def will():
    """It goes the way of a publish: dropped, or published where that is allowed."""
    def before(a, _):
        subscriber = mqtt.opened(a.address, "in")
        subscriber.subscribe("will/#")
        dying = [mqtt.opened(a.address, f"dies{i}", will=mqtt.Will(f"will/{i}", b"x")) for i in range(2)]
        return subscriber, dying
    split = Split(before=before)
    with split as (a, _):
        subscriber, dying = split.kept
        dying[0].close()
        wait_until(lambda: dropped(a) == 1, "the will to be dropped")
        set_flags(a, publish="on")
        dying[1].close()
        expect_equal(subscriber.message().topic, "will/1")
        subscriber.nothing_more()
        split.heal()


# --- What is allowed ---


def set_flags(node, **flags):
    done = node.admin("set", *(f"allow_{name}_during_netsplit={value}" for name, value in flags.items()))
    expect(done.returncode == 0, done.stdout + done.stderr)


@scenario
def allowed():
    """Each flag at run time, also for who is connected. What was published waits for the other node."""
    def before(a, b):
        with lasting(b.address, "there") as client:
            client.subscribe("p/#", qos=1)
            client.disconnect()
        client = mqtt.opened(a.address, "here")
        client.subscribe("p/#", qos=1)
        return client
    split = Split(before=before)
    with split as (a, b):
        client = split.kept
        set_flags(a, publish="on")
        client.send(mqtt.publish("p/1", b"", 1, 77))
        expect_equal(client.message().topic, "p/1")
        expect_equal(mqtt.packet_id(client.expect(mqtt.PUBACK)), 77, "it waits for b on the disk of a")
        client.send(mqtt.publish("p/0", b"", 0))
        expect_equal(client.message().topic, "p/0")
        expect_equal(refused_connect(a, 5)[0], 0x88, "CONNECT, which is not allowed")

        set_flags(a, publish="off", subscribe="on")
        client.subscribe("q", qos=1)
        set_flags(a, subscribe="off", unsubscribe="on")
        client.unsubscribe("q")
        set_flags(a, unsubscribe="off", register="on")
        with mqtt.opened(a.address, "new") as new:
            got = answer(new, mqtt.SUBACK, mqtt.subscribe([("s", 0)], 7))
            expect_equal(codes_of(new, got), [0x87], "SUBSCRIBE, which is not allowed")
            got = answer(new, mqtt.PUBACK, mqtt.publish("p/2", b"", 1, 1))
            expect_equal(mqtt.reason_code(got), 0x83, "PUBLISH, which is not allowed")
        split.heal()
        with back(b.address, "there") as there:
            expect_equal([each.topic for each in there.messages(1)], ["p/1"])
            there.nothing_more()


@scenario
def flags_in_the_file():
    with Split(*(f"allow_{name}_during_netsplit = on" for name in ("register", "publish", "subscribe",
                                                                 "unsubscribe"))) as (a, _):
        with mqtt.opened(a.address, "any", V311) as client:
            client.subscribe("x", qos=1)
            client.send(mqtt.publish("x", b"", 1, 5, version=V311))
            expect_equal(mqtt.packet_id(client.expect(mqtt.PUBACK)), 5)
            client.message()
            client.unsubscribe("x")
        expect_equal(a.metric("netsplit_detected"), 1)


# --- Policies ---


def serves(node):
    try:
        with mqtt.opened(node.address, "probe") as client:
            return client.publish("probe", b"", 1) in (0, 0x10)
    except (Failure, mqtt.Closed):
        return False


@scenario
def t26_policy_all():
    """One of three that is away is one too many, until it is back or removed."""
    with Cluster(3, *HEARTBEATS, ALL) as (a, b, c):
        wait_until_ready(a, b, c)
        c.kill()
        for node in (a, b):
            wait_until(lambda node=node: not serves(node), f"{node.name} to refuse")
        c.restart()
        wait_until_ready(a, b, c)
        expect(serves(a) and serves(b) and serves(c), "all of them are back")
        # A node that had not seen all of them before the first one was killed has waited, not missed somebody.
        before = {node: (node.metric("netsplit_detected"), node.metric("netsplit_resolved")) for node in (a, b)}
        c.kill()
        wait_until_split(a, b)
        left = a.admin("cluster", "leave", f"node={c.name}")
        expect_equal(left.stdout, "Done\n", left.stderr)
        for node in (a, b):
            wait_until_ready(node)
            expect(serves(node), node.name)
            expect_equal((node.metric("netsplit_detected"), node.metric("netsplit_resolved")),
                         tuple(count + 1 for count in before[node]), node.name)
        c.restart()  # it is told that it has left, and goes on alone
        wait_until_ready(c)


@scenario
def t26_policy_quorum():
    """Two of three serve, one of three does not."""
    with Cluster(3, *HEARTBEATS, "netsplit_policy = quorum") as (a, b, c):
        wait_until_ready(a, b, c)
        c.freeze()
        for node in (a, b):
            wait_until_running(node, c, False)
            expect(serves(node), f"{node.name}, with another one")
            node.wait_for_log(r"netsplit: 2 of 3 nodes run, away: c@127.0.0.1; this node goes on")
        b.freeze()
        wait_until_split(a)
        expect(not serves(a), "alone")
        b.thaw()
        wait_until_ready(a)
        expect(serves(a), "it is back")
        c.thaw()
        wait_until_whole(a, b, c)


@scenario
def policy_none():
    """Everybody serves, and it can be changed while it runs."""
    with Cluster(3, *HEARTBEATS, "netsplit_policy = none") as (a, b, c):
        b.kill()
        c.kill()
        for node in (b, c):
            wait_until_running(a, node, False)
        expect(serves(a), "alone")
        for policy, ready in (("all", 0), ("none", 1), ("quorum", 0)):
            done = a.admin("set", f"netsplit_policy={policy}")
            expect_equal(done.returncode, 0, done.stdout + done.stderr)
            wait_until(lambda ready=ready: a.metric("cluster_ready") == ready, f"{policy} to be {ready}")
        refused = a.admin("set", "netsplit_policy=most")
        expect(refused.returncode != 0 and "all" in refused.stdout + refused.stderr, refused.stdout + refused.stderr)
        b.restart()
        c.restart()
        wait_until_whole(a, b, c)
        wait_until_ready(a)


# --- Coming and going ---


def keep_publishing(address, topic, numbers, stop):
    """Publishes one after the other, whatever happens to its connection; the numbers that were acknowledged."""
    acknowledged = []
    for number in numbers:
        if stop.is_set():
            break
        with contextlib.suppress(Failure, mqtt.Closed, OSError):
            with mqtt.opened(address, "keeps") as client:
                if client.publish(topic, str(number), 1) < 0x80:
                    acknowledged.append(number)
    return acknowledged


@scenario
def restarted_alone():
    """A node that starts does not serve before it knows what clients of the others want: nothing acknowledged is lost."""
    with Cluster(2, *HEARTBEATS, ALL) as (a, b):
        wait_until_ready(a, b)
        with lasting(b.address, "stored") as client:
            client.subscribe("w", qos=1)
            client.disconnect()
        a.kill()
        b.kill()
        a.restart()
        expect_equal(a.metric("cluster_ready"), 0, "before it sees the other one")
        expect_equal(refused_connect(a, 5)[0], 0x88)
        a.wait_for_log(r"waiting for the cluster: 1 of 2 nodes run, away: b@127.0.0.1")
        stop = event()
        publisher = Task(keep_publishing, a.address, "w", range(1_000_000), stop)
        b.restart()
        wait_until_ready(a, b)
        wait_until(lambda: metric(a, "mqtt_puback_sent") > 20, "acknowledgements")
        stop.set()
        acknowledged = publisher.result()
        expect_equal(a.metric("netsplit_detected"), 0, "it is no netsplit")
        with back(b.address, "stored") as client:
            got = [int(each.payload) for each in client.messages(len(set(acknowledged)))]
            expect(set(acknowledged) <= set(got), sorted(set(acknowledged) - set(got))[:10])


@scenario
def joining_disturbs_nobody():
    with Node("a", *HEARTBEATS, ALL) as a, Node("b", *HEARTBEATS, ALL) as b:
        stop = event()

        def publish_until_stopped():
            codes = []
            with mqtt.opened(a.address, "out") as client:
                while not stop.is_set():
                    codes.append(client.publish("t", b"", 1))
            return codes

        publisher = Task(publish_until_stopped)
        joined = b.join(a)
        expect_equal(joined.stdout, "Done\n", joined.stderr)
        wait_until_whole(a, b)
        wait_until_ready(a, b)
        stop.set()
        codes = publisher.result()
        expect(set(codes) <= {0, 0x10}, f"reason codes {set(codes)} of {len(codes)} publishes")
        for node in (a, b):
            expect_equal(node.metric("netsplit_detected"), 0, node.name)


if __name__ == "__main__":
    main()
