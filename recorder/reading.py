"""Read a raw recording, whole or while it still grows.

Reading the log is most of the work of making a bundle.  Where a second core is
free it is done while the program runs, so that little is left when it ends.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Tuple

from tracebin.errors import RecordingUnreadable
from tracebin.recorder.calls import Called, CallReading
from tracebin.recorder.cut_names import may_be_cut
from tracebin.recorder.decoding import Decoder
from tracebin.recorder.disk import hole_of
from tracebin.recorder.functions import Functions, FunctionTable
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.raw import Notes, NotesReader, RawRecording
from tracebin.recorder.remote_calls import CallServer, CallsReader, RemoteCalls
from tracebin.recorder.sampled import Sampled
from tracebin.recorder.sections import BLOCK_BYTES, LineSplitter
from tracebin.recorder.sources import Files

KEPT_STAGES = {"optimised": ("optimised",), "all": ("traced", "optimised", "assembled")}


@dataclass(frozen=True)
class Known:
    """All that the recording of one process says; ``dropped`` is bytes, by kind of file."""

    notes: Notes
    log: JitLog
    functions: Functions
    samples: Sampled
    dropped: Dict[str, int]
    called: Called
    written_ns: int

    @property
    def stem(self) -> str:
        """Give the name of its files."""
        return self.notes.stem


@dataclass(frozen=True)
class AllKnown:
    """All that a recording says: the program's own process is the first."""

    processes: List[Known]
    table: FunctionTable
    files: Files
    decoder: Decoder

    @property
    def dropped(self) -> Dict[str, int]:
        """Count the bytes that were dropped, by kind of file."""
        total: Counter[str] = Counter()
        for known in self.processes:
            total.update(known.dropped)
        return total

    @property
    def undecoded(self) -> int:
        """Count the functions whose bytecode no decoder at hand can read."""
        return sum(functions.undecoded for functions in {known.functions for known in self.processes})

    @property
    def ambiguous(self) -> int:
        """Count the functions of which the sampler's names don't tell the file."""
        return sum(len(functions.ambiguous) for functions in {known.functions for known in self.processes})


class Reading:
    """The reading of one recording: ``advance`` as often as wanted, then ``finish``.

    With ``packs`` files are compressed meanwhile, for a bundle that is to be a gzip file.
    """

    def __init__(
        self, raw: RawRecording, decoder: Decoder, calls: Optional[CallServer] = None, *, packs: bool = False
    ) -> None:
        self._raw = raw
        self._packs = packs
        self._decoder = decoder
        self._calls = calls
        self._processes: Dict[str, _ProcessReading] = {}
        self._shared: Optional[_Shared] = None
        self._waiting: Dict[str, NotesReader] = {}

    def advance(self) -> bool:
        """Read a block of each process's news, and say whether there is more to do at once.

        Where there is little news, do what would else be done after the end.
        """
        return self._read_on() or self._do_ahead()

    def _read_on(self) -> bool:
        self._look_for_more()
        news = [process.advance() for process in self._processes.values()]
        return any(news)

    def _do_ahead(self) -> bool:
        news = [process.advance_samples() for process in self._processes.values()]
        if self._shared is None or any(news):
            return any(news)
        return self._shared.table.advance() or (self._packs and self._shared.files.advance())

    def _look_for_more(self) -> None:
        """Begin with processes whose agent has said what they are, the program's own first."""
        for stem in self._raw.stems():
            if stem not in self._processes and stem not in self._waiting:
                self._waiting[stem] = NotesReader(stem, self._raw.path(stem, "notes"))
        for notes in self._waiting.values():
            notes.update()
        ready = [notes for notes in self._waiting.values() if notes.notes.about]
        for notes in sorted(ready, key=lambda notes: notes.notes.parent is not None):
            if self._shared is None and notes.notes.parent is not None:
                return
            del self._waiting[notes.notes.stem]
            self._shared = self._shared or _Shared(self._raw, notes.notes.about, self._decoder, self._calls)
            self._processes[notes.notes.stem] = _ProcessReading(self._raw, notes, self._shared)

    def finish(self, progress: Callable[[int, int], None]) -> AllKnown:
        """Read all that is left, now that nothing more will be written.

        Raises:
            RecordingUnreadable: the program left no recording.
        """
        has_more = True
        while has_more:
            has_more = self._read_on()
            positions = [process.position() for process in self._processes.values()]
            progress(sum(done for done, _ in positions), sum(total for _, total in positions))
        if self._shared is None:
            self._raw.launch()  # raises where the folder never held a recording
            raise RecordingUnreadable(
                "the program's PyPy left no recording: it ended before it was up, "
                "or a 'sitecustomize' of its own came first"
            )
        finish = self._raw.finish()
        known = [
            process.finish()
            for stem, process in self._processes.items()
            if finish is None or not finish.leaves_out(stem)
        ]
        known.sort(key=lambda each: (each.notes.parent is not None, each.notes.about.get("since_ns", 0)))
        return AllKnown(known, self._shared.table, self._shared.files, self._decoder)


def _optimize(about: Dict[str, Any]) -> int:
    """Give the level of -O, the fourth of ``sys.flags``."""
    flags = about.get("flags") or []
    return int(flags[3]) if len(flags) > 3 else 0


def _seconds(started: str) -> float:
    return datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp()


class _Shared:
    """What the processes of one recording have in common: files, functions, and who decodes them."""

    def __init__(
        self, raw: RawRecording, about: Dict[str, Any], decoder: Decoder, calls: Optional[CallServer]
    ) -> None:
        self.launch = launch = raw.launch()
        self._decoder = decoder
        self.calls = calls
        self.files = Files(
            launch.cwd,
            str(about["stdlib"]),
            agent=str(about["agent"]),
            kept=launch.kept_source,
            since_s=_seconds(launch.started),
        )
        script = raw.script()
        if script is not None:
            self.files.take(launch.command[0], script)
        self.table = FunctionTable()
        self._functions: Dict[Tuple[Any, ...], Functions] = {}

    def functions(self, about: Dict[str, Any]) -> Functions:
        """Give the functions of a process's interpreter and folder."""
        cwd = about.get("cwd")
        key = (about.get("pypy"), about.get("python"), _optimize(about), cwd)
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._new(about, cwd)
        return found

    def _new(self, about: Dict[str, Any], cwd: Optional[str]) -> Functions:
        self.files.add_stdlib(str(about["stdlib"]))
        decoder = self._decoder if self._decoder.is_of(about) else None
        interpreter = "" if decoder is not None else f"{about.get('pypy')}, {about.get('python')}"
        functions = Functions(
            self.files,
            decoder,
            optimize=_optimize(about),
            cwd=cwd,
            table=self.table,
            interpreter=interpreter,
        )
        if self.launch.target == "script":
            functions.learn_name(self.launch.command[0])
            functions.learn_files([self.launch.command[0]])
        functions.learn_files(map(str, Path(str(about["agent"])).glob("*.py")))
        return functions


class _ProcessReading:
    """The reading of one process's files."""

    def __init__(self, raw: RawRecording, notes: NotesReader, shared: _Shared) -> None:
        self._raw = raw
        self._notes = notes
        self._stem = notes.notes.stem
        self._functions = shared.functions(notes.notes.about)
        self._functions.learn(notes.notes.codes)
        self._functions.learn_files(notes.notes.files)
        self._log = JitLog(self._functions, keep_stages=KEPT_STAGES[shared.launch.stages])
        self._path: Path = raw.path(self._stem, "log")
        self._stream: Optional[BinaryIO] = None
        self._splitter = LineSplitter()
        self._dropped: Dict[str, int] = {}
        self._calls = self._calls_reader(shared.calls)
        self._samples = Sampled(
            raw.path(self._stem, "prof"),
            raw.path(self._stem, "stamps"),
            self._log,
            is_forked=bool(notes.notes.about.get("forked")),
            native=NativeCode.noted(notes.notes.about),
        )

    def _calls_reader(self, server: Optional[CallServer]) -> CallsReader:
        path, notes = self._raw.path(self._stem, "calls"), self._notes.notes.calls
        if server is None:
            return CallReading(path, notes, self._learn)
        return RemoteCalls(path, notes, self._learn, server)

    def advance(self) -> bool:
        """Read the next block of the log and of the calls, and say whether there is more at once."""
        return self._advance_log() | self._calls.advance()

    def advance_samples(self) -> bool:
        """Read the next block of the samples, and have the code decoded that they name."""
        has_more = self._samples.advance()
        for name in self._samples.new_names():
            # What files such names stand for may be known later.
            if not may_be_cut(name.name) and not may_be_cut(name.file):
                self._functions.named(name.name, name.file, name.line)
        return has_more

    def _learn(self) -> None:
        self._functions.learn(self._notes.update())
        self._functions.learn_files(self._notes.notes.files)

    def _advance_log(self) -> bool:
        """Read the next block of the log, code objects first: the log only names them."""
        if self._stream is None and self._path.exists():
            self._stream = self._path.open("rb")
        piece = self._stream.read(BLOCK_BYTES) if self._stream is not None else b""
        if not piece:
            return False
        self._learn()
        return self._feed(piece)

    def _feed(self, piece: bytes) -> bool:
        """Read a block of the log, if none of it was dropped before or while it was read.

        Say whether there is more: what fills no block can wait.
        """
        assert self._stream is not None
        at = self._stream.tell() - len(piece)
        hole = hole_of(self._path)
        if hole is None or at >= hole.stop or at + len(piece) <= hole.start:
            self._log.feed(self._splitter.push(piece))
            return len(piece) == BLOCK_BYTES
        self._log.feed(self._splitter.push(piece[: max(hole.start - at, 0)]))
        self._log.skip()
        self._splitter = LineSplitter()
        self._stream.seek(hole.stop)
        self._dropped["log"] = self._dropped.get("log", 0) + hole.stop - max(hole.start, at)
        return True

    def position(self) -> Tuple[int, int]:
        """Give bytes of the log read, and there."""
        return (self._stream.tell(), self._path.stat().st_size) if self._stream is not None else (0, 0)

    def finish(self) -> Known:
        """Settle the log and read the samples."""
        self._learn()
        called = self._calls.finish()
        if self._calls.dropped:
            self._dropped["calls"] = self._calls.dropped
        self._log.feed(self._splitter.end())
        self._log.end()
        if self._stream is not None:
            self._stream.close()
        self._samples.finish()
        if self._samples.dropped:
            self._dropped["prof"] = self._samples.dropped
        notes = self._notes.notes
        written_ns = self._path.stat().st_mtime_ns if self._path.exists() else 0
        return Known(notes, self._log, self._functions, self._samples, self._dropped, called, written_ns)
