#!/usr/bin/env python3
"""Paho's C library against the broker: starts the broker and the programs paho_sync and paho_async."""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, Broker, Skip, expect
from scenarios import main, scenario
from ways import TLS, Ways

V31, V311, V5 = "3", "4", "5"
QUEUES = ("max_online_messages = -1", "max_offline_messages = -1")


def run(program, name, *versions):
    path = built(program)
    for version in versions:
        with Broker(*QUEUES) as broker:
            run_at(path, f"tcp://{broker.address[0]}:{broker.port}", name, version)


def built(program):
    path = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent / program
    if not path.exists():
        raise Skip(f"{program} was not built: Paho's C library was not found (Debian: libpaho-mqtt-dev)")
    return path


def run_at(path, *arguments):
    done = subprocess.run([path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=4 * LIMIT)
    expect(done.returncode == 0, f"{path.name} {arguments}:\n{done.stdout}")


def run_over(kind, program, name):
    """`kind` of listener, which is Paho's name for it in URIs as well."""
    path = built(program)
    for version in (V311, V5):
        ways = Ways(*QUEUES)
        port = ways.add(kind)
        cafile = [str(ways.ca.cafile)] if kind in TLS else []
        path_of_url = "" if kind == "ssl" else "/mqtt"
        with ways.broker:
            run_at(path, f"{kind}://localhost:{port}{path_of_url}", name, version, *cafile)


@scenario
def sync_qos():
    run("paho_sync", "qos", V31, V311, V5)


@scenario
def sync_session():
    run("paho_sync", "session", V31, V311, V5)


@scenario
def sync_retained():
    run("paho_sync", "retained", V31, V311, V5)


@scenario
def async_qos():
    run("paho_async", "qos", V31, V311, V5)


@scenario
def async_session():
    run("paho_async", "session", V311, V5)


@scenario
def sync_tls():
    run_over("ssl", "paho_sync_tls", "qos")


@scenario
def async_tls():
    run_over("ssl", "paho_async_tls", "qos")


@scenario
def sync_ws():
    run_over("ws", "paho_sync", "qos")


@scenario
def async_ws():
    run_over("ws", "paho_async", "qos")


@scenario
def sync_wss():
    run_over("wss", "paho_sync_tls", "qos")


@scenario
def async_wss():
    run_over("wss", "paho_async_tls", "qos")


if __name__ == "__main__":
    main()
