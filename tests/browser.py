"""A headless Chromium for tests of pages, driven through a pipe: no package is needed.

With ``--remote-debugging-pipe``, Chromium takes commands of its DevTools protocol from
file descriptor 3 and answers on 4: JSON, each message ended by a zero byte
(https://chromedevtools.github.io/devtools-protocol/).
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_PATIENCE = 300  # seconds for an answer, on a machine that is busy with other work
_OPTIONS = (
    *("--headless", "--disable-gpu", "--mute-audio", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--disable-extensions"),
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. ``problems`` has what its console said of errors and warnings."""

    def __init__(self, profile: Path):
        assert CHROMIUM, "no Chromium here"
        taken, self._commands = os.pipe()
        self._answers, given = os.pipe()
        # Out of the way of 3 and 4
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (taken, given)]
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [CHROMIUM, *_OPTIONS, *sandbox, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", *command],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (taken, given, *ends):
            os.close(end)
        self._rest, self._count, self._session = b"", 0, ""
        self._events: list[dict[str, Any]] = []
        self.problems: list[str] = []
        tab = self._call("Target.createTarget", url="about:blank")["targetId"]
        about = {"targetId": tab, "flatten": True}
        self._session = self._call("Target.attachToTarget", **about)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def open(self, path: Path, width=1280, height=800, dark=False) -> None:
        """Open a file as a user does who clicks on it, and wait until it is loaded."""
        size = {"width": width, "height": height, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **size)
        self.set_dark(dark)
        self._events.clear()
        self._call("Page.navigate", url=path.resolve().as_uri())
        self._wait("Page.loadEventFired")

    def set_dark(self, dark: bool) -> None:
        """Say which colours the user wants."""
        wish = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[wish])

    def evaluate(self, code: str) -> Any:
        """Run JavaScript in the page, and return its value; promises are awaited."""
        about = {"returnByValue": True, "awaitPromise": True}
        found = self._call("Runtime.evaluate", expression=code, **about)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait until an expression of JavaScript is true."""
        self.evaluate(
            "new Promise(done => { const look = () => "
            f"({condition}) ? done() : setTimeout(look, 20); look(); }})"
        )

    def click(self, selector: str) -> None:
        """Click with the mouse on the first element that a selector finds."""
        place = self.evaluate(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'});"
            "const box = one.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        about = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, **about)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key of the keyboard."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        more = {"text": text} if text else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **about, **more)
        self._call("Input.dispatchKeyEvent", type="keyUp", **about)

    def save_picture(self, path: Path, whole: bool = True) -> None:
        """Save what is to be seen, or the whole page, as PNG."""
        found = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        command = {"id": self._count, "method": method, "params": params}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        number = self._count
        while True:
            message = self._read()
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    def _wait(self, event: str) -> None:
        while not any(one["method"] == event for one in self._events):
            self._note(self._read())

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        about = event.get("params", {})
        match event["method"]:
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(about["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                if about["type"] in ("error", "warning", "assert"):
                    self.problems.append(json.dumps(about["args"]))
            case "Log.entryAdded":
                if about["entry"]["level"] in ("error", "warning"):
                    self.problems.append(about["entry"]["text"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], _PATIENCE)
            more = os.read(self._answers, 1 << 16) if ready else b""
            if not more:
                raise RuntimeError(
                    f"{CHROMIUM}: no answer; status {self._process.poll()}"
                )
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
