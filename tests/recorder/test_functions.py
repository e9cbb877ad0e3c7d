from __future__ import annotations

import marshal
from pathlib import Path
from types import CodeType

import pytest

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
    made = Functions(Files("/", "/lib"))
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
    return Functions(files)


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
    _, code = codes("def f():\n    return 1\n", "a,b.py")
    where = place(code)
    if learned_first:
        functions.learn([code])
    number = functions.at(where)
    functions.learn([] if learned_first else [code])
    assert functions.named("f", "a,b.py", 1) == number
    assert functions.is_in(number, "a,b.py")
    (record,) = functions.records()
    assert [file.path for file in files.records()] == [files._full("a,b.py")]
    assert (record.file, bool(record.bytecode)) == (0, True)


def test_a_function_nobody_handed_over_has_no_bytecode(functions: Functions) -> None:
    functions.at(Place("f", "<string>", 1, 3, 12, "LOAD_FAST"))
    (record,) = functions.records()
    assert (record.name, record.qualname, record.line, record.bytecode) == ("f", "f", 1, None)
    assert functions.undecoded == 0


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
