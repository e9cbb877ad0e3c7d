"""Measure the time line in a headless Chromium: frames while zooming and moving, and how soon it is there.

The calls are those of timeline_data.py.  For the second number speedscope, fetched from npm the first time,
opens the same calls in the same browser, in turn.  With ``--data`` the runs stay in that folder, and the next
measurement takes them from there instead of making them again.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import subprocess
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Dict, Iterator, List, Optional, Tuple

import machine
import timeline_data
from chromium import CHROMIUM, FLAGS
from measure import pypy
from playwright.sync_api import Browser, sync_playwright
from programs import CACHE
from serving import send, serving

from tracebin.bundle import records as r

MILLION = 1_000_000
BAR_MS = 33.0
SPEEDSCOPE = "speedscope@1.25.0"
# speedscope draws with WebGL and needs SwiftShader to have one where there is no GPU.
SWIFTSHADER = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

# Wheel events as a hand makes them, one a frame; gives the frames' lengths by gesture.
GESTURES = """
async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const picture = document.querySelector(".picture");
  const { left, top, width } = picture.getBoundingClientRect();
  const wheel = (how) => picture.dispatchEvent(new WheelEvent("wheel", {
    bubbles: true, cancelable: true, clientX: left + width * 0.4, clientY: top + 100, ...how,
  }));
  const gestures = {
    "zoom in": () => wheel({ deltaY: -12, ctrlKey: true }),
    move: () => wheel({ deltaX: 20 }),
    "zoom out": () => wheel({ deltaY: 12, ctrlKey: true }),
  };
  const found = {};
  for (const [name, act] of Object.entries(gestures)) {
    const frames = [];
    let before = await frame();
    for (let i = 0; i < 150; i += 1) {
      act();
      const now = await frame();
      frames.push(now - before);
      before = now;
    }
    found[name] = frames;
  }
  return found;
}
"""
SETTLED = """
async () => {
  const look = () => document.querySelector('.chart[data-settled="true"]');
  while (!look()) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now();
}
"""
# speedscope's title is the profile's name once it is loaded; the frame after the next has been drawn.
LOADED = """
async () => {
  while (!document.title.startsWith("calls")) await new Promise(requestAnimationFrame);
  for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame);
  return performance.now();
}
"""


def main() -> None:
    options = _options()
    machine.describe(pypy(), f"{options.loads} loads, Chromium without a GPU, 1400x900")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        data = options.data or Path(name) / "data"
        data.mkdir(exist_ok=True)
        with serving(data) as server, sync_playwright() as play:
            address = server.address
            browser = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *SWIFTSHADER])
            for count in options.calls:
                url = f"{address}/runs/{_published(Path(name), data, address, count)}/timeline"
                print(f"\n{count:,} calls")
                _frames(browser, url)
                other = Path(name) if count <= options.compare else None
                _first_pictures(browser, url, other, count, options.loads)
            browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[MILLION, 10 * MILLION])
    parser.add_argument("--loads", type=int, default=3)
    parser.add_argument("--compare", type=int, default=MILLION, help="most calls that speedscope opens too")
    parser.add_argument("--data", type=Path, help="keep the runs in this folder, use those that are there")
    return parser.parse_args()


def _published(folder: Path, data: Path, address: str, count: int) -> str:
    """Give the id of the run of ``count`` calls; it is made and sent where ``data`` hasn't got it."""
    named = data / f"frames-{count}.txt"
    if not named.exists():
        path = folder / "bundle.json.gz"
        with gzip.open(path, "wb", compresslevel=1) as out:
            timeline_data.write(out, count)
        named.write_text(send(address, path))
    return named.read_text()


def _frames(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(url)
    page.evaluate(SETTLED)
    found: Dict[str, List[float]] = page.evaluate(GESTURES)
    page.close()
    print(f"{'frames':>10} {'p50 ms':>8} {'p95 ms':>8} {'longest':>8}")
    everything = [each for frames in found.values() for each in frames]
    for name, frames in [*found.items(), ("all", everything)]:
        p95 = quantiles(frames, n=20, method="inclusive")[18]
        print(f"{name:>10} {median(frames):8.1f} {p95:8.1f} {max(frames):8.1f}")
    print(f"p95 of all: {p95:.1f} ms, bar {BAR_MS:g}: {'met' if p95 <= BAR_MS else 'missed'}")


def _first_pictures(browser: Browser, url: str, folder: Optional[Path], count: int, loads: int) -> None:
    """Open the page and, with a ``folder`` for its files, speedscope in turn."""
    if folder is None:
        ours = median(_opened(browser, url, SETTLED) for _ in range(loads)) / 1000
        print(f"from navigation to the first full picture: {ours:.2f} s")
        return
    with _Other(folder, count) as other:
        times: List[Tuple[float, float]] = [
            (_opened(browser, url, SETTLED), _opened(browser, other.url, LOADED)) for _ in range(loads)
        ]
    ours, theirs = (median(column) / 1000 for column in zip(*times))
    print(f"from navigation to the first full picture: {ours:.2f} s, speedscope {theirs:.2f} s")
    print(f"not slower than speedscope: {'met' if ours <= theirs else 'missed'}")


def _opened(browser: Browser, url: str, script: str) -> float:
    """Open a page in a context of its own, so that nothing is cached; give milliseconds."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(url)
    took: float = page.evaluate(script)
    context.close()
    return took


# --- speedscope, with the same calls ----------------------------------------------------


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Other:
    """A server of speedscope's own files and of the calls in its form."""

    def __init__(self, folder: Path, count: int) -> None:
        self._root = folder / "speedscope"
        self._root.mkdir(exist_ok=True)
        (self._root / "app").unlink(missing_ok=True)
        (self._root / "app").symlink_to(_speedscope())
        _write_evented(self._root / "calls.json", count)
        handler = functools.partial(_Quiet, directory=str(self._root))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        base = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{base}/app/index.html#profileURL={base}/calls.json&title=calls"

    def __enter__(self) -> _Other:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _speedscope() -> Path:
    """Fetch the package once; its pages are in dist/release."""
    home = CACHE / "speedscope"
    if not home.exists():
        home.mkdir(parents=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", SPEEDSCOPE], cwd=home, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.split()[-1]
        subprocess.run(["tar", "-xzf", packed], cwd=home, check=True)
    return home / "package" / "dist" / "release"


def _write_evented(path: Path, count: int) -> None:
    calls = timeline_data._Calls(count)
    frames = [{"name": f"f{number}", "file": "/made/up.py", "line": number + 1} for number in range(400)]
    profile = {
        "type": "evented",
        "name": "calls",
        "unit": "nanoseconds",
        "startValue": 0,
        "endValue": calls.now,
    }
    head = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": "calls",
        "shared": {"frames": frames},
        "profiles": [{**profile, "events": []}],
    }
    before, after = json.dumps(head, separators=(",", ":")).split('"events":[]')
    with path.open("w") as out:
        out.write(before + '"events":[')
        out.write(",".join(_events(calls.chunks())))
        out.write("]" + after)


def _events(chunks: Iterator[r.CallChunk]) -> Iterator[str]:
    stack: List[Tuple[int, int]] = []
    for chunk in chunks:
        now = chunk.first_ns
        for delta, duration, function in zip(chunk.start, chunk.duration, chunk.function):
            now += delta
            while stack and stack[-1][0] <= now:
                end, done = stack.pop()
                yield f'{{"type":"C","frame":{done},"at":{end}}}'
            stack.append((now + duration, function))
            yield f'{{"type":"O","frame":{function},"at":{now}}}'
    for end, done in reversed(stack):
        yield f'{{"type":"C","frame":{done},"at":{end}}}'


if __name__ == "__main__":
    main()
