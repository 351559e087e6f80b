#!/usr/bin/env python3
"""The ways in besides plain TCP: WebSocket, PROXY headers, Unix sockets."""

import os
import pathlib
import socket
import stat
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
import websocket
from broker import LIMIT, Broker, expect, expect_equal, free_port
from scenarios import main, scenario
from websocket import WebSocket


def raw(address):
    connection = socket.create_connection(address, LIMIT)
    connection.settimeout(LIMIT)
    return connection


def read_all(connection):
    """Until the broker closes."""
    data = b""
    while True:
        try:
            more = connection.recv(1 << 16)
        except ConnectionError:
            return data
        if not more:
            return data
        data += more


def exchange(address, version, layers=None, size=10):
    """A publisher and a subscriber over the way that is tested."""
    with mqtt.opened(address, f"sub-{version}", version, layers=layers) as subscriber, \
            mqtt.opened(address, f"pub-{version}", version, layers=layers) as publisher:
        subscriber.subscribe("t/#", qos=2)
        for qos in (0, 1, 2):
            payload = os.urandom(size)
            expect_equal(publisher.publish(f"t/{qos}", payload, qos), 0, "reason")
            expect_equal(subscriber.message().payload, payload, "payload")
        publisher.ping()
        publisher.disconnect()
        subscriber.disconnect()


@scenario
def websocket_exchange():
    """All versions and sizes, also over several shards."""
    port = free_port()
    with Broker(f"listener.ws.default = 127.0.0.1:{port}", "shards = 3") as broker:
        broker.wait_for_log(f"listening on 127.0.0.1:{port} \\(mqttws\\)")
        for version, protocol in ((3, "mqttv3.1"), (4, "mqtt"), (5, "mqtt")):
            for size in (0, 10, 200, 70_000, 1_000_000):
                exchange(("127.0.0.1", port), version, lambda s, p=protocol: WebSocket(s, protocols=p), size)
        exchange(("127.0.0.1", port), 5, lambda s: WebSocket(s, path="/mqtt?token=x", protocols="chat, mqtt"))


@scenario
def websocket_frames():
    """Packets need not follow frames; control frames come in between; both ends may close."""
    port = free_port()
    with Broker(f"listener.ws.default = 127.0.0.1:{port}") as broker:
        with mqtt.Client(("127.0.0.1", port), "pieces", layers=WebSocket) as client:
            everything = client.greeting + mqtt.subscribe([("a", 0)], 1) + mqtt.publish("a", b"x" * 300)
            for i, byte in enumerate(everything):  # one byte a frame, every second one a fragment of a message
                last = i == len(everything) - 1
                client.socket.raw.sendall(websocket.frame(websocket.CONTINUATION if i % 2 else websocket.BINARY,
                                                          bytes([byte]), final=i % 2 == 1 or last))
                if i % 100 == 50:
                    client.socket.raw.sendall(websocket.frame(websocket.PING, b"are you there"))
            client.expect(mqtt.CONNACK)
            expect_equal(client.message().payload, b"x" * 300, "payload")
            expect(client.socket.pongs and set(client.socket.pongs) == {b"are you there"}, client.socket.pongs)
            client.socket.raw.sendall(websocket.frame(websocket.CLOSE, struct.pack(">H", 1000)))
            client.closed()
            expect_equal(client.socket.closed_with, 1000, "the broker's answer")
        with mqtt.opened(("127.0.0.1", port), "twice", layers=WebSocket) as first:
            with mqtt.opened(("127.0.0.1", port), "twice", layers=WebSocket):
                packets = first.closed()
                expect_equal([mqtt.reason_code(each) for each in packets], [0x8E], "DISCONNECT before the end")
                expect_equal(first.socket.closed_with, 1008, "close code")
        client = mqtt.opened(("127.0.0.1", port), "bye", layers=WebSocket)
        client.send(mqtt.disconnect())
        client.closed()
        expect_equal(client.socket.closed_with, 1000, "close code after DISCONNECT")
        with mqtt.opened(("127.0.0.1", port), "texter", layers=WebSocket) as texter:
            texter.socket.raw.sendall(websocket.frame(websocket.TEXT, b"hello"))
            texter.closed()
            expect_equal(texter.socket.closed_with, 1003, "close code")
        broker.wait_for_log("client \"texter\" from 127.0.0.1:\\d+ closed by the broker: WebSocket: ")


@scenario
def websocket_refusals():
    port = free_port()
    with Broker(f"listener.ws.default = 127.0.0.1:{port}", "mqtt_connect_timeout = 500",
                "max_ws_frame_size = 1000") as broker:
        for request, status in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
                                (websocket.request(path="/other"), 404),
                                (websocket.request(protocols=None), 400),
                                (b"POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
                                (b"\x10\x10\0\x04MQTT", 400),
                                (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414)):
            with raw(("127.0.0.1", port)) as connection:
                connection.sendall(request)
                answer = read_all(connection).decode()
                expect(answer.startswith(f"HTTP/1.1 {status} "), f"{request[:40]}: {answer}")
            broker.wait_for_log(f"from 127.0.0.1:\\d+ closed by the broker: WebSocket handshake refused with {status}: ")
        with raw(("127.0.0.1", port)) as connection:  # half a request
            connection.sendall(websocket.request()[:30])
            expect_equal(read_all(connection), b"", "answer")
        broker.wait_for_log("no WebSocket handshake within 500 ms")
        with mqtt.opened(("127.0.0.1", port), "big", layers=WebSocket) as client:
            client.socket.sendall(mqtt.publish("a", b"x" * 950))
            client.ping()
            client.socket.sendall(mqtt.publish("a", b"x" * 1001))
            client.closed()
            expect_equal(client.socket.closed_with, 1009, "close code")


PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2_header(source="192.0.2.7", port=4711, tlvs=b"", command=1):
    body = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", port, 1883) + tlvs
    if command == 0:
        body = b""
    return PROXY_V2 + bytes([0x20 | command, 0x11 if command else 0]) + struct.pack(">H", len(body)) + body


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


class Behind:
    """A connection that begins with a header."""

    def __init__(self, header, layers=None):
        self.header = header
        self.layers = layers

    def __call__(self, connection):
        connection.sendall(self.header)
        return self.layers(connection) if self.layers else connection


@scenario
def proxy_headers():
    tcp, ws = free_port(), free_port()
    with Broker(f"listener.tcp.proxied = 127.0.0.1:{tcp}", "listener.tcp.proxied.proxy_protocol = on",
                f"listener.ws.proxied = 127.0.0.1:{ws}", "listener.ws.proxy_protocol = on",
                "listener.tcp.proxy_protocol_timeout = 300", "log.console.level = debug") as broker:
        v1 = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 1883\r\n"
        with mqtt.opened(("127.0.0.1", tcp), "v1", layers=Behind(v1)) as client:
            client.ping()
        broker.wait_for_log("client \"v1\" connected from 2001:db8::7:4711")
        with mqtt.opened(("127.0.0.1", tcp), "v2", layers=Behind(v2_header())) as client:
            client.ping()
        broker.wait_for_log("client \"v2\" connected from 192.0.2.7:4711")
        with mqtt.opened(("127.0.0.1", tcp), "health", layers=Behind(v2_header(command=0))) as client:
            client.ping()
        broker.wait_for_log("client \"health\" connected from 127.0.0.1:")
        with raw(("127.0.0.1", tcp)) as connection:  # a health check
            connection.sendall(v2_header(command=0))
        broker.wait_for_log("\\[debug\\] .*client \\(no id\\) from 127.0.0.1:\\d+ closed: closed by the client")
        with mqtt.opened(("127.0.0.1", ws), "ws", layers=Behind(v2_header(), WebSocket)) as client:
            client.ping()
        broker.wait_for_log("client \"ws\" connected from 192.0.2.7:4711")
        for name, header, reason in (("liar", b"\x10\x0d\0\x04MQTT", "PROXY header: "),
                                     ("half", v2_header()[:20], "no PROXY header within 300 ms"),
                                     ("silent", b"", "no PROXY header within 300 ms")):
            start = time.monotonic()
            with raw(("127.0.0.1", tcp)) as connection:
                connection.sendall(header)
                expect_equal(read_all(connection), b"", f"answer to {name}")
            print(f"{name}: closed after {time.monotonic() - start:.2f} s")
            broker.wait_for_log(f"client \\(no id\\) from 127.0.0.1:\\d+ closed by the broker: {reason}")


@scenario
def forwarded_for():
    port = free_port()
    with Broker(f"listener.ws.default = 127.0.0.1:{port}", "listener.ws.default.proxy_xff_support = on",
                "listener.ws.default.proxy_xff_trusted_intermediate = 127.0.0.1;10.0.0.1",
                "log.console.level = debug") as broker:
        with mqtt.opened(("127.0.0.1", port), "x",
                         layers=lambda s: WebSocket(s, headers=("X-Forwarded-For: 203.0.113.9, 10.0.0.2",))) as client:
            client.ping()
        broker.wait_for_log("client \"x\" connected from 203.0.113.9:")
        with raw(("127.0.0.1", port)) as connection:
            connection.sendall(websocket.request())
            read_all(connection)
        broker.wait_for_log("the proxy sent no address in X-Forwarded-For")


@scenario
def unix_socket():
    with Broker("listener.tcp.local = local:mqtt.sock:0", "listener.tcp.local.unix_socket_mode = 0600",
                "listener.ws.local = unix:ws.sock:0") as broker:
        path = broker.folder / "mqtt.sock"
        expect_equal(stat.S_IMODE(path.lstat().st_mode), 0o600, "mode")
        expect_equal(stat.S_IMODE((broker.folder / "ws.sock").lstat().st_mode), 0o660, "mode")
        for version in (3, 4, 5):
            exchange(str(path), version, size=100_000)
            exchange(str(broker.folder / "ws.sock"), version, WebSocket, size=100_000)
        broker.kill()
        broker.restart()  # over what was left behind
        exchange(str(path), 5)
        broker.stop()
        expect(not path.exists(), "the socket's file is still there")


if __name__ == "__main__":
    main()
