#!/usr/bin/env python3
"""The status page of a running broker: its numbers follow what clients do. Takes the path of vernemq."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAM = os.path.abspath(sys.argv.pop(1))
PATIENCE_S = 20
CONFIG = """
nodename = status@test
allow_anonymous = on
log.console = file
log.console.file = console.log
listener.tcp.default = 127.0.0.1:0
listener.http.default = 127.0.0.1:{http_port}
{more}
"""


class Broker:
    def __init__(self, http_port=0, more=""):
        self.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(self.folder.name, "vernemq.conf")
        file.write_text(CONFIG.format(http_port=http_port, more=more), encoding="utf-8")
        self.process = subprocess.Popen(
            [PROGRAM, "console", "-c", str(file)], cwd=self.folder.name, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "VERNEMQ_RUN_DIR": self.folder.name})
        self.ports = {}
        while len(self.ports) < 2:
            line = self.process.stdout.readline()
            if not line:
                break
            found = re.match(r"listening on 127\.0\.0\.1:(\d+) \((\w+)\)", line)
            if found:
                self.ports[found[2]] = int(found[1])

    def stop(self):
        self.process.terminate()
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        self.folder.cleanup()
        return self.process.returncode, errors

    def get(self, path, method="GET"):
        """(status, headers, body as text)"""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def status(self):
        return json.loads(self.get("/status.json")[2])[0]["status@test"]

    def client(self, name):
        """A connected MQTT 3.1.1 client without keep-alive."""
        connection = socket.create_connection(("127.0.0.1", self.ports["mqtt"]), timeout=PATIENCE_S)
        variable = b"\x00\x04MQTT\x04\x02\x00\x00" + text(name)
        connection.sendall(bytes([0x10, len(variable)]) + variable)
        assert connection.recv(4) == b"\x20\x02\x00\x00"
        return connection


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def publish(topic, payload, retain=False):
    return bytes([0x31 if retain else 0x30, 2 + len(topic) + len(payload)]) + text(topic) + payload


class StatusPage(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()

    def tearDown(self):
        code, errors = self.broker.stop()
        self.assertEqual(code, 0, errors)

    def wait_for(self, expected):
        """Counters appear at the end of a shard's turn, a moment after the client has its answer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status = self.broker.status()
            seen = {key: status[key] for key in expected}
            if seen == expected or time.monotonic() > deadline:
                self.assertEqual(seen, expected)
                return status
            time.sleep(0.02)

    def test_numbers_follow_the_clients(self):
        nothing = {"num_online": 0, "num_sessions": 0, "num_subscriptions": 0, "num_retained": 0, "msg_in": 0, "msg_out": 0}
        self.assertEqual({key: self.broker.status()[key] for key in nothing}, nothing)
        with self.broker.client("reader") as reader, self.broker.client("writer") as writer:
            self.wait_for({"num_online": 2, "num_sessions": 2})
            reader.sendall(b"\x82\x08\x00\x01" + text("a/b") + b"\x00")
            self.assertEqual(reader.recv(5), b"\x90\x03\x00\x01\x00")
            writer.sendall(publish("a/b", b"hello") + publish("a/b", b"kept", retain=True))
            status = self.wait_for({"num_subscriptions": 1, "num_retained": 1, "msg_in": 2, "msg_out": 2})
            self.assertGreater(status["retained_bytes"], 0)
            self.assertEqual([(entry["type"], entry["connections"]) for entry in status["listeners"]],
                             [("mqtt", 2), ("http", 1)])
            metrics = self.broker.get("/metrics")[2]
            self.assertIn('vernemq_mqtt_publish_received{node="status@test",mqtt_version="4"} 2\n', metrics)
            self.assertIn('vernemq_retain_messages{node="status@test"} 1\n', metrics)
        self.wait_for({"num_online": 0, "num_sessions": 0, "num_subscriptions": 0, "num_retained": 1})

    def test_pages_and_health_are_served(self):
        for path, kind in (("/", "text/html"), ("/status", "text/html"), ("/status/status.mjs", "text/javascript"),
                           ("/status/status.css", "text/css"), ("/metrics", "text/plain")):
            status, headers, body = self.broker.get(path)
            self.assertEqual((status, headers.get_content_type()), (200, kind), path)
            self.assertTrue(body)
        self.assertEqual(self.broker.get("/health")[2], '{"status":"OK"}')
        self.assertEqual(self.broker.get("/health", method="HEAD")[::2], (200, ""))
        self.assertEqual(self.broker.get("/status", method="POST")[0], 405)
        self.assertEqual(self.broker.get("/nothing")[0], 404)


class Start(unittest.TestCase):
    def test_an_address_in_use_stops_the_start_and_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, errors = Broker(http_port=port).stop()
        self.assertEqual(code, 1)
        self.assertIn(f"error: listener.http.default: cannot listen on 127.0.0.1:{port}: ", errors)

    def test_a_module_that_needs_an_api_key_is_served_to_nobody_without(self):
        broker = Broker(more="http_module.vmq_metrics_http.auth.mode = apikey")
        self.assertEqual(broker.get("/metrics")[0], 401)
        self.assertEqual(broker.get("/health")[0], 200)
        code, errors = broker.stop()
        self.assertEqual(code, 0)
        self.assertNotIn("vmq_metrics_http", errors)


if __name__ == "__main__":
    unittest.main()
