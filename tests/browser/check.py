"""Looks at pages in headless Chromium, through the DevTools protocol over a pipe: nothing but Python is needed.

A page fails for any console message of a warning or worse, any request but for itself, a document wider than a phone, a
missing title, an image without a name, a text that can hardly be told from its ground, texts of a chart that touch or are
cut off, a chart without a table, a table without headings, or a link that leads nowhere.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars",
    "--force-color-profile=srgb", "--remote-debugging-pipe",
]
# Name, width, height, scheme, medium.
VIEWS = [
    ("desktop-light", 1280, 900, "light", ""),
    ("desktop-dark", 1280, 900, "dark", ""),
    ("tablet-light", 800, 1000, "light", ""),
    ("phone-light", 390, 844, "light", ""),
    ("phone-dark", 390, 844, "dark", ""),
    ("paper", 718, 1000, "light", "print"),
]
AUDIT = (pathlib.Path(__file__).parent / "audit.js").read_text()


class Browser:
    """A browser of its own, with a profile of its own."""

    def __init__(self, profile):
        to_browser, self.outgoing = os.pipe()
        self.incoming, from_browser = os.pipe()
        # The protocol's pipes are its descriptors 3 and 4.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        arguments = ["bash", "-c", command, "chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            arguments, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        os.close(to_browser)
        os.close(from_browser)
        self.rest = b""
        self.number = 0
        self.events = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.rest:
            piece = os.read(self.incoming, 1 << 16)
            if not piece:
                self.log.seek(0)
                sys.exit(f"the browser ended: {self.log.read().decode(errors='replace')[-2000:]}")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if getattr(self, "session", None):
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.outgoing, data):]
        while True:
            message = self.message()
            if message.get("id") == self.number:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        while True:
            for event in self.events:
                if event.get("method") == method:
                    return
            self.events.append(self.message())

    def close(self):
        self.ask("Browser.close")
        self.process.wait()


def noises(events, url):
    """What a page said and asked for while it was shown."""
    for event in events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            yield f"console: {[argument.get('value') for argument in params['args']]}"
        elif method == "Runtime.exceptionThrown":
            yield f"exception: {params['exceptionDetails'].get('text')}"
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            yield f"log: {params['entry']['text']}"
        elif method == "Network.requestWillBeSent":
            asked = params["request"]["url"].split("#")[0]
            if asked != url and not asked.startswith("data:"):
                yield f"a request for {asked}"


def look(browser, path, view, pictures):
    name, width, height, scheme, medium = view
    url = "file://" + urllib.parse.quote(str(path))
    browser.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
    browser.ask(
        "Emulation.setEmulatedMedia", media=medium, features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    browser.events.clear()
    browser.ask("Page.navigate", url=url)
    browser.wait_for("Page.loadEventFired")
    answer = browser.ask("Runtime.evaluate", expression=AUDIT, returnByValue=True, awaitPromise=True)
    if "exceptionDetails" in answer:
        sys.exit(f"audit.js: {answer['exceptionDetails']}")
    problems = list(answer["result"]["value"]["problems"])
    problems += noises(browser.events, url)
    for link in answer["result"]["value"]["links"]:
        target = path.parent / urllib.parse.unquote(link)
        if not target.is_file():
            problems.append(f"a link to {link}, which is not there")
    if pictures:
        picture = browser.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        (pictures / f"{path.stem}-{name}.png").write_bytes(base64.b64decode(picture["data"]))
        if medium == "print":
            paper = browser.ask("Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.69)
            (pictures / f"{path.stem}.pdf").write_bytes(base64.b64decode(paper["data"]))
    return problems, answer["result"]["value"]["counts"]


def main(paths):
    pictures = os.environ.get("PICTURES")
    pictures = pathlib.Path(pictures) if pictures else None
    failed = 0
    seen = {}
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        for path in (pathlib.Path(path).resolve() for path in paths):
            for view in VIEWS:
                problems, counts = look(browser, path, view, pictures)
                for problem in problems:
                    print(f"{path.name}, {view[0]}: {problem}")
                failed += len(problems)
                for what, count in counts.items():
                    seen[what] = seen.get(what, 0) + count
        browser.close()
    counted = ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))
    print(f"{len(paths)} pages in {len(VIEWS)} views; looked at {counted}; {failed} problems")
    # A look at nothing finds nothing.
    if failed or not all(seen.get(what) for what in ("texts", "charts", "labels", "tables")):
        sys.exit(1)


main(sys.argv[1:])
