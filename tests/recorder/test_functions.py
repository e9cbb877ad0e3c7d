from __future__ import annotations

import marshal
import py_compile
from pathlib import Path
from types import CodeType

import pytest

from tracebin.bundle.records import Bytecode
from tracebin.recorder.cut_names import cut
from tracebin.recorder.decoding import LocalDecoder
from tracebin.recorder.file_codes import codes_of
from tracebin.recorder.functions import START_UP_FILE, Functions, KnownCode
from tracebin.recorder.resops import Place
from tracebin.recorder.sources import Files

LAMBDAS = "pair = (lambda: 0), (lambda a, b: [a, b, a])\n"


def codes(text: str, file: str) -> list[KnownCode]:
    """Give the code objects of a text as the agent would hand them over, outermost first."""

    def walk(code: CodeType) -> list[CodeType]:
        inner = [const for const in code.co_consts if isinstance(const, CodeType)]
        return [code, *(found for const in inner for found in walk(const))]

    return [
        KnownCode(code.co_name, code.co_filename, code.co_firstlineno, None, marshal.dumps(code))
        for code in walk(compile(text, file, "exec"))
    ]


def place(code: KnownCode, row: int = -1) -> Place:
    """Give the place of one bytecode as the log writes it: with dots for commas."""
    made = Functions(Files("/", "/lib"), LocalDecoder())
    made.learn([code])
    made.at(Place(code.name, code.file, code.line, code.line, 0, ""))
    rows = made.records()[0].bytecode
    assert rows is not None
    name, file = code.name.replace(",", "."), code.file.replace(",", ".")
    return Place(name, file, code.line, code.line, rows[row].offset, rows[row].name)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path), "/opt/pypy/lib")


@pytest.fixture
def functions(files: Files) -> Functions:
    return Functions(files, LocalDecoder())


def test_one_function_has_one_number_from_log_and_samples(functions: Functions) -> None:
    _, code = codes("def f():\n    return 1\n", "x.py")
    functions.learn([code])
    assert functions.at(place(code)) == functions.named("f", "x.py", 1) == 0
    assert functions.named("f", "x.py", 2) == 1
    assert len(functions) == 2


def test_a_known_function_has_its_bytecode(functions: Functions) -> None:
    _, code = codes("def f(a):\n    b = a\n    return b\n", "x.py")
    functions.learn([code])
    functions.named("f", "x.py", 1)
    rows = functions.records()[0].bytecode
    assert rows is not None
    stores = [row for row in rows if row.name == "STORE_FAST"]
    assert [(row.argument, row.line) for row in stores] == [("b", 2)]
    assert functions.undecoded == 0


def test_two_lambdas_on_one_line_are_told_apart_by_their_opcodes(functions: Functions) -> None:
    _, first, second = codes(LAMBDAS, "x.py")
    functions.learn([first, second])
    assert (first.name, first.line) == (second.name, second.line)
    numbers = [functions.at(place(second)), functions.at(place(first)), functions.at(place(second))]
    assert numbers == [0, 1, 0]
    lengths = [len(function.bytecode or []) for function in functions.records()]
    assert lengths[0] > lengths[1]


@pytest.mark.parametrize("learned_first", [True, False])
def test_a_comma_in_a_files_name_stays(files: Files, functions: Functions, learned_first: bool) -> None:
    # The log writes a dot for it; while the program runs it may be read before the agent's note.
    _, code = codes("def f():\n    return 1\n", "x,y/b.py")
    where = place(code)
    if learned_first:
        functions.learn([code])
    number = functions.at(where)
    functions.learn([] if learned_first else [code])
    assert functions.named("f", "x,y/b.py", 1) == number
    assert functions.is_in(number, files.full("x,y"))
    (record,) = functions.records()
    assert [file.path for file in files.records()] == [files.full("x,y/b.py")]
    assert (record.file, bool(record.bytecode)) == (0, True)


def test_a_function_that_is_nowhere_has_the_bytecode_that_was_traced(functions: Functions) -> None:
    for offset, line in ((12, 3), (10, 2), (12, 3)):
        functions.at(Place("f", "<string>", 1, line, offset, "LOAD_FAST"))
    (record,) = functions.records()
    assert (record.name, record.qualname, record.line) == ("f", "f", 1)
    assert record.bytecode == [Bytecode(10, "LOAD_FAST", None, 2), Bytecode(12, "LOAD_FAST", None, 3)]
    assert functions.undecoded == 0


def test_files_are_used_where_something_was_traced_or_often_sampled(tmp_path: Path) -> None:
    for name in ("traced", "sampled", "seldom"):
        (tmp_path / f"{name},.py").write_text("def f():\n    return 1\n")
    files = Files(str(tmp_path), str(tmp_path), kept="used")
    functions = Functions(files, LocalDecoder())
    functions.at(Place("f", "traced..py", 1, 1, 0, "LOAD_CONST"))
    seldom, sampled = functions.named("f", "seldom,.py", 1), functions.named("f", "sampled,.py", 1)
    # WHEN a hundredth of a process's samples are in one, and less in the other
    functions.sampled({sampled: 2, seldom: 1, -1: 197})
    for name in ("traced", "sampled", "seldom"):
        files.number(f"{name},.py")
    assert [file.left_out for file in files.records()] == [None, None, "unused"]


def test_a_function_that_was_sampled_alone_has_no_bytecode(functions: Functions) -> None:
    functions.named("f", "<string>", 1)
    assert functions.records()[0].bytecode is None


@pytest.mark.parametrize("is_cached", [True, False])
def test_code_objects_are_found_in_their_source(tmp_path: Path, is_cached: bool) -> None:
    source = tmp_path / "m.py"
    source.write_text("class A:\n    def f(self):\n        return [x for x in (lambda y: y)(())]\n")
    if is_cached:
        py_compile.compile(str(source))
    functions = Functions(Files(str(tmp_path), "/lib"), LocalDecoder())
    functions.at(Place("f", "m.py", 2, 3, 0, "LOAD_CONST"))
    functions.at(Place("<lambda>", "m.py", 3, 3, 0, "LOAD_FAST"))
    method, inner = functions.records()
    assert (method.qualname, bool(method.bytecode)) == ("A.f", True)
    assert [row.line for row in inner.bytecode or [] if row.name == "RETURN_VALUE"] == [3]


def test_a_cache_of_another_source_is_not_believed(tmp_path: Path) -> None:
    source = tmp_path / "m.py"
    source.write_text("def f():\n    return 1\n")
    py_compile.compile(str(source))
    source.write_text("def f():\n    old = 22\n    return old\n")
    names = {row for code, _ in codes_of(str(source)) for row in code.co_varnames}
    assert names == {"old"}


def test_what_is_no_python_has_no_code_objects(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def f(:\n")
    assert list(codes_of(str(tmp_path / "bad.py"))) == list(codes_of(str(tmp_path / "gone.py"))) == []


@pytest.mark.parametrize("marshalled", [b"", b"garbage", marshal.dumps(12), b"c" + b"\0" * 40])
def test_code_of_another_interpreter_is_counted(functions: Functions, marshalled: bytes) -> None:
    functions.learn([KnownCode("f", "x.py", 1, "A.f", marshalled)])
    functions.named("f", "x.py", 1)
    (record,) = functions.records()
    assert (record.qualname, record.bytecode, functions.undecoded) == ("A.f", None, 1)


def test_pypys_own_start_up_is_told_from_a_program_called_like_it(functions: Functions) -> None:
    own = functions.named("run_toplevel", START_UP_FILE, 131)
    others = [functions.named("main", file, 1) for file in ("app_main.py", "/home/me/my_app_main.py")]
    assert functions.is_in_start_up(own)
    assert not any(map(functions.is_in_start_up, others))


NESTED = """
class Outer:
    class Inner:
        def method(self):
            def helper(): return [lambda: n for n in ()]
async def runs(): yield (x for x in ())
"""


def test_names_are_qualified_by_how_code_objects_nest(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(NESTED)
    found = [qualname for _, qualname in codes_of(str(tmp_path / "m.py"))]
    assert found[:5] == [
        "<module>",
        "Outer",
        "Outer.Inner",
        "Outer.Inner.method",
        "Outer.Inner.method.<locals>.helper",
    ]
    assert found[-2:] == ["runs", "runs.<locals>.<genexpr>"]


def test_what_the_sampler_cuts_is_found_in_the_files_of_modules(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "co:lon"
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(f"def both(): pass\ndef in_{name}(): pass\n")
    files = Files(str(tmp_path), "/lib")
    functions = Functions(files, LocalDecoder())
    functions.learn_files(str(folder / f"{name}.py") for name in ("one", "two"))
    called = cut(str(folder / "one.py"))
    assert called == cut(str(folder / "two.py"))
    numbers = [
        functions.named(name, called, line) for name, line in (("in_one", 2), ("in_two", 2), ("both", 1))
    ]
    rows = functions.records()
    paths = [files.records()[rows[number].file].path for number in numbers]
    assert paths == [str(folder / "one.py"), str(folder / "two.py"), f"<{called}>"]
    assert functions.ambiguous == {("both", called, 1)}


def test_a_long_name_of_a_function_is_the_samplers_short_one(tmp_path: Path) -> None:
    name = "long_" * 30
    (tmp_path / "x.py").write_text(f"def {name}(): pass\n")
    functions = Functions(Files(str(tmp_path), "/lib"), LocalDecoder())
    assert functions.named(cut(name), str(tmp_path / "x.py"), 1) == functions.named(
        name, str(tmp_path / "x.py"), 1
    )
