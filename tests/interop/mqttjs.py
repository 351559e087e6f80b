#!/usr/bin/env python3
"""MQTT.js against the broker: starts both. What is tested stands in mqttjs/scenarios.js."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "mqttjs"
sys.path.insert(0, str(FOLDER.parent.parent / "support"))
from broker import LIMIT, SLOWNESS, Broker, Skip, expect, expect_equal
from cluster import Cluster
from scenarios import main, scenario
from ways import TLS, Ways

STAMP = FOLDER / "node_modules/.installed"


def lock_digest():
    return hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()


def installed():
    return STAMP.exists() and STAMP.read_text() == lock_digest()


@scenario
def install():
    """What package-lock.json names, from the npm registry; nothing to do if it is here already."""
    if installed():
        return
    if not shutil.which("npm"):
        raise Skip("npm is not here (Debian: npm)")
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
    done = subprocess.run(command, cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
    if done.returncode != 0:
        raise Skip(f"npm could not install MQTT.js: {done.stdout[-2000:]}")
    STAMP.write_text(lock_digest())


def run(name, *settings):
    need_node()
    with Broker(*settings) as broker:
        run_at(f"mqtt://{broker.address[0]}:{broker.port}", name)


def need_node():
    if not shutil.which("node"):
        raise Skip("node is not here (Debian: nodejs)")
    if not installed():
        raise Skip("MQTT.js is not installed: run the scenario 'install'")


def run_at(url, name, cafile=""):
    environment = {**os.environ, "VMQ_SLOWNESS": str(SLOWNESS), "VMQ_CAFILE": str(cafile)}
    done = subprocess.run(["node", "scenarios.js", url, name], cwd=FOLDER, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=4 * LIMIT)
    expect(done.returncode == 0, f"MQTT.js, {url}, {name}:\n{done.stdout}")


@scenario
def qos_v3():
    run("qos_v3")


@scenario
def qos_v4():
    run("qos_v4")


@scenario
def qos_v5():
    run("qos_v5")


@scenario
def properties():
    run("properties")


@scenario
def retained():
    run("retained")


@scenario
def topic_alias():
    run("topic_alias", "topic_alias_max_client = 5", "topic_alias_max_broker = 5")


@scenario
def session_resume():
    run("session_resume")


@scenario
def will_delay():
    run("will_delay")


@scenario
def takeover():
    run("takeover")


@scenario
def reconnect():
    run("reconnect")


def run_over(kind, scheme):
    need_node()
    ways = Ways("shards = 2")
    url = f"{scheme}://127.0.0.1:{ways.add(kind)}/mqtt"
    with ways.broker:
        for name in ("qos_v3", "qos_v4", "qos_v5", "takeover", "reconnect"):
            run_at(url, name, ways.ca.cafile if kind in TLS else "")


@scenario
def over_mqtts():
    run_over("ssl", "mqtts")


@scenario
def over_ws():
    run_over("ws", "ws")


@scenario
def over_wss():
    run_over("wss", "wss")


def start(*words):
    return subprocess.Popen(["node", *words], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)


@scenario
def say_on_two_nodes():
    """The classic tutorial: the first program listens at one node of a cluster, the second says it at the other."""
    need_node()
    with Cluster(2) as nodes:
        urls = [f"mqtt://{node.address[0]}:{node.port}" for node in nodes]
        for here, there, words in ((*urls, "Hello there"), (*reversed(urls), "and back")):
            with start("say_client1.js", here) as first:
                try:
                    expect_equal(first.stdout.readline(), "listening\n")
                    with start("say_client2.js", there, words) as second:
                        expect_equal((second.communicate(timeout=LIMIT)[0], second.returncode), ("", 0))
                    expect_equal((first.communicate(timeout=LIMIT)[0], first.returncode), (f"say: {words}\n", 0))
                finally:
                    first.kill()


if __name__ == "__main__":
    main()
