"""Read a raw recording, whole or while it still grows.

Reading the log is most of the work of making a bundle.  Where a second core is
free it is done while the program runs, so that little is left when it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Optional

from tracebin.errors import RecordingUnreadable
from tracebin.recorder.decoding import Decoder
from tracebin.recorder.disk import hole_of, read_around
from tracebin.recorder.functions import Functions
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.raw import Notes, NotesReader, RawRecording
from tracebin.recorder.samples import SampleFile, Stamp, read_samples, read_stamps
from tracebin.recorder.sections import BLOCK_BYTES, LineSplitter
from tracebin.recorder.sources import Files

KEPT_STAGES = {"optimised": ("optimised",), "all": ("traced", "optimised", "assembled")}


@dataclass(frozen=True)
class Known:
    """All that the recording of one process says; ``dropped`` is bytes, by kind of file."""

    pid: int
    notes: Notes
    log: JitLog
    functions: Functions
    files: Files
    samples: SampleFile
    stamps: List[Stamp]
    dropped: Dict[str, int]


class Reading:
    """The reading of one recording: ``advance`` as often as wanted, then ``finish``."""

    def __init__(self, raw: RawRecording, decoder: Decoder) -> None:
        self._raw = raw
        self._decoder = decoder
        self._process: Optional[_ProcessReading] = None

    def advance(self) -> bool:
        """Read one block of what has been written since, and say whether there was any."""
        if self._process is None:
            self._process = self._begin()
        return self._process is not None and self._process.advance()

    def _begin(self) -> Optional[_ProcessReading]:
        pid = self._pid()
        notes = NotesReader(pid, self._raw.path(pid, "notes")) if pid is not None else None
        if notes is None:
            return None
        codes = notes.update()
        if not notes.notes.about:
            return None
        reading = _ProcessReading(self._raw, notes, self._decoder)
        reading.functions.learn(codes)
        return reading

    def _pid(self) -> Optional[int]:
        """Name the program's process: the agent starts in that one alone."""
        pids = self._raw.pids()
        finish = self._raw.finish()
        if finish is not None and finish.pid in pids:
            return finish.pid
        return pids[0] if pids else None

    def finish(self, progress: Callable[[int, int], None]) -> Known:
        """Read all that is left, now that nothing more will be written.

        Raises:
            RecordingUnreadable: the program left no recording.
        """
        while self.advance():
            if self._process is not None:
                progress(*self._process.position())
        if self._process is None:
            self._raw.launch()  # raises where the folder never held a recording
            raise RecordingUnreadable(
                "the program's PyPy left no recording: it ended before it was up, "
                "or a 'sitecustomize' of its own came first"
            )
        return self._process.finish()


def _optimize(about: Dict[str, Any]) -> int:
    """Give the level of -O, the fourth of ``sys.flags``."""
    flags = about.get("flags") or []
    return int(flags[3]) if len(flags) > 3 else 0


def _seconds(started: str) -> float:
    return datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp()


class _ProcessReading:
    """The reading of one process's files."""

    def __init__(self, raw: RawRecording, notes: NotesReader, decoder: Decoder) -> None:
        launch = raw.launch()
        self._raw = raw
        self._notes = notes
        self._pid = notes.notes.pid
        about = notes.notes.about
        self.files = Files(
            launch.cwd,
            str(about["stdlib"]),
            agent=str(about["agent"]),
            keep_text=launch.keep_source,
            since_s=_seconds(launch.started),
        )
        script = raw.script()
        if script is not None:
            self.files.take(launch.command[0], script)
        self.functions = Functions(
            self.files, decoder if decoder.is_of(about) else None, optimize=_optimize(about)
        )
        if launch.target == "script":
            self.functions.learn_name(launch.command[0])
        self._log = JitLog(self.functions, keep_stages=KEPT_STAGES[launch.stages])
        self._path: Path = raw.path(self._pid, "log")
        self._stream: Optional[BinaryIO] = None
        self._splitter = LineSplitter()
        self._dropped: Dict[str, int] = {}

    def advance(self) -> bool:
        """Read the next block of the log, code objects first: the log only names them."""
        if self._stream is None and self._path.exists():
            self._stream = self._path.open("rb")
        piece = self._stream.read(BLOCK_BYTES) if self._stream is not None else b""
        if not piece:
            return False
        self.functions.learn(self._notes.update())
        self._feed(piece)
        return True

    def _feed(self, piece: bytes) -> None:
        """Read a block of the log, if none of it was dropped before or while it was read."""
        assert self._stream is not None
        at = self._stream.tell() - len(piece)
        hole = hole_of(self._path)
        if hole is None or at >= hole.stop or at + len(piece) <= hole.start:
            self._log.feed(self._splitter.push(piece))
            return
        self._log.feed(self._splitter.push(piece[: max(hole.start - at, 0)]))
        self._log.skip()
        self._splitter = LineSplitter()
        self._stream.seek(hole.stop)
        self._dropped["log"] = self._dropped.get("log", 0) + hole.stop - max(hole.start, at)

    def position(self) -> tuple[int, int]:
        """Give bytes of the log read, and there."""
        assert self._stream is not None
        return self._stream.tell(), self._path.stat().st_size

    def finish(self) -> Known:
        """Settle the log and read the samples."""
        self.functions.learn(self._notes.update())
        self._log.feed(self._splitter.end())
        self._log.end()
        if self._stream is not None:
            self._stream.close()
        samples = self._samples()
        stamps = read_stamps(self._raw.data(self._pid, "stamps"))
        notes = self._notes.notes
        return Known(self._pid, notes, self._log, self.functions, self.files, samples, stamps, self._dropped)

    def _samples(self) -> SampleFile:
        path = self._raw.path(self._pid, "prof")
        hole = hole_of(path)
        if hole is not None:
            self._dropped["prof"] = hole.stop - hole.start
        return read_samples(*read_around(path))
