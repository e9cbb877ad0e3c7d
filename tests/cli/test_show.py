from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracebin import errors
from tracebin.cli import EXIT_CODES, main


def invoke(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_show_prints_the_run_its_functions_and_traces(recording: Any) -> None:
    shown = invoke("show", recording.bundle)
    assert shown.exit_code == 0
    for word in ("program.py", "hot_loop", "ABORT_TOO_LONG", "loop", "bridge"):
        assert word in shown.stdout


def test_show_as_json_agrees_with_the_bundle(recording: Any) -> None:
    shown = json.loads(invoke("show", "--json", recording.bundle).stdout)
    opened = recording.opened
    traces = [trace for trace in opened.of("traces") if not trace.own]
    text = json.dumps(shown)
    assert shown
    assert text.count('"ABORT_TOO_LONG"') >= 1
    kinds = {kind: sum(trace.kind == kind for trace in traces) for kind in ("loop", "entry bridge", "bridge")}
    assert kinds == {kind: shown["counts"][kind] for kind in kinds}
    assert shown["counts"]["samples"] == sum(len(chunk.stack) for chunk in opened.of("samples"))


@pytest.mark.parametrize("kind", ["loop", "entry bridge", "bridge"])
def test_show_prints_a_trace_of_each_kind(recording: Any, kind: str) -> None:
    traces = recording.opened.of("traces")
    number = next(number for number, trace in enumerate(traces) if trace.kind == kind)
    shown = invoke("show", "--trace", number, recording.bundle)
    assert shown.exit_code == 0
    assert all(op.name in shown.stdout for op in traces[number].stages["optimised"].ops)


def test_show_gives_one_trace_as_json(recording: Any) -> None:
    shown = json.loads(invoke("show", "--trace", 0, "--json", recording.bundle).stdout)
    trace = recording.opened.of("traces")[0]
    assert (shown["kind"], shown["stages"], shown["stage"]) == (trace.kind, ["optimised"], "optimised")
    ops = [op["name"] for segment in shown["segments"] for point in segment["points"] for op in point["ops"]]
    assert ops == [op.name for op in trace.stages["optimised"].ops]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--trace", "9999"], 66, "has no trace 9999"),
        (["--trace", "0", "--stage", "traced"], 64, "traced"),
    ],
)
def test_what_a_bundle_does_not_have_is_refused(recording: Any, words: Any, code: int, said: str) -> None:
    shown = invoke("show", *words, recording.bundle)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert said in shown.stderr
    assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"{}", b"\x1f\x8bbroken", b"no bundle\n", None])
def test_what_is_no_bundle_is_refused_in_one_sentence(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "x.json"
    if data is not None:
        path.write_bytes(data)
    shown = invoke("show", path)
    assert (shown.exit_code, shown.stdout) == (65, "")
    assert shown.stderr.startswith("tracebin: ")
    assert shown.stderr.count("\n") == 1


def test_a_cut_bundle_is_shown_as_far_as_it_goes(recording: Any, tmp_path: Path) -> None:
    path = tmp_path / "cut.json.gz"
    path.write_bytes(recording.bundle.read_bytes()[:-2000])
    shown = invoke("show", path)
    assert shown.exit_code == 0
    assert "program.py" in shown.stdout


def every_error(base: type = errors.TracebinError) -> list[type]:
    return [base, *(found for child in base.__subclasses__() for found in every_error(child))]


def test_every_error_has_an_exit_code() -> None:
    missing = [error.__name__ for error in every_error() if error not in EXIT_CODES]
    assert missing == []
    # 0 to 2 are a program's, click's and the shell's own meanings; from 128 on they are signals.
    assert all(63 < code < 128 for code in EXIT_CODES.values())


def test_exit_codes_are_documented(checkout: Path) -> None:
    page = checkout / "docs" / "cli.md"
    if not page.exists():
        pytest.skip("docs/cli.md isn't written yet")
    text = page.read_text(encoding="utf-8")
    assert [code for code in sorted(set(EXIT_CODES.values())) if f"{code}" not in text] == []


@pytest.mark.parametrize("words", [[], ["run"], ["show"], ["upload"], ["serve"], ["view"], ["recover"]])
def test_every_command_has_help(words: list[str]) -> None:
    shown = invoke(*words, "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
