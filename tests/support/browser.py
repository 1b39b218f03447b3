"""A headless Chromium for tests of pages, driven through its DevTools protocol."""

import base64
import fcntl
import json
import os
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_BROWSER = "/usr/bin/chromium"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """A headless Chromium, driven through its DevTools protocol.

    It shows a page unchanged, as its readers get it.
    """

    def __init__(self, profile: Path) -> None:
        ours, theirs = _pipe(), _pipe()
        (commands, self._out), (self._in, events) = theirs, ours
        self.process = subprocess.Popen(
            [_BROWSER, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            # pytest has one thread
            preexec_fn=lambda: (os.dup2(commands, 3), os.dup2(events, 4)),  # noqa: PLW1509
            start_new_session=True,
        )
        os.close(commands)
        os.close(events)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self._target: str | None = None
        self.events: list[dict] = []

    def close_tab(self) -> None:
        if self._target:
            self._session, target = None, self._target
            self._target = None
            self.call("Target.closeTarget", targetId=target)

    def call(self, method: str, **parameters: object) -> dict:
        """Call a method of the protocol; what it gives. Events that come in between are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict:
        while b"\0" not in self._buffer:
            more = os.read(self._in, 1 << 20)
            assert more, "the browser has gone"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(
        self,
        path: Path,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        scripts: bool = True,
    ) -> None:
        """Open a page in a new tab."""
        self.close_tab()
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def wait(self, event: str) -> None:
        while all(seen.get("method") != event for seen in self.events):
            self.events.append(self._read())

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        """What the page has asked for, itself included."""
        self.ask("new Promise(requestAnimationFrame)")
        return [
            seen["params"]["request"]["url"]
            for seen in self.events
            if seen.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What stands in the console."""
        self.ask("new Promise(requestAnimationFrame)")
        logged = [
            seen["params"]["entry"]["text"]
            for seen in self.events
            if seen.get("method") == "Log.entryAdded"
        ]
        kinds = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Audits.issueAdded"}
        return logged + [
            json.dumps(seen["params"]) for seen in self.events if seen.get("method") in kinds
        ]

    def screenshot(self) -> tuple[int, int, str]:
        """A picture of the whole page as it is drawn.

        It gives the width and height in pixels, and the colour of the first pixel as `rgb(…)`.
        """
        drawn = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        data = base64.b64decode(drawn["data"])
        width, height = struct.unpack(">II", data[16:24])  # PNG's IHDR
        pixels, at = b"", 8
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            if data[at + 4 : at + 8] == b"IDAT":
                pixels += data[at + 8 : at + 8 + length]
            at += length + 12
        first = zlib.decompress(pixels)[
            1:4
        ]  # after the row's filter, which does not change a first pixel
        return width, height, f"rgb({', '.join(map(str, first))})"

    def click(self, selector: str) -> None:
        """Click with the mouse, where a reader would."""
        element = f"document.querySelector({json.dumps(selector)})"
        place = self.ask(
            f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}}); {element}.getBoundingClientRect().toJSON()"
        )
        assert isinstance(place, dict)
        at = {"x": place["x"] + min(place["width"] / 2, 20), "y": place["y"] + place["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def press(self, key: str) -> None:
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"text": "\r" if key == "Enter" else key} if key != "Tab" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=codes[key],
                **text,
            )

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def close(self) -> None:
        for descriptor in (self._out, self._in):
            os.close(descriptor)
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are none of the descriptors that the browser expects."""
    ends = os.pipe()
    raised = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return raised[0], raised[1]


@pytest.fixture(scope="session")
def started_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not Path(_BROWSER).exists():
        pytest.skip(f"needs {_BROWSER}")
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def browser(started_browser: Browser) -> Iterator[Browser]:
    """One browser for all tests, one tab for each."""
    yield started_browser
    started_browser.close_tab()
