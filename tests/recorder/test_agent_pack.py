"""The agent, compiled once for each PyPy."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tracebin.recorder.agent_compiler import STARTING
from tracebin.recorder.agent_pack import OLD_S, agent_pack
from tracebin.recorder.find import Interpreter, find_pypy

PACKAGE = "part"
# Imports each other as the agent's modules do: at the top, and later.
SOURCES = {
    "__init__": "from .first import order as order\norder.append('part')\n",
    "first": "from .second import order\norder.append('first')\ndef later():\n    from .third import x\n",
    "second": "order = ['second']\n",
    "third": "raise SystemExit('nobody asked for this')\n",
}
# The same that site/sitecustomize.py does, without its settings.
READ = """
import sys
source = open({site!r} + "/sitecustomize.py").read().replace("_start_agent()\\n_hand_over()", "")
exec(source)
found = _unpack(sys.argv[1])
if found:
    code, rows = found
    exec(code)
    made = _run_agent(rows)
    found = made.order, made.__file__, sorted(name for name in sys.modules if name.startswith("part"))
print(found)
"""
SITE = Path(__file__).resolve().parents[2] / "recorder" / "site"


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return find_pypy(None, os.environ, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / PACKAGE).mkdir()
    for name, text in SOURCES.items():
        (tmp_path / PACKAGE / f"{name}.py").write_text(text)
    starting = (SITE / STARTING).read_text().replace('"tracebin_agent"', f'"{PACKAGE}"')
    (tmp_path / STARTING).write_text(starting)
    return tmp_path


def read(interpreter: Interpreter, path: str) -> str:
    command = [interpreter.path, "-c", READ.format(site=str(SITE)), path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def pack(folder: Path, interpreter: Interpreter) -> str:
    return agent_pack(folder, PACKAGE, interpreter, {"HOME": str(folder), "PATH": os.environ["PATH"]})


def test_modules_run_in_the_order_of_their_imports(folder: Path, interpreter: Interpreter) -> None:
    path = pack(folder, interpreter)
    assert Path(path).parent == folder / ".cache" / "tracebin"
    init = str(folder / PACKAGE / "__init__.py")
    assert read(interpreter, path) == str(
        (["second", "first", "part"], init, ["part", "part.first", "part.second"])
    )


def test_it_is_made_once_and_again_for_other_sources(folder: Path, interpreter: Interpreter) -> None:
    path = pack(folder, interpreter)
    made = os.stat(path).st_mtime_ns
    assert pack(folder, interpreter) == path
    assert os.stat(path).st_mtime_ns == made
    (folder / PACKAGE / "second.py").write_text("order = ['other']\n")
    assert pack(folder, interpreter) != path


def test_what_was_not_used_for_long_is_removed(folder: Path, interpreter: Interpreter) -> None:
    path = pack(folder, interpreter)
    long_ago = os.stat(path).st_mtime - OLD_S - 1
    os.utime(path, (long_ago, long_ago))
    (folder / PACKAGE / "second.py").write_text("order = []\n")
    newer = pack(folder, interpreter)
    assert [str(each) for each in Path(path).parent.iterdir()] == [newer]


@pytest.mark.parametrize("content", [b"", b"cut", b"\xe9\x00", b"i\x01\x00\x00\x00"])
def test_one_that_is_broken_is_passed_over(folder: Path, interpreter: Interpreter, content: bytes) -> None:
    path = pack(folder, interpreter)
    Path(path).write_bytes(content)
    assert read(interpreter, path) == "None"


def test_one_that_others_may_write_is_passed_over(folder: Path, interpreter: Interpreter) -> None:
    path = Path(pack(folder, interpreter))
    path.chmod(0o666)
    assert pack(folder, interpreter) == ""
    path.chmod(0o600)
    path.parent.chmod(0o777)
    assert pack(folder, interpreter) == ""


def test_a_cache_that_can_not_be_written_is_done_without(folder: Path, interpreter: Interpreter) -> None:
    (folder / ".cache").write_text("a file")
    assert pack(folder, interpreter) == ""
    assert agent_pack(folder, PACKAGE, interpreter, {"HOME": "", "XDG_CACHE_HOME": "relative"}) == ""


def test_sources_that_do_not_compile_leave_nothing(folder: Path, interpreter: Interpreter) -> None:
    (folder / PACKAGE / "second.py").write_text("order = [\n")
    assert pack(folder, interpreter) == ""
    assert list((folder / ".cache" / "tracebin").iterdir()) == []
