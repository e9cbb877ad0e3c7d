"""Have a bundle put together by another process of the Python that the launcher runs in.

That process is the launcher itself, forked, where this can be: forked.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Callable, Dict, Optional, Union

from tracebin.errors import BundleNotWritten, RecorderError, RecordingUnreadable
from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.disk import can_write_files
from tracebin.recorder.forked import Forked, can_fork

# Where the launcher runs in PyPy: it sizes its nursery by the processor's cache. With the 32 MB it takes on
# one machine, reading a log of 40 MB needs 1.2 GB; with 4 MB a quarter of that, and not more time.
READER_GC = {"PYPY_GC_NURSERY": "4M"}
Progress = Callable[[int, int], None]
Child = Union["subprocess.Popen[bytes]", Forked]


def has_second_core() -> bool:
    """Say whether the reader can work beside the program."""
    # PyPy 7.3.11 has no sched_getaffinity.
    allowed = getattr(os, "sched_getaffinity", None)
    return (len(allowed(0)) if allowed else os.cpu_count() or 1) > 1


class Reader:
    """A reading process: with ``follows`` it may begin while the program still runs.

    With ``rests`` it does so in turns, and not before there is enough to read.  It
    lives in a session of its own, so that a Ctrl-C at the terminal is the program's
    alone.
    """

    def __init__(self, pypy: str, folder: Path, out: Path, *, follows: bool, rests: bool = False) -> None:
        self._words = (pypy, str(folder), str(out.absolute()))
        self._follows = follows
        self._rests = rests
        self._child = self._begin() if follows else None

    def _begin(self) -> Child:
        return Forked(self._serve) if can_fork() else self._started()

    def _serve(self) -> int:
        """Be the process, in a fork of ours."""
        environ = _environ()
        os.environ.clear()
        os.environ.update(environ)
        sys.dont_write_bytecode |= not can_write_files()
        from tracebin.recorder.assembling import serve

        return serve(*self._words, follows=self._follows, rests=self._rests)

    def _started(self) -> subprocess.Popen[bytes]:
        """Start it; it doesn't rest: a PyPy has to warm up, and what it leaves for the end takes long."""
        options = ["-I", "-S", *([] if can_write_files() else ["-B"])]
        return subprocess.Popen(
            [sys.executable, *options, PATH, "assemble", *self._words, *["follow"] * self._follows],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environ(),
            start_new_session=True,
        )

    def finish(self, progress: Progress) -> None:
        """Tell it that the program has ended, and wait for the bundle.

        Raises:
            RecordingUnreadable: the recording holds nothing, or PyPy failed at it.
            BundleNotWritten: the disk or the folder refused.
        """
        child = self._child = self._child or self._begin()
        with child:
            assert child.stdin is not None
            assert child.stdout is not None
            assert child.stderr is not None
            _tell(child.stdin, b"end\n" if self._follows else b"")
            answer: Dict[str, object] = {}
            for line in child.stdout:
                answer = json.loads(line)
                if "total" in answer:
                    progress(int(str(answer["done"])), int(str(answer["total"])))
            trouble = child.stderr.read().decode("utf-8", "replace").strip()
        if not answer.get("ok"):
            raise _refusal(answer, trouble, child.returncode)

    def give_up(self) -> None:
        """End it: there will be no bundle."""
        if self._child is not None and self._child.returncode is None:
            with self._child as child:
                child.kill()


def _tell(stdin: IO[bytes], line: bytes) -> None:
    # A reader that has ended already says why in its answer.
    with contextlib.suppress(BrokenPipeError):
        stdin.write(line)
        stdin.close()


def _environ() -> Dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYPY", "TRACEBIN"))}
    return {**kept, **READER_GC}


def _refusal(answer: Dict[str, object], trouble: str, code: Optional[int]) -> RecorderError:
    if "slug" in answer:
        kind = BundleNotWritten if answer["slug"] == BundleNotWritten.slug else RecordingUnreadable
        return kind(str(answer["message"]))
    last = trouble.splitlines()[-1] if trouble else f"it ended with {code}"
    return RecordingUnreadable(f"putting the bundle together failed: {last}")


def put_together(pypy: str, folder: Path, out: Path, progress: Progress = lambda done, total: None) -> None:
    """Make the bundle of a raw recording whose program has ended.

    Raises:
        RecordingUnreadable: the recording holds nothing, or PyPy failed at it.
        BundleNotWritten: the disk or the folder refused.
    """
    Reader(pypy, folder, out, follows=False).finish(progress)
