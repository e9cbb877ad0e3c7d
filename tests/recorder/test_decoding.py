from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracebin.bundle.records import Bytecode
from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.decoding import LocalDecoder, RemoteDecoder, versions

SOURCE = "def f(a, b):\n    return a + b\n\nclass K:\n    def g(self):\n        pass\n"


@pytest.fixture(scope="module")
def remote() -> Iterator[RemoteDecoder]:
    """Decode in another process of this very interpreter."""
    decoder = RemoteDecoder([sys.executable, "-I", "-S", PATH, "decode"], os.environ)
    yield decoder
    decoder.close()


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    return str(path)


def test_another_process_says_what_this_one_would(remote: RemoteDecoder, source: str) -> None:
    here = [(found, LocalDecoder().rows(found.handle)) for found in LocalDecoder().codes_of(source, 0)]
    there = [(found, remote.rows(found.handle)) for found in remote.codes_of(source, 0)]
    assert [found.name for found, _ in there] == ["<module>", "f", "K", "g"]
    assert [(found[:3], rows) for found, rows in there] == [(found[:3], rows) for found, rows in here]
    assert all(isinstance(row, Bytecode) for _, rows in there for row in rows or [])


def test_a_code_object_is_handed_over(remote: RemoteDecoder) -> None:
    code = compile(SOURCE, "x.py", "exec")
    handle = remote.take(marshal.dumps(code))
    remote.prepare(handle)
    assert remote.rows(handle) == LocalDecoder().rows(code)
    assert remote.take(b"nonsense") is None
    assert LocalDecoder().take(marshal.dumps([code])) is None


def test_variables_of_closures_and_globals_have_their_names() -> None:
    module = compile("def f(a):\n b = a\n def g(c): return b + len(c)\n return g\n", "x.py", "exec")
    (outer,) = (code for code in module.co_consts if hasattr(code, "co_code"))
    (inner,) = (code for code in outer.co_consts if hasattr(code, "co_code"))
    (stored,) = (row for row in LocalDecoder().rows(outer) or [] if row.name == "STORE_DEREF")
    found = {row.name: row.argument for row in LocalDecoder().rows(inner) or []}
    assert (stored.argument, found["LOAD_DEREF"], found["LOAD_FAST"]) == ("b", "b", "c")
    assert str(found["LOAD_GLOBAL"]).endswith("len")


def test_a_code_object_that_cant_be_decoded_is_told_and_costs_no_other(source: str) -> None:
    decoder = RemoteDecoder([sys.executable, "-I", "-S", PATH, "decode"], os.environ)
    broken = compile("print(here)", "x.py", "exec").replace(co_names=())
    assert decoder.rows(decoder.take(marshal.dumps(broken))) is None
    assert str(decoder.fault).startswith("IndexError: ")
    assert all(decoder.rows(found.handle) for found in decoder.codes_of(source, 0))
    decoder.close()


def test_many_questions_need_no_waiting_for_answers(remote: RemoteDecoder, source: str) -> None:
    # More than a pipe holds, both ways.
    text = "\n".join(f"def function_{n}(): return [{n}, 'some text', {n} + n]" for n in range(1500))
    Path(source).write_text(text)
    found = list(remote.codes_of(source, 0))
    for code in found:
        remote.prepare(code.handle)
    assert [rows is not None for rows in map(remote.rows, (code.handle for code in found))] == [True] * 1501


def test_it_knows_which_interpreter_it_is(remote: RemoteDecoder) -> None:
    about = {**versions(), "prefix": "/usr"}
    for decoder in (remote, LocalDecoder()):
        assert decoder.is_of(about)
        assert not decoder.is_of({**about, "python": "2.7.18"})


@pytest.mark.parametrize("command", [["/nowhere/pypy3"], [sys.executable, "-c", "import os; os.read(0, 1)"]])
def test_without_the_interpreter_nothing_is_known(command: list[str], source: str) -> None:
    decoder = RemoteDecoder(command, os.environ)
    assert not decoder.is_of(versions())
    assert list(decoder.codes_of(source, 0)) == []
    assert decoder.take(b"") is None
    assert decoder.rows(7) is None
    decoder.close()
