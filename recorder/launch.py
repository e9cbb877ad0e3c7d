"""Record one program: start it with the agent inside, then have its bundle put together."""

from __future__ import annotations

import dataclasses
import marshal
import os
import platform
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type

import tracebin
from tracebin.bundle.compression import can_write_zstd, checksum, write_zstd
from tracebin.bundle.records import Exit, Host, Scalar, Stream
from tracebin.errors import BundleNotWritten, RecorderError, RecordingUnreadable
from tracebin.recorder.agent_pack import agent_pack
from tracebin.recorder.call_choice import TRACE_LIMIT, CallChoice
from tracebin.recorder.disk import DEFAULT_BYTES, DiskLimit, can_hold_samples, can_write_files, room
from tracebin.recorder.find import Interpreter, check_jit
from tracebin.recorder.program import Chore, Finished, run_program
from tracebin.recorder.raw import Finish, Launch, RawRecording
from tracebin.recorder.reader import Reader, has_second_core
from tracebin.recorder.waiting import Outliving

# What the log always holds; jit-abort-log and jit-log-noopt would be half of all bytes.  PyPy looks a section
# up in their order, and of collections there may be ten thousand a second, of two sections each.
CATEGORIES = (
    "gc-minor",
    "jit-log-opt",
    "jit-backend",
    "jit-tracing",
    "jit-optimize",
    "jit-abort-longest-function",
    "jit-disableinlining",
    "jit-summary",
    "jit-mem-looptoken-free",
    "gc-collect",
    "tracebin",
)
ALL_STAGES = ("jit-log-noopt", "jit-log-rewritten")
SITE = Path(__file__).resolve().parent / "site"
AGENT = "tracebin_agent"
PACKAGE = Path(tracebin.__file__).resolve().parent
# Of each file, a sixteenth at its end is never dropped (disk.py): more than the 50 MB of samples that the
# reader leaves unread at most (pace.py).
ROOM_TO_REST = 1 << 30
DEFAULT_INTERVAL_S = 0.001
# So many times as long the interval is when the agent has taken some samples (its sampling.py).
LATER = 4
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Request:
    """What to record, and how.

    ``words`` is what PyPy gets after its own options (``["prog.py", "1"]``,
    ``["-m", "pkg"]``); ``target`` is ``script``, ``module`` or ``code``.  Unless ``keeps_interval``, the time
    between samples is doubled after some: the agent's sampling.py says when.
    """

    target: str
    words: List[str]
    out: Path
    interpreter: Interpreter
    interval_s: float = DEFAULT_INTERVAL_S
    keeps_interval: bool = False
    stages: str = "optimised"
    source: str = "used"
    jit: Optional[str] = None
    max_bytes: int = DEFAULT_BYTES
    starts_paused: bool = False
    wait_s: float = 2.0
    calls: CallChoice = field(default_factory=CallChoice)


@dataclass(frozen=True)
class Recorded:
    """A program that ran, and where its bundle lies."""

    finished: Finished
    bundle: Path


class Packing:
    """The last step to a bundle whose name ends in ``.zst``: PyPy itself can't write that.

    ``first`` is what the reader is to write.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self.first = out.with_name(f".part-{os.getpid()}-{out.stem}") if out.suffix == ".zst" else out

    def finish(self) -> None:
        """Make ``out`` of what the reader wrote, if that isn't it already.

        Raises:
            BundleNotWritten: the disk or the folder refused.
        """
        if self.first == self._out:
            return
        part = self.first.with_name(f"{self.first.name}.zst")
        try:
            write_zstd(self.first, part)
            if checksum(part) != checksum(self.first):
                raise BundleNotWritten(f"the bundle {self._out} doesn't read back as it was written")
            os.replace(part, self._out)
            self.first.unlink()
        except OSError as fault:
            raise BundleNotWritten(f"the bundle {self._out} can't be written: {fault.strerror}") from None


def check_out(out: Path) -> None:
    """Refuse before the program runs if the bundle can't be written afterwards.

    Raises:
        BundleNotWritten: the folder is missing or can't be written to.
    """
    folder = out.parent
    if not folder.is_dir():
        raise BundleNotWritten(f"the bundle can't be written to {out}: there is no folder {folder}")
    if out.is_dir():
        raise BundleNotWritten(f"the bundle can't be written to {out}: it is a folder")
    if out.suffix == ".zst" and not can_write_zstd():
        raise BundleNotWritten(
            f"the bundle {out} can't be written as zstd: pip install zstandard, or use .json.gz"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BundleNotWritten(
            f"the bundle can't be written to {out}: the folder can't be written to; name another with -o"
        )


def record(
    request: Request, environ: Mapping[str, str], progress: Progress = lambda done, total: None
) -> Recorded:
    """Run the program under recording and write its bundle.

    ``progress`` is told bytes read and their total while the bundle is put together.

    Raises:
        ProgramNotStarted: the program's process could not be started.
        RecorderError: the bundle could not be made; the raw recording is kept and named.
    """
    check_out(request.out)
    if not can_hold_samples():
        request = dataclasses.replace(request, interval_s=0)
    if request.jit is not None:
        check_jit(request.interpreter.path, request.jit, environ)
    raw, limit, room_bytes = _begin_raw(request, environ)
    folder = raw.folder
    packing = Packing(request.out)
    reader = Reader(
        request.interpreter.path,
        folder,
        packing.first,
        follows=has_second_core(),
        rests=_may_rest(request, room_bytes),
    )
    try:
        finished = _run(request, environ, raw, limit)
    except BaseException:
        reader.give_up()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        outliving = Outliving(raw)
        left_out = outliving.wait(request.wait_s)
        _note_end(raw, finished, limit, left_out, outliving.seen)
        reader.finish(progress)
        packing.finish()
    except RecorderError as fault:
        reader.give_up()
        raise _without_bundle(raw, str(fault), type(fault)) from None
    except KeyboardInterrupt:
        reader.give_up()
        raise _without_bundle(raw, "stopped before the bundle was there", RecordingUnreadable) from None
    shutil.rmtree(folder, ignore_errors=True)
    return Recorded(finished, request.out)


def _may_rest(request: Request, room_bytes: int) -> bool:
    """Say whether the reader may fall behind, and nothing is dropped from the disk before it is read.

    Exact calls are so many that they must be read as they come.
    """
    return not request.calls.is_exact and room_bytes >= ROOM_TO_REST


def _begin_raw(request: Request, environ: Mapping[str, str]) -> Tuple[RawRecording, DiskLimit, int]:
    """Make the folder, and see that there is room, before the program runs; give the room's bytes, too."""
    try:
        raw = RawRecording(Path(tempfile.mkdtemp(prefix="tracebin-")))
    except OSError as fault:
        raise RecorderError(f"no folder can be made to record into: {fault.strerror or fault}") from None
    try:
        room_bytes = room(raw.folder, request.max_bytes)
        limit = DiskLimit(raw.folder, room_bytes)
        raw.write_launch(_launch(request, environ))
        raw.reserve_finish()
        if request.target == "script" and request.source != "none":
            raw.keep_script(Path(request.words[0]))
    except OSError as fault:
        shutil.rmtree(raw.folder, ignore_errors=True)
        raise RecorderError(
            f"{raw.folder.parent} can't be recorded into: {fault.strerror or fault}"
        ) from None
    except RecorderError:
        shutil.rmtree(raw.folder, ignore_errors=True)
        raise
    return raw, limit, room_bytes


def _without_bundle(raw: RawRecording, why: str, kind: Type[RecorderError]) -> RecorderError:
    """Say why there is no bundle, and what is left to make one of."""
    folder = raw.folder
    if not raw.is_there():
        return RecordingUnreadable(
            f"there is no bundle: the raw recording in {folder} was removed while the program ran"
        )
    return kind(f"{why}; the raw recording is kept in {folder}: 'tracebin recover {folder}' makes the bundle")


def _run(request: Request, environ: Mapping[str, str], raw: RawRecording, limit: DiskLimit) -> Finished:
    argv = [request.interpreter.path]
    if request.jit is not None:
        argv += ["--jit", request.jit]
    if request.target == "script" and request.words[0][:1] == "-" != request.words[0]:
        argv.append("--")  # a file's name, not an option of PyPy's
    chore = Chore(limit.look, limit.every_ms)
    return run_program(argv + request.words, _child_environ(request, environ, raw.folder), chore=chore)


def _note_end(
    raw: RawRecording,
    finished: Finished,
    limit: DiskLimit,
    left_out: Sequence[str] = (),
    seen: Optional[List[str]] = None,
) -> None:
    # The clock starts where the process does, not where the launcher did.
    launch = dataclasses.replace(
        raw.launch(), started=_iso(finished.started_utc), started_ns=finished.started_ns
    )
    launch = dataclasses.replace(launch, problems=[*launch.problems, *_troubles(finished, limit)])
    finish = dataclasses.replace(_finish(finished), left_out=list(left_out), seen=seen)
    try:
        raw.write_launch(launch)
        raw.write_finish(finish)
    except OSError as fault:
        _note_end_on_full_disk(raw, finish, fault)


def _troubles(finished: Finished, limit: DiskLimit) -> Iterator[str]:
    unseen = [name for name in ("stdout", "stderr") if not getattr(finished, name).seen]
    if unseen:
        where = " and ".join(unseen)
        yield f"What the program wrote to {where} was not kept: it went where it can't be read back."
    if limit.refused:
        yield "The raw recording grew beyond --max-size: its file system gives no room back."
    if limit.has_stopped:
        yield "There was no more room for samples: they end before the program does."
    if limit.is_full():
        yield "The disk of the raw recording was full: what came after that is missing."


def _note_end_on_full_disk(raw: RawRecording, finish: Finish, fault: OSError) -> None:
    """Keep how the program ended in the room that was reserved, without what it wrote."""
    output = {
        name: Stream("utf-8", "", "", s.total_bytes, s.total_bytes) for name, s in finish.output.items()
    }
    try:
        raw.write_finish(dataclasses.replace(finish, output=output, seen=None))
    except OSError:
        raise RecordingUnreadable(
            f"{raw.folder} can't be recorded into any more: {fault.strerror or fault}"
        ) from None


def _launch(request: Request, environ: Mapping[str, str]) -> Launch:
    options: Dict[str, Scalar] = {
        "interval_s": _interval_s(request),
        **({"later_interval_s": _later_interval_s(request)} if _later_interval_s(request) else {}),
        "stages": request.stages,
        "source": request.source,
        **request.calls.options(),
    }
    if request.starts_paused:
        options["start_paused"] = True
    problems = []
    if not can_hold_samples():
        problems.append("The limit on the size of files is too low for samples: there are none.")
    if "PYPYLOG" in environ:
        problems.append("PYPYLOG was set: PyPy's log went to tracebin instead.")
    return Launch(
        command=request.words,
        target=request.target,
        cwd=os.getcwd(),
        started=_iso(datetime.now(timezone.utc)),
        started_ns=time.monotonic_ns(),
        host=Host(platform.system(), platform.release(), platform.machine(), os.cpu_count()),
        recorder=tracebin.__version__,
        options=options,
        gc={name: value for name, value in environ.items() if name.startswith("PYPY_GC_")},
        jit={**_jit_options(request.jit), **_trace_limit(request)},
        stages=request.stages,
        source=request.source,
        calls=request.calls,
        problems=problems,
    )


def _interval_s(request: Request) -> float:
    return request.interval_s if request.calls.mode == "sampled" else 0.0


def _later_interval_s(request: Request) -> float:
    """Give what the interval becomes, by the instructions before the sampler's handler, or 0."""
    slows = not request.keeps_interval and platform.machine() == "x86_64"
    return _interval_s(request) * LATER if slows else 0.0


def _trace_limit(request: Request) -> Dict[str, Scalar]:
    """Give the limit that exact calls need, unless another was asked for."""
    is_own = "trace_limit" in _jit_options(request.jit)
    return {"trace_limit": TRACE_LIMIT} if request.calls.is_exact and not is_own else {}


def _jit_options(text: Optional[str]) -> Dict[str, Scalar]:
    """Read ``--jit``'s form, ``threshold=100,vec=1``."""
    pairs = (item.partition("=") for item in (text or "").split(",") if item)
    return {name.strip(): _number_or_text(value.strip()) for name, _, value in pairs}


def _number_or_text(text: str) -> Scalar:
    try:
        number = int(text)
    except ValueError:
        return text
    return number if abs(number) < 1 << 63 else text


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _child_environ(request: Request, environ: Mapping[str, str], folder: Path) -> Dict[str, str]:
    """Give the program's environment; the agent puts back what differs before the program starts."""
    categories = CATEGORIES + (ALL_STAGES if request.stages == "all" else ())
    ours = {
        "PYPYLOG": f"{','.join(categories)}:{folder}/%d.log",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SITE), environ.get("PYTHONPATH", "")])),
    }
    if not can_write_files():
        ours["PYTHONDONTWRITEBYTECODE"] = "1"
    settings = {
        "folder": str(folder),
        "categories": ",".join(categories),
        "command": request.words,
        "cwd": os.getcwd(),
        "parent": None,
        "token": "",
        "starts_again": False,
        "environ": {name: environ.get(name) for name in ours},
        "hooks": True,
        "interval": _interval_s(request),
        "later_interval": _later_interval_s(request),
        "calls": request.calls.mode,
        "trace_limit": _trace_limit(request).get("trace_limit", 0),
        "paused": request.starts_paused,
        "package": str(PACKAGE),
        "pack": agent_pack(SITE, AGENT, request.interpreter, environ),
    }
    return {**environ, **ours, "TRACEBIN_AGENT": marshal.dumps(settings, 2).hex()}


def _finish(finished: Finished) -> Finish:
    names = ("stdout",) if finished.joined else ("stdout", "stderr")
    output: Dict[str, Stream] = {name: getattr(finished, name).stream() for name in names}
    usage = finished.rusage
    return Finish(
        pid=finished.pid,
        ended_ns=finished.ended_ns,
        exit=Exit(finished.status, finished.signal),
        output=output,
        cpu_ns=int((usage.user_s + usage.system_s) * 1e9),
        max_rss_bytes=usage.max_rss_bytes,
    )
