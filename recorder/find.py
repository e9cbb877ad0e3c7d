"""Find the PyPy that is to run the program, and ask it what it is.

Owns the order of the search and the probe.  It runs the interpreter once, with
nothing of the user's in it, and believes only what that prints: a name such as
``pypy3`` proves nothing, a wrapper script or a virtual environment is as good.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from tracebin.bundle.records import Scalar
from tracebin.errors import ProgramNotStarted, PyPyNotFound

VARIABLE = "TRACEBIN_PYPY"
NAMES = ("pypy3", "pypy")
HOW_TO_GET_ONE = (
    "get one with `apt-get install pypy3` or from https://pypy.org/download.html, "
    f"and name it with --python PATH or ${VARIABLE}"
)

# A PyPy starts in 0.05 s; half a minute is for a cold disk under heavy load.
PROBE_SECONDS = 30.0
PYTHON_FLOOR = (3, 9)

# Prints a literal: on PyPy 7.3.11 its imports of json and platform were half of the probe's 0.07 s.
_PROBE = """
import sys
built_in = sys.builtin_module_names
info = getattr(sys, "pypy_translation_info", {})
version = getattr(sys, "pypy_version_info", sys.version_info)
print(ascii({
    "implementation": sys.implementation.name,
    "version": list(version[:3]),
    "python": list(sys.version_info[:3]),
    "jit": "pypyjit" in built_in and bool(info.get("translation.jit")),
    "vmprof": "_vmprof" in built_in,
    "build": {k: v for k, v in sorted(info.items())
              if v is None or isinstance(v, (bool, int, float, str))},
}))
"""
# sys.implementation's names of those that are written otherwise.
_WRITTEN = {"pypy": "PyPy", "cpython": "CPython", "graalpy": "GraalPy"}


@dataclass(frozen=True)
class Interpreter:
    """A Python as its own probe described it; ``build`` is how PyPy was translated."""

    path: str
    implementation: str
    version: str
    python: str
    has_jit: bool
    has_vmprof: bool
    build: Dict[str, Scalar] = field(default_factory=dict)


def running_pypy() -> Optional[str]:
    """Name the interpreter this runs on, if that is a PyPy."""
    return sys.executable if sys.implementation.name == "pypy" and sys.executable else None


def find_pypy(named: Optional[str], environ: Mapping[str, str], running: Optional[str]) -> Interpreter:
    """Return the PyPy to use, or say in one sentence why there is none.

    What was named (``--python``, then ``$TRACEBIN_PYPY``) is taken or refused: no
    other is put in its place.  Then come ``running`` and the names on PATH, where
    one that won't do is passed over for the next.
    """
    if named:
        return _checked(_locate(named, environ, "--python"), environ)
    if environ.get(VARIABLE):
        return _checked(_locate(environ[VARIABLE], environ, f"${VARIABLE}"), environ)
    return _first_usable(environ, running)


def probe(path: str, environ: Mapping[str, str], *, seconds: float = PROBE_SECONDS) -> Interpreter:
    """Run the interpreter once and return what it says of itself."""
    answer = _ask(path, environ, seconds)
    try:
        said = ast.literal_eval(answer.strip())
        return Interpreter(
            path=path,
            implementation=_WRITTEN.get(said["implementation"], said["implementation"]),
            version=_dotted(said["version"]),
            python=_dotted(said["python"]),
            has_jit=said["jit"],
            has_vmprof=said["vmprof"],
            build=said["build"],
        )
    except (ValueError, TypeError, KeyError, SyntaxError, MemoryError, RecursionError):
        raise PyPyNotFound(
            f"{path} is not a Python: asked for its version, it printed {_short(answer)}"
        ) from None


def check_jit(path: str, parameters: str, environ: Mapping[str, str]) -> None:
    """Have PyPy look at JIT parameters before the program is started with them.

    Raises:
        ProgramNotStarted: PyPy refuses them, or takes them for a question.
    """
    command = [path, "--jit", parameters, "-I", "-S", "-c", ""]
    code, out, err = _run(command, path, environ, PROBE_SECONDS)
    if code != 0:
        said = err.decode("utf-8", "replace").strip().splitlines() or [f"it exited with status {code}"]
        sentence = said[-1].rpartition("operror-value:")[2].strip()
        raise ProgramNotStarted(f"PyPy refuses --jit {parameters}: {_short(sentence)}")
    if out:
        raise ProgramNotStarted(f"with --jit {parameters} PyPy prints its help and runs no program")


def _first_usable(environ: Mapping[str, str], running: Optional[str]) -> Interpreter:
    refused: Optional[PyPyNotFound] = None
    for path in _candidates(environ, running):
        try:
            return _checked(path, environ)
        except PyPyNotFound as error:
            refused = refused or error
    if refused is not None:
        raise PyPyNotFound(f"no usable PyPy on PATH: {refused}") from refused
    raise PyPyNotFound(f"no PyPy on PATH; {HOW_TO_GET_ONE}")


def _candidates(environ: Mapping[str, str], running: Optional[str]) -> Iterator[str]:
    if running:
        yield running
    for name in NAMES:
        found = shutil.which(name, path=environ.get("PATH", os.defpath))
        if found:
            yield os.path.abspath(found)


def _locate(named: str, environ: Mapping[str, str], source: str) -> str:
    """Turn what was named into an absolute path, as a shell would."""
    path = os.path.expanduser(named)
    if os.sep not in path:
        found = shutil.which(path, path=environ.get("PATH", os.defpath))
        if not found:
            raise PyPyNotFound(
                f"{source} names {named}, and there is no such command on PATH; {HOW_TO_GET_ONE}"
            )
        path = found
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise PyPyNotFound(f"{source} names {path}, which does not exist")
    if os.path.isdir(path):
        raise PyPyNotFound(f"{source} names {path}, which is a folder: name the interpreter in it")
    if not os.access(path, os.X_OK):
        raise PyPyNotFound(f"{source} names {path}, which is not executable")
    return path


def _checked(path: str, environ: Mapping[str, str]) -> Interpreter:
    """Probe, and refuse what can't record."""
    found = probe(path, environ)
    if found.implementation != "PyPy":
        raise PyPyNotFound(f"{path} is {found.implementation} {found.python}, not PyPy; {HOW_TO_GET_ONE}")
    if _numbers(found.python) < PYTHON_FLOOR:
        raise PyPyNotFound(
            f"{path} is PyPy for Python {found.python}; tracebin needs one for Python 3.9 or later"
        )
    if not found.has_jit:
        raise PyPyNotFound(f"{path} is PyPy {found.version} without a JIT: there is nothing to record")
    return found


def _ask(path: str, environ: Mapping[str, str], seconds: float) -> str:
    code, out, err = _run([path, "-I", "-S", "-c", _PROBE], path, environ, seconds)
    if code != 0:
        raise PyPyNotFound(f"{path} did not say what it is: {_how_it_failed(code, err)}")
    return out.decode("utf-8", "replace")


def _run(
    command: List[str], path: str, environ: Mapping[str, str], seconds: float
) -> Tuple[int, bytes, bytes]:
    # Without PYPYLOG, or the probe would write over the log that names.
    env = {name: value for name, value in environ.items() if name != "PYPYLOG"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PyPyNotFound(f"{path} can't be run: {reason}") from error
    with process:
        out, err = _answer(process, path, seconds)
    return process.returncode, out, err


def _answer(process: subprocess.Popen[bytes], path: str, seconds: float) -> Tuple[bytes, bytes]:
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # The whole session: a wrapper script's child would hold the pipes open.
        os.killpg(process.pid, 9)
        raise PyPyNotFound(f"{path} did not say what it is within {seconds:g} seconds") from None


def _how_it_failed(code: int, err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    how = f"signal {-code} ended it" if code < 0 else f"it exited with status {code}"
    return f"{how}, saying {_short(lines[-1])}" if lines else how


def _dotted(numbers: Any) -> str:
    return ".".join(str(int(number)) for number in numbers)


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _short(text: str, limit: int = 100) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
