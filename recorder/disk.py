"""Keep the raw recording within the room it was given, while the program runs.

PyPy's log and samples are written by PyPy itself, which reads its settings once: what
goes into a file can't be turned down from outside, nor is there anything inside the
program that runs often enough.  But what has been written can be given back: a hole is
punched in the middle of a file (fallocate(2)), and the program, which writes at its
end, does not notice.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import shutil
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from tracebin.errors import RecorderError

DEFAULT_BYTES = 2 << 30
# Below this not even a short program's log has room.
LEAST_BYTES = 1 << 20
# By how large the files get, and how much is left without them: samples first, the log last.
# Notes and stamps stay: they are small, and all else is understood by them.
DROPPED = ("calls", "prof", "log")
# Two blocks of the agent's (site/tracebin_agent/calls.py): less may hold no whole one.
CALLS_END_BYTES = 2 * 8 * (6 + (1 << 16))
DROPS = "drops.json"
# A page that the program's sampler looks at: its first byte ends the sampling.
STOP = "stop"
_STOP_BYTES = 4096
_LEAST_FILE_BYTES = 4 << 20
# Room for the names of some thousand functions, and for samples between two looks.
_AHEAD_BYTES = 1 << 20
_BLOCK = 1 << 12
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE
_PUNCH = 2  # FALLOC_FL_PUNCH_HOLE
# PyPy logs some 20 MB a second, exact calls come at 160; between two looks a quarter of the room may fill.
_BYTES_PER_MS = 200_000
_LONGEST_MS, _SHORTEST_MS = 500, 20


class Hole(NamedTuple):
    """The bytes of a file that were dropped."""

    start: int
    stop: int


def can_write_files() -> bool:
    """Say whether files may be of any size: Python takes the cut part of a compiled module for the whole."""
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def can_hold_samples() -> bool:
    """Say whether the limit on the size of files (``ulimit -f``) leaves room for samples.

    Where PyPy can't write them, the next code object the program makes raises SystemError in the program.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return most == resource.RLIM_INFINITY or most >= _LEAST_FILE_BYTES


def room(folder: Path, max_bytes: int) -> int:
    """Give how many bytes a raw recording may take: never more than half of what is free.

    Raises:
        RecorderError: there is no room to speak of.
    """
    free = shutil.disk_usage(folder).free
    if free // 2 < LEAST_BYTES:
        raise RecorderError(
            f"there is no room for a recording in {folder.parent}: {free} bytes are free; "
            "name another folder in TMPDIR"
        )
    return min(max_bytes, free // 2)


class DiskLimit:
    """Look at a raw recording now and then; drop from its middle what is beyond ``max_bytes``.

    ``refused`` if the file system doesn't give room back.  ``has_stopped`` if there was
    no more room for samples: where PyPy can't write them, the program fails.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        punch: Optional[Callable[[Path, Hole], None]] = None,
    ) -> None:
        self._folder = folder
        self._most = max_bytes - max_bytes // 4
        # Of each file this much is kept at both ends; of calls more at the end, if half of the room is left.
        self._end_bytes = max_bytes // 16 // _BLOCK * _BLOCK
        self._calls_end_bytes = max(self._end_bytes, min(CALLS_END_BYTES, self._most // 2))
        self._holes: Dict[str, Hole] = {}
        self._punch = punch or punch_hole
        self.refused = False
        self.has_stopped = False
        self._ahead = min(_AHEAD_BYTES, max_bytes // 8)
        self._reserved: Dict[str, int] = {}
        (folder / STOP).write_bytes(bytes(_STOP_BYTES))
        self.every_ms = min(max(max_bytes // 4 // _BYTES_PER_MS, _SHORTEST_MS), _LONGEST_MS)

    def look(self) -> None:
        """Drop what is too much, by kinds, of each kind the oldest but for its beginning."""
        try:
            files = self._sizes()
        except OSError:
            return  # programs that clean up the folder for temporary files take ours with them
        for name in files:
            if name.endswith(".prof") and not self.has_stopped:
                self._reserve(name, files[name])
        dropped = sum(hole.stop - hole.start for hole in self._holes.values())
        excess = sum(files.values()) - dropped - self._most
        if excess < _BLOCK or self.refused:
            return
        for ending in DROPPED:
            for name in sorted(files):
                if excess >= _BLOCK and name.endswith(f".{ending}"):
                    excess -= self._drop(name, files[name], excess)

    def _reserve(self, name: str, size: int) -> None:
        """See that a file of samples has room to grow; end the sampling if it hasn't."""
        if size + self._ahead // 2 <= self._reserved.get(name, 0):
            return
        try:
            _allocate(self._folder / name, _KEEP_SIZE, Hole(size, size + self._ahead))
        except OSError as fault:
            if fault.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return  # no such service here, or the file has just gone
            self.has_stopped = True
            with (self._folder / STOP).open("r+b") as stream:
                stream.write(b"\1")
        self._reserved[name] = size + self._ahead

    def is_full(self) -> bool:
        """Say whether the disk has hardly a block left, or the folder is gone."""
        try:
            return shutil.disk_usage(self._folder).free < 4 * _BLOCK
        except OSError:
            return True

    def _sizes(self) -> Dict[str, int]:
        with os.scandir(self._folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries}

    def _drop(self, name: str, size: int, excess: int) -> int:
        hole = self._holes.get(name, Hole(self._end_bytes, self._end_bytes))
        # Whole eighths of the room, so that the list of holes isn't written at every look.
        wanted = max(excess, self._most // 8)
        end_bytes = self._calls_end_bytes if name.endswith(".calls") else self._end_bytes
        stop = min(hole.stop + wanted, size - end_bytes) // _BLOCK * _BLOCK
        if stop <= hole.stop:
            return 0
        # Before the bytes are gone: who reads the file meanwhile looks here after each block.
        try:
            self._note(name, Hole(hole.start, stop))
        except OSError:
            return 0  # the disk is full, for now
        try:
            self._punch(self._folder / name, Hole(hole.stop, stop))
        except OSError:
            self.refused = True
            self._note(name, hole)
            return 0
        return stop - hole.stop

    def _note(self, name: str, hole: Hole) -> None:
        self._holes[name] = hole
        part = self._folder / f"{DROPS}.part"
        part.write_text(json.dumps(self._holes), encoding="ascii")
        os.replace(part, self._folder / DROPS)


def punch_hole(path: Path, hole: Hole) -> None:
    """Give the room of some bytes back; they read as zeros.  Raises OSError."""
    _allocate(path, _KEEP_SIZE | _PUNCH, hole)


def _allocate(path: Path, mode: int, part: Hole) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if libc.fallocate(fd, mode, part.start, part.stop - part.start) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")
    finally:
        os.close(fd)


def hole_of(path: Path) -> Optional[Hole]:
    """Give what was dropped of a file."""
    try:
        holes = json.loads((path.parent / DROPS).read_text(encoding="ascii"))
        hole = Hole(*map(int, holes[path.name]))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    return hole if hole.stop > hole.start else None


def read_around(path: Path) -> Tuple[bytes, Optional[bytes]]:
    """Read a file up to what was dropped, and from there on; all and None if nothing was."""
    try:
        with path.open("rb") as stream:
            hole = hole_of(path)
            head = stream.read(hole.start if hole else -1)
            if hole is None:
                return head, None
            stream.seek(hole.stop)
            return head, stream.read()
    except OSError:
        return b"", None
