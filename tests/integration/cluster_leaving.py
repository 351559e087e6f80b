#!/usr/bin/env python3
"""Nodes that leave a cluster while they run: no new clients, sessions that move to those that stay, and what may go wrong.

T6 and T15 in descriptions are the cases that VerneMQ's users reported, which are a list in the cluster's design.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, QUEUES_WITHOUT_LIMIT, SLOWNESS, expect, expect_equal, wait_until
from cluster import HEARTBEATS, Cluster, wait_until_running, wait_until_whole
from leaving import fill, gets, has_ended, have_all, kept_sessions, leave, left, sessions
from load import Task, event, number_of
from scenarios import main, scenario
from stored import LASTING, back, lasting

USE_ANOTHER_SERVER = 0x9C
SUSPENDED = "Done! Use -k to teardown and migrate existing sessions!"


@scenario
def without_k_nobody_new_comes():
    """The listeners are closed; who is there stays, and the node stays a member. Any member can be asked."""
    with Cluster(3, *HEARTBEATS) as (a, b, c):
        there = mqtt.opened(c.address, "there")
        for asked in (a, c, b):
            done = leave(asked, c)
            expect_equal((done.returncode, done.stdout), (0, SUSPENDED + "\n"), done.stderr)
        there.ping()
        there.subscribe("x")
        with mqtt.opened(a.address, "p") as publisher:
            publisher.publish("x", b"1")
        there.message()
        shown = c.admin("listener", "show").stdout
        expect("suspended" in shown, shown)
        wait_until_whole(a, b, c)
        there.disconnect()


@scenario
def sessions_move_to_the_others():
    """100 queues with 100 messages each survive on those that stay, spread over them; then the node ends."""
    names = [f"s{i}" for i in range(100)]
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        kept_sessions(c, names)
        fill(a, names, 100)
        online = mqtt.opened(c.address, "online", clean=False, props=LASTING)
        online.subscribe("q/online", qos=1)
        lines = left(a, c, "-i", "1")
        expect_equal(mqtt.reason_code(online.expect(mqtt.DISCONNECT)), USE_ANOTHER_SERVER, "reason of the DISCONNECT")
        expect(any(re.match(r"Migrated 101/101 queues and 10000/10000 messages, 100 %$", line) for line in lines), lines)
        has_ended(c)
        wait_until_whole(a, b)
        here, there = sessions(a), sessions(b)
        expect_equal(sorted(here | there), sorted([*names, "online"]), "sessions")
        expect(not here & there, "sessions at two nodes", here & there)
        expect(min(len(here), len(there)) >= 25, f"spread: {len(here)} and {len(there)}")
        fill(b, names, 10, first=100)
        for name in names:
            gets(b if name in here else a, name, 110)
        with back(a.address, "online") as client:
            client.disconnect()
        # It has nothing of the cluster any more, and does not come back by itself.
        c.restart()
        expect_equal(c.members(), {c.name: True})
        expect_equal(sessions(c), set())
        wait_until_whole(a, b)
        expect_equal(c.join(a).stdout, "Done\n")
        wait_until_whole(a, b, c)


@scenario
def a_cluster_of_two():
    """A node of two can leave, with messages that are published meanwhile; it is asked itself."""
    with Cluster(2, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b):
        names = [f"s{i}" for i in range(20)]
        kept_sessions(b, names)
        fill(b, names, 200)
        stop = event()

        def go_on():
            acknowledged = 200
            while not stop.is_set():
                fill(a, names, 5, first=acknowledged)
                acknowledged += 5
            return acknowledged

        publisher = Task(go_on)
        left(b, b, "-i", "1")
        has_ended(b)
        stop.set()
        acknowledged = publisher.result()
        wait_until_whole(a)
        for name in names:
            gets(a, name, acknowledged)
        b.restart()


@scenario
def wills_of_those_sent_away():
    """A will without delay is published; one with delay moves with its session and is dropped when its client is back."""
    with Cluster(2, *HEARTBEATS) as (a, b):
        watcher = mqtt.opened(a.address, "watcher")
        watcher.subscribe("will/#", qos=1)
        clients = [mqtt.opened(b.address, "at-once", will=mqtt.Will("will/at-once", b"1", 1))]
        for name in ("comes", "stays-away"):
            late = mqtt.Will(f"will/{name}", b"1", 1, properties={24: 5})
            clients.append(mqtt.opened(b.address, name, clean=False, props=LASTING, will=late))
        left(a, b)
        for client in clients:
            expect_equal(mqtt.reason_code(client.expect(mqtt.DISCONNECT)), USE_ANOTHER_SERVER, "reason")
        expect_equal(watcher.message().topic, "will/at-once")
        with back(a.address, "comes") as client:
            client.disconnect()
        expect_equal(watcher.message(3 * LIMIT).topic, "will/stays-away")
        watcher.nothing_more()
        watcher.disconnect()
        has_ended(b)
        b.restart()


@scenario
def term_never_leaves():
    """T6: a node that is stopped by SIGTERM stays a member, with all it keeps; a rolling restart loses nothing."""
    names = [f"s{i}" for i in range(9)]
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as nodes:
        for i, name in enumerate(names):
            kept_sessions(nodes[i % 3], [name])
        fill(nodes[0], names, 20)
        for turn, node in enumerate(nodes):
            other = nodes[(turn + 1) % 3]
            node.stop()
            wait_until_running(other, node, False)
            expect_equal(len(other.members()), 3, "members")
            node.restart()
            wait_until_whole(*nodes)
            fill(other, names, 5, first=20 + 5 * turn)
        for i, name in enumerate(names):
            gets(nodes[(i + 1) % 3], name, 35)


@scenario
def target_killed():
    """T15: a node that takes sessions over is killed meanwhile. The leave gives up or goes on; in the end all is there."""
    names = [f"s{i}" for i in range(30)]
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        kept_sessions(c, names)
        fill(c, names, 300)
        asked = Task(leave, a, c, "-k", "-i", "1", "-t", str(int(5 * SLOWNESS)))
        wait_until(lambda: "session of client s" in b.log(), "the first session to move")
        b.kill()
        asked.result()
        b.restart()
        if c.process.poll() is None:
            wait_until_whole(a, b, c)
            left(a, c, "-i", "1")
        has_ended(c)
        wait_until_whole(a, b)
        wait_until(lambda: sorted(sessions(a) | sessions(b)) == sorted(names), "all sessions to be there")
        have_all(a, names, 300)
        c.restart()


@scenario
def gives_up_and_goes_on():
    """T15: with a member away nothing begins; while one hangs nothing moves, the command ends and can be repeated."""
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        names = [f"s{i}" for i in range(20)]
        kept_sessions(c, names)
        fill(c, names, 10)
        b.kill()
        wait_until_running(c, b, False)
        refused = leave(a, c, "-k")
        expect_equal((refused.returncode, refused.stdout.splitlines()[0]),
                     (0, "Can't migrate queues because cluster is inconsistent, retry!"), refused.stderr)
        with mqtt.opened(c.address, "still-welcome"):
            pass
        b.restart()
        wait_until_whole(a, b, c)
        left(a, c)
        has_ended(c)
        for name in names:
            gets(b, name, 10)
        alone = leave(a, c)
        expect_equal((alone.returncode, alone.stdout.splitlines()[0]), (1, f"{c.name} is no member of the cluster."))
        c.restart()
        alone = leave(c, c, "-k")
        expect("is in no cluster with other nodes" in alone.stdout, alone.stdout)


@scenario
def client_comes_elsewhere_meanwhile():
    """A client that connects to another node while its node leaves gets its session there, and is not sent away."""
    with Cluster(3, *HEARTBEATS, *QUEUES_WITHOUT_LIMIT) as (a, b, c):
        names = [f"s{i}" for i in range(60)]
        kept_sessions(c, names)
        fill(c, names, 100)
        asked = Task(left, a, c, "-i", "1")
        clients = [back((a, b)[i % 2].address, name) for i, name in enumerate(names)]
        for client in clients:
            expect_equal([number_of(client.message()) for _ in range(100)], list(range(100)))
        asked.result()
        for client in clients:
            client.ping()
            client.nothing_more()
            client.disconnect()
        has_ended(c)
        c.restart()


if __name__ == "__main__":
    main()
