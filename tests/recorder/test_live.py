"""A program recorded here and now: the bundle agrees with grep and with PyPy's own totals."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.compression import open_bundle
from tracebin.bundle.reader import BundleReader, read_bundle
from tracebin.bundle.records import GC_KINDS, STATES, Bundle
from tracebin.recorder import bootstrap
from tracebin.recorder.assemble import assemble
from tracebin.recorder.decoding import RemoteDecoder

PROGRAM = Path(__file__).resolve().parents[1] / "golden" / "program.py"
GROWING = (".log", ".prof", ".stamps", ".notes")
KEEP_RAW = Path(__file__).with_name("keep_raw.py")


class Live:
    """A raw recording, its bundle's elements by list, and what grep counts in the log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.log,) = folder.glob("*.log")
        with open_bundle(folder / "bundle.json") as stream:
            elements = list(BundleReader(stream, strict=True))
        self.run = elements[0].record
        self.lists: dict[str, list[Any]] = {}
        for element in elements[1:]:
            self.lists.setdefault(element.key, []).append(element.record)

    def grep(self, pattern: str) -> int:
        counted = subprocess.run(
            ["grep", "-a", "-c", "-E", pattern, str(self.log)], capture_output=True, text=True, check=False
        )
        return int(counted.stdout)

    def of(self, key: str) -> list[Any]:
        return self.lists.get(key, [])


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, pypy: str) -> Live:
    folder = tmp_path_factory.mktemp("live")
    command = [sys.executable, str(KEEP_RAW), str(folder), pypy, "all", str(PROGRAM)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "144000 4181 45000 30000 313919\n", "")
    return Live(folder)


def test_nothing_is_amiss(live: Live) -> None:
    assert live.of("problems") == []
    assert (live.run.exit.status, live.run.exit.signal) == (0, None)


def test_traces_are_as_many_as_grep_counts(live: Live) -> None:
    kinds = Counter(trace.kind for trace in live.of("traces"))
    assert kinds["loop"] + kinds["entry bridge"] == live.grep(r"\{jit-log-opt-loop$") > 5
    assert kinds["entry bridge"] == live.grep(r"^# Loop [0-9]+ \(.*\) : entry bridge with [0-9]+ ops$") > 1
    assert kinds["bridge"] == live.grep(r"\{jit-log-opt-bridge$") > 5
    assert all(list(trace.stages) == ["traced", "assembled", "optimised"] for trace in live.of("traces"))


def test_aborts_are_as_many_as_grep_counts(live: Live) -> None:
    reasons = Counter(abort.reason for abort in live.of("aborts"))
    assert sum(reasons.values()) == live.grep("^~~~ ABORTING TRACING ABORT_") > 1
    for reason, count in reasons.items():
        assert count == live.grep(f"^~~~ ABORTING TRACING {reason}$")


def test_collections_are_as_many_as_grep_counts(live: Live) -> None:
    kinds = Counter(GC_KINDS[kind] for chunk in live.of("gc") for kind in chunk.kind)
    assert kinds["minor"] == live.grep(r"\{gc-minor$") > 0
    assert kinds["major step"] == live.grep(r"\{gc-collect-step$")
    assert kinds["major"] == live.grep(r"\{gc-collect-done$")


def test_run_counts_are_all_there(live: Live) -> None:
    text = live.log.read_text("utf-8", "surrogateescape")
    counts = text[text.index("{jit-backend-counts") :].splitlines()

    def total(start: str) -> int:
        rows = (line.rpartition(":") for line in counts if line.startswith(start))
        return sum(int(count) for name, _, count in rows if name != "entry -1")

    traces = live.of("traces")
    assert all(trace.runs is not None for trace in traces)
    assert sum(trace.runs for trace in traces if trace.kind != "bridge") == total("entry ") > 0
    assert sum(trace.runs for trace in traces if trace.kind == "bridge") == total("bridge ") > 0
    assert sum(label.runs for trace in traces for label in trace.labels) == total("TargetToken(") > 0


def test_pypys_own_totals_agree(live: Live) -> None:
    (process,) = live.of("processes")
    summary, traces = process.summary, live.of("traces")
    # A helper without ops (a temporary call_assembler callback) is a loop for PyPy.
    helpers = live.grep(r"^Loop -1 .* has address")
    assert summary["total_number_of_loops"] == sum(trace.kind != "bridge" for trace in traces) + helpers
    assert summary["total_number_of_bridges"] == sum(trace.kind == "bridge" for trace in traces)
    reasons = Counter(abort.reason for abort in live.of("aborts"))
    assert summary["abort_trace_too_long"] == reasons["ABORT_TOO_LONG"]
    assert summary["abort_segmenting_trace"] == reasons["ABORT_SEGMENTED_TRACE"]
    assert summary["backend"] == len(traces)
    backend_ns = sum(trace.phases.backend_ns for trace in traces)
    # PyPy takes the total around our sections: on a busy machine it may be held up in between.
    assert 0.1 < backend_ns / (summary["backend_s"] * 1e9) < 1.5


def test_machine_code_is_what_memory_holds_in_the_end(live: Live) -> None:
    assert live.of("processes")[0].summary["freed_number_of_loops"] == 0
    memory: dict[int, int] = {}
    for line in live.log.read_text("utf-8", "surrogateescape").splitlines():
        if line.startswith("CODE_DUMP"):
            _, address, offset, *code = line.split()
            memory.update(enumerate(bytes.fromhex("".join(code)), int(address[1:], 16) + int(offset)))
    for trace in live.of("traces"):
        places = range(trace.asm.address, trace.asm.address + trace.asm.size)
        assert base64.b64decode(trace.asm.code) == bytes(memory[place] for place in places)


def test_every_time_lies_in_the_run(live: Live) -> None:
    end = live.run.duration_ns
    spans = [(row.start_ns, row.end_ns) for row in live.of("traces") + live.of("aborts")]
    for chunk in live.of("gc"):
        starts = [chunk.first_ns + sum(chunk.start[: row + 1]) for row in range(len(chunk.start))]
        assert starts == sorted(starts)
        spans += [(start, start + duration) for start, duration in zip(starts, chunk.duration)]
    assert all(0 < start <= stop < end for start, stop in spans)
    for chunk in live.of("samples"):
        assert min(chunk.time) >= 0
        assert chunk.first_ns > 0
        assert chunk.first_ns + sum(chunk.time) < end


def test_samples_are_the_samplers(live: Live) -> None:
    reader = pytest.importorskip("vmprof.reader")
    (profile,) = live.folder.glob("*.prof")
    with profile.open("rb") as stream:
        state = reader._read_prof(stream)
    sampled = sum(len(chunk.stack) for chunk in live.of("samples"))
    assert sampled == len(state.profiles) > 20


def grown(live: Live, pypy: str, out: Path) -> Bundle:
    """Put the recording together while its files grow in twenty steps."""
    folder = out.parent / "raw"
    shutil.copytree(live.folder, folder, ignore=shutil.ignore_patterns("bundle*"))
    whole = {path: path.read_bytes() for path in folder.iterdir() if path.suffix in GROWING}
    for path in whole:
        path.write_bytes(b"")
    steps = iter(range(1, 21))

    def follow(has_more: bool) -> bool:
        step = None if has_more else next(steps, None)
        for path, data in whole.items():
            if step is not None:
                path.write_bytes(data[: len(data) * step // 20])
        return step is None and not has_more

    decoder = RemoteDecoder([pypy, "-I", "-S", bootstrap.PATH, "decode"], os.environ)
    assemble(folder, out, decoder, follow)
    decoder.close()
    return read_bundle(out, strict=True)


def meaning(bundle: Bundle) -> dict[str, Any]:
    """Give what a bundle says but for the numbers of its files and functions."""
    files = [(file.path, file.text) for file in bundle.files]
    names = [(files[f.file], f.name, f.qualname, f.line, f.bytecode) for f in bundle.functions]
    rows = [row for c in bundle.stacks for row in zip(c.parent, c.function, c.state, c.trace)]

    def frames(row: int) -> list[Any]:
        found = []
        while row >= 0:
            row, function, *where = rows[row]
            found.append((names[function] if function >= 0 else None, where))
        return found

    return {
        "functions": sorted(map(repr, names)),
        "files": sorted(map(repr, files)),
        "samples": [
            (c.thread, c.first_ns, c.time, c.memory, [frames(row) for row in c.stack]) for c in bundle.samples
        ],
        "traces": [
            (trace.name, trace.start_ns, trace.runs, trace.function is not None and names[trace.function])
            for trace in bundle.traces
        ],
        "problems": bundle.problems,
        "threads": bundle.threads,
    }


@pytest.mark.parametrize("name", ["grown.json.gz", "grown.json"])
def test_what_is_read_while_it_grows_says_the_same(live: Live, pypy: str, tmp_path: Path, name: str) -> None:
    after = read_bundle(live.folder / "bundle.json", strict=True)
    assert meaning(grown(live, pypy, tmp_path / name)) == meaning(after)


def test_hot_code_has_its_function_line_and_bytecode(live: Live) -> None:
    files, functions = live.of("files"), live.of("functions")
    (number,) = [number for number, file in enumerate(files) if file.path == str(PROGRAM)]
    assert files[number].text == PROGRAM.read_text()
    found = {function.qualname: function for function in functions if function.file == number}
    assert {"hot_loop", "Body.push", "advance", "fib", "scan", "build"} <= found.keys()
    push = found["Body.push"]
    assert {row.line for row in push.bytecode if row.name == "RETURN_VALUE"} == {18, 19}
    loops = [trace for trace in live.of("traces") if trace.function is not None and trace.kind == "loop"]
    starts = {(functions[trace.function].qualname, trace.line) for trace in loops}
    assert ("hot_loop", 29) in starts


def test_every_merge_point_names_a_bytecode_of_its_function(live: Live) -> None:
    functions = live.of("functions")
    known = [{row.offset: row.line for row in function.bytecode or []} for function in functions]
    points = [
        point for trace in live.of("traces") for stage in trace.stages.values() for point in stage.points
    ]
    own = [point for point in points if point.function is not None and known[point.function]]
    assert len(own) > 1000
    assert all(known[point.function][point.offset] == point.line for point in own)


def test_stacks_lead_to_traces_of_their_functions(live: Live) -> None:
    (stacks,) = live.of("stacks")
    rows = list(zip(stacks.parent, stacks.function, stacks.state, stacks.trace))
    assert all(parent < number for number, (parent, _, _, _) in enumerate(rows))
    assert {STATES[state] for _, _, state, _ in rows} <= {"interpreted", "jitted", "blackhole", "native"}
    assert all(STATES[state] in ("jitted", "native") for _, _, state, trace in rows if trace >= 0)
