"""Each contradiction between the parts of a bundle is refused, and its place named."""

from __future__ import annotations

import copy
from typing import Any, Dict, Tuple

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.check import Checker
from tracebin.bundle.codec import from_json
from tracebin.errors import MalformedBundle

Path = Tuple[Any, ...]
STREAM = {"encoding": "utf-8", "head": "", "tail": "", "total_bytes": 0, "cut_bytes": 0}
BIG = (1 << 63) - 1


def check(document: Dict[str, Any]) -> None:
    checker = Checker()
    checker.add("run", from_json(r.Run, document["run"]))
    for key, cls in r.SECTIONS.items():
        for value in document[key] or ():
            checker.add(key, from_json(cls, value))
    checker.finish()


def put(document: Any, path: Path, value: Any) -> Any:
    spoilt = copy.deepcopy(document)
    at = spoilt
    for part in path[:-1]:
        at = at[part]
    assert isinstance(at, list) or path[-1] in at
    at[path[-1]] = value
    return spoilt


def refused(document: Any, where: str) -> None:
    with pytest.raises(MalformedBundle) as caught:
        check(document)
    assert (caught.value.where or "").startswith(where)


def test_a_bundle_without_contradictions(document: Any) -> None:
    check(document)


def test_an_empty_bundle(document: Any) -> None:
    check({**document, **{key: [] for key in r.SECTIONS}, "coverage": None})


# Every field that names an entry of another list: its path, and how errors name it.
REFERENCES: list[tuple[Path, str]] = [
    (("processes", 1, "parent"), "processes[1].parent"),
    (("threads", 0, "process"), "threads[0].process"),
    (("functions", 0, "file"), "functions[0].file"),
    (("traces", 0, "process"), "traces[0].process"),
    (("traces", 0, "function"), "traces[0].function"),
    (("traces", 1, "parent", 0), "traces[1].parent.trace"),
    (("traces", 1, "parent", 1), "traces[1].parent.op"),
    (("traces", 0, "labels", 0, 0), "traces[0].labels[0].op"),
    (("traces", 0, "stages", "optimised", "points", 1, 0), "traces[0].stages.optimised.points[1]"),
    (("traces", 0, "stages", "optimised", "points", 0, 3), "traces[0].stages.optimised.points[0].function"),
    (("aborts", 0, "process"), "aborts[0].process"),
    (("aborts", 0, "function"), "aborts[0].function"),
    (("aborts", 0, "path", 0, 0), "aborts[0].path[0].function"),
    (("gc", 0, "process"), "gc[0].process"),
    (("stacks", 0, "function", 0), "stacks[0].function"),
    (("stacks", 1, "trace", 0), "stacks[1].trace"),
    (("stacks", 0, "parent", 1), "stacks[0].parent[1]"),
    (("samples", 0, "thread"), "samples[0].thread"),
    (("samples", 0, "stack", 1), "samples[0].stack"),
    (("calls", 0, "thread"), "calls[0].thread"),
    (("calls", 0, "function", 1), "calls[0].function"),
    (("marks", 0, "thread"), "marks[0].thread"),
    (("coverage", 0, "file"), "coverage[0].file"),
]


@pytest.mark.parametrize(("path", "where"), REFERENCES, ids=lambda value: value if type(value) is str else "")
@pytest.mark.parametrize("index", [-2, 9, BIG, -BIG - 1])
def test_a_reference_out_of_range(document: Any, path: Path, where: str, index: int) -> None:
    refused(put(document, path, index), where)


@pytest.mark.parametrize("path", [path for path, _ in REFERENCES], ids=str)
def test_minus_one_stands_for_none_in_columns_alone(document: Any, path: Path) -> None:
    spoilt = put(document, path, -1)
    if path[0] == "stacks" or path[-2:] == ("function", 1):
        check(spoilt)
    else:
        refused(spoilt, str(path[0]))


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (("threads", 0, "process"), 2),
        (("functions", 0, "file"), 1 + len(r.ORIGINS)),
        (("traces", 0, "function"), 2),
        (("traces", 1, "parent", 1), 3),
        (("samples", 0, "stack", 1), 3),
        (("stacks", 0, "trace", 0), 2),
    ],
    ids=str,
)
def test_the_last_entry_can_be_named_and_no_later_one(document: Any, path: Path, count: int) -> None:
    check(put(document, path, count - 1))
    refused(put(document, path, count), str(path[0]))


def test_a_bridge_stands_behind_its_parent(document: Any) -> None:
    refused(put(document, ("traces", 1, "parent"), [1, 0]), "traces[1].parent.trace")
    refused(put(document, ("traces", 0, "parent"), [1, 0]), "traces[0].parent.trace")


def test_a_stack_row_stands_behind_its_parent(document: Any) -> None:
    refused(put(document, ("stacks", 0, "parent", 1), 1), "stacks[0].parent[1]")
    refused(put(document, ("stacks", 1, "parent", 0), 2), "stacks[1].parent[0]")


COLUMNS = [
    (key, name)
    for key in ("gc", "stacks", "samples", "calls")
    for name, hint in r.SECTIONS[key].__annotations__.items()
    if hint == "List[int]"
]


@pytest.mark.parametrize(("key", "name"), COLUMNS)
def test_columns_of_unequal_length(document: Any, key: str, name: str) -> None:
    column = document[key][0][name]
    refused(put(document, (key, 0, name), column[:-1]), f"{key}[0]")
    refused(put(document, (key, 0, name), [*column, 0]), f"{key}[0]")


@pytest.mark.parametrize("key", ["gc", "stacks", "samples", "calls"])
def test_a_chunk_too_long(document: Any, key: str) -> None:
    chunk = document[key][0]
    rows = {name: [0] * (r.CHUNK_ROWS + 1) for column, name in COLUMNS if column == key}
    if key == "stacks":
        rows["parent"] = [-1] * (r.CHUNK_ROWS + 1)
    refused(put(document, (key, 0), {**chunk, **rows}), f"{key}[0]")
    check(put(document, (key, 0), {**chunk, **{name: column[:-1] for name, column in rows.items()}}))


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("run", "duration_ns"), -1, "run.duration_ns"),
        (("run", "target"), "program", "run.target"),
        (("run", "output"), {"stdlog": {**STREAM}}, "run.output.stdlog"),
        (("run", "output", "stdout", "encoding"), "latin-1", "run.output.stdout.encoding"),
        (("run", "output", "stdout", "total_bytes"), -1, "run.output.stdout"),
        (("run", "output", "stdout", "cut_bytes"), -1, "run.output.stdout"),
        (("run", "output", "stderr", "head"), "*", "run.output.stderr.head"),
        (("run", "output", "stderr", "tail"), "AAA", "run.output.stderr.tail"),
        (("run", "output", "stderr", "tail"), "h\u00e9", "run.output.stderr.tail"),
        (("processes", 0, "end_ns"), -1, "processes[0].end_ns"),
        (("processes", 1, "code_memory", "used_bytes"), -1, "processes[1].code_memory"),
        (("processes", 1, "paused"), [[4, 6]], "processes[1].paused[0]"),
        (("processes", 1, "paused"), [[6, 9], [8, 10]], "processes[1].paused[1]"),
        (("processes", 1, "paused"), [[6, 5]], "processes[1].paused[0]"),
        (("files", 0, "origin"), "elsewhere", "files[0].origin"),
        (("files", 0, "left_out"), "lost", "files[0].left_out"),
        (("files", 0, "left_out"), "asked", "files[0].left_out"),
        (("traces", 0, "kind"), "Loop", "traces[0].kind"),
        (("traces", 0, "end_ns"), 99, "traces[0].end_ns"),
        (("traces", 0, "phases", "tracing_ns"), -1, "traces[0].phases"),
        (("traces", 0, "phases", "backend_ns"), -1, "traces[0].phases"),
        (("traces", 0, "runs"), -1, "traces[0].runs"),
        (("traces", 0, "labels", 0, 2), -1, "traces[0].labels[0].runs"),
        (("traces", 0, "labels", 0, 0), 3, "traces[0].labels[0].op"),
        (("traces", 1, "labels"), [[0, "1", None]], "traces[1].labels[0].op"),
        (
            ("traces", 0, "stages"),
            {"drawn": {"inputs": [], "ops": [], "points": []}},
            "traces[0].stages.drawn",
        ),
        (("traces", 0, "stages", "optimised", "points", 0, 0), 3, None),
        (("traces", 0, "stages", "optimised", "points", 0, 0), 4, "traces[0].stages.optimised.points[0]"),
        (("traces", 0, "stages", "optimised", "points", 1, 0), 0, None),
        (("traces", 0, "stages", "optimised", "points", 1, 1), -1, "traces[0].stages.optimised.points[1]"),
        (("traces", 0, "asm", "address"), -1, "traces[0].asm"),
        (("traces", 0, "asm", "size"), 11, "traces[0].asm"),
        (("traces", 0, "asm", "size"), 13, "traces[0].asm"),
        (("traces", 0, "asm", "size"), -1, "traces[0].asm"),
        (("traces", 0, "asm", "entry"), 13, "traces[0].asm.entry"),
        (("traces", 0, "asm", "body"), -1, "traces[0].asm.body"),
        (("traces", 0, "asm", "failures"), 13, "traces[0].asm.failures"),
        (("traces", 0, "asm", "failures"), 12, None),
        (("traces", 0, "asm", "code"), "AAAA", "traces[0].asm.code"),
        (("traces", 0, "asm", "code"), "not base64", "traces[0].asm.code"),
        (("traces", 0, "asm", "code"), None, None),
        (("traces", 0, "asm", "patches"), -1, "traces[0].asm.patches"),
        (("aborts", 0, "end_ns"), 399, "aborts[0].end_ns"),
        (("aborts", 0, "length"), -1, "aborts[0].length"),
        (("aborts", 0, "path", 0, 2), -1, "aborts[0].path[0].points"),
        (("gc", 0, "kind", 0), 3, "gc[0].kind"),
        (("gc", 0, "kind", 0), -1, "gc[0].kind"),
        (("gc", 0, "start", 1), -1, "gc[0].start"),
        (("gc", 0, "start", 1), BIG, "gc[0].start"),
        (("gc", 0, "first_ns"), BIG, "gc[0].start"),
        (("gc", 0, "duration", 1), -1, "gc[0].duration"),
        (("gc", 0, "before", 1), -2, "gc[0].before"),
        (("gc", 0, "after", 1), -2, "gc[0].after"),
        (("stacks", 0, "state", 0), 6, "stacks[0].state"),
        (("stacks", 0, "state", 0), -1, "stacks[0].state"),
        (("samples", 0, "time", 1), -1, "samples[0].time"),
        (("samples", 0, "time", 1), BIG, "samples[0].time"),
        (("samples", 0, "memory", 1), -2, "samples[0].memory"),
        (("calls", 0, "start", 1), -1, "calls[0].start"),
        (("calls", 0, "start", 1), BIG, "calls[0].start"),
        (("calls", 0, "duration", 1), -1, "calls[0].duration"),
        (("calls", 0, "depth", 1), -1, "calls[0].depth"),
        (("marks", 1, "duration_ns"), -1, "marks[1].duration_ns"),
        (("problems", 0, "count"), -1, "problems[0].count"),
    ],
    ids=str,
)
def test_a_value_that_cant_be(document: Any, path: Path, value: Any, where: Any) -> None:
    spoilt = put(document, path, value)
    if where is None:
        check(spoilt)
    else:
        refused(spoilt, where)
