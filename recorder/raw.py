"""The raw recording: a folder, and what lies in it.

============== =============================================================
launch.json    what the launcher knew before the program started
finish.json    what it knew after the end; blank if the launcher died
script         the program's file as it was at the start, if it is one
drops.json     what was dropped of which file (disk.py)
STEM.notes     the agent's notes: marshal frames, each a tuple, first its kind
STEM.log       PYPYLOG
STEM.prof      samples
STEM.stamps    when, where and on which thread each tick of a sampler's timer came, and
               resident memory (stamps.py); missing where the agent can't have them
STEM.calls     exact calls: calls.py has their form
processes      a byte for each process that asked to be recorded
============== =============================================================

There is one stem for each process: the program's own is its pid, that of one it forked as
well, unless that has been taken, and of one that was started it ends in the pid.

The agent (site/tracebin_agent) writes notes alone, so the two change together.
"""

from __future__ import annotations

import io
import json
import marshal
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.codec import from_json, to_json
from tracebin.bundle.records import CodeMemory, Exit, Host, Scalar, Stream
from tracebin.errors import MalformedBundle, RecordingUnreadable
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.call_notes import CallNotes
from tracebin.recorder.functions import KnownCode
from tracebin.recorder.marks import MarkNotes
from tracebin.recorder.pauses import PauseNotes
from tracebin.recorder.sources import MAX_SOURCE_BYTES
from tracebin.recorder.threads import ThreadNote, ended, renamed

# The agent asks with the same number (site/tracebin_agent/places.py).
MOST_PROCESSES = 256
# What marshal says to bytes that aren't its own, on CPython and PyPy: a size that is none may be any size.
_NO_FRAME = (EOFError, ValueError, TypeError, MemoryError, OverflowError, SystemError)

# What launch.json and finish.json are filled up to: a block of most disks, with room for long commands.
_RESERVED_BYTES = 1 << 13


@dataclass(frozen=True)
class Launch:
    """What the launcher knew before the program started; times on CLOCK_MONOTONIC."""

    command: List[str]
    target: str
    cwd: str
    started: str
    started_ns: int
    host: Host
    recorder: str
    options: Dict[str, Scalar]
    gc: Dict[str, Scalar]
    jit: Dict[str, Scalar]
    stages: str = "optimised"
    source: str = "used"
    calls: CallChoice = field(default_factory=CallChoice)
    problems: List[str] = field(default_factory=list)

    @property
    def kept_source(self) -> str:
        """Give whose text is kept, as :class:`~tracebin.recorder.sources.Files` takes it.

        What is in a run with exact calls was called: it is used.
        """
        return "all" if self.source == "used" and self.calls.is_exact else self.source


@dataclass(frozen=True)
class Finish:
    """What the launcher knew after the program's end.

    ``left_out`` are the stems of processes that went on for longer than was waited for; ``seen`` are
    all that had begun by then, if that is known.
    """

    pid: int
    ended_ns: int
    exit: Exit
    output: Dict[str, Stream]
    cpu_ns: Optional[int] = None
    max_rss_bytes: Optional[int] = None
    left_out: List[str] = field(default_factory=list)
    seen: Optional[List[str]] = None

    def leaves_out(self, stem: str) -> bool:
        """Say whether a process still ran when nobody waited any more, or began later."""
        return stem in self.left_out or (self.seen is not None and stem not in self.seen)


class Wait(NamedTuple):
    """How a child of a process ended, as ``os.waitpid`` told that one."""

    pid: int
    status: int
    time_ns: int

    def exit(self) -> Exit:
        """Give what the status says."""
        if os.WIFSIGNALED(self.status):
            return Exit(None, os.WTERMSIG(self.status))
        return Exit(os.WEXITSTATUS(self.status), None)


@dataclass
class Notes:
    """What the agent wrote of one process; ``is_ended`` if it came to its end.

    ``was_closed`` if the program closed the recorder's files, and they were opened again.
    """

    stem: str
    about: Dict[str, Any] = field(default_factory=dict)
    codes: List[KnownCode] = field(default_factory=list)
    files: List[str] = field(default_factory=list)
    sampling: Dict[str, Any] = field(default_factory=dict)
    threads: List[ThreadNote] = field(default_factory=list)
    names_at_end: Dict[int, str] = field(default_factory=dict)
    other_threads: int = 0
    forks: int = 0
    unrecorded: int = 0
    stopped_ns: Optional[int] = None
    exec_ns: Optional[int] = None
    waits: List[Wait] = field(default_factory=list)
    code_memory: Optional[CodeMemory] = None
    faults: List[str] = field(default_factory=list)
    is_ended: bool = False
    was_closed: bool = False
    marks: MarkNotes = field(default_factory=MarkNotes)
    pauses: PauseNotes = field(default_factory=PauseNotes)
    calls: CallNotes = field(default_factory=CallNotes)

    @property
    def pid(self) -> int:
        """Give the process's number in the system."""
        return int(self.about.get("pid", 0))

    @property
    def parent(self) -> Optional[str]:
        """Give the stem of the process that started this one; None for the program itself."""
        parent = self.about.get("parent")
        return None if parent is None else str(parent)

    def main_thread(self) -> ThreadNote:
        """Give the thread that the process began with."""
        ident = int(self.about.get("thread", 0))
        native_id = int(self.about.get("native thread", self.pid))
        name = self.names_at_end.get(ident, "MainThread")
        return ThreadNote(ident, native_id, int(self.about.get("started_ns", 0)), None, name)

    def other_threads_noted(self) -> List[ThreadNote]:
        """Give the threads that were started later, by the names they had last."""
        return [renamed(note, self.names_at_end) for note in self.threads]


class RawRecording:
    """A raw recording in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_there(self) -> bool:
        """Say whether it wasn't removed, as by a program that clears the folder for temporary files."""
        return (self.folder / "launch.json").exists()

    def write_launch(self, launch: Launch) -> None:
        """Keep what is known before the start."""
        self._write("launch.json", launch)

    def write_finish(self, finish: Finish) -> None:
        """Keep what is known after the end."""
        self._write("finish.json", finish)

    def reserve_finish(self) -> None:
        """Take the room now that the end needs, without what the program wrote, if the disk is full then."""
        (self.folder / "finish.json").write_bytes(b" " * _RESERVED_BYTES)

    def keep_script(self, path: Path) -> None:
        """Keep the program's file as it is before it runs: it may rewrite or delete itself."""
        if path.is_file() and path.stat().st_size <= MAX_SOURCE_BYTES:
            shutil.copyfile(path, self.folder / "script")

    def script(self) -> Optional[bytes]:
        """Read the program's file as it was; None if it wasn't kept."""
        try:
            return (self.folder / "script").read_bytes()
        except OSError:
            return None

    def _write(self, name: str, record: Any) -> None:
        """Write over what is there: on a full disk what fits into its place still goes."""
        data = json.dumps(to_json(record)).encode("utf-8").ljust(_RESERVED_BYTES)
        file = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.truncate()

    def launch(self) -> Launch:
        """Read what was known before the start.

        Raises:
            RecordingUnreadable: the folder holds no recording.
        """
        try:
            return from_json(Launch, json.loads((self.folder / "launch.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, MalformedBundle) as fault:
            raise RecordingUnreadable(f"{self.folder} holds no recording: {fault}") from None

    def finish(self) -> Optional[Finish]:
        """Read what was known after the end; None if the launcher didn't get that far."""
        try:
            return from_json(Finish, json.loads((self.folder / "finish.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, MalformedBundle):
            return None

    def stems(self) -> List[str]:
        """List the processes that left notes."""
        return sorted(path.stem for path in self.folder.glob("*.notes"))

    def refused(self) -> int:
        """Count the processes that asked to be recorded when there were too many."""
        try:
            return max((self.folder / "processes").stat().st_size - MOST_PROCESSES, 0)
        except OSError:
            return 0

    def path(self, stem: str, extension: str) -> Path:
        """Give the path of one process's file."""
        return self.folder / f"{stem}.{extension}"

    def data(self, stem: str, extension: str) -> bytes:
        """Read one process's file; empty if there is none."""
        try:
            return self.path(stem, extension).read_bytes()
        except OSError:
            return b""

    def notes(self, stem: str) -> Notes:
        """Read the agent's notes of one process, as far as they go."""
        reader = NotesReader(stem, self.path(stem, "notes"))
        reader.update()
        return reader.notes


class NotesReader:
    """Read the notes of one process as they grow."""

    def __init__(self, stem: str, path: Path) -> None:
        self.notes = Notes(stem)
        self._path = path
        self._read_bytes = 0

    def update(self) -> List[KnownCode]:
        """Take in the frames that are new and whole; give the code objects among them."""
        known = len(self.notes.codes)
        stream = io.BytesIO(self._news())
        whole = 0
        while True:
            try:
                frame = marshal.load(stream)
            except _NO_FRAME:
                break  # the agent is still writing it, or never got to its end
            whole = stream.tell()
            try:
                _take(self.notes, frame)
            except (ValueError, TypeError, LookupError):
                self.notes.faults.append("a note of a form this tracebin doesn't know")
        self._read_bytes += whole
        return self.notes.codes[known:]

    def _news(self) -> bytes:
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._read_bytes)
                return stream.read()
        except OSError:
            return b""


def _take(notes: Notes, frame: Tuple[Any, ...]) -> None:
    kind, *rest = frame
    taker = _TAKERS.get(kind)
    if taker is not None:
        taker(notes, *rest)


def _take_code(notes: Notes, place: Tuple[str, str, int, Optional[str]], marshalled: bytes) -> None:
    name, file, line, qualname = place
    notes.codes.append(KnownCode(name, file, line, qualname, marshalled))


def _take_file(notes: Notes, file: str) -> None:
    notes.files.append(str(file))


def _take_start(notes: Notes, about: Dict[str, Any]) -> None:
    notes.about = dict(about)


def _take_sampling(notes: Notes, facts: Dict[str, Any]) -> None:
    notes.sampling.update(facts)


def _take_thread(notes: Notes, ident: int, native_id: int, start_ns: int, name: Optional[str]) -> None:
    notes.threads.append(ThreadNote(ident, native_id, start_ns, None, name))


def _take_thread_end(notes: Notes, ident: int, end_ns: int, name: Optional[str]) -> None:
    ended(notes.threads, ident, end_ns, name)


def _take_threads(notes: Notes, names: List[Tuple[int, str]], others: int) -> None:
    notes.names_at_end, notes.other_threads = dict(names), others


def _take_memory(notes: Notes, memory: Tuple[int, int]) -> None:
    notes.code_memory = CodeMemory(*memory)


def _take_fault(notes: Notes, text: str) -> None:
    notes.faults.append(str(text))


def _take_end(notes: Notes, facts: Dict[str, Any]) -> None:
    notes.forks = int(facts.get("forks", 0))
    notes.was_closed = bool(facts.get("closed"))
    notes.unrecorded = int(facts.get("unrecorded", 0))
    notes.stopped_ns = facts.get("stopped_ns")
    notes.is_ended = True


def _take_wait(notes: Notes, pid: int, status: int, time_ns: int) -> None:
    notes.waits.append(Wait(int(pid), int(status), int(time_ns)))


def _take_exec(notes: Notes, time_ns: Optional[int]) -> None:
    notes.exec_ns = time_ns


_TAKERS: Dict[str, Callable[..., None]] = {
    "code": _take_code,
    "file": _take_file,
    "start": _take_start,
    "sampling": _take_sampling,
    "sampled": _take_sampling,
    "thread": _take_thread,
    "thread end": _take_thread_end,
    "threads": _take_threads,
    "memory": _take_memory,
    "marks": lambda notes, rows: notes.marks.take(rows),
    "marks left out": lambda notes, count: notes.marks.leave_out(count),
    "paused": lambda notes, time_ns: notes.pauses.paused(time_ns),
    "resumed": lambda notes, time_ns: notes.pauses.resumed(time_ns),
    "pauses left out": lambda notes, count: notes.pauses.leave_out(count),
    "called": lambda notes, rows: notes.calls.take(rows),
    "calls paused": lambda notes, tick: notes.calls.paused(tick),
    "calls resumed": lambda notes, tick: notes.calls.resumed(tick),
    "calls lost": lambda notes, ident, serial: notes.calls.lose(ident, serial),
    "calls unnamed": lambda notes, count: notes.calls.leave_unnamed(count),
    "fault": _take_fault,
    "end": _take_end,
    "waited": _take_wait,
    "exec": _take_exec,
}
