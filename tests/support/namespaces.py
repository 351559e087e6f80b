"""Nodes of a cluster, each in a network namespace of its own, and the network between them, which can be broken.

`enter()` first: the whole test moves into namespaces of its own then, so that nothing of it is seen outside, several
run at a time, and all of it is gone when it ends, however it ends. It needs root, or user namespaces that may be root.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from broker import SLOWNESS, Skip, expect
from cluster import Cluster, Node
from packet_switch import DEVICE, PacketSwitch, run_ip

MESH, CLIENTS = "10.11.0", "10.12.0"  # the first between nodes, which can be broken; the second to clients, which is good
CLUSTER_PORT, MQTT_PORT = 44053, 1883
_MARK = "VMQ_TEST_NAMESPACES"


def enter():
    """Runs this program again in namespaces of its own; says in there why not, if that cannot be done."""
    if _MARK in os.environ:
        if os.environ[_MARK] == "yes":
            _prepare()
        return
    flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.getuid() != 0:
        flags += ["--user", "--map-root-user"]
    possible = shutil.which("unshare") and shutil.which("ip") and subprocess.run(
        ["unshare", *flags, "true"], capture_output=True, check=False).returncode == 0
    os.environ[_MARK] = "yes" if possible else "no"
    command = [sys.executable, *sys.argv]
    if possible:
        command = ["unshare", *flags, *command]
    sys.stdout.flush()
    os.execvp(command[0], command)


def _prepare():
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
    run_ip(["link set lo up"])


class NamespaceNode(Node):
    """`number` counts from 1 and is the last byte of its addresses."""

    def __init__(self, number, *settings):
        self.number = number
        self.namespace = f"node{number}"
        self.mesh_address = f"{MESH}.{number}"
        self.listen_host = f"{CLIENTS}.{number}"
        super().__init__(chr(ord("a") + number - 1), *settings, cluster_host=self.mesh_address, host=self.mesh_address,
                         port=MQTT_PORT, cluster_port=CLUSTER_PORT)
        self.launcher = ("nsenter", f"--net=/run/netns/{self.namespace}", "--")


class BrokenNetwork:
    """`with BrokenNetwork(3, *settings, seed=1) as (switch, (a, b, c)):`; the nodes are one cluster then.

    `node.number` is the number of its port at `switch`. Clients reach all nodes whatever happens to the switch.
    """

    def __init__(self, count, *settings, seed=0, join=True, of_node=None):
        if os.environ.get(_MARK) != "yes":
            raise Skip("no namespaces of its own: root, or user namespaces, and the programs ip and unshare are needed")
        self.count, self.settings, self.seed, self.join = count, settings, seed, join
        self.of_node = of_node or (lambda number: ())  # more settings of one node
        self.switch = self.cluster = None

    def __enter__(self):
        numbers = range(1, self.count + 1)
        try:
            run_ip(["link add clients type bridge", f"addr add {CLIENTS}.254/24 dev clients", "link set clients up",
                    *(line for n in numbers for line in (
                        f"netns add node{n}", f"link add node{n} type veth peer name clients netns node{n}",
                        f"link set node{n} master clients", f"link set node{n} up"))])
            self.switch = PacketSwitch({n: f"node{n}" for n in numbers}, self.seed)
            for n in numbers:
                inside = [f"addr add {CLIENTS}.{n}/24 dev clients", f"addr add {MESH}.{n}/24 dev {DEVICE}",
                          "link set lo up", "link set clients up", f"link set {DEVICE} up"]
                done = subprocess.run(["ip", "-n", f"node{n}", "-batch", "-"], input="\n".join(inside) + "\n",
                                      capture_output=True, text=True, check=False)
                expect(done.returncode == 0, done.stderr)
            nodes = [NamespaceNode(n, *self.settings, *self.of_node(n)) for n in numbers]
            self.cluster = Cluster(nodes, join=self.join)
            return self.switch, self.cluster.__enter__()
        except BaseException:
            self._remove()
            raise

    def __exit__(self, kind, error, trace):
        try:
            self.switch.heal()
            self.cluster.__exit__(kind, error, trace)
        finally:
            self._remove()

    def _remove(self):
        if self.switch:
            self.switch.close()
        for n in range(1, self.count + 1):
            subprocess.run(["ip", "netns", "del", f"node{n}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", "clients"], capture_output=True, check=False)


def heartbeats(timeout=1.0):
    """Settings with which a silent node is noticed after so many seconds, and that number with all slowness."""
    seconds = timeout * SLOWNESS
    return (f"cluster.heartbeat_interval = {int(seconds * 100)}", f"cluster.heartbeat_timeout = {int(seconds * 1000)}")
