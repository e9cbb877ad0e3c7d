"""Keep the agent compiled, in one file for each PyPy.

Its modules take PyPy 9 ms to import one by one, and 33 where it may not write what it
has compiled, as in a package that root has installed.  So a PyPy compiles them once (agent_compiler.py), into
a file in the user's cache; site/sitecustomize.py reads that, in 2 ms, or imports them as always.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path
from typing import Iterable, Mapping, Optional

from tracebin.recorder import agent_compiler, bootstrap
from tracebin.recorder.find import PROBE_SECONDS, Interpreter

OLD_S = 30 * 24 * 3600


def agent_pack(folder: Path, package: str, interpreter: Interpreter, environ: Mapping[str, str]) -> str:
    """Name the file that holds ``package`` of ``folder`` as this PyPy compiles it; make it if it is missing.

    "" where that can't be: then the package is imported from its sources, which takes longer.
    """
    cache = _cache(environ)
    if cache is None:
        return ""
    path = cache / f"agent-{_digest(folder, package, interpreter)}.pack"
    try:
        if not path.exists():
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path, [str(folder), package], interpreter, environ)
            _forget_old(cache)
        return str(path) if _is_ours(path) else ""
    except OSError:
        return ""


def _cache(environ: Mapping[str, str]) -> Optional[Path]:
    """Give tracebin's folder of things that can be made again (XDG Base Directory Specification 0.8)."""
    named = environ.get("XDG_CACHE_HOME", "")
    home = environ.get("HOME", "")
    root = Path(named) if os.path.isabs(named) else Path(home) / ".cache" if os.path.isabs(home) else None
    return root / "tracebin" if root else None


def _digest(folder: Path, package: str, interpreter: Interpreter) -> str:
    known = hashlib.sha256(repr((str(folder), package, interpreter)).encode())
    sources = sorted((folder / package).glob("*.py"))
    for source in [Path(agent_compiler.__file__), folder / agent_compiler.STARTING, *sources]:
        known.update(source.read_bytes())
    return known.hexdigest()[:32]


def _make(path: Path, words: Iterable[str], interpreter: Interpreter, environ: Mapping[str, str]) -> None:
    """Have PyPy compile, beside ``path``, and put it there when it is whole.  Raises OSError."""
    part = path.with_name(f".{os.getpid()}-{path.name}")
    env = {name: value for name, value in environ.items() if name != "PYPYLOG"}
    command = [interpreter.path, "-I", "-S", bootstrap.PATH, "pack", *words, str(part)]
    try:
        subprocess.run(
            command,
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        )
        os.replace(part, path)
    except subprocess.SubprocessError as fault:
        raise OSError(str(fault)) from None
    finally:
        part.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Say whether nobody else can write what is going to be run."""
    found = [path.stat(), path.parent.stat()]
    return all(each.st_uid == os.geteuid() and not each.st_mode & 0o022 for each in found)


def _forget_old(cache: Path) -> None:
    for other in cache.glob("agent-*.pack"):
        if time.time() - other.stat().st_mtime > OLD_S:
            other.unlink(missing_ok=True)
