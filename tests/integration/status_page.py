#!/usr/bin/env python3
"""The status page in headless Chromium, against a running broker. Screenshots go to screenshots/ in the build folder."""

import datetime
import json
import pathlib
import re
import signal
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import WITHOUT_STORE, Broker, expect, expect_equal, free_port, wait_until
from certificates import Authority
from chromium import Browser
from cluster import Node, wait_until_whole
from mqtt_wire import opened
from programs import run
from scenarios import main, scenario

MARKUP = "<img src=x onerror=window.hurt=1><script>window.hurt=1</script>"


class Site:
    """A broker with a listener for the page and one for its test client."""

    def __init__(self, *settings, websocket=True):
        self.http, self.websocket = free_port(), free_port()
        ways = (f"listener.http.default = 127.0.0.1:{self.http}",)
        if websocket:
            ways += (f"listener.ws.default = 127.0.0.1:{self.websocket}",)
        self.broker = Broker(*ways, *settings)

    def __enter__(self):
        self.broker.__enter__()
        return self

    def __exit__(self, *reason):
        self.broker.__exit__(*reason)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return answer.read().decode()

    def status(self):
        return next(iter(json.loads(self.get("/status.json"))[0].values()))

    def metric(self, name, **labels):
        """The sum over those labels that are not named."""
        total = 0
        for line in self.get("/metrics").splitlines():
            found = re.match(rf"vernemq_{name}\{{(.*)\}} (\d+)$", line)
            if found and all(f'{key}="{value}"' in found[1] for key, value in labels.items()):
                total += int(found[2])
        return total

    def client(self, client_id, **options):
        return opened(self.broker.address, client_id, **options)

    def screenshot(self, browser, name):
        browser.screenshot(self.broker.program.parent.parent / "screenshots" / f"{name}.png")


def open_page(site, browser, path="/status", state="Everything runs"):
    browser.open(site.url + path)
    browser.wait_for_text("#state", state)


def connect(browser):
    browser.wait_for("!document.querySelector('#try_client').hidden")
    browser.click("#try_connect")
    browser.wait_for_text("#try_state", "Connected as ")


def subscribe(browser, filter, qos=1):
    browser.fill("#try_filter", filter)
    browser.fill("#try_filter_qos", str(qos))
    browser.click("#try_subscribe")
    browser.wait_for_text("#subscriptions_list", filter)


def publish(browser, topic, payload, qos=1):
    browser.fill("#try_topic", topic)
    browser.fill("#try_payload", payload)
    browser.fill("#try_qos", str(qos))
    browser.click("#try_publish")


def number(browser, element):
    return int(browser.text(f"#{element}").replace(",", "").replace("–", "-1"))


@scenario
def numbers():
    """What the page shows is what /metrics says, and it loads nothing from elsewhere."""
    with Site() as site, Browser() as browser, site.client("reader") as reader, site.client("writer") as writer:
        reader.subscribe("a/#", qos=1)
        for i in range(7):
            writer.publish(f"a/{i}", b"x", qos=1, retain=i < 3)
        writer.publish("nobody/asks", b"x", qos=1)
        open_page(site, browser)
        shown = {
            "online": site.metric("total_active_connections"),
            "sessions_now": site.metric("queue_processes"),
            "subscriptions": site.metric("router_subscriptions"),
            "retained": site.metric("retain_messages"),
        }
        expect_equal(shown, {"online": 2, "sessions_now": 2, "subscriptions": 1, "retained": 3}, "/metrics")
        browser.wait_for("document.querySelector('#rate_in').innerText !== '–'")
        expect_equal({name: number(browser, name) for name in shown}, shown, "the page")
        status = site.status()
        for reason, count in status["drops"].items():
            expect_equal(count, site.metric("message_drop", reason=reason), reason)
            cells = browser.run(f"[...document.querySelector('#drop_{reason}').cells].map((cell) => cell.innerText)")
            expect_equal(cells[1:], [str(count)] * 2, reason)
        expect_equal(status["drops"]["no_subscriber"], 1, "no_subscriber")
        expect_equal(status["msg_in"], site.metric("mqtt_publish_received"), "msg_in")
        expect_equal(status["msg_out"], site.metric("mqtt_publish_sent"), "msg_out")
        expect_equal(status["bytes_in"], site.metric("bytes_received"), "bytes_in")
        expect_equal(status["connects"], 2, "connects")
        durability = "none" if WITHOUT_STORE else "os"
        expect_equal(status["store"], {**status["store"], "durability": durability, "refusing": False}, "the store")
        browser.wait_for_text("#node_cards .facts", durability)
        open_page(site, browser, path="/")
        expect_equal([url for url in browser.requests if not url.startswith(site.url)], [], "requests elsewhere")
        expect(not {"reader", "writer", "a/1"} & set(re.findall(r"[\w/]+", site.get("/status.json"))), "names in status.json")


@scenario
def nodes():
    """The members of a cluster as the node sees them, and what is wrong when one is away."""
    port = free_port()
    heartbeats = ("cluster.heartbeat_interval = 100", "netsplit_policy = all")
    with Node("a", *heartbeats, f"listener.http.default = 127.0.0.1:{port}") as a, Node("b", *heartbeats) as b, \
            Browser() as browser:
        joined = b.join(a)
        expect_equal(joined.stdout, "Done\n", joined.stderr)
        wait_until_whole(a, b)

        def rows():
            return browser.run("[...document.querySelectorAll('.members tbody tr')].map((row) =>"
                               " [...row.cells].map((cell) => cell.innerText))")

        def ask(path):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)

        browser.open(f"http://127.0.0.1:{port}/status")
        browser.wait_for_text("#state", "Everything runs")
        browser.wait_for_text(".members", "2 of 2")
        expect_equal(browser.text("#cluster_size"), "2")
        own, other = rows()
        expect_equal(own[:3], [a.name, "this node", f"127.0.0.1:{a.cluster_port}"])
        expect_equal((other[0], other[2], other[3]), (b.name, f"127.0.0.1:{b.cluster_port}", "2 of 2"))
        expect(other[1].startswith("running, for "), other)
        expect_equal(ask("/health/listeners_full_cluster"), (200, {"status": "OK"}))
        b.freeze()
        browser.wait_for_text("#alarm_list", f"Node {b.name} cannot be reached: nothing was heard of it")
        browser.wait_for_text("#alarm_list", "netsplit_policy = all")
        browser.wait_for_text(".members", "away, for ")
        browser.screenshot(a.program.parent.parent / "screenshots" / "nodes.png")
        expect_equal(ask("/health/listeners_full_cluster"),
                     (503, {"status": "DOWN", "reason": "At least one node is offline"}))
        expect_equal(ask("/health"), (200, {"status": "OK"}))
        cluster = ask("/status.json")[1][0][a.name]["cluster"]
        expect_equal((cluster["ready"], cluster["netsplit_policy"], [each["running"] for each in cluster["nodes"]]),
                     (False, "all", [True, False]))
        b.thaw()
        browser.wait_for_text("#state", "Everything runs")


@scenario
def rates():
    """Connects are counted although the number of connections stays the same; the charts draw what comes."""
    with Site() as site, Browser() as browser, site.client("writer") as writer:
        open_page(site, browser)
        for i in range(20):
            with site.client("again"):
                writer.publish("a", b"x", qos=1)
        browser.wait_for("parseFloat(document.querySelector('#rate_connects').innerText) > 0")
        browser.wait_for("[...document.querySelectorAll('path.line')].filter((line) => line.getAttribute('d').includes('L')).length >= 3")
        expect_equal(site.status()["connects"], 21, "connects")


@scenario
def messages_arrive():
    """The test client with each QoS and version: what is published on the page arrives on the page and elsewhere."""
    with Site() as site, Browser() as browser, site.client("other") as other:
        other.subscribe("to/others", qos=2)
        open_page(site, browser)
        for version in ("5", "4"):
            browser.wait_for("!document.querySelector('#try_client').hidden")
            browser.fill("#try_version", version)
            connect(browser)
            subscribe(browser, "to/#", 2)
            for qos in (0, 1, 2):
                text = f"größer als ASCII, version {version}, QoS {qos}"
                publish(browser, "to/others", text, qos)
                browser.wait_for_text("#messages", text)
                expect_equal(other.message().payload.decode(), text, "what arrives elsewhere")
            site_message = f"from elsewhere {version}"
            other.publish("to/page", site_message.encode(), qos=2)
            browser.wait_for_text("#messages", site_message)
            browser.click("#subscriptions_list button")
            browser.wait_for_text("#subscribe_state", "Unsubscribed")
            browser.click("#try_connect")
            browser.wait_for_text("#try_state", "Not connected")
        browser.fill("#try_version", "5")
        connect(browser)
        publish(browser, "to/nobody", "x")
        browser.wait_for_text("#publish_state", "nobody subscribes")
        expect_equal(browser.text("#message_count"), "8", "messages")
        browser.fill("#try_filter", "a/#/b")
        browser.click("#try_subscribe")
        browser.wait_for_text("#try_state", "The broker has closed the connection")


@scenario
def many_messages():
    """The list shows the newest 200 of those that arrive, and the page stays usable."""
    with Site("max_online_messages = 10000") as site, Browser() as browser, site.client("writer") as writer:
        open_page(site, browser)
        connect(browser)
        subscribe(browser, "flood", 0)
        for i in range(1, 301):
            writer.publish("flood", f"number {i}".encode(), qos=0)
        browser.wait_for_text("#message_count", "300, the newest 200 shown")
        expect_equal(browser.run("document.querySelector('#messages').children.length"), 200, "messages")
        browser.wait_for_text("#messages li:first-child", "number 300")
        writer.publish("flood", b"x" * 100_000, qos=0)
        browser.wait_for_text("#message_count", "301")
        expect(browser.run("document.querySelector('#messages li pre').innerText.length") < 5000, "a large payload is cut")
        writer.publish("flood", bytes([0, 255, 7]), qos=0)
        browser.wait_for_text("#messages li:first-child", "00 ff 07")


@scenario
def wrong_password():
    """Who is not let in is told why; a good password works then."""
    with Site("allow_anonymous = off", "plugins.vmq_passwd = on", "vmq_passwd.password_file = users") as site, \
            Browser() as browser:
        program = site.broker.program.with_name("vmq-passwd")
        run(program, "-c", "-b", site.broker.folder / "users", "alice", "secret")
        site.broker.process.send_signal(signal.SIGHUP)
        open_page(site, browser)
        browser.wait_for("!document.querySelector('#try_client').hidden")
        browser.fill("#try_user", "alice")
        browser.fill("#try_password", "guess")
        browser.click("#try_connect")
        browser.wait_for_text("#try_state", "wrong user name or password")
        expect(not browser.run("document.querySelector('#try_url').disabled"), "another try is not possible")
        expect(browser.run("document.querySelector('#try_publish').disabled"), "publish without a connection")
        browser.fill("#try_password", "secret")
        connect(browser)
        expect_equal(site.status()["connects_refused"], 1, "refused connects")
        expect(not any("guess" in url or "secret" in url for url in browser.requests), "a password in a URL")


@scenario
def no_websocket():
    """Without such a listener the page says which line it needs."""
    with Site(websocket=False) as site, Browser() as browser:
        open_page(site, browser)
        browser.wait_for_text("#try", "listener.ws.default")
        expect(browser.run("document.querySelector('#try_client').hidden"), "the client shows")


@scenario
def drops_alarm():
    """When a queue overflows the page says so, with numbers, and screen readers are told once."""
    with Site("max_offline_messages = 20", "max_online_messages = 20") as site, Browser() as browser:
        with site.client("sleeper", version=4, clean=False) as sleeper:
            sleeper.subscribe("a", qos=1)
        open_page(site, browser)
        with site.client("writer") as writer:
            for _ in range(25):
                writer.publish("a", b"x", qos=1)
        browser.wait_for_text("#alarm_list", "5 messages were not delivered because queues of clients were full")
        browser.wait_for_text("#alarm_list", "nearly full")
        browser.wait_for_text("#state", "2 alarms")
        expect_equal(browser.text("#drop_queue_full td:last-child"), "5", "since start")
        expect_equal(browser.text("#queued"), "20", "queued")
        browser.run("window.first = document.querySelector('#alarm_list li'); 1")
        browser.run("new Promise((resolve) => new MutationObserver(resolve).observe(document.querySelector('.line'), {attributes: true}))")
        expect(browser.run("document.querySelector('#alarm_list li') === window.first"), "the same alarm is made anew")
        expect_equal(browser.run("document.querySelector('#alarm_list').getAttribute('aria-live')"), "polite", "aria-live")
        for scheme in ("light", "dark"):
            browser.screen(1280, 900, dark=scheme == "dark")
            site.screenshot(browser, f"alarms_{scheme}")


@scenario
def listener_stops():
    """A listener that does not run is an alarm, and is gone from the test client."""
    with Site() as site, Browser() as browser:
        open_page(site, browser)
        browser.wait_for("document.querySelector('#try_url').options.length === 1")
        site.broker.admin("listener", "stop", "address=127.0.0.1", f"port={site.websocket}")
        browser.wait_for_text("#alarm_list", "Listener mqttws default")
        browser.wait_for("document.querySelector('#try_url').options.length === 0")
        site.broker.admin("listener", "restart", "address=127.0.0.1", f"port={site.websocket}")
        browser.wait_for_text("#state", "Everything runs")


@scenario
def certificates():
    """The page shows until when certificates hold, and warns of one with less than 30 days left."""
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        certificate, key = Authority(pathlib.Path(folder)).issue("server", hosts=("localhost",))
        port = free_port()
        listener = f"listener.wss.secure = 127.0.0.1:{port}", f"listener.wss.secure.certfile = {certificate}", \
            f"listener.wss.secure.keyfile = {key}"
        with Site(*listener) as site, Browser() as browser:
            open_page(site, browser, state="1 alarm")
            browser.wait_for_text("#alarm_list", f"The certificate of listener mqttwss secure (127.0.0.1:{port}) expires in 19 days")
            expires = next(each["certificate_expires"] for each in site.status()["listeners"] if each["name"] == "secure")
            day = datetime.datetime.fromtimestamp(expires, datetime.timezone.utc).strftime("%Y-%m-%d")
            browser.wait_for_text("#node_cards", day)
            expect(f"wss://127.0.0.1:{port}/mqtt" in browser.text("#try_url"), "the listener is offered")


@scenario
def broker_goes():
    """What is old is said to be old; the page goes on when the broker is back."""
    with Site() as site, Browser(expected_errors=("ERR_CONNECTION",)) as browser:
        open_page(site, browser)
        connect(browser)
        site.broker.stop()
        browser.wait_for_text("#state", "What you see is old")
        browser.wait_for_text("#try_state", "shutting down")
        site.broker.restart()
        browser.wait_for_text("#state", "Everything runs")
        connect(browser)


@scenario
def markup_is_text():
    """Names, topics and payloads with markup are shown as they are and do nothing."""
    with Site() as site, Browser() as browser:
        open_page(site, browser)
        browser.wait_for("!document.querySelector('#try_client').hidden")
        browser.fill("#try_client_id", MARKUP)
        connect(browser)
        expect(MARKUP in browser.text("#try_state"), "the client id")
        subscribe(browser, f"{MARKUP}/#")
        publish(browser, f"{MARKUP}/x", MARKUP)
        browser.wait_for_text("#messages pre", MARKUP)
        expect_equal(browser.text("#messages bdi"), f"{MARKUP}/x", "the topic")
        expect_equal(browser.run("document.querySelectorAll('main img, main script').length"), 0, "elements made of text")
        expect_equal(browser.run("window.hurt === undefined"), True, "scripts that ran")
    with Site(f"listener.tcp.default.mountpoint = {MARKUP}") as site, Browser(("Content Security Policy",)) as browser:
        open_page(site, browser)
        browser.wait_for_text("#node_cards", MARKUP)
        expect_equal(browser.run("document.querySelectorAll('main img, main script').length"), 0, "elements made of text")
        violations = "window.refused = []; document.addEventListener('securitypolicyviolation', (e) => refused.push(e.violatedDirective))"
        browser.run(violations)
        browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\" onerror=\"window.hurt=1\">')")
        browser.run("new WebSocket('ws://127.0.0.1:1/mqtt').onerror = () => 0")
        browser.wait_for("refused.some((it) => it.startsWith('script-src')) || refused.includes('img-src')")
        browser.wait_for("refused.includes('connect-src')")
        expect_equal(browser.run("window.hurt === undefined"), True, "scripts that ran")


OVERFLOWING = """[...document.querySelectorAll('body *')].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1) && !element.closest('.skip, .scroll, .stacked thead') && !element.closest('select');
}).map((element) => element.outerHTML.slice(0, 120))"""


@scenario
def phone():
    """360 px wide without scrolling sideways, whatever long names there are; what is pressed is large enough."""
    name = "n" * 90
    with Site(f"listener.tcp.default.mountpoint = {name}") as site, Browser() as browser:
        browser.screen(360, 740, phone=True)
        open_page(site, browser)
        browser.wait_for("!document.querySelector('#try_client').hidden")
        browser.fill("#try_client_id", name)
        connect(browser)
        subscribe(browser, f"{name}/#")
        publish(browser, f"{name}/x", "w" * 3000)
        browser.wait_for_text("#messages", "www")
        browser.wait_for_text("#node_cards", name)
        expect_equal(browser.run("[document.documentElement.scrollWidth, innerWidth]"), [360, 360], "width")
        expect_equal(browser.run(OVERFLOWING), [], "elements beyond the edge")
        small = browser.run("[...document.querySelectorAll('form button, form input, form select')].filter((it) => "
                            "it.offsetHeight && it.offsetHeight < 24 && it.type !== 'checkbox').map((it) => it.outerHTML)")
        expect_equal(small, [], "too small to be pressed")
        site.screenshot(browser, "phone")
        browser.screen(360, 740, phone=True, dark=True)
        site.screenshot(browser, "phone_dark")


# Every piece of text that can be seen, with its colour and that of what is behind it.
CONTRAST = """(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('svg, script, noscript')) continue;
    const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    ++seen;
    if (ratio < 4.5) bad.push(`${walker.currentNode.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return {seen, bad};
})()"""


@scenario
def contrast():
    """Every visible text has a contrast of at least 4.5 in both schemes (WCAG AA)."""
    with Site() as site, Browser() as browser:
        backgrounds = set()
        for dark in (False, True):
            browser.screen(1280, 900, dark=dark)
            open_page(site, browser)
            connect(browser)
            subscribe(browser, "hello/#")
            publish(browser, "hello/world", "first message")
            browser.wait_for_text("#messages", "first message")
            found = browser.run(CONTRAST)
            expect(found["seen"] > 80, "texts seen:", found["seen"])
            expect_equal(found["bad"], [], "contrast too low")
            backgrounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
            browser.wait_for("document.querySelector('path.line').getAttribute('d').includes('L')")
            site.screenshot(browser, "dark" if dark else "light")
        expect_equal(len(backgrounds), 2, "schemes")


FOCUSABLE = """[...document.querySelectorAll('a[href], button, input, select, textarea')].filter((it) =>
  it.checkVisibility() && !it.disabled).map((it) => it.id || it.textContent.trim())"""
FOCUS = """(() => { const it = document.activeElement, style = getComputedStyle(it);
  return {name: it.id || it.textContent.trim(), ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    labelled: !it.matches('input, select, textarea') || it.labels.length > 0, body: it === document.body}; })()"""


def tab_to(browser, name, most=60):
    for _ in range(most):
        browser.press("Tab")
        if browser.focused() == name:
            return
    expect(False, f"Tab does not reach {name}")


@scenario
def keyboard():
    """Everything is reached with Tab, shows that it has the focus and has a label; a message arrives without a mouse."""
    with Site() as site, Browser() as browser:
        open_page(site, browser)
        browser.wait_for("!document.querySelector('#try_client').hidden")
        wanted = set(browser.run(FOCUSABLE))
        expect(len(wanted) > 15, "focusable:", wanted)
        reached = set()
        for _ in range(2 * len(wanted)):
            browser.press("Tab")
            focus = browser.run(FOCUS)
            if focus["body"]:
                break
            expect(focus["ring"], "no visible focus:", focus)
            expect(focus["labelled"], "no label:", focus)
            reached.add(focus["name"])
        expect_equal(wanted - reached, set(), "not reached with Tab")
        browser.run("document.querySelector('.skip').focus()")
        tab_to(browser, "try_connect")
        browser.press("Enter")
        browser.wait_for_text("#try_state", "Connected as")
        tab_to(browser, "try_filter")
        browser.press("Enter")
        browser.wait_for_text("#subscribe_state", "Subscribed")
        tab_to(browser, "try_payload")
        browser.type("typed, ")
        tab_to(browser, "try_retain")
        browser.press(" ")
        tab_to(browser, "try_publish")
        browser.press(" ")
        browser.wait_for_text("#messages", "typed, ")
        wait_until(lambda: site.status()["num_retained"] == 1, "the retained message")
        expect_equal(browser.run("document.querySelector('#messages').getAttribute('aria-live')"), "polite", "aria-live")


@scenario
def without_an_api():
    """A page whose listener serves no API is read-only and says why; the key is in no URL and is not kept."""
    modules = "listener.http.default.http_modules = [vmq_status_http, vmq_health_http, vmq_metrics_http]"
    with Site(modules) as site, Browser(expected_errors=("404",)) as browser:
        open_page(site, browser)
        expect(not browser.run("document.querySelector('#operator').checkVisibility()"), "shown without a key")
        browser.fill("#key", "k3y-of-somebody")
        browser.click("#key_use")
        browser.wait_for("document.querySelector('#key_state').innerText !== ''")
        browser.wait_for_text("#key_state", "does not serve the API")
        expect(not browser.run("document.querySelector('#operator').checkVisibility()"), "shown without an API")
        expect(not any("k3y" in url for url in browser.requests), "the key is in a URL")
        expect_equal(browser.run("[localStorage.length, sessionStorage.length, document.cookie]"), [0, 0, ""], "kept")
        expect_equal(browser.run("document.querySelector('#key').value"), "", "the field")


@scenario
def operator():
    """With a key: sessions with a search, who loses messages, and a client that is sent away after a question."""
    odd = "a.b*<b>"
    with Site("max_offline_messages = 10") as site, Browser(expected_errors=("401",)) as browser:
        key = site.broker.admin("api-key", "create", "scope=mgmt").stdout.strip()
        with site.client("loser", clean=False, props={17: 3600}) as loser:
            loser.subscribe("lost/+", qos=1)
        with site.client(odd) as guest, site.client("axb<b>"), site.client("writer") as writer:
            for _ in range(13):
                writer.publish("lost/things", b"x", qos=1)
            open_page(site, browser, state="2 alarms")
            browser.fill("#key", "wrong")
            browser.click("#key_use")
            browser.wait_for_text("#key_state", "The key is not accepted")
            expect(not browser.run("document.querySelector('#operator').checkVisibility()"), "shown with a wrong key")
            browser.fill("#key", key)
            browser.click("#key_use")
            browser.wait_for_text("#key_state", "The key is accepted")
            browser.wait_for_text("#search_state", "4 sessions")
            browser.wait_for_text("#loser_rows", "loser")
            rows = "[...document.querySelectorAll('#{} tr')].map((row) => [...row.cells].map((cell) => cell.innerText))"
            losers = browser.run(rows.format("loser_rows"))
            expect(["client loser", "queue_full", "3"] in losers, "clients that lose messages:", losers)
            expect(["topic lost/things", "queue_full", "3"] in losers, "topics that lose messages:", losers)
            sessions = {row[0]: row for row in browser.run(rows.format("session_rows"))}
            expect_equal(sessions["loser"][2:6], ["no", "–", "–", "10"], "the session that waits")
            expect_equal(sessions[odd][2], "yes", "the session that is connected")
            browser.screen(1280, 900)
            site.screenshot(browser, "operator")
            browser.screen(360, 740, phone=True)
            expect_equal(browser.run("document.documentElement.scrollWidth"), 360, "width")
            site.screenshot(browser, "operator_phone")
            browser.screen(1280, 900)
            browser.fill("#search", "a.b*<")
            browser.click("#search_form button.primary")
            browser.wait_for_text("#search_state", "1 session.")
            browser.click("#session_rows button")
            expect_equal(browser.text("#confirm_client"), odd, "who is asked about")
            expect_equal(browser.focused(), "Keep", "focus in the dialog")
            browser.press("Escape")
            browser.wait_for("!document.querySelector('#confirm').open")
            guest.ping()
            browser.click("#session_rows button")
            browser.click("#confirm button[value=yes]")
            browser.wait_for_text("#search_state", "was disconnected")
            guest.closed()
            browser.open(site.url + "/status")
            browser.wait_for_text("#key_state", "The key is accepted")  # kept in the tab
            browser.click("#key_forget")
            expect(not browser.run("document.querySelector('#operator').checkVisibility()"), "shown when forgotten")
            expect_equal(browser.run("[localStorage.length, sessionStorage.length, document.cookie]"), [0, 0, ""], "kept")
            expect(not any(key in url for url in browser.requests), "the key is in a URL")


@scenario
def numbers_with_a_key():
    """Where status.json asks for a key, the page says so and goes on with one, although it opens nothing else."""
    with Site() as site, Browser(expected_errors=("401", "404")) as browser:
        def guarded(request):
            return (200, site.get("/status.json")) if request["headers"].get("x-api-key") == "good" else (401, "")

        browser.answer_instead("*/status.json", guarded)
        open_page(site, browser, state="it asks for an API key")
        browser.fill("#key", "bad")
        browser.click("#key_use")
        browser.wait_for("document.querySelector('#key_state.failed')")
        browser.fill("#key", "good")
        browser.click("#key_use")
        browser.wait_for_text("#key_state", "The key opens the numbers and nothing else.")
        browser.wait_for_text("#state", "Everything runs")
        expect(not browser.run("document.querySelector('#operator').checkVisibility()"), "shown with a key for numbers")


if __name__ == "__main__":
    main()
