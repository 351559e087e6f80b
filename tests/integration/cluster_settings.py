#!/usr/bin/env python3
"""What operators set and ask is the whole cluster's: settings for all nodes, API keys, lists of sessions.

T18 in descriptions is a case that VerneMQ's users reported, see the list in the cluster's design.
"""

import http.client
import json
import pathlib
import stat
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, expect, expect_equal, free_port, wait_until
from cluster import HEARTBEATS, Cluster, Node, wait_until_running, wait_until_whole
from scenarios import main, scenario
from stored import lasting

KEY = "max_client_id_size"
ADMINISTRATIVE = 0x98


class HttpNode(Node):
    def __init__(self, name, *settings, **options):
        self.http_port = free_port()
        super().__init__(name, f"listener.http.default = 127.0.0.1:{self.http_port}", *settings, **options)

    def ask(self, path, key):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=LIMIT)
        try:
            connection.request("GET", path, headers={"x-api-key": key})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def lets_in(self, key, path="/api/v1/cluster/show"):
        return self.ask(path, key)[0] == 200

    def new_key(self, *words):
        return said(self, "api-key", "create", *words).strip()


class HttpCluster(Cluster):
    def __init__(self, count, *settings):
        super().__init__(count, *settings)
        self.nodes = [HttpNode(node.name.partition("@")[0], *settings) for node in self.nodes]


def said(node, *words):
    done = node.admin(*words)
    expect_equal(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def rows(node, *words):
    """The table that a command answers, without anything beside it."""
    answer = json.loads(said(node, *words, "--format=json"))
    parts = answer if isinstance(answer, list) else [answer]
    return next(part["table"] for part in parts if part["type"] == "table")


def value(node, key=KEY):
    """What is in force, and where it comes from."""
    row = rows(node, "show", key, "--origin")[0]
    return row[key], row[f"{key} origin"]


def set_for_all(node, text, key=KEY):
    """{node: whether it is down}; what is up has it when the command ends."""
    table = rows(node, "set", f"{key}={text}", "--all")
    for row in table:
        expect(row["Node Down/Unreachable"] or row["Result"] == f'{key} set to "{text}"', row)
    return {row["Node"]: row["Node Down/Unreachable"] for row in table}


CLUSTERS = "set for the cluster"


# --- Settings ---


@scenario
def settings_of_all():
    """Set on one node, in force on all, on those that are away as soon as they are back, and on those that join."""
    with Cluster(3, f"{KEY} = 50") as (a, b, c), Node("d", f"{KEY} = 60") as d:
        expect_equal(set_for_all(b, 5), {a.name: False, b.name: False, c.name: False})
        for node in (a, b, c):
            expect_equal(value(node), ("5", CLUSTERS), node.name)
            with mqtt.Client(node.address, "too long") as client:
                client.open(accepted=False)
                expect_equal(client.reason, 0x85, "reason of the CONNACK: the id is longer than allowed")
        shown = rows(c, "show", KEY, "allow_anonymous", "--all")
        expect_equal([(row["node"], row[KEY]) for row in shown], [(each.name, "5") for each in (a, b, c)])

        c.kill()
        wait_until_running(a, c, False)
        expect_equal(set_for_all(a, 6), {a.name: False, b.name: False, c.name: True})
        alone = said(a, "show", KEY, "--all")
        expect(f"Failed to get config for: ['{c.name}']" in alone, alone)
        expect_equal(said(a, "set", f"{KEY}=7", f"--node={b.name}"), f'{KEY} set to "7"\n')
        expect_equal(value(b), ("7", "set at run time"))
        expect_equal(a.admin("set", f"{KEY}=7", f"--node={c.name}").stdout, f"Target node is down: {c.name}\n")
        c.restart()
        expect_equal(value(c)[1], CLUSTERS, "it knows before others have told it")
        wait_until(lambda: value(c) == ("6", CLUSTERS), "what was set while it was away")

        # What d has set while it was alone is its own business.
        expect_equal(set_for_all(d, 9), {d.name: False})
        expect_equal(set_for_all(d, 3, "max_inflight_messages"), {d.name: False})
        expect_equal(d.join(b).stdout, "Done\n")
        wait_until(lambda: value(d) == ("6", CLUSTERS), "the cluster's value")
        wait_until(lambda: value(d, "max_inflight_messages")[1] == "default", "nothing of its own")
        wait_until_whole(a, b, c, d)

        said(d, "unset", KEY, "--all")
        for node, text in ((a, "50"), (b, "50"), (c, "50"), (d, "60")):
            wait_until(lambda node=node, text=text: value(node)[0] == text, f"the file of {node.name} to count")
        for node in (a, b, c, d):
            node.kill()
        for node in (a, b, c, d):
            node.restart()
        wait_until_whole(a, b, c, d)
        expect_equal(value(c)[0], "50", "what was taken back stays so")


@scenario
def own_and_the_clusters():
    """A node's own value counts there until it ends, or until something is set for all again."""
    with Cluster(2) as (a, b):
        set_for_all(a, 5)
        said(b, "set", f"{KEY}=6")
        expect_equal((value(a), value(b)), (("5", CLUSTERS), ("6", "set at run time")))
        set_for_all(a, 7)
        expect_equal((value(a), value(b)), (("7", CLUSTERS), ("7", CLUSTERS)))
        said(b, "set", f"{KEY}=8")
        said(b, "unset", KEY)
        expect_equal(value(b), ("7", CLUSTERS))
        said(b, "set", f"{KEY}=8")
        b.kill()
        b.restart()
        wait_until_whole(a, b)
        expect_equal(value(b), ("7", CLUSTERS))
        refused = a.admin("set", f"{KEY}=x", "--all")
        expect_equal(refused.returncode, 1)
        refused = a.admin("set", "nodename=x@y", "--all")
        expect(refused.returncode == 1 and "not settable" in refused.stdout, refused.stdout)
        expect_equal((value(a), value(b)), (("7", CLUSTERS), ("7", CLUSTERS)))
        # A value of the cluster holds from the first moment of a node, also that of its netsplit policy.
        set_for_all(a, "quorum", "netsplit_policy")
        b.kill()
        a.kill()
        a.restart()
        expect_equal(value(a, "netsplit_policy"), ("quorum", CLUSTERS))
        with mqtt.Client(a.address, "x") as client:
            client.open(accepted=False)
            expect_equal(client.reason, 0x88, "reason of the CONNACK: one of two is no majority")
        b.restart()
        wait_until_whole(a, b)


@scenario
def split():
    """T18 for settings and keys: the later change counts on both sides, and what was deleted stays deleted."""
    with HttpCluster(2, *HEARTBEATS) as (a, b):
        gone, kept = a.new_key(), a.new_key()
        wait_until(lambda: b.lets_in(gone) and b.lets_in(kept), "the keys to work on the other node")
        b.freeze()
        wait_until_running(a, b, False)
        expect_equal(set_for_all(a, 5), {a.name: False, b.name: True})
        set_for_all(a, 5, "max_inflight_messages")
        name = next(row["Key"] for row in rows(a, "api-key", "show") if row["Key"].startswith(gone[:8]))
        expect_equal(said(a, "api-key", "delete", f"key={name}"), "ok\n")
        of_a = a.new_key()
        a.freeze()
        b.thaw()
        wait_until_running(b, a, False)
        expect(b.lets_in(gone), "b knows nothing of it yet")
        set_for_all(b, 6)
        of_b = b.new_key()
        a.thaw()
        wait_until_whole(a, b)
        for node in (a, b):
            wait_until(lambda node=node: value(node) == ("6", CLUSTERS), f"{node.name} to have what was set last")
            expect_equal(value(node, "max_inflight_messages"), ("5", CLUSTERS))
            wait_until(lambda node=node: not node.lets_in(gone), f"{node.name} to refuse the deleted key")
            for key in (kept, of_a, of_b):
                wait_until(lambda node=node, key=key: node.lets_in(key), "a key to work everywhere")
            expect_equal(len(rows(node, "api-key", "show")), 3)


# --- Keys ---


@scenario
def keys_of_all():
    """A key opens on every node what its scope and expiry say; only what it is recognised by is kept and told."""
    with HttpCluster(2) as (a, b), HttpNode("c") as c:
        mgmt, metrics = a.new_key(), a.new_key("scope=metrics", "expires=2100-01-01T00:00:00")
        said(b, "api-key", "add", "key=thought-of-by-people", "scope=mgmt")
        own = c.new_key()
        wait_until(lambda: b.lets_in(mgmt), "the key of a to work on b")
        wait_until(lambda: a.lets_in("thought-of-by-people"), "the key of b to work on a")
        expect(not b.lets_in(metrics), "a key of another scope")
        expect_equal(c.join(a).stdout, "Done\n")
        for node in (a, b):
            wait_until(lambda node=node: node.lets_in(own), "the key of the node that joined to work")
        wait_until(lambda: c.lets_in(mgmt) and c.lets_in("thought-of-by-people"), "it to know those of the others")

        def shown(node):
            return sorted(tuple(row.values()) for row in rows(node, "api-key", "show"))

        for node in (b, c):
            wait_until(lambda node=node: shown(node) == shown(a), f"{node.name} to show the same keys")
        expect(any("2100-01-01" in row for each in shown(c) for row in map(str, each)), shown(c))
        for node in (a, b, c):
            node.kill()
        for node in (a, b, c):
            node.restart()
            expect(node.lets_in(own), "it knows all keys before it is linked")
        wait_until_whole(a, b, c)
        expect_equal(said(b, "api-key", "delete", "key=thought-of-by-people"), "ok\n")
        for node in (a, b, c):
            wait_until(lambda node=node: not node.lets_in("thought-of-by-people"), "it to be refused")
            file = node.folder / "data" / "api_keys.json"
            expect_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "mode of the file of keys")
        for node in (a, b, c):
            node.kill()  # what it has written is all there
            for path in (node.folder / "data").rglob("*"):
                kept = path.read_bytes() if path.is_file() else b""
                for key in (mgmt, metrics, own, "thought-of-by-people"):
                    expect(key.encode() not in kept, f"a key stands in {path}")
            expect("thought-of-by" not in node.log() and mgmt not in node.log(), "a key stands in the log")
        for node in (a, b, c):
            node.restart()
        wait_until_whole(a, b, c)


# --- Questions ---


@scenario
def sessions_of_all_nodes():
    with HttpCluster(3) as (a, b, c):
        clients = {f"{node.name[0]}{i}": mqtt.opened(node.address, f"{node.name[0]}{i}") for node in (a, b, c)
                   for i in range(3)}
        with lasting(c.address, "away") as client:
            client.subscribe("kept/#", qos=1)
        with mqtt.opened(b.address, "p") as publisher:
            for _ in range(4):
                publisher.publish("kept/x", b"x", 1)
        shown = rows(a, "session", "show", "--client_id", "--node")
        expect_equal(sorted((row["client_id"], row["node"]) for row in shown),
                     sorted([(name, f"{name[0]}@127.0.0.1") for name in clients] + [("away", c.name)]))
        expect_equal([row["client_id"] for row in rows(b, "session", "show", "--client_id", "--is_online=false")], ["away"])
        expect_equal(sorted(row["client_id"] for row in rows(b, "session", "show", "--client_id", "--client_id=~^[ab]1$")),
                     ["a1", "b1"])
        expect_equal({row["node"] for row in rows(b, "session", "show", "--node", f"--node={c.name}")}, {c.name})
        expect_equal(len(rows(a, "session", "show", "--limit=1")), 3, "the limit is each node's")
        first = rows(b, "session", "show", "--client_id", "--order_by=offline_messages")[0]
        expect_equal(first, {"client_id": "away"}, "the largest stands first, whatever node it is on")
        expect_equal(said(b, "session", "show", "--client_id", "--client_id=nobody"), "")

        # One is told of all over HTTP as well.
        key = a.new_key()
        wait_until(lambda: b.lets_in(key), "the key")
        expect_equal(len(json.loads(b.ask("/api/v1/session/show?--client_id", key)[1])["table"]), 10)
        api2 = a.new_key("scope=api2")
        wait_until(lambda: b.lets_in(api2, "/api/v2/client?client_id=x"), "the key")
        expect_equal(json.loads(b.ask("/api/v2/client?client_id=away&topics", api2)[1]),
                     {"status": "offline", "topics": {"kept/#": 1}})
        expect_equal(json.loads(b.ask("/api/v2/client?client_id=c1", api2)[1])["status"], "online")
        expect_equal(json.loads(b.ask("/api/v2/disconnect?client_id=nobody", api2)[1]), "not_found")

        # Whatever node a client is on, it is reached.
        expect_equal(said(a, "session", "disconnect", "client-id=c1"), "Done\n")
        expect_equal(mqtt.reason_code(clients["c1"].expect(mqtt.DISCONNECT)), ADMINISTRATIVE)
        expect_equal(said(a, "session", "disconnect", "clients", "client-ids=b1,a1"), "Done\n")
        for name in ("b1", "a1"):
            expect_equal(mqtt.reason_code(clients[name].expect(mqtt.DISCONNECT)), ADMINISTRATIVE)
        expect_equal(said(a, "session", "unsubscribe", "client-id=away", "topic=kept/#"), "Done\n")
        expect_equal(said(a, "session", "unsubscribe", "client-id=away", "topic=kept/#"), "Not successfull\n")
        expect_equal(said(a, "session", "reauthorize", "client-id=b2"), "Unchanged\n")
        expect_equal(a.admin("session", "reauthorize", "client-id=nobody").returncode, 1)
        said(b, "session", "disconnect", "client-id=away", "--cleanup")
        expect_equal(rows(a, "session", "show", "--client_id", "--client_id=away"), [])
        expect_equal(said(a, "session", "disconnect", "batch", "count=1", f"--node={c.name}"), "Done\n")

        def left():
            return sorted(row["node"][0] for row in rows(b, "session", "show", "--node", "--is_online=true"))

        wait_until(lambda: left() == ["a", "a", "b", "b", "c"], "one client of c to go")
        expect_equal(said(c, "session", "disconnect", "batch", "count=1"), "Done\n")
        wait_until(lambda: left() == ["a", "b"], "one client of each node to go")


@scenario
def silent_nodes_are_named():
    """A node that hangs, or is away, is named beside the rows of the others, and nobody waits for it for long."""
    with Cluster(3, *HEARTBEATS) as (a, b, c):
        with mqtt.opened(a.address, "of-a"), mqtt.opened(b.address, "of-b"):
            c.freeze()
            began = time.monotonic()
            for why in (rf"node {c.name} ", f"node {c.name} is away"):
                done = a.admin("session", "show", "--client_id", "--format=json")
                expect_equal(done.returncode, 0, done.stdout + done.stderr)
                expect_equal(sorted(row["client_id"] for row in json.loads(done.stdout)["table"]), ["of-a", "of-b"])
                expect(why in done.stderr and "its sessions are missing" in done.stderr, done.stderr)
                wait_until_running(a, c, False)
            expect(time.monotonic() - began < LIMIT, "it has taken too long")
            missing = a.admin("session", "show", "--node", f"--node={b.name}")
            expect_equal((missing.returncode, missing.stderr), (0, ""), "only that node matters")
            expect_equal(said(a, "session", "disconnect", "client-id=nobody"), "Done\n")
            c.thaw()
            wait_until_whole(a, b, c)
            wait_until(lambda: a.admin("session", "show").stderr == "", "c to answer again")


@scenario
def long_facts():
    """A node that takes shorter frames than the others is told what fits, and the rest has a warning with names."""
    with Cluster(2) as (a, b), Node("c", "incoming_clustering_buffer_size = 262144") as c:
        expect_equal(c.join(a).stdout, "Done\n")
        wait_until_whole(a, b, c)
        with mqtt.opened(a.address, "out") as publisher:
            publisher.publish("retained/long", b"x" * 300_000, 1, retain=True)
            publisher.publish("retained/short", b"x", 1, retain=True)
        set_for_all(b, 77)
        for node in (b, c):
            wait_until(lambda node=node: value(node) == ("77", CLUSTERS), f"{node.name} to be told")
            with mqtt.opened(node.address, "in") as subscriber:
                def comes(subscriber=subscriber):
                    subscriber.subscribe("retained/short")
                    got = subscriber.receive(0.1)
                    subscriber.unsubscribe("retained/short")
                    return got
                wait_until(comes, "the short one")
        for node in (a, b):
            node.wait_for_log(rf"node {c.name} is not told the retained message of topic retained/long: it takes 262144 "
                              r"bytes at once; raise incoming_clustering_buffer_size there")
        expect(a.metric("cluster_facts_too_long") >= 1, "it is counted")
        expect(a.metric("cluster_facts_sent") > 0 and c.metric("cluster_facts_received") > 0, "facts are counted")
        expect_equal([row["topic"] for row in rows(c, "retain", "show", "--topic", "--topic=retained/#")], ["retained/short"])
        # Nothing of it is lost for the others, even if they are told by it.
        for node in (b, c):
            node.stop()
            node.restart()
        wait_until_whole(a, b, c)
        expect_equal(sorted(row["topic"] for row in rows(b, "retain", "show", "--topic", "--topic=retained/#")),
                     ["retained/long", "retained/short"])


if __name__ == "__main__":
    main()
