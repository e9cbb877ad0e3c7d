"""Put a raw recording together into a bundle.

All but the decoding of code objects, which is the business of the PyPy that ran the program.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from tracebin.bundle.codec import encode_line
from tracebin.bundle.compression import checksum, create_compressed
from tracebin.bundle.records import Exit, Mark, Options, Pause, Problem, Process, PyPy, Run, Scalar
from tracebin.bundle.writer import BundleWriter
from tracebin.errors import BundleNotWritten
from tracebin.recorder.clock import Clock
from tracebin.recorder.decoding import Decoder
from tracebin.recorder.process_records import ProcessRecords, SampleRecords, dropped_problems, log_problems
from tracebin.recorder.raw import Finish, Launch, RawRecording
from tracebin.recorder.reading import Known, Reading
from tracebin.recorder.stacks import Stacks
from tracebin.recorder.threads import Threads

Progress = Callable[[int, int], None]
# Told whether there was news; waits if not, and says whether the program has ended.
Follow = Callable[[bool], bool]


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def assemble(
    folder: Path,
    out: Path,
    decoder: Decoder,
    follow: Optional[Follow] = None,
    progress: Progress = _silent,
) -> None:
    """Make the bundle ``out`` of the raw recording in ``folder``.

    With ``follow`` the program may still run: its log is read as it grows until
    ``follow`` says that the program has ended.  ``progress`` is told bytes of the log
    read and their total.  ``out`` appears whole or not at all.

    Raises:
        RecordingUnreadable: there is nothing a bundle could be made of.
        BundleNotWritten: the disk or the folder refused.
    """
    raw = RawRecording(folder)
    reading = Reading(raw, decoder)
    while follow is not None and not follow(reading.advance()):
        pass
    assembly = Assembly(raw, reading.finish(progress))
    part = out.with_name(f".part-{os.getpid()}-{out.name}")
    try:
        with create_compressed(part) as stream:
            written = Checked(stream)
            assembly.write(written)  # type: ignore[arg-type]
        _verify(part, written, out)
        os.replace(part, out)
    except OSError as fault:
        _remove(part)
        raise BundleNotWritten(f"the bundle {out} can't be written: {fault.strerror or fault}") from None


class Checked:
    """What is written to ``stream``, counted and summed up."""

    def __init__(self, stream: BinaryIO) -> None:
        self._write = stream.write
        self.checksum = (0, 0)

    def write(self, data: bytes) -> int:
        """Write."""
        size, crc = self.checksum
        self.checksum = size + len(data), zlib.crc32(data, crc)
        return self._write(data)


def _verify(part: Path, written: Checked, out: Path) -> None:
    """Read what was written: the raw recording is removed on its account.

    Raises:
        BundleNotWritten: it is not what was meant.
    """
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    if checksum(part) != written.checksum:
        _remove(part)
        raise BundleNotWritten(f"the bundle {out} doesn't read back as it was written")


def _remove(path: Path) -> None:
    # It may never have been made, or the folder may be what refuses.
    with contextlib.suppress(OSError):
        path.unlink()


class Assembly:
    """A recording that has been read, on its way to becoming a bundle."""

    def __init__(self, raw: RawRecording, known: Known) -> None:
        self._raw = raw
        self._known = known
        self._launch: Launch = raw.launch()
        self._finish: Optional[Finish] = raw.finish()
        self._files = known.files
        self._functions = known.functions
        self._names: Dict[int, int] = {}
        self.threads = Threads(self._launch.started_ns)
        self.threads.learn(0, known.notes.main_thread(), known.notes.other_threads_noted())
        self._clock = Clock(known.log.sync, self._launch.started_ns, (known.log.last_tick, self._ended_ns()))

    def _ended_ns(self) -> int:
        """Give when the process ended, on CLOCK_MONOTONIC; else a guess by its log's last write."""
        if self._finish is not None:
            return self._finish.ended_ns
        path = self._raw.path(self._known.pid, "log")
        begun = (self._raw.folder / "launch.json").stat().st_mtime_ns
        written = path.stat().st_mtime_ns if path.exists() else begun
        return self._launch.started_ns + max(written - begun, 0)

    # --- writing --------------------------------------------------------------

    def write(self, out: BinaryIO) -> None:
        """Write the bundle to ``out``."""
        known = self._known
        records = ProcessRecords(
            0, known.log, self._clock, self._functions, str(known.notes.about.get("agent", ""))
        )
        stacks = Stacks(self._function_of, records.finder(0), self._is_start_up)
        samples = SampleRecords(
            0,
            known.samples,
            known.stamps,
            known.notes,
            self._clock,
            stacks,
            self.threads,
            self._paused(),
        )
        samples.place(*self._sampled(), self._launch.started_ns)
        for ident in known.notes.marks.idents():
            self.threads.number(0, ident)
        writer = BundleWriter(out, self._run())
        writer.add("processes", self._process())
        for thread in self.threads.records():
            writer.add("threads", thread)
        self._write_code(writer)
        for line in records.traces():
            text = encode_line(line.trace)
            writer.add_line("traces", text[: text.rindex(b"{}")] + line.stages.encode("ascii") + b"}")
        rows: Dict[str, Iterable[object]] = {
            "aborts": records.aborts(),
            "gc": records.gc_chunks(),
            "stacks": stacks.chunks(),
            "samples": samples.chunks(),
            "marks": self._marks(),
        }
        for key, found in rows.items():
            for record in found:
                writer.add(key, record)
        for problem in self._problems(stacks, samples):
            writer.add("problems", problem)
        writer.close()

    def _marks(self) -> Iterator[Mark]:
        return self._known.notes.marks.records(
            self._launch.started_ns,
            self._ended_ns(),
            lambda ident, time_ns: self.threads.number(0, ident, time_ns),
        )

    def _paused(self) -> List[Pause]:
        return self._known.notes.pauses.records(self._launch.started_ns, self._ended_ns())

    def _write_code(self, writer: BundleWriter) -> None:
        functions = self._functions.records()
        for file in self._files.records():
            writer.add("files", file)
        for function in functions:
            writer.add("functions", function)

    def _function_of(self, number: int) -> int:
        """Give the function the sampler calls ``number``; -1 if it never got to name it."""
        known = self._names.get(number)
        if known is None:
            name = self._known.samples.names.get(number)
            known = -1 if name is None else self._functions.named(name.name, name.file, name.line)
            self._names[number] = known
        return known

    def _is_start_up(self, function: int) -> bool:
        return self._functions.is_in_start_up(function)

    def _sampled(self) -> Tuple[int, int]:
        """Give when sampling began and ended, on CLOCK_MONOTONIC."""
        sampling = self._known.notes.sampling
        start = int(sampling.get("started_ns", self._launch.started_ns))
        return start, int(sampling.get("stopped_ns", self._ended_ns()))

    def _run(self) -> Run:
        launch, finish, about = self._launch, self._finish, self._known.notes.about
        jit: Dict[str, Scalar] = {**about.get("jit", {}), **launch.jit}
        return Run(
            command=launch.command,
            target=launch.target,
            cwd=launch.cwd,
            started=launch.started,
            duration_ns=max(self._ended_ns() - launch.started_ns, 0),
            exit=finish.exit if finish else Exit(),
            host=launch.host,
            pypy=PyPy(
                about.get("pypy", "unknown"),
                about.get("python", "unknown"),
                about.get("executable", ""),
                about.get("build", {}),
            ),
            options=Options(jit, launch.gc, launch.options),
            output=finish.output if finish else {},
            recorder=launch.recorder,
        )

    def _process(self) -> Process:
        known, finish = self._known, self._finish
        return Process(
            pid=known.pid,
            parent=None,
            command=self._launch.command,
            start_ns=0,
            end_ns=self._ended_ns() - self._launch.started_ns if finish else None,
            exit=finish.exit if finish else None,
            summary=known.log.summary,
            code_memory=known.notes.code_memory,
            paused=self._paused(),
        )

    def _problems(self, stacks: Stacks, samples: SampleRecords) -> List[Problem]:
        known = self._known
        found = [Problem("launch", text) for text in self._launch.problems]
        if self._finish is None:
            found.append(
                Problem("no-finish", "The launcher ended before the program: output and exit are not known.")
            )
        found += log_problems(known.log, known.notes, known.pid)
        found += known.notes.marks.problems(f"process {known.pid}")
        found += known.notes.pauses.problems(f"process {known.pid}")
        found += self._sample_problems(stacks, samples)
        if self._functions.undecoded:
            text = "Bytecode of another PyPy than the one at hand was left out."
            found.append(Problem("no-bytecode", text, self._functions.undecoded))
        for path in self._files.unreadable:
            found.append(Problem("no-source", "A source file can't be read.", 1, path))
        found += dropped_problems(self._known.dropped)
        for path in self._files.changed:
            text = "A source file was written while the program ran: what is shown may not be what ran."
            found.append(Problem("source-changed", text, 1, path))
        others = [pid for pid in self._raw.logs() if pid != known.pid]
        if others:
            text = "Child processes that ran PyPy code are not recorded."
            found.append(Problem("children", text, len(others)))
        return found

    def _sample_problems(self, stacks: Stacks, samples: SampleRecords) -> List[Problem]:
        known = self._known
        found = []
        if not self._clock.is_known and known.log.last_tick:
            found.append(Problem("no-clock", "The log holds no sync marks: times in it are not known."))
        if known.samples.cut and known.notes.sampling:
            text = f"The samples break off: {known.samples.cut}."
            found.append(Problem("samples-cut", text))
        if known.samples.samples and not known.samples.names:
            found.append(
                Problem("no-names", "The sampler didn't get to name the functions: samples have none.")
            )
        if known.notes.other_threads and samples.threads() < 2:
            text = "The program had other threads at a time; this PyPy's sampler sees the main thread alone."
            found.append(Problem("threads-not-sampled", text, known.notes.other_threads))
        if not samples.is_stamped:
            text = (
                "The samples came without time and program counter: they are spread evenly, "
                "and a loop of machine code that calls nothing looks interpreted."
            )
            found.append(Problem("no-stamps", text, len(known.samples.samples)))
        if samples.empty:
            found.append(
                Problem("empty-samples", "Samples without any Python frame were left out.", samples.empty)
            )
        if stacks.unmatched:
            text = "Machine code was sampled that belongs to no trace of the log."
            found.append(Problem("unmatched-code", text, stacks.unmatched))
        return found
