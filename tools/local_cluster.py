#!/usr/bin/env python3
"""Several nodes on this machine that are one cluster, for trying things: `./dev cluster N`.

Runs in the foreground until Ctrl-C. What the nodes keep stays in the folder, so that the next run goes on with it.
"""

import argparse
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MOST = 9
LIMIT = float(os.environ.get("VMQ_CLUSTER_LIMIT", "30"))  # seconds that starting and joining may take


class Problem(Exception):
    pass


class Node:
    def __init__(self, number, options, cookie):
        self.name = f"node{number}@127.0.0.1"
        self.programs = options.programs
        self.folder = options.folder / f"node{number}"
        self.config = self.folder / "vernemq.conf"
        self.console = self.folder / "console.log"
        self.ports = {kind: getattr(options, kind) + number - 1 for kind in ("mqtt", "ws", "http", "clustering")}
        self.process = None
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # The cookie is a secret.
        descriptor = os.open(self.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"""# Written anew by every ./dev cluster.
nodename = {self.name}
distributed_cookie = {cookie}
platform_data_dir = {self.folder}/data
allow_anonymous = on
plugins.vmq_acl = off
plugins.vmq_passwd = off
log.console = console
log.error = off
listener.tcp.default = 127.0.0.1:{self.ports["mqtt"]}
listener.ws.default = 127.0.0.1:{self.ports["ws"]}
listener.ws.default.allowed_origins = [localhost]
listener.http.default = 127.0.0.1:{self.ports["http"]}
listener.vmq.clustering = 127.0.0.1:{self.ports["clustering"]}
""")

    def check_ports(self):
        for port in self.ports.values():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise Problem(f"port {port}, which {self.name} needs: {error.strerror}. Stop what uses it "
                                  f"(ss -tanp shows it; TIME-WAIT ends by itself within a minute), then run this "
                                  f"again") from None

    def start(self):
        with open(self.console, "wb") as output:
            # Ctrl-C is for this script, and without it no node stays.
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", self.programs / "vernemq", "console", "-c", self.config],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True)

    def ready(self):
        log = self.console.read_text(errors="replace")
        if self.process.poll() is not None:
            raise Problem(f"{self.name} did not start:\n{log}")
        return re.search(r"^listening on .* \(vmq\)$", log, re.MULTILINE)

    def admin(self, *words):
        return subprocess.run([self.programs / "vmq-admin", "--config", self.config, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT, check=False)

    def members(self):
        """{name: whether it runs}"""
        shown = self.admin("cluster", "show", "--format=json")
        if shown.returncode != 0:
            return {}
        return {row["Node"]: row["Running"] for row in json.loads(shown.stdout)["table"]}

    def serves(self):
        """Whether it lets clients in: all members are there."""
        return re.search(r"cluster_ready = 1$", self.admin("metrics", "show").stdout, re.MULTILINE)

    def join(self, other):
        done = self.admin("cluster", "join", f"discovery-node={other.name}:{other.ports['clustering']}")
        if done.returncode != 0:
            raise Problem(f"{self.name} could not join: {done.stdout}{done.stderr}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise Problem(f"in vain waited {LIMIT:g} s for {what}; see console.log of each node. Nodes that were used "
                          f"with other ports do not find each other: give another --folder or the ports of then")
        time.sleep(0.05)


def cookie_of(folder):
    """One that stays, or nodes of earlier runs would not be let in again."""
    path = folder / "cookie"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(16))
    return path.read_text()


def while_one_is_away(nodes, admin):
    if len(nodes) == 1:
        return ""
    return f"""Until it is back the other{"s" if len(nodes) > 2 else ""} let nobody in and take no messages, so that nothing gets lost or comes twice: the
default, netsplit_policy = all. Clients that are connected stay. To serve them all the same, on this node:
  {admin} set netsplit_policy=none
or let more than half of the nodes be enough (netsplit_policy=quorum), or allow only some of it, for example
allow_publish_during_netsplit=on. docs/operating/clustering.md has the answers that clients get.
"""


def next_steps(nodes, absent, folder):
    first, second = nodes[0], nodes[-1]
    shown = {path: os.path.relpath(path) for path in (first.config, second.config, first.programs, folder)}
    programs = shown[first.programs]
    print()
    for node in nodes:
        print(f"{node.name}: MQTT on 127.0.0.1:{node.ports['mqtt']}, "
              f"status page http://127.0.0.1:{node.ports['http']}/status, log {os.path.relpath(node.console)}, "
              f"process {node.process.pid}")
    for name in sorted(absent):
        print(f"{name}: a member since an earlier run, not running. Until it is back or removed the others "
              f"let nobody in. To be rid of it: "
              f"{programs}/vmq-admin --config {shown[first.config]} cluster leave node={name}")
    print(f"""
Try it in two other terminals (Debian: apt install mosquitto-clients):
  mosquitto_sub -p {first.ports['mqtt']} -t say -v
  mosquitto_pub -p {second.ports['mqtt']} -t say -m 'from another node'
Which nodes run:
  {programs}/vmq-admin --config {shown[first.config]} cluster show
A node dies, and comes back:
  kill -9 {second.process.pid}
  {programs}/vernemq console -c {shown[second.config]}
{while_one_is_away(nodes, f"{programs}/vmq-admin --config {shown[first.config]}")}Sessions and messages are kept in {shown[folder]}/ for the next time; rm -r {shown[folder]} begins anew.
Ctrl-C stops all nodes.""", flush=True)


def watch(nodes):
    """Says which nodes end, until none runs."""
    running = list(nodes)
    while running:
        for node in list(running):
            status = node.process.poll()
            if status is None:
                continue
            running.remove(node)
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
            print(f"{node.name} {how}; {os.path.relpath(node.console)} has its last words", flush=True)
        time.sleep(0.2)


def stop(nodes):
    for node in nodes:
        node.stop()
    for node in nodes:
        if node.process:
            node.process.wait()


def run(options):
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cookie = cookie_of(options.folder)
    nodes = [Node(number, options, cookie) for number in range(1, options.count + 1)]
    for node in nodes:
        node.check_ports()
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            wait_until(node.ready, f"{node.name} to start")
        for node in nodes[1:]:
            node.join(nodes[0])
        names = {node.name for node in nodes}
        for node in nodes:
            wait_until(lambda node=node: {name for name, runs in node.members().items() if runs} == names,
                       f"{node.name} to find the others")
        absent = nodes[0].members().keys() - names
        for node in nodes if not absent else ():
            wait_until(node.serves, f"{node.name} to let clients in")
        next_steps(nodes, absent, options.folder)
        watch(nodes)
        return 1
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop(nodes)


def number_of_nodes(text):
    if not text.isdigit() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"a number of nodes from 1 to {MOST}, not {text!r}")
    return int(text)


def main():
    parser = argparse.ArgumentParser(prog="./dev cluster", description=__doc__)
    parser.add_argument("count", nargs="?", type=number_of_nodes, default=3, metavar="N", help="nodes, 3 unless given")
    parser.add_argument("--folder", type=lambda text: pathlib.Path(text).resolve(), default=ROOT / "build/cluster",
                        help="of configurations, logs and data (build/cluster); its ports have to stay the same")
    parser.add_argument("--programs", type=lambda text: pathlib.Path(text).resolve(),
                        default=ROOT / "build/release/bin", help=argparse.SUPPRESS)
    for kind, port in (("mqtt", 1883), ("ws", 8080), ("http", 8888), ("clustering", 44053)):
        parser.add_argument(f"--{kind}", type=int, default=port, metavar="PORT",
                            help=f"{kind} port of the first node, the others have the next ones ({port})")
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT may be ignored when a shell starts this in the background
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(run(parser.parse_args()))
    except Problem as problem:
        sys.exit(f"dev: {problem}")


if __name__ == "__main__":
    main()
