#!/usr/bin/env python3
"""What monitoring sees of a running broker: Prometheus, $SYS, Graphite."""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, Broker, Skip, expect, expect_equal, free_port, wait_until
from scenarios import main, scenario

# What VerneMQ's names do not follow; dashboards know them as they are.
NAMING = re.compile(r'counter metrics should have "_total" suffix|use base unit "seconds"|'
                    r'^vernemq_vm_memory_total non-counter metrics should not have "_total" suffix|'
                    r'^vernemq_system_(gc|process)_count non-histogram .* should not have "_count" suffix')


def _http(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT) as response:
            return response.read().decode()
    except urllib.error.URLError:
        return None


def _traffic(broker):
    """One client of each version, a refused one, a message and its acknowledgement with a reason."""
    for version in (4, 5):
        client = mqtt.opened(broker.address, f"client-{version}", version)
        client.subscribe("t", qos=1)
        client.publish("t", b"payload", 1)
        expect_equal(client.message().payload, b"payload", "the message")
        client.publish("nobody", b"payload", 1)
        client.disconnect()


def _need(program):
    path = shutil.which(program)
    if not path:
        raise Skip(f"{program} is not here")
    return path


@scenario
def promtool():
    """The text is what Prometheus reads, and nothing but old names is found fault with."""
    checker = _need("promtool")
    port = free_port()
    with Broker(f"listener.http.default = 127.0.0.1:{port}") as broker:
        _traffic(broker)
        text = _http(port, "/metrics")
        checked = subprocess.run([checker, "check", "metrics"], input=text, capture_output=True, text=True, timeout=LIMIT)
        found = [line for line in (checked.stdout + checked.stderr).splitlines() if line.strip()]
        expect_equal([line for line in found if not NAMING.search(line)], [], "promtool")
        expect(checked.returncode in (0, 3), f"promtool ended with {checked.returncode}")
        expect('vernemq_mqtt_puback_sent{node="VerneMQ@127.0.0.1",mqtt_version="5",'
               'reason_code="no_matching_subscribers"} 1\n' in text, "a reason code")
        expect('vernemq_mqtt_connack_sent{node="VerneMQ@127.0.0.1",mqtt_version="4",'
               'return_code="success"} 1\n' in text, "a return code")


@scenario
def prometheus():
    """A real Prometheus scrapes, and answers a query that dashboards ask."""
    program = _need("prometheus")
    port, own_port = free_port(), free_port()
    with Broker(f"listener.http.default = 127.0.0.1:{port}") as broker, tempfile.TemporaryDirectory() as folder:
        _traffic(broker)
        config = pathlib.Path(folder, "prometheus.yml")
        config.write_text("global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: vernemq\n"
                          f"  static_configs:\n  - targets: ['127.0.0.1:{port}']\n")
        server = subprocess.Popen(
            [program, f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{own_port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            def ask(query):
                text = _http(own_port, "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
                return text and [each["value"][1] for each in json.loads(text)["data"]["result"]]
            wait_until(lambda: ask("up") == ["1"], "a scrape that worked", 2 * LIMIT)
            expect_equal(ask("sum(vernemq_mqtt_publish_received)"), ["4"], "publishes of both versions")
            expect_equal(ask("vernemq_message_drop{reason='no_subscriber'}"), ["2"], "drops")
            expect(int(ask("count({node='VerneMQ@127.0.0.1'})")[0]) > 250, "series")
        finally:
            server.terminate()
            server.wait(LIMIT)


@scenario
def systree():
    """Metrics arrive as messages; a subscription to everything does not get them."""
    with Broker("systree_interval = 100") as broker:
        everything = mqtt.opened(broker.address, "everything")
        everything.subscribe("#")
        reader = mqtt.opened(broker.address, "reader")
        reader.subscribe("$SYS/+/mqtt/connect/received")
        message = reader.message()
        expect_equal(message.topic, "$SYS/VerneMQ@127.0.0.1/mqtt/connect/received", "topic")
        expect(int(message.payload) >= 1, f"payload {message.payload!r}")
        everything.publish("end", b"end")
        expect_equal(everything.message().topic, "end", "the first message")


@scenario
def systree_switched_on():
    """`vmq-admin set` reaches the $SYS tree."""
    with Broker("systree_enabled = off") as broker:
        client = mqtt.opened(broker.address, "watcher")
        client.subscribe("$SYS/#")
        expect_equal(broker.admin("set", "systree_interval=100", "systree_enabled=on").returncode, 0)
        expect(client.message().topic.startswith("$SYS/"), "nothing came")


@scenario
def graphite():
    """Lines arrive at a server of the plaintext protocol, after it has gone away too."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)
        port = server.getsockname()[1]
        with Broker("graphite_enabled = on", "graphite_host = 127.0.0.1", f"graphite_port = {port}",
                    "graphite_interval = 100", "graphite_reconnect_timeout = 100", "graphite_prefix = test") as broker:
            _traffic(broker)
            line = re.compile(r"test\.mqtt\.publish\.received 4 [0-9]{10}\n")
            for _ in range(2):
                peer, _address = server.accept()
                with peer, peer.makefile("r", encoding="ascii") as lines:
                    peer.settimeout(LIMIT)
                    expect(any(line.fullmatch(each) for each in lines), "the line of all publishes")


main()
