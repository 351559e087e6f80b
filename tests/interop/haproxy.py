#!/usr/bin/env python3
"""HAProxy in front of the broker: PROXY headers of both versions, TLS that ends there or here, health checks, HTTP."""

import csv
import io
import pathlib
import re
import socket
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, expect, expect_equal, free_port, wait_until
from programs import Running, program
from scenarios import main, scenario
from ways import TLS, Ways
from websocket import WebSocket

CLIENT = "127.0.0.77"  # clients come from here, HAProxy from 127.0.0.1
DEFAULTS = """
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode tcp
    timeout connect {limit}s
    timeout client {limit}s
    timeout server {limit}s
    timeout tunnel {limit}s
    timeout check {limit}s
"""


class HaProxy:
    """`with HaProxy(folder) as proxy:` after add() of what it listens on."""

    def __init__(self, folder):
        self.program = program("haproxy", "haproxy")
        self.folder = folder
        self.text = DEFAULTS.format(folder=folder, limit=3 * LIMIT)

    def add(self, server, to, *lines, bind=""):
        """The port of one more proxy of 127.0.0.1:`to`; `server`: options of its server line."""
        port = free_port()
        server_line = f"server s 127.0.0.1:{to} {server}"
        section = (f"listen to-{to}-at-{port}", f"bind 127.0.0.1:{port} {bind}", *lines, server_line)
        self.text += "\n    ".join(section) + "\n"
        return port

    def __enter__(self):
        file = self.folder / "haproxy.cfg"
        file.write_text(self.text)
        self.running = Running(self.folder / "haproxy.log", self.program, "-db", "-f", file)
        try:
            wait_until(self._answers, "HAProxy's admin socket")
        except BaseException:
            self.running.__exit__(True)
            raise
        return self

    def __exit__(self, *reason):
        self.running.__exit__(*reason)

    def _answers(self):
        self.running.expect_alive()
        try:
            return self.ask("show info")
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LIMIT)
            connection.connect(str(self.folder / "admin.sock"))
            connection.sendall(f"{command}\n".encode())
            return connection.makefile("rb").read().decode()

    def servers(self):
        """Port -> statistics of the one server behind it."""
        table = csv.DictReader(io.StringIO(self.ask("show stat -1 4 -1").removeprefix("# ")))
        return {int(row["pxname"].rpartition("-")[2]): row for row in table}


def tls_layer(ways, certificate=None, above=None):
    context = ssl.create_default_context(cafile=str(ways.ca.cafile))
    if certificate:
        context.load_cert_chain(*map(str, certificate))

    def wrap(connection):
        wrapped = context.wrap_socket(connection, server_hostname="localhost")
        return above(wrapped) if above else wrapped

    return wrap


def layers_for(kind, ways):
    if kind in TLS:
        return tls_layer(ways, above=WebSocket if kind == "wss" else None)
    return WebSocket if kind == "ws" else None


def through(port, name, layers=None, **options):
    """A client that exchanged something and is still connected, and its own address and port."""
    client = mqtt.Client(("127.0.0.1", port), name, source=(CLIENT, 0), layers=layers, **options)
    raw = client.socket
    while hasattr(raw, "raw"):
        raw = raw.raw
    source = raw.getsockname()
    client.open()
    client.subscribe(name, qos=2)
    for qos, size in ((0, 0), (1, 100), (2, 100_000)):
        payload = bytes(size)
        client.publish(name, payload, qos)
        expect_equal(client.message().payload, payload, "payload")
    return client, source


def with_certificate_of_haproxy(ways):
    """HAProxy wants certificate and key in one file."""
    pem, key = ways.ca.issue("haproxy", hosts=("localhost",))
    file = ways.ca.folder / "haproxy-both.pem"
    file.write_text(pem.read_text() + key.read_text())
    return f"ssl crt {file} ca-file {ways.ca.cafile} verify optional"


def addresses(kind, header):
    ways = Ways("shards = 2")
    haproxy = HaProxy(ways.broker.folder)
    port = haproxy.add(header, ways.add(kind, "proxy_protocol = on"))
    with ways.broker as broker, haproxy:
        for version in (4, 5):
            name = f"{kind}-{version}"
            client, (host, source_port) = through(port, name, layers_for(kind, ways), version=version)
            broker.wait_for_log(f"client \"{name}\" connected from {re.escape(host)}:{source_port} as nobody")
            client.disconnect()


def addresses_of_all_kinds(header):
    for kind in ("tcp", "ssl", "ws", "wss"):
        addresses(kind, header)


@scenario
def send_proxy():
    """Version 1 before MQTT, TLS and HTTP: the log names the client, not HAProxy."""
    addresses_of_all_kinds("send-proxy")


@scenario
def send_proxy_v2():
    addresses_of_all_kinds("send-proxy-v2")


@scenario
def send_proxy_with_everything():
    """Whatever HAProxy can add to a header of version 2."""
    addresses_of_all_kinds(
        "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-sig,cert-key")


@scenario
def ipv6():
    ways = Ways()
    haproxy = HaProxy(ways.broker.folder)
    broker_port = ways.add("tcp", "proxy_protocol = on")
    lines = ("tcp-request connection set-src ipv6(2001:db8::7)", "tcp-request connection set-src-port int(4711)",
             "tcp-request connection set-dst ipv6(2001:db8::1)")
    ports = {name: haproxy.add(name, broker_port, *lines) for name in ("send-proxy", "send-proxy-v2")}
    with ways.broker as broker, haproxy:
        for name, port in ports.items():
            client, _ = through(port, name)
            broker.wait_for_log(f"client \"{name}\" connected from 2001:db8::7:4711 as nobody")
            client.disconnect()


@scenario
def common_name():
    """TLS ends at HAProxy, which passes the name in the client's certificate on: it is the user name."""
    ways = Ways()
    haproxy = HaProxy(ways.broker.folder)
    name_in_it = "device-1 \u00e4"
    certificate = ways.ca.issue("client", common_name=name_in_it)
    bind = with_certificate_of_haproxy(ways)
    with_name = haproxy.add("send-proxy-v2-ssl-cn", ways.add("tcp", "proxy_protocol = on"), bind=bind)
    without = haproxy.add("send-proxy-v2-ssl-cn", ways.add(
        "tcp", "proxy_protocol = on", "proxy_protocol_use_cn_as_username = off"), bind=bind)
    websocket = haproxy.add("send-proxy-v2-ssl-cn", ways.add("ws", "proxy_protocol = on"), bind=bind)
    cases = (("named", with_name, certificate, None, name_in_it),
             ("no-certificate", with_name, None, None, "mqtt"),
             ("switched-off", without, certificate, None, "mqtt"),
             ("ws", websocket, certificate, WebSocket, name_in_it))
    with ways.broker as broker, haproxy:
        for name, port, shown, above, wanted in cases:
            client, (host, source_port) = through(port, name, tls_layer(ways, shown, above), username="mqtt")
            broker.wait_for_log(f"client \"{name}\" connected from {re.escape(host)}:{source_port} as {wanted},")
            client.disconnect()


MQTT_CHECK = ("option tcp-check", "tcp-check connect send-proxy", f"tcp-check send-binary {mqtt.connect('', 4).hex()}",
              "tcp-check expect binary 20020000", "tcp-check send-binary e000")
# Kind of listener, options of the server, further lines, how far HAProxy says it came.
CHECKS = (
    ("tcp", "send-proxy", (), "L4OK"),
    ("tcp", "send-proxy-v2", (), "L4OK"),
    ("ssl", "send-proxy-v2", (), "L4OK"),
    ("ssl", "send-proxy-v2 check-ssl verify none", (), "L6OK"),
    ("ws", "send-proxy-v2", (), "L4OK"),
    ("wss", "send-proxy-v2 check-ssl verify none", (), "L6OK"),
    ("tcp", "send-proxy-v2", MQTT_CHECK, "L7OK"),
)


@scenario
def health_checks():
    """HAProxy connects, says LOCAL (version 1: UNKNOWN), perhaps does what clients do, and closes: no warnings."""
    ways = Ways()
    haproxy = HaProxy(ways.broker.folder)
    wanted = {}
    for i, (kind, options, lines, status) in enumerate(CHECKS, 1):
        checker = f"127.0.1.{i}"  # so that the broker's log tells them apart
        broker_port = ways.add(kind, "proxy_protocol = on")
        port = haproxy.add(f"{options} check inter 20ms source {checker}", broker_port, *lines)
        wanted[port] = ("UP", status, checker)

    def all_are_well():
        found = {port: (row["status"].split()[0], row["check_status"].split()[-1])
                 for port, row in haproxy.servers().items()}
        return all(found.get(port) == each[:2] for port, each in wanted.items())

    with ways.broker as broker:
        def all_were_checked():
            return all(broker.log().count(f" from {checker}:") >= 5 for *_, checker in wanted.values())

        with haproxy:
            wait_until(lambda: all_are_well() and all_were_checked(), "all servers up and checked several times")
        broker.stop()  # then the log is complete
        warnings = [line for line in broker.log().splitlines() if re.search(r"\[(warning|error|critical)\]", line)]
        expect_equal(warnings, [], "warnings")


@scenario
def forwarded_for():
    """HAProxy speaks HTTP and names the client in X-Forwarded-For, and its certificate in another header."""
    ways = Ways()
    haproxy = HaProxy(ways.broker.folder)
    certificate = ways.ca.issue("client", common_name="device-1")
    trusting = ("proxy_xff_support = on", "proxy_xff_trusted_intermediate = 127.0.0.1")
    plain = haproxy.add("", ways.add("ws", *trusting), "mode http", "option forwardfor")
    naming = haproxy.add(
        "", ways.add("ws", *trusting, "proxy_xff_use_cn_as_username = on"), "mode http", "option forwardfor",
        "http-request set-header X-SSL-Client-CN %[ssl_c_s_dn(cn)]", bind=with_certificate_of_haproxy(ways))
    with ways.broker as broker, haproxy:
        client, (host, _) = through(plain, "plain", WebSocket)
        broker.wait_for_log(f"client \"plain\" connected from {re.escape(host)}:\\d+ as nobody")
        client.disconnect()
        client, (host, _) = through(naming, "named", tls_layer(ways, certificate, WebSocket), username="mqtt")
        broker.wait_for_log(f"client \"named\" connected from {re.escape(host)}:\\d+ as device-1,")
        client.disconnect()


if __name__ == "__main__":
    main()
