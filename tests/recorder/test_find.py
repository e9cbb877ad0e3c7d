from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tracebin.errors import PyPyNotFound
from tracebin.recorder import find
from tracebin.recorder.find import find_pypy, probe

ANSWER = (
    "{'implementation': 'pypy', 'version': [7, 3, 11], 'python': [3, 9, 16],"
    " 'jit': True, 'vmprof': True, 'build': {'translation.jit': True}}"
)


def script(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def pretend(path: Path, answer: str = ANSWER) -> Path:
    return script(path, f"cat <<'END'\n{answer}\nEND\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bin"
    made.mkdir()
    return made


def path_of(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}:/bin:/usr/bin"}


def test_the_real_pypy_describes_itself(pypy: str) -> None:
    found = find_pypy(pypy, os.environ, None)
    assert found.path == pypy
    assert (found.implementation, found.has_jit, found.has_vmprof) == ("PyPy", True, True)
    assert found.version.count(".") == 2
    assert found.python.startswith("3.")
    assert found.build["translation.jit"] is True
    assert found.build["translation.gc"] == "incminimark"


def test_what_the_option_names_is_asked_before_all_else(folder: Path) -> None:
    mine = pretend(folder / "mine")
    other = pretend(folder / "other")
    env = {**path_of(folder), find.VARIABLE: str(other)}
    assert find_pypy(str(mine), env, str(other)).path == str(mine)


def test_the_variable_goes_before_the_running_one_and_path(folder: Path) -> None:
    mine = pretend(folder / "mine")
    pretend(folder / "pypy3")
    env = {**path_of(folder), find.VARIABLE: str(mine)}
    assert find_pypy(None, env, str(folder / "pypy3")).path == str(mine)


def test_the_running_pypy_goes_before_path(folder: Path) -> None:
    mine = pretend(folder / "mine")
    pretend(folder / "pypy3")
    assert find_pypy(None, path_of(folder), str(mine)).path == str(mine)


def test_pypy3_on_path_goes_before_pypy(folder: Path) -> None:
    pretend(folder / "pypy")
    wanted = pretend(folder / "pypy3")
    assert find_pypy(None, path_of(folder), None).path == str(wanted)


def test_one_on_path_that_will_not_do_is_passed_over(folder: Path) -> None:
    pretend(folder / "pypy3", ANSWER.replace("'jit': True", "'jit': False"))
    wanted = pretend(folder / "pypy")
    assert find_pypy(None, path_of(folder), None).path == str(wanted)


def test_a_bare_name_is_looked_up_on_path(folder: Path) -> None:
    wanted = pretend(folder / "pypy3.10")
    assert find_pypy("pypy3.10", path_of(folder), None).path == str(wanted)


def test_a_link_is_kept_as_named_since_a_virtual_environment_is_one(folder: Path) -> None:
    pretend(folder / "real")
    link = folder / "python"
    link.symlink_to(folder / "real")
    assert find_pypy(str(link), {}, None).path == str(link)


def test_nothing_found_says_how_to_get_one(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match=r"no PyPy on PATH; .*apt-get install pypy3.*pypy\.org.*--python"):
        find_pypy(None, {"PATH": str(folder)}, None)


def test_an_unusable_one_on_path_is_named(folder: Path) -> None:
    pretend(folder / "pypy3", ANSWER.replace("'jit': True", "'jit': False"))
    with pytest.raises(PyPyNotFound, match=r"no usable PyPy on PATH: .*pypy3 is PyPy 7\.3\.11 without a JIT"):
        find_pypy(None, {"PATH": f"{folder}:/bin"}, None)


def test_an_unknown_command(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match=r"--python names pypy9, and there is no such command"):
        find_pypy("pypy9", path_of(folder), None)


def test_a_missing_file(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match="gone, which does not exist"):
        find_pypy(str(folder / "gone"), {}, None)


def test_a_missing_file_in_the_variable_is_not_replaced_by_another(folder: Path) -> None:
    pretend(folder / "pypy3")
    env = {**path_of(folder), find.VARIABLE: str(folder / "gone")}
    with pytest.raises(PyPyNotFound, match=r"\$TRACEBIN_PYPY names .*gone, which does not exist"):
        find_pypy(None, env, None)


def test_a_folder(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match="which is a folder"):
        find_pypy(str(folder), {}, None)


def test_a_file_without_the_executable_bit(folder: Path) -> None:
    plain = folder / "pypy3"
    plain.write_text("")
    with pytest.raises(PyPyNotFound, match="which is not executable"):
        find_pypy(str(plain), {}, None)


def test_cpython_is_refused() -> None:
    with pytest.raises(PyPyNotFound, match=r"is CPython 3\.\d+\.\d+, not PyPy; get one"):
        find_pypy(sys.executable if sys.implementation.name == "cpython" else "python3", os.environ, None)


def test_a_pypy_of_python_2_is_refused(folder: Path) -> None:
    old = pretend(folder / "pypy", ANSWER.replace("[3, 9, 16]", "[2, 7, 18]"))
    with pytest.raises(PyPyNotFound, match=r"is PyPy for Python 2\.7\.18; tracebin needs"):
        find_pypy(str(old), path_of(folder), None)


def test_something_that_is_no_python(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match=r"is not a Python: .* it printed 'hello'"):
        find_pypy(str(script(folder / "x", "echo hello\n")), path_of(folder), None)


def test_an_answer_of_another_shape(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match="is not a Python"):
        find_pypy(str(pretend(folder / "x", "[1]")), path_of(folder), None)


def test_a_probe_that_fails_says_how(folder: Path) -> None:
    broken = script(folder / "x", "echo 'no such option' >&2; exit 3\n")
    with pytest.raises(PyPyNotFound, match="exited with status 3, saying 'no such option'"):
        find_pypy(str(broken), path_of(folder), None)


def test_a_probe_that_crashes_says_how(folder: Path) -> None:
    with pytest.raises(PyPyNotFound, match="signal 11 ended it"):
        find_pypy(str(script(folder / "x", "kill -SEGV $$\n")), path_of(folder), None)


def test_a_file_of_the_wrong_format(folder: Path) -> None:
    odd = folder / "x"
    odd.write_bytes(b"\0\1\2\3")
    odd.chmod(0o755)
    with pytest.raises(PyPyNotFound, match="can't be run: Exec format error"):
        find_pypy(str(odd), {}, None)


def test_a_hung_probe_is_ended_with_its_children(folder: Path) -> None:
    os.mkfifo(folder / "held")
    held = os.open(folder / "held", os.O_RDONLY | os.O_NONBLOCK)
    hung = script(folder / "x", f"exec 3>{folder}/held; sleep 600 & wait\n")
    with pytest.raises(PyPyNotFound, match=r"did not say what it is within 0\.5 seconds"):
        probe(str(hung), path_of(folder), seconds=0.5)
    os.set_blocking(held, True)
    assert os.read(held, 1) == b"", "the last writer is gone"
    os.close(held)


def test_the_probe_leaves_the_log_of_pypylog_alone(folder: Path) -> None:
    nosy = script(folder / "x", f'echo "log=$PYPYLOG" >{folder}/seen\ncat <<END\n{ANSWER}\nEND\n')
    probe(str(nosy), {**path_of(folder), "PYPYLOG": f"jit:{folder}/log"})
    assert (folder / "seen").read_text() == "log=\n"
