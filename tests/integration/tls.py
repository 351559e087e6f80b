#!/usr/bin/env python3
"""TLS listeners: who gets in and who does not, what the log says of it, and new certificates while the broker runs."""

import contextlib
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, SLOWNESS, Broker, expect, expect_equal, free_port, wait_until
from certificates import Authority
from scenarios import main, scenario
from websocket import WebSocket

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from ways_in import Behind, exchange, raw, read_all, v2_header


class Set:
    """A broker's folder with a CA and a server certificate in it, and a TLS listener's settings."""

    def __init__(self, broker_settings=(), kind="ssl", port=None):
        self.port = port or free_port()
        self.kind = kind
        self.broker = Broker(*broker_settings, "log.console.level = debug")
        self.ca = Authority(self.broker.folder / "pki")
        self.ca.issue("server", hosts=("localhost",))
        self.key = f"listener.{kind}.default"
        self.broker.settings += (f"{self.key} = 127.0.0.1:{self.port}", f"{self.key}.certfile = pki/server.pem",
                                 f"{self.key}.keyfile = pki/server.key")

    def add(self, *options):
        self.broker.settings += tuple(f"{self.key}.{option}" for option in options)
        return self

    @property
    def address(self):
        return "127.0.0.1", self.port

    def layers(self, *, certificate=None, host="localhost", lowest=None, highest=None, above=None, session=None):
        context = ssl.create_default_context(cafile=str(self.ca.cafile))
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        if lowest:
            context.minimum_version = lowest
        if highest:
            context.maximum_version = highest

        def wrap(connection):
            wrapped = context.wrap_socket(connection, server_hostname=host, session=session)
            return above(wrapped) if above else wrapped

        return wrap

    def refused(self, reason, **how):
        """The client does not get in, and the log says why."""
        before = len(self.broker.log())
        try:
            with mqtt.Client(self.address, "refused", layers=self.layers(**how)) as client:
                client.open()
        except (OSError, mqtt.Closed) as error:
            print(f"the client: {error!r}")
        else:
            raise AssertionError("the client got in")
        line = f"closed by the broker: TLS: .*{reason}"
        wait_until(lambda: re.search(line, self.broker.log()[before:]), f"a log line like {line!r}")


@scenario
def tls_exchange():
    """Versions of TLS and MQTT, sizes, over several shards."""
    tls = Set(("shards = 3",))
    with tls.broker:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for mqtt_version in (3, 4, 5):
                for size in (0, 10, 5_000, 1_000_000):
                    exchange(tls.address, mqtt_version, tls.layers(lowest=version, highest=version), size)


@scenario
def wss_exchange():
    tls = Set(("shards = 3",), kind="wss")
    with tls.broker:
        for size in (0, 10, 5_000, 1_000_000):
            exchange(tls.address, 5, tls.layers(above=WebSocket), size)
        client = mqtt.opened(tls.address, "bye", layers=tls.layers(above=WebSocket))
        client.send(mqtt.disconnect())
        client.closed()
        expect_equal(client.socket.closed_with, 1000, "close code")


@scenario
def endings():
    """The last packet arrives before the end, and the end is said in TLS."""
    tls = Set()
    with tls.broker:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            layers = tls.layers(lowest=version, highest=version)
            with mqtt.opened(tls.address, "twice", layers=layers) as first:
                with mqtt.opened(tls.address, "twice", layers=layers):
                    # SSLEOFError instead of the end: close_notify was missing.
                    expect_equal([mqtt.reason_code(each) for each in first.closed()], [0x8E], "DISCONNECT")
            with mqtt.Client(tls.address, "wrong", version=9, layers=layers) as wrong:
                wrong.send(wrong.greeting)
                answer = wrong.expect(mqtt.CONNACK)
                expect_equal(answer.body[1], 0x84, "unsupported protocol version")
                wrong.closed()
            client = mqtt.opened(tls.address, "unwrapped", layers=layers)
            client.socket.unwrap()  # close_notify from our side is answered


@scenario
def client_certificates():
    tls = Set().add("cafile = pki/ca.pem", "require_certificate = on", "use_identity_as_username = on",
                    "crlfile = pki/crl.pem")
    ca = tls.ca
    other = Authority(tls.broker.folder / "other")
    good = ca.issue("device-1")
    revoked = ca.issue("device-2")
    expired = ca.issue("device-3", dates=("200101000000Z", "200201000000Z"))
    ca.revoke("device-2")
    with tls.broker as broker:
        exchange(tls.address, 5, tls.layers(certificate=good))
        broker.wait_for_log("client \"pub-5\" connected from 127.0.0.1:\\d+ as device-1")
        tls.refused("certificate", lowest=ssl.TLSVersion.TLSv1_3)
        tls.refused("certificate", highest=ssl.TLSVersion.TLSv1_2)
        tls.refused("revoked", certificate=revoked)
        tls.refused("expired", certificate=expired)
        tls.refused("self.signed", certificate=ca.self_signed("device-4"))
        tls.refused("issuer|authority|CA", certificate=other.issue("device-5"))
        # Another one is revoked: it works until the broker has read the new list, and it does so by itself.
        another = ca.issue("device-6")
        with mqtt.opened(tls.address, "stays", layers=tls.layers(certificate=another)) as stays:
            ca.revoke("device-6")
            broker.process.send_signal(signal.SIGHUP)
            broker.wait_for_log("listener.ssl.default: certificates and keys are loaded anew")
            tls.refused("revoked", certificate=another)
            stays.ping()


@scenario
def identity_is_optional_without_require():
    tls = Set().add("cafile = pki/ca.pem", "use_identity_as_username = on")
    certificate = tls.ca.issue("device-1")
    with tls.broker as broker:
        with mqtt.opened(tls.address, "named", username="mqtt-name", layers=tls.layers(certificate=certificate)):
            broker.wait_for_log("client \"named\" connected from .* as device-1")
        with mqtt.opened(tls.address, "unnamed", username="mqtt-name", layers=tls.layers()):
            broker.wait_for_log("client \"unnamed\" connected from .* as mqtt-name")


@scenario
def new_certificates():
    """Files that change on disk are used for new connections; those that are there stay. A bad file changes nothing."""
    tls = Set(("crl_refresh_interval = 100",))
    ca = tls.ca
    with tls.broker as broker:
        def serial():
            with mqtt.opened(tls.address, "looks", layers=tls.layers()) as client:
                return client.socket.getpeercert()["serialNumber"]

        first = serial()
        with mqtt.opened(tls.address, "stays", layers=tls.layers()) as stays:
            for name in ("server.pem", "server.key"):
                shutil.copy(ca.folder / name, ca.folder / f"{name}.old")
            ca.issue("server", hosts=("localhost",), file="next")
            shutil.move(ca.folder / "next.key", ca.folder / "server.key")
            shutil.move(ca.folder / "next.pem", ca.folder / "server.pem")
            wait_until(lambda: serial() != first, "the new certificate")
            (ca.folder / "server.pem").write_text("nonsense")
            broker.wait_for_log("listener.ssl.default: .*server.pem.*it goes on with what was loaded before")
            expect(serial() != first, "the one in use stays")
            stays.ping()
            stays.disconnect()


@scenario
def host_names():
    """Several certificates: the client's host name chooses."""
    tls = Set().add("more_certfiles = pki/a.pem,pki/b.pem", "more_keyfiles = pki/a.key,pki/b.key")
    tls.ca.issue("a", hosts=("a.example.com",))
    tls.ca.issue("b", hosts=("*.b.example.com",))
    with tls.broker:
        for host in ("a.example.com", "x.b.example.com", "localhost"):
            with mqtt.opened(tls.address, "c", layers=tls.layers(host=host)) as client:  # which verifies the name
                client.ping()
        try:
            mqtt.opened(tls.address, "c", layers=tls.layers(host="other.example.com"))
        except ssl.SSLCertVerificationError:
            pass
        else:
            raise AssertionError("a certificate for other.example.com?")


@scenario
def not_tls():
    """Plain MQTT, HTTP, garbage, silence and half a handshake on a TLS port: closed, and the log says what it was."""
    tls = Set().add("tls_handshake_timeout = 400")
    with tls.broker as broker:
        for data, reason in ((mqtt.connect("plain"), "MQTT"), (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
                             (b"\xff" * 100, "TLS")):
            with socket.create_connection(tls.address, LIMIT) as connection:
                connection.settimeout(LIMIT)
                connection.sendall(data)
                read_all(connection)
            broker.wait_for_log(f"from 127.0.0.1:\\d+ closed by the broker: TLS: .*{reason}")
        for sent in (b"", b"\x16\x03\x01\x02\x00\x01"):
            start = time.monotonic()
            with socket.create_connection(tls.address, LIMIT) as connection:
                connection.settimeout(LIMIT)
                connection.sendall(sent)
                read_all(connection)
            print(f"closed after {time.monotonic() - start:.2f} s")
        broker.wait_for_log("no TLS handshake within 400 ms")
        with mqtt.opened(tls.address, "works", layers=tls.layers()) as client:
            client.ping()


def hello(context):
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without an answer")


def count_readable(connections):
    """How many of them have got something, an answer or the end."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    return len(poll.poll(0))


def counter(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT) as answer:
        return int(re.search(rf"^vernemq_{name}{{.*}} (\d+)$", answer.read().decode(), re.MULTILINE)[1])


@scenario
def storm():
    """Half-open handshakes up to the budget of a listener and beyond it keep nobody out but new clients of that one, and
    these only until the handshakes are given up."""
    budget, beyond, shards = 20, 40, 2
    http_port, other_port = free_port(), free_port()
    timeout = 2000 * SLOWNESS
    tls = Set((f"shards = {shards}", f"listener.http.default = 127.0.0.1:{http_port}",
               f"listener.ssl.other = 127.0.0.1:{other_port}", "listener.ssl.other.certfile = pki/server.pem",
               "listener.ssl.other.keyfile = pki/server.key"))
    tls.add(f"max_tls_handshakes = {budget}", f"tls_handshake_timeout = {timeout}")
    other = ("127.0.0.1", other_port)
    with tls.broker as broker, contextlib.ExitStack() as open_ones:
        there = open_ones.enter_context(mqtt.opened(tls.address, "there", layers=tls.layers()))
        plain = open_ones.enter_context(mqtt.opened(broker.address, "plain"))
        there.subscribe("t", qos=1)
        expect_equal(counter(http_port, "tls_accept_paused"), 0, "pauses before the storm")
        says = hello(ssl.create_default_context(cafile=str(tls.ca.cafile)))
        storm_began = time.monotonic()
        half_open = [open_ones.enter_context(raw(tls.address)) for _ in range(budget + beyond)]
        for connection in half_open:
            connection.sendall(says)
        wait_until(lambda: counter(http_port, "tls_accept_paused") > 0, "a pause of the acceptor")
        answered = 0
        while time.monotonic() - storm_began < timeout / 2000:
            expect_equal(plain.publish("t", b"x", 1), 0, "reason")
            expect_equal(there.message().payload, b"x", "payload")
            with mqtt.opened(other, "other", layers=tls.layers()) as client:
                client.ping()
            if time.monotonic() - storm_began < timeout / 1000:  # none can have been given up by then
                answered = count_readable(half_open)
        # Each shard looks before it accepts; the others may do so at the same moment.
        expect(0 < answered < budget + shards, f"{answered} handshakes under way")
        new = open_ones.enter_context(mqtt.opened(tls.address, "new", layers=tls.layers()))
        new.ping()
        for connection in half_open:
            read_all(connection)
        there.ping()
        print(f"over after {time.monotonic() - storm_began:.1f} s, {answered} handshakes at a time, "
              f"{counter(http_port, 'tls_accept_paused')} pauses")
        broker.wait_for_log(f"no TLS handshake within {timeout} ms")


@scenario
def behind_a_proxy():
    """A PROXY header before the TLS handshake."""
    tls = Set().add("proxy_protocol = on")
    with tls.broker as broker:
        with mqtt.opened(tls.address, "c", layers=Behind(v2_header(), tls.layers())) as client:
            client.ping()
        broker.wait_for_log("client \"c\" connected from 192.0.2.7:4711")


@scenario
def bad_files():
    """The broker does not start, and says which file and why."""
    for option, wanted in (("certfile = pki/missing.pem", "pki/missing.pem"), ("keyfile = pki/ca.key", "pki/ca.key"),
                           ("ciphers = NONSENSE", "NONSENSE")):
        tls = Set().add(option)
        lines = ("listener.tcp.default = 127.0.0.1:0", "allow_anonymous = on", *tls.broker.settings)
        (tls.broker.folder / "vernemq.conf").write_text("\n".join(lines) + "\n")
        done = tls.broker.command("console")
        expect(done.returncode == 1, f"status {done.returncode}: {done.stdout}{done.stderr}")
        print(done.stderr.strip().splitlines()[-1])
        expect("listener.ssl.default" in done.stderr and wanted in done.stderr, done.stderr)


if __name__ == "__main__":
    main()
