"""Measure how soon a trace of 3,000 ops can be read in a headless Chromium, and how it scrolls.

The trace is a real one: a loop with a long body is recorded, served and opened.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Tuple

import machine
from chromium import CHROMIUM, FLAGS
from measure import pypy
from playwright.sync_api import Browser, sync_playwright
from serving import get, record, send, served

BAR_S = 1.0
MIN_OPS = 3000
# Each statement of the loop is some 29 ops in the peeled loop: the biggest trace has 3,100 or so.
STATEMENTS = 108
# PyPy gives a trace up at 6,000 ops as traced unless it is told otherwise; it takes up to 16,383.
JIT = "trace_limit=16000"

# Runs before the page's own scripts: notes the first frame after rows are in the document.
WATCH = """
window.painted = new Promise((resolve) => {
  (function look() {
    if (document.querySelector(".list-sizer > *")) {
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0));
    } else {
      requestAnimationFrame(look);
    }
  })();
});
"""
SCROLL = """
async () => {
  const pane = document.querySelector(".list-sizer").parentElement;
  const frames = [];
  const steps = 200;
  const last = pane.scrollHeight - pane.clientHeight;
  let before = await new Promise(requestAnimationFrame);
  for (let i = 1; i <= steps; i += 1) {
    pane.scrollTop = (last * i) / steps;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}
"""


def main() -> None:
    options = _options()
    machine.describe(pypy(), f"{options.loads} loads, Chromium without a GPU")
    with tempfile.TemporaryDirectory(prefix="bench-") as name, served() as address:
        page, ops = _publish(Path(name), address)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            loads = [_load(browser, page) for _ in range(options.loads)]
            frames = _scroll(browser, page)
            browser.close()
    _print(ops, loads, frames)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--loads", type=int, default=5)
    return parser.parse_args()


def _program() -> str:
    """Write a loop whose body is long, and different in every line."""
    body = "\n".join(
        f"        total = (total * {i + 3} + row[{i % 7}].weigh(total, {i})) % {100_003 + i}"
        for i in range(STATEMENTS)
    )
    return f"""\
class Row:
    def __init__(self, weight):
        self.weight = weight

    def weigh(self, total, place):
        if total & place:
            self.weight = total ^ place
        return self.weight


def work(count):
    row = [Row(weight) for weight in range(7)]
    total = 1
    for step in range(count):
{body}
    return total


print(work(4000))
"""


def _publish(folder: Path, address: str) -> Tuple[str, int]:
    program = folder / "long_loop.py"
    program.write_text(_program())
    bundle = folder / "bundle.json.gz"
    record([str(program)], bundle, "--jit", JIT)
    run = send(address, bundle)
    biggest = get(address, f"/runs/{run}/traces?sort=ops&order=desc&limit=1")["traces"][0]
    if biggest["ops"] < MIN_OPS:
        raise SystemExit(f"the biggest trace has {biggest['ops']} ops; {MIN_OPS} were wanted")
    return f"{address}/runs/{run}/traces/{biggest['id']}", int(biggest["ops"])


def _load(browser: Browser, url: str) -> Dict[str, float]:
    """Open the page in a browser context of its own: nothing is cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    timing: Any = page.evaluate(
        """async () => ({
          painted: await window.painted,
          document: performance.getEntriesByType("navigation")[0].responseEnd,
          data: Math.max(...performance.getEntriesByType("resource")
            .filter((entry) => entry.name.includes("/api/")).map((entry) => entry.responseEnd)),
        })"""
    )
    context.close()
    return {name: float(value) / 1000 for name, value in timing.items()}


def _scroll(browser: Browser, url: str) -> List[float]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    page.wait_for_selector(".list-sizer > *")
    frames: List[float] = page.evaluate(SCROLL)
    return sorted(frames)


def _print(ops: int, loads: List[Dict[str, float]], frames: List[float]) -> None:
    painted = sorted(load["painted"] for load in loads)
    print(f"a trace of {ops} ops, from navigation, in seconds: median, min, max")
    for name, text in (("document", "page answered"), ("data", "data here"), ("painted", "rows painted")):
        times = sorted(load[name] for load in loads)
        print(f"  {text:14} {median(times):6.3f} {times[0]:6.3f} {times[-1]:6.3f}")
    print(
        f"scrolling from end to end in {len(frames)} steps, ms a frame: median {median(frames):.1f}, "
        f"p95 {frames[int(len(frames) * 0.95)]:.1f}, max {frames[-1]:.1f}"
    )
    verdict = "met" if median(painted) <= BAR_S else "missed"
    print(f"rows painted after {median(painted):.2f} s; the bar of {BAR_S:.0f} s is {verdict}")


if __name__ == "__main__":
    main()
