"""What ``tracebin run`` makes, says and refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tracebin import cli

KEPT = 1 << 20


def test_the_report_goes_to_stderr_and_the_programs_output_to_stdout(recording: Any) -> None:
    assert recording.done.returncode == 0
    assert recording.done.stdout == b"144000 4181 45000 30000 313919\n"
    report = recording.done.stderr.decode()
    for word in (
        "exit status 0",
        "loops",
        "bridges",
        "aborts",
        "ABORT_TOO_LONG",
        "minor",
        str(recording.bundle),
    ):
        assert word in "".join(report.split("\n")) or word in report.replace("\n", " ")


def test_a_whole_run_is_in_the_bundle_without_a_problem(recording: Any) -> None:
    opened = recording.opened
    assert opened.problems() == set()
    run = opened.run
    assert (run.exit.status, run.exit.signal) == (0, None)
    assert run.output["stdout"].head == "144000 4181 45000 30000 313919\n"
    assert run.output["stderr"].total_bytes == 0
    assert {"threshold", "trace_limit"} <= run.options.jit.keys()
    assert run.options.recorder == {
        "interval_s": 0.001,
        "later_interval_s": 0.004,
        "stages": "optimised",
        "source": "used",
        "calls": "sampled",
    }
    assert all(list(trace.stages) == ["optimised"] for trace in opened.of("traces"))
    assert sum(len(chunk.time) for chunk in opened.of("samples")) > 20


def test_stages_jit_parameters_interval_and_source_are_as_asked(twice: Any) -> None:
    # GIVEN a loop that the default threshold of 1039 would leave alone
    twice.write("prog.py", "def hot(n):\n    s = 0\n    for i in range(n): s += i\n    return s\nhot(300)\n")
    jit = "threshold=100,trace_eagerness=7"
    options = ("--stages", "all", "--jit", jit, "--interval", "0", "--no-source")
    assert twice.recorded(*options, "prog.py").returncode == 0
    opened = twice.opened()
    assert opened.problems() == set()
    own = [trace for trace in opened.of("traces") if not trace.own]
    assert own
    assert all(set(trace.stages) == {"traced", "optimised", "assembled"} for trace in own)
    assert (opened.run.options.jit["threshold"], opened.run.options.jit["trace_eagerness"]) == (100, 7)
    asked = {"interval_s": 0.0, "stages": "all", "source": "none", "calls": "sampled"}
    assert opened.run.options.recorder == asked
    assert (opened.of("samples"), opened.of("stacks")) == ([], [])
    assert [thread.name for thread in opened.of("threads")] == ["MainThread"]
    assert {file.text for file in opened.of("files")} == {None}
    assert {file.left_out for file in opened.of("files") if file.origin == "program"} == {"asked"}
    (program,) = [file for file in opened.of("files") if file.path.endswith("prog.py")]
    assert program.sha256


LIBRARY = "import colorsys, string\nfor _ in range(3000): colorsys.rgb_to_hsv(1, 2, 3)\n"


@pytest.mark.parametrize("option", ["--source=all", "--calls=exact"])
def test_all_text_is_kept_if_asked_for_and_of_exact_calls(twice: Any, option: str) -> None:
    twice.write("prog.py", LIBRARY)
    assert twice.recorded(option, "prog.py").returncode == 0
    files = {Path(file.path).name: file for file in twice.opened().of("files")}
    assert {file.left_out for file in files.values()} == {None}
    assert (files["colorsys.py"].origin, "def rgb_to_hsv" in files["colorsys.py"].text) == ("stdlib", True)
    if option == "--calls=exact":
        assert "class Template" in files["string.py"].text


@pytest.mark.parametrize(
    ("words", "variables", "source"),
    [
        ((), {}, "used"),
        (("--source", "all"), {}, "all"),
        (("--no-source",), {}, "none"),
        (("--source=all", "--no-source"), {}, "none"),
        ((), {"SOURCE": "all"}, "all"),
        ((), {"NO_SOURCE": "1", "SOURCE": "all"}, "none"),
        (("--no-source",), {"SOURCE": "all"}, "none"),
        (("--source", "used"), {"NO_SOURCE": "1"}, "used"),
    ],
)
def test_whose_text_is_kept_is_said_by_options_and_variables(
    monkeypatch: Any, words: Any, variables: Any, source: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"TRACEBIN_RUN_{name}", value)
    context = cli.run.make_context("run", [*words, "prog.py"])
    assert cli._source(context, context.params) == source


TWINS = """\
pair = (lambda n: n + 1), (lambda a: [a, a * 2, a - 3][1])
def deco(f):
    return f
class Owner:
    @deco
    def spin(
        self, n,
    ):
        first, second = pair
        s = 0
        for i in range(n):
            s += first(i) + second(i)
        return s
Owner().spin(20_000)
exec("def made(n):\\n    while n: n -= 1\\nmade(20_000)")
"""


def test_files_that_cannot_be_read_are_one_problem_with_the_first_of_them(twice: Any) -> None:
    twice.write(
        "prog.py", "for n in range(1, 9): exec(compile('def f(): pass\\nf()', f'/gone/{n}.py', 'exec'))"
    )
    assert twice.recorded("--calls", "exact", "prog.py").returncode == 0
    (problem,) = twice.opened().of("problems")
    assert (problem.kind, problem.count) == ("no-source", 8)
    assert problem.where == "/gone/1.py, /gone/2.py, /gone/3.py and 5 more"


def test_functions_alike_in_name_and_place_keep_apart(twice: Any) -> None:
    # GIVEN two lambdas on one line, in a file with a comma in its name, which the log writes as a dot
    twice.write("a, b.py", TWINS)
    assert twice.recorded("--interval", "0", "a, b.py").returncode == 0
    opened = twice.opened()
    # THEN nothing is missing, and each merge point names a bytecode of its function
    assert opened.problems() == set()
    functions, files = opened.of("functions"), opened.of("files")
    known = [{row.offset: row.line for row in function.bytecode or []} for function in functions]
    stages = [trace.stages["optimised"] for trace in opened.of("traces") if not trace.own]
    points = [point for stage in stages for point in stage.points if point.function is not None]
    assert all(known[point.function][point.offset] == point.line for point in points)
    used = [functions[number] for number in sorted({point.function for point in points})]
    mine = [function for function in used if files[function.file].path.endswith("/a, b.py")]
    names = sorted(function.qualname for function in mine)
    assert names == ["<lambda>", "<lambda>", "Owner.spin"]
    assert "made" in {function.name for function in used if files[function.file].origin == "generated"}


def test_options_may_come_from_the_environment(twice: Any) -> None:
    settings = {
        "TRACEBIN_RUN_OUTPUT": str(twice.bundle),
        "TRACEBIN_RUN_QUIET": "1",
        "TRACEBIN_RUN_INTERVAL": "0",
    }
    done = twice.tracebin("run", "-c", "print(1)", **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n", b"")
    assert twice.opened().run.options.recorder["interval_s"] == 0


def test_a_variable_that_makes_no_sense_is_named_and_not_the_option(twice: Any) -> None:
    done = twice.tracebin("run", "-c", "print(1)", TRACEBIN_RUN_INTERVAL="often")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"$TRACEBIN_RUN_INTERVAL: 'often' is not a valid number of seconds" in done.stderr
    assert b"--interval" not in done.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--interval nan", "nan is no number of seconds"),
        ("--interval inf", "is not in the range"),
        ("--interval -1", "is not in the range"),
        ("--interval 0.00001", "below 0.0001 a program hardly gets on"),
        ("--min-duration nan", "nan is no number of seconds"),
        ("--min-duration inf", "is not in the range"),
        ("--min-duration -1", "is not in the range"),
        ("--wait nan", "nan is no number of seconds"),
        ("--wait -1", "is not in the range"),
        ("--max-calls 99999999999999999999999", "is not in the range"),
        ("--max-calls -1", "is not in the range"),
        ("--include=", "an empty pattern fits nothing"),
        ("--exclude=", "an empty pattern fits nothing"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_the_program_runs(
    twice: Any, words: str, why: str
) -> None:
    done = twice.tracebin("run", "--calls", "exact", *words.split(), "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode().splitlines()[-1]
    assert said.startswith(f"Error: Invalid value for '{words.replace('=', ' ').split()[0]}': ")
    assert why in said


@pytest.mark.parametrize("option", ["--include=a", "--exclude=a", "--min-duration=1", "--max-calls=1"])
@pytest.mark.parametrize("mode", [[], ["--calls", "off"]])
def test_an_option_for_exact_calls_is_refused_where_there_are_none(
    twice: Any, option: str, mode: list[str]
) -> None:
    done = twice.tracebin("run", *mode, option, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode().splitlines()[-1]
    assert (
        said == f"Error: {option.split('=')[0]} chooses among exact calls: it needs --calls exact or exact+c"
    )


def test_variables_for_exact_calls_may_be_set_for_all_runs(twice: Any) -> None:
    settings = {
        "TRACEBIN_RUN_INCLUDE": "a b",
        "TRACEBIN_RUN_EXCLUDE": "c",
        "TRACEBIN_RUN_MIN_DURATION": "1",
        "TRACEBIN_RUN_MAX_CALLS": "5",
    }
    done = twice.recorded("-c", "print(1)", **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"1\n", b"")
    # THEN the bundle doesn't say that they did anything
    assert set(twice.opened().run.options.recorder) == {
        "interval_s",
        "later_interval_s",
        "stages",
        "source",
        "calls",
    }


def test_a_bundle_without_a_name_is_named_for_program_and_time(twice: Any) -> None:
    twice.write("fol der/my prög.x.py", "print(1)")
    assert twice.tracebin("run", "-q", "fol der/my prög.x.py").returncode == 0
    (bundle,) = twice.folder.glob("*.json.gz")
    assert re.fullmatch(r"my_prög\.x-\d{8}T\d{6}Z\.json\.gz", bundle.name)


def test_of_long_output_both_ends_are_kept_and_all_is_passed_on(twice: Any) -> None:
    twice.write("prog.py", "import sys\nfor n in range(500_000): sys.stdout.write('%07d\\n' % n)\n")
    done = twice.recorded("--interval", "0", "prog.py")
    whole = "".join(f"{n:07}\n" for n in range(500_000))
    assert done.stdout.decode() == whole
    kept = twice.opened().run.output["stdout"]
    assert (kept.head, kept.tail) == (whole[:KEPT], whole[-KEPT:])
    assert (kept.total_bytes, kept.cut_bytes) == (4_000_000, 4_000_000 - 2 * KEPT)


@pytest.mark.parametrize("place", ["gone/run.json", "."])
def test_an_output_that_cannot_be_is_refused_before_the_program_runs(twice: Any, place: str) -> None:
    twice.write("prog.py", "open('ran', 'w')")
    done = twice.tracebin("run", "-o", place, "prog.py")
    assert (done.returncode, done.stdout) == (73, b"")
    assert one_sentence(done.stderr).startswith("the bundle can't be written to")
    assert not (twice.folder / "ran").exists()


def test_a_pypy_that_is_none_is_refused(twice: Any) -> None:
    done = twice.tracebin("run", "--python", "/nowhere/pypy3", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (69, b"")
    assert "/nowhere/pypy3" in one_sentence(done.stderr)


@pytest.mark.parametrize(("word", "wants"), [("-m", b"-m wants a module"), ("-c", b"-c wants code")])
def test_a_module_or_code_that_is_missing_is_asked_for(twice: Any, word: str, wants: bytes) -> None:
    done = twice.tracebin("run", word)
    assert done.returncode == 2
    assert wants in done.stderr
    assert not list(twice.bundle.parent.iterdir())


def test_without_a_program_the_usage_is_told(twice: Any) -> None:
    done = twice.tracebin("run", "--quiet")
    assert done.returncode == 2
    assert b"SCRIPT" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"), [("nonsense=3", "error in JIT parameters string"), ("help", "help")]
)
def test_jit_parameters_pypy_refuses_end_in_its_words_and_ours(twice: Any, text: str, why: str) -> None:
    done = twice.tracebin("run", "--jit", text, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (126, b"")
    said = one_sentence(done.stderr)
    assert f"--jit {text}" in said
    assert why in said


def one_sentence(stderr: bytes) -> str:
    """Give tracebin's own last line, without its name."""
    last = stderr.decode().splitlines()[-1]
    assert last.startswith("tracebin: ")
    return last[len("tracebin: ") :]


# --- what is left when something goes wrong -------------------------------------------------


def test_a_recording_whose_bundle_finds_no_place_is_kept_and_recovered(twice: Any) -> None:
    # GIVEN a program that removes the folder its bundle is to go to
    twice.write("prog.py", "import os; print('ran'); os.rmdir('there')")
    (twice.folder / "there").mkdir()
    done = twice.tracebin("run", "-o", "there/run.json", "prog.py")
    assert (done.returncode, done.stdout) == (73, b"ran\n")
    kept = re.search(r"'tracebin recover (\S+)'", one_sentence(done.stderr))
    assert kept is not None
    # WHEN it is recovered to another place
    recovered = twice.tracebin("recover", kept[1], "-o", str(twice.bundle))
    # THEN everything is there
    assert (recovered.returncode, recovered.stdout.decode()) == (0, f"{twice.bundle}\n")
    opened = twice.opened()
    assert (opened.problems(), opened.run.exit.status) == (set(), 0)
    assert opened.run.output["stdout"].head == "ran\n"


@pytest.mark.parametrize("again", ["", "; os.mkdir(folder)"])
def test_a_recording_that_the_program_removes_is_said_to_be_gone(twice: Any, again: str) -> None:
    removes = "import glob, os, shutil; (folder,) = glob.glob(os.environ['TMPDIR'] + '/tracebin-*')"
    twice.write("prog.py", f"{removes}; shutil.rmtree(folder){again}; print('ran')")
    done = twice.recorded("prog.py")
    assert (done.returncode, done.stdout) == (65, b"ran\n")
    said = one_sentence(done.stderr)
    assert re.fullmatch(r"there is no bundle: the raw recording in \S+ was removed while .*", said)
    assert "kept" not in said
    assert not twice.bundle.exists()


def test_a_recording_whose_launcher_was_killed_is_recovered(twice: Any) -> None:
    # The program outlives the launcher: a pipe tells us when it has ended.
    twice.write(
        "prog.py",
        "import os, signal\n"
        "os.kill(os.getppid(), signal.SIGKILL)\n"
        "print(sum(n % 7 for n in range(100_000)), file=open('sum', 'w'))\n",
    )
    assert twice.recorded("prog.py").returncode == -9
    (folder,) = Path(twice.environ["TMPDIR"]).glob("tracebin-*")
    recovered = twice.tracebin("recover", str(folder), "-o", str(twice.bundle))
    assert recovered.returncode == 0
    opened = twice.opened()
    assert "no-finish" in opened.problems()
    assert (opened.run.exit.status, opened.run.exit.signal) == (None, None)


def test_a_folder_that_holds_no_recording_is_refused(twice: Any) -> None:
    done = twice.tracebin("recover", ".", "-o", str(twice.bundle))
    assert done.returncode == 65
    assert "holds no recording" in one_sentence(done.stderr)
    assert not twice.bundle.exists()


def test_nothing_is_left_in_the_temporary_folder(twice: Any) -> None:
    assert twice.recorded("-c", "print(1)").returncode == 0
    assert sorted(path.name for path in twice.bundle.parent.iterdir()) == [twice.bundle.name]
