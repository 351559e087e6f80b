#!/usr/bin/env python3
"""curl against WebSocket listeners, which it takes for web servers, and as the MQTT client it also is."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import expect, expect_equal
from programs import Running, program, run
from scenarios import main, scenario
from ways import Ways

HELP = "This port speaks MQTT over WebSocket: path /mqtt, subprotocol mqtt."
UPGRADE = ("-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13", "-H",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Protocol: mqtt")


def command(*options):
    return program("curl", "curl"), "--silent", "--show-error", "--noproxy", "*", *options


def curl(*options, status=0):
    """Head and body of the answer."""
    said = run(*command("--include", *options), status=status)
    head, _, body = said.decode(errors="replace").partition("\r\n\r\n")
    return head.split("\r\n"), body


def answers(folder, base, *options):
    """What a user sees who points curl at the port."""
    head, body = curl(*options, f"{base}/mqtt")
    expect_equal(head[0], "HTTP/1.1 426 Upgrade Required", "a plain request")
    expect({"Upgrade: websocket", "Connection: Upgrade, close"} <= set(head), head)
    expect(HELP in body, body)
    for words, status in ((("--data", "x"), 405), (("--head",), 405), (("--upload-file", __file__), 405)):
        head, body = curl(*options, *words, f"{base}/mqtt")
        expect_equal(head[0].split()[1], str(status), words)
        expect_equal(HELP in body, "--head" not in words, "the explanation")
    head, _ = curl(*options, *UPGRADE, "--http1.0", f"{base}/mqtt")
    expect_equal(head[0].split()[1], "426", "HTTP/1.0")
    head, _ = curl(*options, *UPGRADE, f"{base}/other")
    expect_equal(head[0].split()[1], "404", "another path")
    upgrade = command(*options, *UPGRADE, "--verbose", f"{base}/mqtt?query=1")
    with Running(folder / "upgrade.out", *upgrade) as running:
        for line in ("HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                     "Sec-WebSocket-Protocol: mqtt"):
            running.wait_for_output(re.escape(line))


@scenario
def ws():
    ways = Ways()
    port = ways.add("ws")
    with ways.broker as broker:
        answers(broker.folder, f"http://127.0.0.1:{port}")
        broker.wait_for_log("WebSocket handshake refused with 426: a plain HTTP request, not a WebSocket")


@scenario
def wss():
    ways = Ways()
    port = ways.add("wss")
    with ways.broker as broker:
        for version in (("--tlsv1.3",), ("--tls-max", "1.2")):
            answers(broker.folder, f"https://localhost:{port}", "--cacert", ways.ca.cafile, *version)
        curl("--cacert", ways.ca.cafile, f"http://localhost:{port}/mqtt", status=52)  # an empty answer
        broker.wait_for_log("TLS: not TLS: looks like plain HTTP")
        curl(f"https://localhost:{port}/mqtt", status=60)  # it does not know the CA
        broker.wait_for_log("TLS: the client does not trust the listener's certificate")


@scenario
def mqtt_client():
    """curl publishes and subscribes with QoS 0."""
    ways = Ways()
    with ways.broker as broker, mqtt.opened(broker.address, "witness") as witness:
        url = f"mqtt://127.0.0.1:{broker.port}/a/b"
        witness.subscribe("a/#")
        run(*command("--data", "from curl", url))
        expect_equal(witness.message()[:2], ("a/b", b"from curl"), "published by curl")
        witness.publish("a/b", "first\n", 1, retain=True)  # comes when curl is subscribed
        with Running(broker.folder / "curl.out", *command("--no-buffer", url)) as subscriber:
            subscriber.wait_for_output("first$")
            witness.publish("a/b", "second\n", 1)
            subscriber.wait_for_output("second$")


if __name__ == "__main__":
    main()
