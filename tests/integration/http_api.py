#!/usr/bin/env python3
"""The HTTP API of a running broker: commands, keys, TLS, listeners at run time, and who is kept out."""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import LIMIT, Broker, Skip, expect, expect_equal, free_port, wait_until
from certificates import Authority
from scenarios import main, scenario

ADMINISTRATIVE_ACTION = 0x98
JSON = "application/json"
SPECIFICATION = pathlib.Path("/usr/share/openapi-specification/schemas/v3.0/schema.json")


class HttpBroker(Broker):
    """A broker with an HTTP listener."""

    def __init__(self, *settings, **options):
        self.http_port = free_port()
        super().__init__(f"listener.http.default = 127.0.0.1:{self.http_port}", *settings, **options)

    def ask(self, path, key=None, method="GET", body=None, headers=None, port=None, context=None):
        """(status, headers, body as text) of one request."""
        port = port or self.http_port
        connection = (http.client.HTTPSConnection("localhost", port, timeout=LIMIT, context=context) if context
                      else http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT))
        sent = dict(headers or {})
        if key:
            sent["x-api-key"] = key
        if body is not None:
            sent["content-type"] = JSON
            body = json.dumps(body)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def status_of(self, *words, **more):
        return self.ask(*words, **more)[0]

    def new_key(self, *words):
        key = self.admin("api-key", "create", *words).stdout.strip()
        expect(re.fullmatch("[A-Za-z0-9]{32,}", key), f"no key: {key}")
        return key


@scenario
def golden_answers():
    """Commands answer over HTTP what vmq-admin prints as JSON, to curl as to anybody else."""
    with HttpBroker("nodename = a@b") as broker:
        key = broker.new_key()
        client = mqtt.opened(broker.address, "c 1", 5)
        paths = {
            "cluster/show": '{"table":[{"Node":"a@b","Running":true}],"type":"table"}',
            "cluster": '{"table":[{"Node":"a@b","Running":true}],"type":"table"}',
            "session/show?--client_id&--is_online=true&--limit=10": '{"table":[{"client_id":"c 1"}],"type":"table"}',
            "sessions?--client_id": '{"table":[{"client_id":"c 1"}],"type":"table"}',
            "show/retry_interval": '{"table":[{"node":"a@b","retry_interval":"20"}],"type":"table"}',
            "tls/show": '{"table":[],"type":"table"}',
            "tls/check": '{"text":"All fine","type":"text"}',
            "api-key/show?scope=health": '{"table":[],"type":"table"}',
            "set?retry_interval=9": '{"text":"retry_interval set to \\"9\\"","type":"text"}',
            "session/disconnect?client-id=nobody": '{"text":"Done","type":"text"}',
            "listener/start?address=127.0.0.1&port=" + str(broker.port):
                '{"alert":[{"text":"can\'t start listener due to \'eaddrinuse\'","type":"text"}],"type":"alert"}',
        }
        for path, wanted in paths.items():
            status, headers, body = broker.ask("/api/v1/" + path, key)
            expect_equal((status, headers.get_content_type(), body), (200, JSON, wanted), path)
            words = re.split(r"[/?&]", path.split("?")[0])
            if "?" not in path and path != "cluster":
                expect_equal(body, broker.admin(*words, "--format=json").stdout, path)
        curl = subprocess.run(["curl", "-s", "-u", f"{key}:", f"http://127.0.0.1:{broker.http_port}/api/v1/cluster/show"],
                              capture_output=True, text=True, check=True)
        expect_equal(curl.stdout, paths["cluster/show"], "curl")
        node = json.loads(broker.ask("/api/v1/node/status", key)[2])["table"]
        expect_equal((node[0]["Status"], node[0]["Value"]), ("num_online", 1), "node status")
        expect_equal(broker.status_of("/api/v1/drops/show", key), 200)
        expect_equal(broker.status_of("/api/v1/session/disconnect", key, "POST",
                                      {"arguments": {"client-id": "c 1"}, "flags": {"cleanup": True}}), 200)
        expect_equal([mqtt.reason_code(each) for each in client.closed()], [ADMINISTRATIVE_ACTION], "the client is told")
        broker.wait_for_log("`session disconnect` over HTTP from 127.0.0.1, with the key " + re.escape(key[:8]))
        for path, wanted in (("nothing", 400), ("session/shwo", 400), ("session/show?foo", 400),
                             ("session/show?--foo", 400), ("completion/bash", 403), ("trace/client?client-id=c", 403), ("top", 403)):
            status, _, body = broker.ask("/api/v1/" + path, key)
            expect_equal(status, wanted, path)
            expect(json.loads(body)["error"], path)


@scenario
def version_2():
    with HttpBroker() as broker:
        key = broker.new_key("scope=api2")

        def client(more=""):
            return broker.ask("/api/v2/client?client_id=c" + more, key)[2]

        expect_equal(client(), '{"status":"no_queue"}')
        there = mqtt.opened(broker.address, "c", 4, clean=False)
        expect_equal(client("&topics"), '{"status":"online","topics":[]}')
        there.subscribe("a/b", qos=1)
        expect_equal(client("&topics&mountpoint="), '{"status":"online","topics":{"a/b":1}}')
        expect_equal(broker.ask("/api/v2/disconnect?client_id=c", key)[2], '"ok"')
        wait_until(lambda: client() == '{"status":"offline"}', "the client is away")
        expect_equal(broker.ask("/api/v2/disconnect?client_id=c&cleanup", key, "POST")[2], '"ok"')
        wait_until(lambda: client() == '{"status":"no_queue"}', "the session is gone")
        expect_equal(broker.ask("/api/v2/disconnect?client_id=c", key)[2], '"not_found"')
        expect_equal(broker.status_of("/api/v2/nothing?client_id=c", key), 400)
        expect_equal(broker.status_of("/api/v1/cluster/show", key), 401, "a key of another scope")


@scenario
def keys():
    """What keys open, when they stop to, that they survive restarts, and where they are not to be seen."""
    with HttpBroker("max_apikey_expiry_days = 2", "http_module.vmq_metrics_http.auth.mode = apikey",
                    "http_module.vmq_health_http.auth.mode = apikey") as broker:
        path = "/api/v1/cluster/show"
        made, metrics = broker.new_key(), broker.new_key("scope=metrics")
        chosen = "correct-horse-battery-staple"
        expect_equal(broker.admin("api-key", "add", "scope=mgmt", f"key={chosen}").stdout, "ok\n")
        expect_equal(broker.admin("api-key", "add", f"key={chosen}").stdout, "{error,key_already_exists}\n")
        expect_equal(broker.admin("api-key", "create", "expires=2000-01-01T00:00:00").stdout,
                     "{error,invalid_expiry_date}\n")
        for key in (made, chosen):
            expect_equal(broker.status_of(path, key), 200)
            basic = base64.b64encode(f"{key}:whatever".encode()).decode()
            expect_equal(broker.status_of(path, headers={"authorization": f"Basic {basic}"}), 200)
        expect_equal(broker.status_of("/metrics", metrics), 200)
        for wrong in (None, metrics, made[:-1], made + "x", "é"):
            status, headers, _ = broker.ask(path, headers={"x-api-key": wrong.encode() if wrong else ""})
            expect_equal((status, headers["www-authenticate"]), (401, 'Authorization realm="VerneMQ"'), wrong)
            expect_equal(broker.status_of("/api/v1/no/such", wrong and "x"), 401, "strangers cannot look around")
        expect_equal(broker.status_of("/metrics", made), 401)
        expect_equal(broker.status_of("/health/ping"), 401, "health's setting has an effect")
        expect_equal(broker.status_of("/status.json"), 200)

        file = broker.folder / "data" / "api_keys.json"
        expect_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "mode of the file")
        shown = json.loads(broker.admin("api-key", "show", "--format=json").stdout)["table"]
        expect_equal([(row["Scope"], row["Expires (UTC)"], row["has expired"]) for row in shown],
                     [("mgmt", "never", False), ("metrics", "never", False), ("mgmt", "never", False)])
        broker.stop()
        broker.restart()
        expect_equal(broker.status_of(path, made), 200, "after a restart")
        expect_equal(broker.status_of(path, chosen), 200, "after a restart")

        expect_equal(broker.admin("api-key", "delete", f"key={shown[0]['Key']}").stdout, "ok\n")
        expect_equal(broker.status_of(path, made), 401, "revoked at once")
        expect_equal(broker.status_of(path, chosen, "POST"), 405)
        expect_equal(broker.ask("/api/v1/api-key/delete", chosen, "POST", {"arguments": {"key": chosen}})[2],
                     '{"text":"ok","type":"text"}', "a key may delete itself")
        expect_equal(broker.status_of(path, chosen), 401)
        kept = [log.read_text() for log in broker.folder.glob("output-*.log")] + [file.read_text()]
        for key in (made, metrics, chosen):
            expect(not any(key in text or key[10:] in text for text in kept), "a key in a log or the file")


@scenario
def expiry():
    with HttpBroker() as broker:
        date = subprocess.run(["date", "-d", "+3 seconds", "+%Y-%m-%dT%H:%M:%S"], capture_output=True, text=True,
                              check=True).stdout.strip()
        key = broker.new_key(f"expires={date}")
        if broker.status_of("/api/v1/cluster/show", key) != 200:
            raise Skip("the machine is too slow")
        wait_until(lambda: broker.status_of("/api/v1/cluster/show", key) == 401, "the key expires")
        row = json.loads(broker.admin("api-key", "show", "--format=json").stdout)["table"][0]
        expect(row["has expired"] is True, row)


@scenario
def slow_clients():
    """A hundred of them, sending a byte now and then, do not stop /health; nor do requests that are too large."""
    with HttpBroker() as broker:
        key = broker.new_key()
        slow = [socket.create_connection(("127.0.0.1", broker.http_port), LIMIT) for _ in range(100)]
        for each in slow:
            each.sendall(b"GET /health HTTP/1.1\r\nHost:")

        def healthy():
            for each in slow:
                try:
                    each.sendall(b" ")
                except OSError:
                    pass
            try:
                return broker.status_of("/health") == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_until(healthy, "/health")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            expect_equal(list(pool.map(lambda _: broker.status_of("/health"), range(20))), [200] * 20)
        for each in slow:
            each.close()
        large = {"arguments": {"client-id": "c" * 70_000}}
        expect_equal(broker.status_of("/api/v1/session/disconnect", key, "POST", large), 413)
        expect_equal(broker.status_of("/api/v1/session/show?--client_id=" + "x" * 9000, key), 414)
        expect_equal(broker.status_of("/health", headers={"x-more": "x" * 5000}), 431)
        for path in ("/../etc/passwd", "/status/../../vernemq.conf", "/status/%2e%2e/%2e%2e/vernemq.conf", "//etc/passwd"):
            status, _, body = broker.ask(path)
            expect_equal(status, 404, path)
            expect("listener.http" not in body and "root:" not in body, path)
        expect_equal(broker.status_of("/api/v1/..%2f..%2fvernemq.conf", key), 400)


@scenario
def https():
    """HTTPS with a certificate that is replaced while it runs."""
    broker = HttpBroker("crl_refresh_interval = 100")  # how often files are looked at
    authority = Authority(broker.folder / "pki")
    authority.issue("server", "first", hosts=("localhost",))
    port = free_port()
    broker.settings += (f"listener.https.default = 127.0.0.1:{port}",
                        "listener.https.default.certfile = pki/server.pem",
                        "listener.https.default.keyfile = pki/server.key")
    trusting = ssl.create_default_context(cafile=authority.cafile)

    def name():
        with socket.create_connection(("127.0.0.1", port), LIMIT) as raw:
            with trusting.wrap_socket(raw, server_hostname="localhost") as secure:
                return dict(part[0] for part in secure.getpeercert()["subject"])["commonName"]

    with broker:
        key = broker.new_key()
        expect_equal(broker.status_of("/api/v1/cluster/show", key, port=port, context=trusting), 200)
        expect_equal(broker.status_of("/api/v1/cluster/show", port=port, context=trusting), 401)
        expect_equal(name(), "first")
        tls = json.loads(broker.admin("tls", "show", "--format=json").stdout)["table"]
        expect_equal([(row["File"], row["CN"]) for row in tls], [("pki/server.pem", "first")])
        listeners = json.loads(broker.admin("listener", "show", "--tls", "--format=json").stdout)["table"]
        expect_equal([row["certfile"] for row in listeners if row["type"] == "https"], ["pki/server.pem"])
        authority.issue("server", "second", hosts=("localhost",))
        broker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: name() == "second", "the new certificate after SIGHUP")
        authority.issue("server", "third", hosts=("localhost",))
        wait_until(lambda: name() == "third", "the new certificate without being asked")
        with socket.create_connection(("127.0.0.1", port), LIMIT) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\n\r\n")
            expect(b"200" not in plain.recv(100), "HTTPS does not speak HTTP")
        expect_equal(broker.status_of("/health", port=port, context=trusting), 200)


@scenario
def listeners_at_run_time():
    broker = HttpBroker()
    authority = Authority(broker.folder / "pki")
    authority.issue("server", hosts=("localhost",))
    with broker:
        key = broker.new_key()
        port = free_port()
        where = ("address=127.0.0.1", f"port={port}")

        def listener(action, *flags):
            result = broker.admin("listener", action, *where, *flags)
            expect_equal((result.returncode, result.stdout), (0, "Done\n"), action)

        def answers(path="/health", context=None):
            try:
                return broker.status_of(path, port=port, context=context)
            except OSError:
                return None

        listener("start", "--http")
        expect_equal((answers(), answers("/metrics")), (200, 200))
        listener("stop")
        expect_equal(answers(), None)
        listener("restart")
        expect_equal(answers("/metrics"), 200)
        # A listener that is asked to end by way of itself still answers.
        status, _, body = broker.ask(f"/api/v1/listener/stop?address=127.0.0.1&port={port}&--kill_sessions", key, port=port)
        expect_equal((status, body), (200, '{"text":"Done","type":"text"}'))
        expect_equal(answers(), None)
        listener("start", "--http", "--http_modules=[vmq_health_http]", "--ssl", "--certfile=pki/server.pem",
                 "--keyfile=pki/server.key")
        trusting = ssl.create_default_context(cafile=authority.cafile)
        expect_equal((answers(context=trusting), answers("/metrics", trusting)), (200, 404))
        shown = json.loads(broker.admin("listener", "show", "--format=json").stdout)["table"]
        expect_equal([row["type"] for row in shown if row["port"] == str(port)], ["https"])
        listener("delete")
        expect_equal(answers(), None)


@scenario
def changed_file():
    """SIGHUP opens, changes and closes HTTP listeners as the file says."""
    with HttpBroker() as broker:
        file = broker.folder / "vernemq.conf"
        before = file.read_text()
        port = free_port()

        def reload(more, text=None):
            file.write_text((text or before) + more)
            broker.process.send_signal(signal.SIGHUP)

        reload(f"listener.http.more = 127.0.0.1:{port}\n")
        broker.wait_for_log("listener.http.more listens on")
        expect_equal(broker.status_of("/metrics", port=port), 200)
        reload(f"listener.http.more = 127.0.0.1:{port}\nlistener.http.more.http_modules = vmq_health_http\n"
               "http_module.vmq_health_http.auth.mode = apikey\n")
        broker.wait_for_log("listener.http.more is changed")
        expect_equal(broker.status_of("/metrics", port=port), 404)
        expect_equal(broker.status_of("/health", port=port), 401)
        wait_until(lambda: broker.status_of("/health") == 401, "the change reaches the other listener")
        reload("")
        broker.wait_for_log("listener.http.more is closed")
        try:
            broker.status_of("/health", port=port)
            raise AssertionError("it is still open")
        except OSError:
            pass
        wait_until(lambda: broker.status_of("/health") == 200, "the change is taken back")
        expect("takes effect after a restart" not in broker.log(), "nothing needs a restart")


@scenario
def key_rules_at_run_time():
    """min_apikey_length and max_apikey_expiry_days hold for the next key, by `set` and by SIGHUP."""
    with HttpBroker() as broker:
        def add(key, *more):
            return broker.admin("api-key", "add", f"key={key}", *more).stdout

        far = "expires=2100-01-01T00:00:00"
        expect_equal(add("a" * 10, far), "ok\n")
        broker.admin("set", "min_apikey_length=20", "max_apikey_expiry_days=3")
        expect_equal(add("b" * 19), "{error,invalid_key_length}\n")
        expect_equal(add("b" * 20), "ok\n")
        expect_equal(add("c" * 20, far), "{error,invalid_expiry_date}\n")
        expect_equal(broker.status_of("/api/v1/cluster/show", "a" * 10), 200, "a key that was there stays")
        file = broker.folder / "vernemq.conf"
        file.write_text(file.read_text() + "min_apikey_length = 30\nmax_apikey_expiry_days = 100000\n")
        broker.process.send_signal(signal.SIGHUP)
        broker.wait_for_log("max_apikey_expiry_days is now 100000")
        wait_until(lambda: add("d" * 29) == "{error,invalid_key_length}\n", "the rules of the file")
        expect_equal(add("d" * 30, far), "ok\n")
        expect("takes effect after a restart" not in broker.log(), "nothing needs a restart")


@scenario
def health_while_stopping():
    """From SIGTERM and from `vernemq stop` on, /health sends load balancers elsewhere, until the broker has ended."""
    for by_command in (False, True):
        with HttpBroker() as broker:
            # The stop waits for these: they do not close their side.
            clients = [mqtt.opened(broker.address, f"client-{i}") for i in range(3)]
            early = http.client.HTTPConnection("127.0.0.1", broker.http_port, timeout=LIMIT)

            def health(path="/health"):
                early.request("GET", path)
                answer = early.getresponse()
                return answer.status, answer.read().decode()

            expect_equal(health(), (200, '{"status":"OK"}'))
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                done = pool.submit(broker.command, "stop") if by_command else broker.process.send_signal(signal.SIGTERM)
                broker.wait_for_log("Administrative stop")
                status, body = health()
                expect(status == 503 and "The node is stopping" in body, f"/health while it stops: {status} {body}")
                expect_equal(broker.status_of("/health/listeners"), 503, "of a new connection")
                expect_equal(health("/health/ping")[0], 200)
                if done:
                    expect_equal(done.result().returncode, 0, "vernemq stop")
            early.close()
            expect_equal(broker.process.wait(LIMIT), 0, "the broker's exit status")
            for client in clients:
                client.close()


@scenario
def description():
    """The OpenAPI description is one, by the schema of the OpenAPI Initiative, and fits what is there."""
    try:
        import jsonschema
    except ImportError as missing:
        raise Skip(str(missing)) from missing
    if not SPECIFICATION.exists():
        raise Skip(f"no {SPECIFICATION}: apt install openapi-specification")
    with HttpBroker("nodename = secret@host") as broker:
        status, headers, body = broker.ask("/api/v1/openapi.json")
        expect_equal((status, headers.get_content_type()), (200, JSON))
        expect("secret" not in body, "it tells of the node")
        document = json.loads(body)
        schema = json.loads(SPECIFICATION.read_text())
        jsonschema.Draft4Validator.check_schema(schema)
        errors = [f"{list(error.absolute_path)}: {error.message}"
                  for error in jsonschema.Draft4Validator(schema).iter_errors(document)]
        expect_equal(errors, [], "errors of the description")

        operations = [(path, method, operation) for path, item in document["paths"].items()
                      for method, operation in item.items()]
        names = [operation["operationId"] for _, _, operation in operations]
        expect_equal(len(set(names)), len(names), "each operation has a name of its own")
        for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', body.replace(" ", ""))):
            place = document
            for word in reference.split("/"):
                place = place[word]
        key = broker.new_key()
        for path, method, operation in operations:
            in_path = set(re.findall(r"{(\w+)}", path))
            declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            expect_equal(declared, in_path, path)
            if method == "get" and path.startswith("/api/v1/"):
                asked = path.replace("{key}", "retry_interval") + "?--help"
                expect_equal(broker.status_of(asked, key), 200, asked)


if __name__ == "__main__":
    os.umask(0o022)
    main()
