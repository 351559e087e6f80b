"""Starts several real brokers that are one cluster."""

import json
import pathlib
import re
import signal

import mqtt_wire as mqtt
from broker import SLOWNESS, Broker, expect, free_port, wait_until

COOKIE = "a secret of the tests"
SILENCE = 1.0 * SLOWNESS  # seconds after which a node that says nothing is away, with HEARTBEATS
HEARTBEATS = ("cluster.heartbeat_interval = 100", f"cluster.heartbeat_timeout = {int(SILENCE * 1000)}")


class Node(Broker):
    """One broker with a name and a clustering listener, alone at first.

    Others dial `host`; with another `cluster_host` something has to stand between. Unless `settings` say otherwise it
    serves clients whatever becomes of the others.
    """

    def __init__(self, name, *settings, cookie=COOKIE, cluster_host="127.0.0.1", host="127.0.0.1", port=None,
                 cluster_port=None, folder=None):
        self.name = f"{name}@{host}"
        self.more = ("shards = 2", *settings) if not any(each.startswith("shards ") for each in settings) else settings
        if not any(each.startswith("netsplit_policy ") for each in settings):
            self.more = ("netsplit_policy = none", *self.more)
        self.cluster_host = cluster_host
        self.cookie = cookie
        self.cluster_port = cluster_port or free_port()
        super().__init__(*self._lines(), port=port or free_port(), folder=folder)

    def _lines(self):
        return (f"nodename = {self.name}", f"distributed_cookie = {self.cookie}",
                f"listener.vmq.clustering = {self.cluster_host}:{self.cluster_port}", *self.more)

    def restart(self, *settings, cluster_port=None):
        """Starts it again on the same folder; `settings` come besides its own and stay."""
        self.cluster_port = cluster_port or self.cluster_port
        self.more += settings
        super().restart(*self._lines())

    def join(self, other):
        """Runs `cluster join` against this node; what the command said."""
        return self.admin("cluster", "join", f"discovery-node={other.name}:{other.cluster_port}")

    def members(self):
        """{name: whether it runs}, as this node sees it."""
        shown = self.admin("cluster", "show", "--format=json")
        expect(shown.returncode == 0, shown.stdout + shown.stderr)
        return {row["Node"]: row["Running"] for row in json.loads(shown.stdout)["table"]}

    def metric(self, name):
        return int(re.search(rf"\b{name} = (\d+)", self.admin("metrics", "show").stdout).group(1))

    def freeze(self):
        """It hangs: connections stay open, and nothing is read or answered."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(self._stopped, "all threads to stop")

    def _stopped(self):
        # The state stands behind the name, which is in parentheses and may have some itself.
        return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T"
                   for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir())

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def __exit__(self, kind, error, trace):
        if self.process and self.alive():
            self.thaw()
        super().__exit__(kind, error, trace)


class Cluster:
    """`with Cluster(3, "max_inflight_messages = 0") as (a, b, c):`; all nodes know all others then.

    Nodes are named a, b, c ... and have two shards each; or they are made before and come as a list. Afterwards each
    must have ended well: a test that kills one starts it again.
    """

    def __init__(self, nodes, *settings, join=True):
        self.nodes = nodes if isinstance(nodes, list) else [Node(chr(ord("a") + i), *settings) for i in range(nodes)]
        self.join = join
        self.entered = []

    def __enter__(self):
        try:
            for node in self.nodes:
                node.__enter__()
                self.entered.append(node)
            if not self.join:
                return self.nodes
            for node in self.nodes[1:]:
                joined = node.join(self.nodes[0])
                expect(joined.returncode == 0 and joined.stdout == "Done\n", joined.stdout + joined.stderr)
            wait_until_whole(*self.nodes)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self.nodes

    def __exit__(self, kind, error, trace):
        first = None
        for node in self.entered:
            try:
                node.__exit__(kind, error, trace)
            except Exception as failure:
                first, kind = first or failure, type(failure)
        if first and first is not error:
            raise first


def passes_on(source, target):
    """A message published on `source` comes to a subscriber on `target`."""
    with mqtt.opened(target.address, "in") as subscriber, mqtt.opened(source.address, "out") as publisher:
        subscriber.subscribe("alive", qos=1)
        publisher.publish("alive", b"yes", 1)
        subscriber.message()


def retained_at(node):
    """{topic: payload} of the retained messages below kept/."""
    with mqtt.opened(node.address, f"look-{node.name}") as client:
        client.subscribe("kept/#")
        client.ping()
        found = [mqtt.decode_publish(each) for each in client.inbox if each.kind == mqtt.PUBLISH]
        client.disconnect()
    return {each.topic: each.payload for each in found}


def wait_until_whole(*nodes):
    """Until each of them shows exactly these nodes as its cluster, all running."""
    wanted = {node.name: True for node in nodes}
    for node in nodes:
        wait_until(lambda node=node: node.members() == wanted, f"{node.name} to show {wanted}")


def wait_until_running(node, other, running):
    """Until `node` shows `other` as running, or as not running."""
    wait_until(lambda: node.members().get(other.name) is running, f"{node.name} to show {other.name}: {running}")
