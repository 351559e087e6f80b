#!/usr/bin/env python3
"""Wills of the clients of a node that dies: the others publish each once, and a node that comes back does not again."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, expect, expect_equal, wait_until
from cluster import HEARTBEATS, Cluster, wait_until_running, wait_until_whole
from scenarios import main, scenario
from stored import LASTING

SOON = ("cluster.wills_after = 500",)
QUORUM = ("netsplit_policy = quorum",)
DELAY = 24
STAY_OPEN = []  # a client that nobody holds any more is closed


def with_will(node, name, keeps=False, delay=0, retain=False):
    will = mqtt.Will(f"will/{name}", name.encode(), 1, retain, {DELAY: delay} if delay else {})
    client = mqtt.opened(node.address, name, clean=not keeps, props=LASTING if keeps else None, will=will)
    STAY_OPEN.append(client)
    return client


def watcher_on(node):
    watcher = mqtt.opened(node.address, "watcher")
    watcher.subscribe("will/#", qos=1)
    return watcher


def known(count, *nodes):
    for node in nodes:
        wait_until(lambda node=node: node.metric("cluster_wills") == count, f"{node.name} to know {count} wills")


def topics(watcher, count):
    return sorted(watcher.message(3 * LIMIT).topic for _ in range(count))


def published(*nodes):
    return sum(node.metric("cluster_wills_published") for node in nodes)


@scenario
def killed_node():
    """Of all its clients, clean sessions and such as are kept, once; not again when it is back."""
    with Cluster(3, *HEARTBEATS, *SOON, *QUORUM) as (a, b, c):
        watcher = watcher_on(a)
        with_will(c, "clean")
        with_will(c, "kept", keeps=True)
        with_will(c, "delayed", keeps=True, delay=2)
        with_will(c, "retained", retain=True)
        good = with_will(c, "good")
        good.disconnect()
        known(4, a, b)
        c.kill()
        expect_equal(topics(watcher, 3), ["will/clean", "will/kept", "will/retained"])
        expect_equal(topics(watcher, 1), ["will/delayed"])
        expect_equal(published(a, b), 4)
        known(0, a, b)
        c.restart()
        wait_until_whole(a, b, c)
        c.wait_for_log("wills of the time before this start have been published")
        watcher.nothing_more()
        with mqtt.opened(b.address, "later") as later:
            later.subscribe("will/#", qos=1)
            expect_equal(later.message().topic, "will/retained")
        # The next time it dies it is another matter.
        with_will(c, "kept", keeps=True)
        known(1, a)
        c.kill()
        expect_equal(topics(watcher, 1), ["will/kept"])
        c.restart()
        wait_until_whole(a, b, c)
        watcher.nothing_more()
        watcher.disconnect()


@scenario
def client_is_back_elsewhere():
    """Who has connected to another node before has no will published."""
    with Cluster(3, *HEARTBEATS, "cluster.wills_after = 3000", *QUORUM) as (a, b, c):
        watcher = watcher_on(a)
        with_will(c, "back")
        with_will(c, "back-kept", keeps=True, delay=1)
        with_will(c, "dead")
        known(3, a, b)
        c.kill()
        wait_until_running(b, c, False)
        wait_until_running(a, c, False)
        back = [mqtt.opened(b.address, "back"), with_will(a, "back-kept", keeps=True)]
        expect_equal(topics(watcher, 1), ["will/dead"])
        wait_until(lambda: published(a, b) == 1, "the will to be counted")
        known(0, a)
        known(1, b)  # of the client that is at A now
        for client in back:
            client.disconnect()
        watcher.nothing_more()
        watcher.disconnect()
        c.restart()


@scenario
def restarted_at_once():
    """A node that is back before the time publishes what it has kept; of clean sessions another one does."""
    with Cluster(3, *HEARTBEATS, "cluster.wills_after = 60000", *QUORUM) as (a, b, c):
        watcher = watcher_on(a)
        with_will(c, "clean")
        with_will(c, "kept", keeps=True)
        known(2, a, b)
        c.kill()
        c.restart()
        wait_until_whole(a, b, c)
        expect_equal(topics(watcher, 2), ["will/clean", "will/kept"])
        expect_equal(published(a, b), 1)
        watcher.nothing_more()
        watcher.disconnect()


@scenario
def cut_off_node():
    """A minority publishes nothing of others; and a node that was cut off nothing that others have published."""
    with Cluster(3, *HEARTBEATS, *SOON, *QUORUM) as (a, b, c):
        watcher = watcher_on(a)
        alive = with_will(c, "cut-off")
        theirs = with_will(a, "of-the-others")
        for node in (a, b, c):
            known(2 if node is b else 1, node)
        c.freeze()
        expect_equal(topics(watcher, 1), ["will/cut-off"])
        c.thaw()
        wait_until_whole(a, b, c)
        c.wait_for_log("others have published the wills of its clients")
        alive.ping()
        known(0, a)
        alive.close()  # without a word
        theirs.ping()
        wait_until(lambda: "cut-off" not in c.admin("session", "show", "--client_id", f"--node={c.name}").stdout,
                   "it to be gone")
        watcher.nothing_more()
        expect_equal(c.metric("cluster_wills_published"), 0)
        theirs.disconnect()
        watcher.disconnect()


@scenario
def of_two_nodes():
    """No majority: published when the operator removes the node, or at once with netsplit_policy = none."""
    with Cluster(2, *HEARTBEATS, *SOON, *QUORUM) as (a, b):
        watcher = watcher_on(a)
        with_will(b, "removed")
        known(1, a)
        b.kill()
        wait_until_running(a, b, False)
        watcher.nothing_more()
        expect_equal(published(a), 0)
        left = a.admin("cluster", "leave", f"node={b.name}")
        expect_equal((left.returncode, left.stdout), (0, "Done\n"), left.stderr)
        expect_equal(topics(watcher, 1), ["will/removed"])
        watcher.disconnect()
        b.restart()
    with Cluster(2, *HEARTBEATS, *SOON) as (a, b):
        watcher = watcher_on(a)
        with_will(b, "alone")
        known(1, a)
        b.kill()
        expect_equal(topics(watcher, 1), ["will/alone"])
        b.restart()
        wait_until_whole(a, b)
        watcher.nothing_more()
        watcher.disconnect()


@scenario
def stopped_node():
    """A node that is stopped publishes the wills of those it sends away itself, and nobody does again."""
    with Cluster(3, *HEARTBEATS, *SOON, *QUORUM) as (a, b, c):
        watcher = watcher_on(a)
        with_will(c, "stopped")
        known(1, a, b)
        c.stop()
        expect_equal(topics(watcher, 1), ["will/stopped"])
        known(0, a, b)
        expect_equal(published(a, b), 0)
        watcher.nothing_more()
        watcher.disconnect()
        c.restart()


if __name__ == "__main__":
    main()
