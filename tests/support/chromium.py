"""Headless Chromium, driven over a pipe in its DevTools protocol: clicks, keys, screens, screenshots."""

import base64
import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

from broker import LIMIT, POLL, Failure, expect, wait_until
from programs import program

KEYS = {"Tab": 9, "Enter": 13, " ": 32, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38}


class Browser:
    """`with Browser() as browser:` one page, with a profile of its own. What it logs as an error is a failure at the
    end, unless expected_errors lets its text through."""

    def __init__(self, expected_errors=()):
        self.folder = tempfile.TemporaryDirectory(prefix="vmq_chromium_", ignore_cleanup_errors=True)
        self.expected_errors = expected_errors
        self.errors = []
        self.requests = []  # URLs that the page asked for
        self.answers = {}
        self.paused = []       # requests that somebody else answers
        self.stand_in = None
        self.last_id = 0
        self.rest = b""
        home = self.folder.name
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()
        high = [os.dup2(fd, fd + 100, inheritable=True) for fd in (to_read, to_write)]
        self.output = pathlib.Path(home, "output")

        def pipes():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [program("chromium", "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                 "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                 "--no-first-run", "--no-proxy-server", "--hide-scrollbars", f"--user-data-dir={home}/profile",
                 "about:blank"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=pipes, pass_fds=(3, 4, *high),
                start_new_session=True, env={"HOME": home, "PATH": os.environ["PATH"], "TZ": "UTC"}, cwd=home)
        for fd in (to_read, to_write, *high):
            os.close(fd)
        self.session = None

    def __enter__(self):
        target = wait_until(self._page, "a page of Chromium")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, kind, *_):
        try:
            if kind:
                print("errors of the page:", *self.errors, sep="\n  ")
                print("\n".join(self.output.read_text(errors="replace").splitlines()[-5:]))
        finally:
            self._end()
        if not kind:
            unexpected = [text for text in self.errors if not any(part in text for part in self.expected_errors)]
            expect(not unexpected, "errors of the page:", unexpected)

    def _end(self):
        os.close(self.to_browser)  # it ends then
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.from_browser)
        self.folder.cleanup()

    def _page(self):
        targets = self.call("Target.getTargets")["targetInfos"]
        return next((target["targetId"] for target in targets if target["type"] == "page"), None)

    def call(self, method, **parameters):
        self.last_id += 1
        number = self.last_id  # others may be called before the answer is there
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to_browser, data):]
        deadline = time.monotonic() + LIMIT
        while number not in self.answers:
            self._read(deadline)
        answer = self.answers.pop(number)
        expect("error" not in answer, method, answer.get("error"))
        return answer["result"]

    def _read(self, deadline):
        ready, _, _ = select.select([self.from_browser], [], [], max(deadline - time.monotonic(), 0))
        expect(ready, "Chromium does not answer")
        data = os.read(self.from_browser, 1 << 20)
        if not data:
            raise Failure(f"Chromium has ended: {self.output.read_text(errors='replace')[-1000:]}")
        *messages, self.rest = (self.rest + data).split(b"\0")
        for text in messages:
            self._take(json.loads(text))
        while self.paused:
            about = self.paused.pop(0)
            status, body = self.stand_in(about["request"])
            self.call("Fetch.fulfillRequest", requestId=about["requestId"], responseCode=status,
                      responseHeaders=[{"name": "content-type", "value": "application/json"}],
                      body=base64.b64encode(body.encode()).decode())

    def _take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
            return
        about = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif message["method"] == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        elif message["method"] == "Runtime.consoleAPICalled" and about["type"] == "error":
            self.errors.append(str(about["args"]))
        elif message["method"] == "Fetch.requestPaused":
            self.paused.append(about)
        elif message["method"] == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            self.requests.append(about["url"])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def answer_instead(self, pattern, stand_in):
        """Requests for URLs like `pattern` are answered by stand_in(request): (status, body)."""
        self.stand_in = stand_in
        self.call("Fetch.enable", patterns=[{"urlPattern": pattern}])

    def run(self, expression):
        """The value of a JavaScript expression; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
                           userGesture=True)
        expect("exceptionDetails" not in result, expression, result.get("exceptionDetails"))
        return result["result"].get("value")

    def wait_for(self, condition):
        """Looks until the expression is true."""
        deadline = time.monotonic() + LIMIT
        while not self.run(f"Boolean({condition})"):
            expect(time.monotonic() < deadline, "in vain waited for:", condition)
            time.sleep(POLL)

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText")

    def wait_for_text(self, selector, part):
        element = f"document.querySelector({json.dumps(selector)})"
        try:
            self.wait_for(f"{element} && {element}.innerText.includes({json.dumps(part)})")
        except Failure:
            raise Failure(f"{selector} says {self.text(selector)!r} and not {part!r}") from None

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector, text):
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def press(self, key, shift=False):
        code = KEYS[key]
        text = {"Enter": "\r", " ": " "}.get(key)
        about = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **about,
                  **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def focused(self):
        return self.run("document.activeElement.id || document.activeElement.textContent.trim()")

    def screen(self, width, height, dark=False, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
                  mobile=phone)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, file):
        """The whole page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        pathlib.Path(file).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(file).write_bytes(base64.b64decode(shot["data"]))
