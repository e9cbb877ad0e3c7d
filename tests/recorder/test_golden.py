"""Logs of three PyPys: what we read is what grep counts, and what a person can look over.

tests/golden/README.md tells how the logs were made and how to accept a change.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.records import GC_KINDS, MergePoint, Op

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
ALL = ("traced", "optimised", "assembled")

# Counted with grep in the whole logs, before there was a parser.
COUNTED = {
    "pypy3.9-7.3.11": {
        "{jit-log-opt-loop": 10,
        "{jit-log-opt-bridge": 10,
        "ABORTING TRACING ABORT_TOO_LONG": 2,
        "ABORTING TRACING ABORT_SEGMENTED_TRACE": 2,
        "{gc-minor": 214,
        "{gc-collect-step": 47,
        "{gc-collect-done": 4,
        "{jit-tracing": 22,
        "CODE_DUMP": 490,
    },
    "pypy3.11-7.3.19": {
        "{jit-log-opt-loop": 10,
        "{jit-log-opt-bridge": 10,
        "ABORTING TRACING ABORT_TOO_LONG": 2,
        "ABORTING TRACING ABORT_SEGMENTED_TRACE": 2,
        "{gc-minor": 510,
        "{gc-collect-step": 0,
        "{gc-collect-done": 0,
        "{jit-tracing": 22,
        "CODE_DUMP": 480,
    },
    "pypy3.11-8.0.1": {
        "{jit-log-opt-loop": 10,
        "{jit-log-opt-bridge": 9,
        "ABORTING TRACING ABORT_TOO_LONG": 2,
        "ABORTING TRACING ABORT_SEGMENTED_TRACE": 2,
        "{gc-minor": 582,
        "{gc-collect-step": 6,
        "{gc-collect-done": 1,
        "{jit-tracing": 21,
        "CODE_DUMP": 465,
    },
}
ENTRY_BRIDGES = 4
PYPYS = sorted(COUNTED)


@pytest.fixture(scope="module", params=PYPYS)
def pypy_name(request: Any) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def run_data(pypy_name: str, golden_data: Any) -> bytes:
    data: bytes = golden_data(f"{pypy_name}/run.log.gz")
    return data


@pytest.fixture(scope="module")
def run(run_data: bytes, read_log: Any) -> Any:
    return read_log(run_data)


@pytest.fixture(scope="module")
def stages(pypy_name: str, golden_data: Any, read_log: Any) -> Any:
    return read_log(golden_data(f"{pypy_name}/stages.log.gz"), stages=ALL)


def agrees_with_counts(log: Any, counted: dict[str, int]) -> None:
    kinds = Counter(draft.header.kind for draft in log.traces)
    assert kinds["loop"] + kinds["entry bridge"] == counted["{jit-log-opt-loop"]
    assert kinds["entry bridge"] == ENTRY_BRIDGES
    assert kinds["bridge"] == counted["{jit-log-opt-bridge"]
    reasons = Counter(f"ABORTING TRACING {draft.reason}" for draft in log.aborts)
    assert reasons == {key: count for key, count in counted.items() if key in reasons}
    assert len(log.aborts) == 4
    collections = Counter(GC_KINDS[row.kind] for row in log.collections)
    assert collections["minor"] == counted["{gc-minor"]
    assert collections["major step"] == counted["{gc-collect-step"]
    assert collections["major"] == counted["{gc-collect-done"]


def test_the_kept_logs_have_what_the_whole_ones_had(pypy_name: str, run_data: bytes) -> None:
    text = run_data.decode()
    counted = {what: len(re.findall(re.escape(what) + r"\b", text)) for what in COUNTED[pypy_name]}
    # A section's name stands in its own line; gc-minor is the beginning of another name too.
    counted["{gc-minor"] = len(re.findall(r"\{gc-minor$", text, re.MULTILINE))
    assert counted == COUNTED[pypy_name]


def test_traces_aborts_and_collections_are_as_many_as_grep_counts(pypy_name: str, run: Any) -> None:
    agrees_with_counts(run.log, COUNTED[pypy_name])


def test_everything_is_understood(run: Any, stages: Any) -> None:
    for read in (run, stages):
        assert not read.log.problems
        assert not read.log.unknown
        assert read.log.cut_sections == 0


def test_totals_are_pypys_own(run: Any) -> None:
    log, kinds = run.log, Counter(draft.header.kind for draft in run.log.traces)
    assert log.summary["total_number_of_loops"] == len(log.traces) - kinds["bridge"] + len(log.helpers)
    assert log.summary["total_number_of_bridges"] == kinds["bridge"]
    reasons = Counter(draft.reason for draft in log.aborts)
    assert log.summary["abort_trace_too_long"] == reasons["ABORT_TOO_LONG"]
    assert log.summary["abort_segmenting_trace"] == reasons["ABORT_SEGMENTED_TRACE"]


def test_every_trace_has_its_code_parent_and_count(run: Any) -> None:
    for number, draft in enumerate(run.log.traces):
        assert draft.block is not None
        assert draft.runs is not None
        assert draft.start < draft.stop
        assert draft.tracing + draft.optimising + draft.backend <= draft.stop - draft.start
        assert min(draft.tracing, draft.optimising, draft.backend) > 0
        if draft.header.kind == "bridge":
            assert draft.parent is not None
            assert draft.parent.trace < number
            guard = Op(*run.stage(draft.parent.trace)["ops"][draft.parent.op])
            assert guard.descr == f"<Guard{hex(draft.header.guard)}>"


def test_machine_code_is_what_memory_holds_in_the_end(run: Any, run_data: bytes) -> None:
    # Nothing was freed in these runs, so memory written to in the log's order is a reader without our logic.
    assert run.log.summary["freed_number_of_loops"] == 0
    memory: dict[int, int] = {}
    for line in run_data.decode().splitlines():
        if line.startswith("CODE_DUMP"):
            _, address, offset, *code = line.split()
            start = int(address[1:], 16) + int(offset)
            memory.update(enumerate(bytes.fromhex("".join(code)), start))
    for draft in run.log.traces:
        block = draft.block
        assert bytes(block.code) == bytes(memory[at] for at in range(block.address, block.end))


def test_ops_of_a_trace_are_as_many_as_its_header_says(run: Any, run_data: bytes) -> None:
    # The header counts merge points as ops.
    said = [int(count) for count in re.findall(r"^# .* with (\d+) ops$", run_data.decode(), re.MULTILINE)]
    read = [run.stage(number) for number in range(len(run.log.traces))]
    assert [len(stage["ops"]) + len(stage["points"]) for stage in read] == said


def test_run_as_expected(pypy_name: str, run: Any, golden: Any) -> None:
    golden(GOLDEN / pypy_name / "run.expected.txt", dump_run(run))


def test_stages_as_expected(pypy_name: str, stages: Any, golden: Any) -> None:
    traces = range(len(stages.log.traces))
    golden(
        GOLDEN / pypy_name / "stages.expected.txt", "".join(dump_stages(stages, trace) for trace in traces)
    )


@pytest.mark.skipif("TRACEBIN_RECORDINGS" not in os.environ, reason="needs the whole recordings, 10 MB")
def test_whole_recordings_agree_with_grep(pypy_name: str, read_log: Any) -> None:
    path = Path(os.environ["TRACEBIN_RECORDINGS"]) / pypy_name / "jit.log.gz"
    read = read_log(gzip.decompress(path.read_bytes()), stages=ALL)
    agrees_with_counts(read.log, COUNTED[pypy_name])
    assert not read.log.problems
    assert not read.log.unknown
    assert [[name for name, _ in draft.stages] for draft in read.log.traces] == [
        ["traced", "assembled", "optimised"]
    ] * len(read.log.traces)


# --- what a person reads in the expected files ---------------------------------------------


def dump_run(run: Any) -> str:
    log = run.log
    lines = [f"backend {log.backend}", f"helpers {len(log.helpers)}", f"sync marks {len(log.sync)}"]
    for number in range(len(log.traces)):
        lines += dump_trace(run, number)
    for draft in log.aborts:
        lines += dump_abort(run, draft)
    for kind, name in enumerate(GC_KINDS):
        rows = [row for row in log.collections if row.kind == kind]
        ticks = sum(row.stop - row.start for row in rows)
        memory = [row.after for row in rows]
        lines.append(f"{name}: {len(rows)}, {ticks} ticks, memory {memory[:3]} ... {memory[-1:]}")
    lines += [f"summary {key} = {value}" for key, value in sorted(log.summary.items())]
    return "\n".join(lines) + "\n"


def dump_trace(run: Any, number: int) -> list[str]:
    draft = run.log.traces[number]
    stage = run.stage(number)
    digest = hashlib.sha256(json.dumps(stage).encode()).hexdigest()[:12]
    block = draft.block
    code = hashlib.sha256(bytes(block.code)).hexdigest()[:12]
    parent = f" from #{draft.parent.trace} op {draft.parent.op}" if draft.parent else ""
    return [
        f"#{number} {draft.header.kind}, {draft.header.name}{parent}",
        f"    at {place(run, draft.at)}, runs {draft.runs}, freed {draft.freed}",
        f"    {len(stage['ops'])} ops, {len(stage['points'])} merge points, sha256 {digest}",
        f"    ticks {draft.stop - draft.start}: tracing {draft.tracing}, optimising {draft.optimising}, "
        f"backend {draft.backend}",
        f"    code {block.address:#x} +{len(block.code)}: entry {block.entry}, body {block.body}, "
        f"failures {block.failures}, patches {block.patches}, sha256 {code}",
        *(f"    label at op {label.op}, {label.token}: {label.runs}" for label in draft.labels),
    ]


def dump_abort(run: Any, draft: Any) -> list[str]:
    steps = [f"{step.text or function_name(run, step.function)}:{step.line}" for step in draft.path]
    return [
        f"{draft.reason} at {place(run, draft.at)}",
        f"    {draft.length} merge points, {draft.stop - draft.start} ticks",
        f"    longest {draft.longest}, inlining {draft.inlining}",
        f"    path of {len(steps)} steps: {', '.join(steps[:4])} ... {', '.join(steps[-2:])}",
    ]


def dump_stages(run: Any, number: int) -> str:
    draft = run.log.traces[number]
    lines = [f"#{number} {draft.header.kind}, {draft.header.name}"]
    for name, text in draft.stages:
        stage = json.loads(text)
        lines.append(f"  {name} [{', '.join(stage['inputs'])}]")
        points = [MergePoint(*point) for point in stage["points"]]
        for index, op in enumerate([*(Op(*row) for row in stage["ops"]), None]):
            lines += [f"    | {point_text(run, point)}" for point in points if point.op == index]
            lines += [f"    {op_text(op)}"] if op else []
    return "\n".join(lines) + "\n"


def point_text(run: Any, point: MergePoint) -> str:
    at = point.text or f"{function_name(run, point.function)}:{point.line} #{point.offset}"
    return f"{point.depth} {point.call} {at}"


def op_text(op: Op) -> str:
    offset = "" if op.offset is None else f"+{op.offset}: "
    result = "" if op.result is None else f"{op.result} = "
    descr = "" if op.descr is None else f" descr {op.descr}"
    fail = "" if op.fail is None else f" fail {' '.join(item or '-' for item in op.fail)}"
    return f"{offset}{result}{op.name}({' | '.join(op.args)}){descr}{fail}"


def place(run: Any, at: Any) -> str:
    return at.text or f"{function_name(run, at.function)}:{at.line} #{at.offset}"


def function_name(run: Any, number: Any) -> str:
    if number is None:
        return "?"
    function = run.functions.records()[number]
    return f"{function.name} {run.files.records()[function.file].path}:{function.line}"
