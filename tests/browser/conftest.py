"""A server process with a bundle that has one of everything, and the machine's Chromium to look at it."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle

SERVE = "from tracebin.server.serve import serve; serve(port=0, on_ready=lambda url: print(url, flush=True))"
SOURCE = """\
class Body:
    def __init__(self, mass):
        self.mass = mass

    def push(self, step):
        if step % 5 == 0:  # <img src=x onerror=alert(1)>
            return self.mass + 1
        return self.mass - 1

def advance(body, step):
    return body.push(step)

def hot_loop(n):
    body, total = Body(3), 0
    for step in range(n):
        total += advance(body, step)
    return total
"""
# Name, qualified name, first line, bytecode: of the last it was never seen.
FUNCTIONS = [
    (
        "hot_loop",
        "hot_loop",
        13,
        [r.Bytecode(20, "FOR_ITER", "to 44", 15), r.Bytecode(24, "LOAD_GLOBAL", "advance", 16)],
    ),
    (
        "advance",
        "advance",
        10,
        [r.Bytecode(0, "LOAD_FAST", "body", 11), r.Bytecode(6, "RETURN_VALUE", None, 11)],
    ),
    ("push", "Body.push", 5, None),
]
LARGE_OPS = 3000
INSTRUCTIONS_PER_OP = 5
# For a machine that has much else to do; whoever waits goes on as soon as what is awaited is there.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
# A canvas can't be asked what is on it, so the page tells.  As text: of a whole run's boxes Playwright takes
# a second to make objects, half of the tests' CPU time.
WHEN = f"""async () => {{
  const module = await import(new URL('timeline.js', document.querySelector('script[type=module]').src));
  const end = performance.now() + {PATIENCE_MS};
  for (;;) {{
    const d = module.describe();
    if (d && d.settled && (%s)(d)) return JSON.stringify(d);
    if (performance.now() > end)
      throw new Error('never: ' + JSON.stringify({{...d, boxes: d?.boxes.length}}));
    await new Promise(requestAnimationFrame);
  }}
}}"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    quiet = ["background-networking", "component-update", "sync", "gpu", "quic", "site-isolation-trials"]
    # All pages are of one server: without these a process is begun for each, a third of the tests' CPU time.
    shared = ["--process-per-site", "--renderer-process-limit=1", "--in-process-gpu"]
    flags = ["--no-sandbox", "--no-first-run", *shared, *(f"--disable-{name}" for name in quiet)]
    return {**browser_type_launch_args, "executable_path": chromium, "args": flags}


@pytest.fixture(scope="session")
def base_url(server: str) -> str:
    """The address pages are given relative to; the plugin's own fixture is of a form pytest 9 warns of."""
    return server


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server in a process of its own."""
    data = tmp_path_factory.mktemp("server")
    environment = {**os.environ, "TRACEBIN_DATA": str(data), "TRACEBIN_FREE_BYTES": "0"}
    with (data / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, (data / "log").read_text()
            yield address
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


@pytest.fixture
def expected_faults() -> list[str]:
    """Parts of the errors that a test of refusals expects in the console."""
    return []


@pytest.fixture(scope="module")
def window(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    """A page in a profile of its own; Chromium takes a second to open one, so a module's tests share it."""
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(window: Page, browser_context_args: dict[str, Any], expected_faults: list[str]) -> Iterator[Page]:
    """A page as if nobody had used it, that may neither raise nor log an error."""
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            faults.append(message.text)

    def note_error(error: Error) -> None:
        faults.append(str(error))

    window.on("console", note)
    window.on("pageerror", note_error)
    window.set_default_timeout(PATIENCE_MS)
    yield window
    window.remove_listener("console", note)
    window.remove_listener("pageerror", note_error)
    forget(window, browser_context_args)
    assert [fault for fault in faults if not any(part in fault for part in expected_faults)] == []


def forget(page: Page, context_args: dict[str, Any]) -> None:
    """Leave nothing of a test: what the pages stored, routes, sizes, where the pointer is."""
    page.unroute_all(behavior="wait")
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    page.mouse.move(0, 0)
    page.set_viewport_size(context_args["viewport"])
    page.context.clear_cookies()


@pytest.fixture
def when(page: Page) -> Callable[..., dict[str, Any]]:
    """Wait for the time line: what it says of itself once it is finished and a condition on that holds."""
    return lambda condition="d => true": json.loads(page.evaluate(WHEN % condition))


@pytest.fixture
def ask(page: Page) -> Callable[[str, str], Any]:
    """Ask a module of the page that is open: its name, and an expression of ``m``."""
    here = "document.querySelector('script[type=module]').src"
    return lambda name, told: page.evaluate(f"import(new URL('{name}', {here})).then((m) => {told})")


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "run.json"
    out = io.BytesIO()
    write_bundle(out, make_bundle())
    path.write_bytes(out.getvalue())
    return path


def post(server: str, path: Path) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if path.suffix == ".gz":
        headers["Content-Encoding"] = "gzip"
    request = urllib.request.Request(f"{server}/api/v1/runs", path.read_bytes(), headers)
    with urllib.request.urlopen(request) as answer:
        found: dict[str, str] = json.load(answer)
        return found


@pytest.fixture(scope="session")
def upload(server: str) -> Callable[[Path], str]:
    """Store a bundle; the answer is its id."""
    return lambda path: post(server, path)["id"]


@pytest.fixture(scope="session")
def run(server: str, bundle_file: Path) -> str:
    """The id of the stored bundle."""
    return post(server, bundle_file)["id"]


@pytest.fixture
def own_run(server: str, bundle_file: Path) -> dict[str, str]:
    """A run that the test may delete: the server's answer to its upload."""
    return post(server, bundle_file)


@pytest.fixture(scope="session")
def recorded_runs() -> ModuleType:
    """The programs beside this file, and what reads their bundles."""
    path = Path(__file__).with_name("recorded_runs.py")
    spec = importlib.util.spec_from_file_location("recorded_runs", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["recorded_runs"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recordings(
    pypy: str,
    upload: Callable[[Path], str],
    recorded_runs: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Recorded runs by the name of their program."""
    folder = tmp_path_factory.mktemp("recordings")
    return {name: recorded_runs.record(pypy, folder, name, upload) for name in recorded_runs.PROGRAMS}


# --- the bundle -------------------------------------------------------------------


def make_bundle() -> r.Bundle:
    traces = [loop(), bridge(), search(), own(), large()]
    stacks = [r.StackChunk([-1, 0, -1], [0, 1, 0], [0, 1, 1], [-1, 0, 4])]
    return r.Bundle(
        run=a_run(),
        processes=[r.Process(7, None, ["prog.py", "1000"], 0, 900_000_000, r.Exit(0), {"loops": 3})],
        threads=[r.Thread(0, 7, "MainThread")],
        files=[r.SourceFile("/home/someone/prog.py", "program", "__main__", None, SOURCE)],
        functions=[
            r.Function(0, name, qualname, line, bytecode) for name, qualname, line, bytecode in FUNCTIONS
        ],
        traces=traces,
        aborts=[abort(40, 1), abort(60, 2)],
        stacks=stacks,
        samples=[
            r.SampleChunk(0, 1_000_000, [0] + [1_000_000] * 29, [0] * 5 + [1] * 20 + [2] * 5, [-1] * 30)
        ],
        problems=[r.Problem("cut", "the log ended in the middle of a line", 1, "jit.log")],
    )


def a_run() -> r.Run:
    return r.Run(
        command=["prog.py", "1000"],
        target="script",
        cwd="/home/someone",
        started="2026-11-22T18:00:00.123456Z",
        duration_ns=900_000_000,
        exit=r.Exit(status=0),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3", {"translation.jit": True}),
        options=r.Options({"threshold": 1039}, {"PYPY_GC_NURSERY": None}, {"period_us": 1000}),
        output={"stdout": r.Stream("utf-8", "<b>499500</b>\n", "the end\n", 9000, 8000)},
        recorder="0.1.0",
    )


def abort(start: int, steps: int) -> r.Abort:
    start_ns = start * 1_000_000
    path = [r.PathStep(0, 15, 2, None)] * steps
    decided = ["no inlinable function found!"]
    return r.Abort(
        0,
        start_ns,
        start_ns + 5_000_000,
        "ABORT_TOO_LONG",
        "pypyjit",
        0,
        20,
        15,
        None,
        6001,
        decided,
        "hot_loop",
        path,
    )


def trace(stage: r.Stage, start: int, **more: Any) -> r.Trace:
    size = 5 * INSTRUCTIONS_PER_OP + INSTRUCTIONS_PER_OP * len(stage.ops)
    code = base64.b64encode(b"\x90" * size).decode()
    asm = r.MachineCode("x86_64", 0x7F0000000000 + (start << 20), size, 0, 0, size, code, 0)
    given: dict[str, Any] = {
        "kind": "loop",
        "driver": "pypyjit",
        "name": f"Loop {start} (hot_loop;/home/someone/prog.py:13-15~#20 FOR_ITER)",
        "number": start,
        "function": 0,
        "offset": 20,
        "line": 15,
        "parent": None,
        "runs": None,
        "labels": [],
        "own": False,
        **more,
    }
    return r.Trace(
        process=0,
        start_ns=start * 10_000_000,
        end_ns=start * 10_000_000 + 3_000_000,
        phases=r.Phases(1_000_000, 1_500_000, 500_000),
        asm=asm,
        freed_ns=None,
        stages={"optimised": stage},
        **given,
    )


def op(index: int, name: str, result: str | None, args: list[str], descr: str | None = None) -> r.Op:
    fail: list[str | None] | None = ["p0", None, "i2"] if name.startswith("guard") else None
    return r.Op(name, result, args, descr, index * INSTRUCTIONS_PER_OP, fail)


def loop() -> r.Trace:
    """Back to the label through two inlined calls; guard 3 has a bridge."""
    target = "TargetToken(7012345)"
    ops = [
        op(0, "label", None, ["p0", "i1"], target),
        op(1, "int_add", "i2", ["i1", "1"]),
        op(
            2, "getfield_gc_i", "i3", ["p0"], "<FieldS pypy.objspace.std.intobject.W_IntObject.inst_intval 8>"
        ),
        op(3, "guard_true", None, ["i2"], "<Guard0x7f00aa10>"),
        op(4, "int_mod", "i4", ["i2", "5"]),
        op(5, "guard_class", None, ["p0", "ConstClass(W_IntObject)"], "<Guard0x7f00aa20>"),
        op(6, "new_with_vtable", "p5", [], "<SizeDescr 16>"),
        op(7, "call_i", "i6", ["ConstClass(ll_int_py_mod__Signed_Signed)", "i4"], "<Calli 8 ii EF=0 OS=14>"),
        op(8, "jump", None, ["p0", "i2"], target),
    ]
    points = [
        r.MergePoint(1, 0, 0, 0, 20, 15, None),
        r.MergePoint(2, 0, 0, 0, 24, 16, None),
        r.MergePoint(3, 1, 1, 1, 0, 11, None),
        r.MergePoint(4, 2, 2, 2, 0, 6, None),
        r.MergePoint(6, 2, 2, 2, 8, 8, None),
        r.MergePoint(7, 1, 1, 1, 6, 11, None),
        r.MergePoint(8, 0, 0, 0, 30, 16, None),
    ]
    labels = [r.Label(0, target, 1000)]
    return trace(r.Stage(["p0", "i1"], ops, points), 1, labels=labels, runs=1000)


def bridge() -> r.Trace:
    ops = [op(0, "int_sub", "i8", ["i2", "1"]), op(1, "guard_false", None, ["i8"], "<Guard0x7f00aa30>")]
    ops.append(op(2, "jump", None, ["p0", "i8"], "TargetToken(7012345)"))
    stage = r.Stage(["p0", "i2"], ops, [r.MergePoint(0, 0, 1, 1, 0, 11, None)])
    name = "bridge out of Guard 0x7f00aa10 with 3 ops"
    return trace(
        stage, 2, kind="bridge", name=name, number=None, parent=r.Guard(0, 3), runs=200, function=1, line=11
    )


def search() -> r.Trace:
    text = "re RegularSearch at 5 [15. 4. 0]"
    stage = r.Stage(["p0"], [op(0, "finish", None, ["p0"])], [r.MergePoint(0, 0, 0, None, None, None, text)])
    return trace(
        stage,
        3,
        kind="entry bridge",
        driver="re",
        name=f"Loop 3 ({text})",
        function=None,
        offset=None,
        line=None,
    )


def own() -> r.Trace:
    stage = r.Stage([], [op(0, "finish", None, [])], [r.MergePoint(0, 0, 0, 1, 0, 11, None)])
    return trace(stage, 4, function=1, own=True)


def large() -> r.Trace:
    """3000 ops, calls three deep, 15,000 instructions."""
    ops = [op(i, "int_add", f"i{i + 2}", [f"i{i + 1}", "1"]) for i in range(LARGE_OPS)]
    points = [
        r.MergePoint(i, depth, i * 4 + depth if depth else 0, depth, i % 256, 11 + depth, None)
        for i in range(LARGE_OPS)
        for depth in [(0, 1, 2, 1)[i // 3 % 4]]
    ]
    return trace(r.Stage(["p0", "i1"], ops, points), 5, runs=77)
