"""Bundles for the tests: one by hand that holds everything, and real ones of a small program."""

from __future__ import annotations

import base64
import gzip
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.reader import BundleReader, collect
from tracebin.bundle.writer import write_bundle

PROGRAM = """
import re
def cost(number):
    return len(str(number)) if number % 3 == 0 else number
def total(count):
    return sum(cost(number) for number in range(count))
print("h\\u00e9llo", total(30000), len(re.findall("a+b", "aab" * 2000)))
"""
RECORD = """
import os, sys
from pathlib import Path
from tracebin.recorder.find import find_pypy
from tracebin.recorder.launch import Request, record
pypy, out, stages = sys.argv[1:]
interpreter = find_pypy(pypy, os.environ, None)
record(Request("script", ["prog.py"], Path(out), interpreter, stages=stages), os.environ)
"""


def _asm() -> r.MachineCode:
    code = base64.b64encode(b"\x90" * 12).decode()
    return r.MachineCode("x86_64", 0x7F0000001000, 12, 4, 8, 10, code, 1)


def _loop() -> r.Trace:
    ops = [
        r.Op("label", None, ["p0"], "TargetToken(1)", 0, None),
        r.Op("int_add", "i2", ["i1", "1"], None, 4, None),
        r.Op("guard_true", None, ["i2"], "<Guard0x7f>", 8, ["p0", None]),
    ]
    points = [r.MergePoint(0, 0, 0, 0, 4, 3, None), r.MergePoint(3, 1, 2, None, None, None, "re at 5")]
    return r.Trace(
        process=0,
        kind="loop",
        driver="pypyjit",
        name="Loop 1",
        number=1,
        function=0,
        offset=4,
        line=3,
        start_ns=100,
        end_ns=200,
        phases=r.Phases(50, 30, 20),
        parent=None,
        runs=9,
        labels=[r.Label(0, "1", 1000)],
        asm=_asm(),
        freed_ns=900,
        own=False,
        stages={"optimised": r.Stage(["p0", "i1"], ops, points), "traced": r.Stage([], [], [])},
    )


def _bridge() -> r.Trace:
    return r.Trace(
        process=0,
        kind="bridge",
        driver="pypyjit",
        name="bridge",
        number=None,
        function=None,
        offset=None,
        line=None,
        start_ns=300,
        end_ns=300,
        phases=r.Phases(0, 0, 0),
        parent=r.Guard(0, 2),
        runs=None,
        labels=[],
        asm=None,
        freed_ns=None,
        own=True,
        stages={},
    )


def _run() -> r.Run:
    return r.Run(
        command=["prog.py", "1"],
        target="script",
        cwd="/home/me",
        started="2026-11-22T18:00:00.000000Z",
        duration_ns=1000,
        exit=r.Exit(0, None),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "pypy3", {"gc": "incminimark", "shared": True, "none": None}),
        options=r.Options({"threshold": 1039}, {"PYPY_GC_NURSERY": "4M"}, {"interval_s": 0.001}),
        output={
            "stdout": r.Stream("utf-8", "h\u00e9\n", "", 4, 0),
            "stderr": r.Stream("base64", "/w==", "AA==", 9, 7),
        },
        recorder="0.1.0",
    )


def _whole() -> r.Bundle:
    stop = r.Exit(None, 9)
    return r.Bundle(
        run=_run(),
        processes=[
            r.Process(10, None, ["prog.py"], 0, 1000, r.Exit(0), {"tracing_s": 0.5, "loops": 3}),
            r.Process(
                11, 0, ["child"], 5, None, stop, {}, r.CodeMemory(4096, 100), [r.Pause(6, 6), r.Pause(7, 90)]
            ),
        ],
        threads=[r.Thread(0, 140, "MainThread"), r.Thread(1, 141)],
        files=[r.SourceFile("prog.py", "program", "prog", "prog", "def f():\n    pass\n", "ab"), *_files()],
        functions=[r.Function(0, "f", "C.f", 1, [r.Bytecode(0, "LOAD_FAST", "x", 2)]), _plain_function()],
        traces=[_loop(), _bridge()],
        aborts=[_abort()],
        gc=[r.GcChunk(0, 10, [0, 1, 2], [0, 5, 5], [1, 2, 3], [-1, 9, 9], [5, -1, 4]), _empty_gc()],
        stacks=[r.StackChunk([-1, 0], [0, -1], [0, 1], [-1, 0]), r.StackChunk([1], [1], [5], [1])],
        samples=[r.SampleChunk(0, 7, [0, 3], [0, 2], [-1, 4096])],
        calls=[r.CallChunk(1, 8, [0, 4], [9, 1], [0, 1], [-1, 1])],
        marks=[r.Mark(0, 50, None, "here"), r.Mark(1, 60, 5, "span", '{"a": 1}')],
        coverage=[r.FileCoverage(0, [1], [2])],
        problems=[r.Problem("samples-cut", "The samples break off.", 2, "process 10")],
    )


def _files() -> list[r.SourceFile]:
    return [r.SourceFile(f"/lib/{origin}.py", origin) for origin in r.ORIGINS]


def _plain_function() -> r.Function:
    return r.Function(1, "g", "g", 7)


def _empty_gc() -> r.GcChunk:
    return r.GcChunk(1, 0, [], [], [], [], [])


def _abort() -> r.Abort:
    return r.Abort(
        process=0,
        start_ns=400,
        end_ns=450,
        reason="ABORT_TOO_LONG",
        driver="pypyjit",
        function=1,
        offset=0,
        line=7,
        text="f;prog.py",
        length=6001,
        inlining=["disabled inlining g"],
        longest="g",
        path=[r.PathStep(0, 3, 4, None), r.PathStep(None, None, 1, "re at 5")],
    )


@pytest.fixture(scope="session")
def whole() -> r.Bundle:
    """A bundle without contradictions that has every record, and every field filled once."""
    return _whole()


@pytest.fixture(scope="session")
def written() -> Callable[[r.Bundle], bytes]:
    def write(bundle: r.Bundle) -> bytes:
        out = io.BytesIO()
        write_bundle(out, bundle)
        return out.getvalue()

    return write


@pytest.fixture(scope="session")
def read() -> Callable[..., r.Bundle]:
    return lambda data, **options: collect(BundleReader(io.BytesIO(data), **options))


@pytest.fixture
def document(whole: r.Bundle, written: Callable[[r.Bundle], bytes]) -> Any:
    """The whole bundle as plain JSON, the test's own to spoil."""
    return json.loads(written(whole))


@pytest.fixture(scope="session")
def framed() -> Callable[[Any], bytes]:
    """Write a document as the format asks: one element per line."""

    def frame(document: Any) -> bytes:
        return b"{\n" + b",\n".join(_member(key, value) for key, value in document.items()) + b"\n}\n"

    return frame


def _member(key: str, value: Any) -> bytes:
    if isinstance(value, list):
        text = "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]" if value else "[\n]"
    else:
        text = json.dumps(value)
    return f'"{key}": {text}'.encode()


@pytest.fixture(scope="session")
def real_files(pypy: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles of a real program: plain with the defaults, and gzip with all stages."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "prog.py").write_text(PROGRAM, encoding="utf-8")
    # Where the package is given by a relative path, it must hold in the program's folder too.
    given = {key: os.path.abspath(value) for key, value in os.environ.items() if key == "PYTHONPATH"}
    made = {"optimised": folder / "plain.json", "all": folder / "all.json.gz"}
    for stages, path in made.items():
        command = [sys.executable, "-c", RECORD, pypy, str(path), stages]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **given}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    return made


@pytest.fixture(scope="session", params=["optimised", "all"])
def real(request: pytest.FixtureRequest, real_files: dict[str, Path]) -> bytes:
    """The inflated bytes of one real bundle."""
    path = real_files[request.param]
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that are the same in every run of a test."""
    return random.Random(request.node.nodeid)


@pytest.fixture(scope="session")
def strategies() -> ModuleType:
    """The Hypothesis strategies beside this file; where Hypothesis is missing the test is skipped."""
    pytest.importorskip("hypothesis")
    spec = importlib.util.spec_from_file_location("strategies", Path(__file__).with_name("strategies.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
