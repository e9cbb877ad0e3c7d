"""Time parsers of raw data, ours and vmprof's, each in a process of its own.

Run by path with a mode and its paths, it prints the seconds of CPU that reading took.
Both have their modules loaded before the clock starts.  Ours reads log, samples, stamps and
notes, the source files they name, and has the JSON of each trace in the end; code objects are
decoded by another process, and not counted.  The peer's has objects for its files, and no sources.
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Sequence

from programs import Program


def keep(python: str, program: Program, raw: Path) -> int:
    """Record a program, keep its raw recording as ``raw``, and give the size of its bundle."""
    asked = [sys.executable, str(Path(__file__).resolve()), "keep", python, str(raw), *program.words]
    said = subprocess.run(asked, env=program.environment(), stdout=subprocess.PIPE, check=True, text=True)
    return int(said.stdout.split()[-1])


def ours_s(raw: Path, python: str) -> float:
    """Read a raw recording."""
    return _timed("ours", str(raw), python)


def peers_s(files: Sequence[Path]) -> float:
    """Read a profile and a jitlog of vmprof's."""
    return _timed("peer", *map(str, files))


def _timed(*words: str) -> float:
    command = [sys.executable, str(Path(__file__).resolve()), *words]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return float(said.stdout.split()[-1])


def _keep(python: str, raw: str, *words: str) -> None:
    from tracebin.recorder import launch
    from tracebin.recorder.find import find_pypy

    # The recorder removes the raw recording once the bundle is there.
    shutil.rmtree = lambda folder, **_: os.rename(folder, raw)  # type: ignore[assignment]
    out = Path(raw).with_name("kept.json.gz")
    request = launch.Request("script", list(words), out, find_pypy(python, os.environ, None))
    launch.record(request, os.environ)
    print(out.stat().st_size)


def _read_ours(raw: str, python: str) -> Callable[[], object]:
    from tracebin.recorder import bootstrap
    from tracebin.recorder.decoding import RemoteDecoder
    from tracebin.recorder.raw import RawRecording
    from tracebin.recorder.reading import Reading

    gc.disable()  # as in the recorder's own process that reads (assembling.py)
    decoder = RemoteDecoder([python, "-I", "-S", bootstrap.PATH, "decode"], os.environ)
    return lambda: Reading(RawRecording(Path(raw)), decoder).finish(lambda done, total: None)


def _read_peers(prof: str, jitlog: str) -> Callable[[], object]:
    from jitlog.parser import parse_jitlog  # type: ignore[import-untyped]
    from vmprof import read_profile  # type: ignore[import-untyped]

    return lambda: (read_profile(prof), parse_jitlog(jitlog))


def _main(mode: str, *words: str) -> None:
    if mode == "keep":
        _keep(*words)
        return
    read = (_read_ours if mode == "ours" else _read_peers)(*words)
    started = time.process_time()
    read()
    print(time.process_time() - started)


if __name__ == "__main__":
    _main(*sys.argv[1:])
