#!/usr/bin/env python3
"""MQTT.js in headless Chromium over ws:// and wss://: what happens in the page stands in browser/page.js."""

import http.server
import json
import os
import pathlib
import queue
import ssl
import sys
import tempfile
import threading
import urllib.parse

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "support"))
from broker import LIMIT, Failure, Skip, expect, expect_equal, wait_until
from certificates import Authority
from programs import Running, program, run
from scenarios import main, scenario
from ways import Ways

FILES = {
    "/": (FOLDER / "browser/index.html", "text/html"),
    "/page.js": (FOLDER / "browser/page.js", "text/javascript"),
    "/mqtt.min.js": (FOLDER / "mqttjs/node_modules/mqtt/dist/mqtt.min.js", "text/javascript"),
}


class PageHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        file, kind = FILES.get(urllib.parse.urlsplit(self.path).path, (None, ""))
        if file:
            self._answer(200, file.read_bytes(), kind)
        else:
            self._answer(404)

    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.said.put(json.loads(said))  # before the answer, for the page goes on with the next thing then
        self._answer(204)

    def _answer(self, status, body=b"", kind="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Site:
    """Serves the page, over HTTPS if there is a (certificate, key), and hears what it says."""

    def __init__(self, certificate=None):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PageHandler)
        self.server.said = queue.Queue()
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def url(self, **parameters):
        return f"{self.scheme}://localhost:{self.server.server_port}/?{urllib.parse.urlencode(parameters, doseq=True)}"

    def hear(self):
        try:
            said = self.server.said.get(timeout=2 * LIMIT)
        except queue.Empty:
            raise Failure("the page says nothing") from None
        expect("error" not in said, "in the page:", said.get("error"))
        return said


class Chromium:
    """With a profile and a home of its own: of private CAs it trusts `cafile` alone, if there is one."""

    def __init__(self, url, cafile=None):
        self.folder = tempfile.TemporaryDirectory(prefix="vmq_chromium_", ignore_cleanup_errors=True)
        home = pathlib.Path(self.folder.name)
        if cafile:
            trust(home, cafile)
        self.running = Running(
            home / "output", program("chromium", "chromium"), "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--no-first-run", "--no-proxy-server", "--enable-logging=stderr", f"--user-data-dir={home}/profile", url,
            noise="dbus", env={"HOME": str(home), "PATH": os.environ["PATH"]}, cwd=home)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.running.__exit__(*reason)
        self.folder.cleanup()


def trust(home, cafile):
    """Chromium takes a user's own CAs from the NSS database in the home folder."""
    certutil = program("certutil", "libnss3-tools")
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    run(certutil, "-d", f"sql:{database}", "-N", "--empty-password")
    run(certutil, "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "test", "-i", cafile)


def need_everything():
    program("chromium", "chromium")
    if not FILES["/mqtt.min.js"][0].exists():
        raise Skip("MQTT.js is not installed: run the scenario 'install' of mqttjs.py")


def finished(site):
    expect_equal(site.hear(), {"state": "finished"}, "the page")


def exchange(kind):
    need_everything()
    ways = Ways("shards = 2")
    port = ways.add(kind)
    certificate = (ways.ca.folder / "server.pem", ways.ca.folder / "server.key") if kind == "wss" else None
    with ways.broker, Site(certificate) as site:
        page = site.url(scenario="exchange", url=f"{kind}://localhost:{port}/mqtt")
        with Chromium(page, ways.ca.cafile if certificate else None):
            for version in (3, 4, 5):
                for _ in ("subscriber", "publisher"):
                    said = site.hear()
                    expect_equal((said["version"], said["ended"]["wasClean"]), (version, True), "clean end")
                    expect_equal(said["ended"]["protocol"], "mqttv3.1" if version == 3 else "mqtt", "subprotocol")
            finished(site)


@scenario
def ws():
    """Versions of MQTT, every QoS, text and binary and large payloads, a clean end."""
    exchange("ws")


@scenario
def wss():
    """The same over TLS, in a page that came over HTTPS; the browser verifies both certificates."""
    exchange("wss")


def restart(kind):
    need_everything()
    ways = Ways()
    port = ways.add(kind)
    with ways.broker as broker, Site() as site:
        page = site.url(scenario="restart", url=f"{kind}://localhost:{port}/mqtt")
        with Chromium(page, ways.ca.cafile if kind == "wss" else None):
            expect_equal(site.hear(), {"state": "connected"}, "the page")
            broker.stop()
            said = site.hear()
            expect_equal((said["state"], said["reasonCode"]), ("closed", 0x8B), "server shutting down")
            expect_equal(said["ended"], {"code": 1001, "wasClean": True, "protocol": "mqtt"}, "close of the WebSocket")
            broker.restart()
            expect_equal(site.hear(), {"present": True, "payload": "kept by the client"}, "after the restart")
            finished(site)


@scenario
def restart_ws():
    """A page is told that the broker goes, and finds its session again when it is back."""
    restart("ws")


@scenario
def restart_wss():
    restart("wss")


@scenario
def certificates_are_checked():
    """Chromium does not connect to a listener whose certificate is another CA's or for another host."""
    need_everything()
    ways = Ways()
    other = Authority(ways.broker.folder / "other")
    for suffix, path in zip(("pem", "key"), other.issue("stranger", hosts=("localhost",)), strict=True):
        path.rename(ways.ca.folder / f"stranger.{suffix}")
    ways.ca.issue("elsewhere", hosts=("elsewhere.example",))
    ports = [ways.add("wss", certificate=name) for name in ("stranger", "elsewhere", "server")]
    with ways.broker as broker, Site() as site:
        page = site.url(scenario="certificates", url=[f"wss://localhost:{port}/mqtt" for port in ports])
        with Chromium(page, ways.ca.cafile) as chromium:
            for net_error in (-202, -200):  # of an unknown authority, for another name
                expect_equal(site.hear()["ended"], {"code": 1006, "wasClean": False, "protocol": ""}, "ending")
                chromium.running.wait_for_output(f"handshake failed.* net_error {net_error}$")
            expect(site.hear()["ended"]["wasClean"], "the good one did not end cleanly")
            finished(site)
        refusal = "TLS: the client refused the listener's certificate"
        wait_until(lambda: broker.log().count(refusal) == 2, "two refusals in the broker's log")


if __name__ == "__main__":
    main()
