"""Nodes that leave a cluster, and the sessions that move because of it."""

import re

import mqtt_wire as mqtt
from broker import LIMIT, expect, expect_equal, wait_until
from load import number_of, numbered
from stored import back, lasting


def leave(asked, node, *flags):
    return asked.admin("cluster", "leave", f"node={node.name}", *flags)


def left(asked, node, *flags):
    """`cluster leave -k`, which has to come to a good end; its lines."""
    done = leave(asked, node, "-k", *flags)
    expect_equal((done.returncode, done.stdout.splitlines()[-1:]), (0, ["Done"]), done.stdout + done.stderr)
    return done.stdout.splitlines()


def has_ended(node):
    """As in VerneMQ a node that has left ends, and well."""
    wait_until(lambda: node.process.poll() is not None, f"{node.name} to end")
    expect_equal(node.process.returncode, 0, f"exit status of {node.name}")


def fill(node, names, count, first=0):
    """`count` numbered messages wait for each session of `names`, the publisher has their acknowledgements."""
    with mqtt.opened(node.address, f"fill-{node.name}") as publisher:
        batch, sent = bytearray(), 0
        for name in names:
            for number in range(first, first + count):
                batch += mqtt.publish(f"q/{name}", numbered(number), 1, sent % 60000 + 1)
                sent += 1
        publisher.send(batch)
        for _ in range(sent):
            expect(mqtt.reason_code(publisher.expect(mqtt.PUBACK, 3 * LIMIT)) < 0x80, "refused")


def kept_sessions(node, names):
    """Sessions that are kept, without their clients."""
    for name in names:
        with lasting(node.address, name) as client:
            client.subscribe(f"q/{name}", qos=1)
            client.disconnect()


def have_all(node, names, wanted):
    """Each session gets these numbers there (or as many from 0 on), some of them perhaps twice, and no others."""
    wanted = set(range(wanted)) if isinstance(wanted, int) else wanted
    for name in names:
        with back(node.address, name) as client:
            got = set()
            while len(got) < len(wanted):
                got.add(number_of(client.message()))
            expect_equal(got ^ wanted, set(), f"messages of {name}")
            client.disconnect()


def sessions(node):
    shown = node.admin("session", "show", "--client_id", f"--node={node.name}", "--format=json", "--limit=100000").stdout
    return set(re.findall(r'"client_id": ?"([^"]+)"', shown))


def gets(node, name, count, exactly=True):
    """The session is there, and its messages in their order."""
    with back(node.address, name) as client:
        got = [number_of(client.message()) for _ in range(count)]
        if exactly:
            expect_equal(got, list(range(count)), f"messages of {name}")
            client.nothing_more()
        client.disconnect()
        return got
