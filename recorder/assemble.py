"""Put a raw recording together into a bundle.

All but the decoding of code objects, which is the business of the PyPy that ran the program.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from tracebin.bundle.codec import encode_line
from tracebin.bundle.packing import FAST, LEVEL, Created, Packed, create_compressed
from tracebin.bundle.records import Exit, Options, Problem, Process, PyPy, Run, Scalar
from tracebin.bundle.writer import BundleWriter
from tracebin.errors import BundleNotWritten
from tracebin.recorder.assembled_process import AssembledProcess, Shared, assembled
from tracebin.recorder.clock import Clock
from tracebin.recorder.decoding import Decoder
from tracebin.recorder.process_problems import dropped_problems, file_problems, merged
from tracebin.recorder.process_records import TraceLine
from tracebin.recorder.raw import MOST_PROCESSES, Finish, Launch, RawRecording
from tracebin.recorder.reading import AllKnown, Reading
from tracebin.recorder.remote_calls import CallServer
from tracebin.recorder.stacks import StackTree
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
    calls: Optional[CallServer] = None,
) -> None:
    """Make the bundle ``out`` of the raw recording in ``folder``.

    With ``follow`` the program may still run: its log is read as it grows until
    ``follow`` says that the program has ended.  ``progress`` is told bytes of the log
    read and their total; ``calls`` reads calls where they are many.  ``out`` appears whole or not at all.

    Raises:
        RecordingUnreadable: there is nothing a bundle could be made of.
        BundleNotWritten: the disk or the folder refused.
    """
    raw = RawRecording(folder)
    reading = Reading(raw, decoder, calls, packs=out.suffix == ".gz")
    while follow is not None and not follow(reading.advance()):
        pass
    assembly = Assembly(raw, reading.finish(progress))
    part = out.with_name(f".part-{os.getpid()}-{out.name}")
    try:
        with create_compressed(part) as stream:
            assembly.write(stream)
        os.replace(part, out)
    except OSError as fault:
        _remove(part)
        raise BundleNotWritten(f"the bundle {out} can't be written: {fault.strerror or fault}") from None


def _remove(path: Path) -> None:
    # It may never have been made, or the folder may be what refuses.
    with contextlib.suppress(OSError):
        path.unlink()


class Assembly:
    """A recording that has been read, on its way to becoming a bundle."""

    def __init__(self, raw: RawRecording, known: AllKnown) -> None:
        self._raw = raw
        self._known = known
        self._launch: Launch = raw.launch()
        self._finish: Optional[Finish] = raw.finish()
        main = known.processes[0]
        origin_ns = self._launch.started_ns
        # The processors' counters run alike, so the marks of all processes make one clock.
        marks = [mark for process in known.processes for mark in process.log.sync]
        # A program that was killed may have been silent for long: its samples went on.
        last_tick = max([main.log.last_tick, *(stamp.tick for stamp in main.samples.stamps[-1:])])
        clock = Clock(marks, origin_ns, (last_tick, self._ended_ns()))
        shared = Shared(origin_ns, clock, Threads(origin_ns), StackTree(), self._launch.calls)
        self._threads, self._tree = shared.threads, shared.tree
        self._processes = assembled(known.processes, shared, self._ended_ns())

    def _ended_ns(self) -> int:
        """Give when the program ended, on CLOCK_MONOTONIC; else a guess by its log's last write."""
        if self._finish is not None:
            return self._finish.ended_ns
        begun = (self._raw.folder / "launch.json").stat().st_mtime_ns
        written = self._known.processes[0].written_ns or begun
        return self._launch.started_ns + max(written - begun, 0)

    def _last_end_ns(self) -> int:
        """Give when the last process had ended."""
        return max(self._ended_ns(), *(process.ended_ns() or 0 for process in self._processes))

    # --- writing --------------------------------------------------------------

    def write(self, out: Created) -> None:
        """Write the bundle to ``out``."""
        writer = BundleWriter(out, self._run())
        for process in self._processes:
            writer.add("processes", self._process(process))
        for thread in self._threads.records():
            writer.add("threads", thread)
        self._write_functions(writer)
        for line in self._traces():
            text = encode_line(line.trace)
            writer.add_line("traces", text[: text.rindex(b"{}")] + line.stages.encode("ascii") + b"}")
        for key, found in self._rows():
            add = writer.add_line if key == "calls" else writer.add
            out.level = FAST if key == "calls" else LEVEL
            for record in found:
                add(key, record)
        writer.close()

    def _write_functions(self, writer: BundleWriter) -> None:
        # Making them numbers the last files.
        functions = list(self._known.table.lines())
        for entry in self._known.files.entries():
            if isinstance(entry, Packed):
                writer.add_packed("files", entry)
            else:
                writer.add("files", entry)
        for function in functions:
            writer.add_line("functions", function)

    def _traces(self) -> Iterator[TraceLine]:
        for process in self._processes:
            yield from process.records.traces()

    def _rows(self) -> Iterator[Tuple[str, Iterable[Any]]]:
        for process in self._processes:
            yield "aborts", process.records.aborts()
        for process in self._processes:
            yield "gc", process.records.gc_chunks()
        yield "stacks", self._tree.chunks()
        for process in self._processes:
            yield "samples", process.samples.chunks()
        for process in self._processes:
            yield "calls", process.calls.lines()
        for process in self._processes:
            yield "marks", process.marks()
        yield "problems", self._problems()

    def _run(self) -> Run:
        launch, finish, about = self._launch, self._finish, self._known.processes[0].notes.about
        jit: Dict[str, Scalar] = {**about.get("jit", {}), **launch.jit}
        return Run(
            command=launch.command,
            target=launch.target,
            cwd=launch.cwd,
            started=launch.started,
            duration_ns=max(self._last_end_ns() - launch.started_ns, 0),
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

    def _process(self, process: AssembledProcess) -> Process:
        record = process.record()
        if process.parent is None:
            record = dataclasses.replace(record, command=self._launch.command, start_ns=0)
        finish = self._finish
        # By exec the program may have become another, whose end the launcher saw.
        last = [each for each in self._processes if each.known.notes.pid == record.pid][-1]
        is_launched = record.pid == self._processes[0].known.notes.pid
        if not is_launched or process is not last:
            return record
        end_ns = self._ended_ns() - self._launch.started_ns if finish else None
        return dataclasses.replace(record, end_ns=end_ns, exit=finish.exit if finish else None)

    def _problems(self) -> List[Problem]:
        found = [Problem("launch", text) for text in self._launch.problems]
        if self._finish is None:
            found.append(
                Problem("no-finish", "The launcher ended before the program: output and exit are not known.")
            )
        found += merged([problem for process in self._processes for problem in process.problems()])
        if self._known.undecoded:
            fault = self._known.decoder.fault
            text = "Bytecode of another PyPy than the one at hand was left out."
            text = f"Bytecode couldn't be decoded: {fault}." if fault else text
            found.append(Problem("no-bytecode", text, self._known.undecoded))
        if self._known.ambiguous:
            text = "PyPy's sampler cuts long paths: some functions may be of one of several files."
            found.append(Problem("names-cut", text, self._known.ambiguous))
        files = self._known.files
        found += file_problems(Problem("no-source", "A source file can't be read."), files.unreadable)
        found += dropped_problems(self._known.dropped)
        text = "A source file was written while the program ran: what is shown may not be what ran."
        found += file_problems(Problem("source-changed", text), files.changed)
        found += self._child_problems()
        return found

    def _child_problems(self) -> Iterator[Problem]:
        finish = self._finish
        left_out = [stem for stem in self._raw.stems() if finish is not None and finish.leaves_out(stem)]
        if left_out:
            text = (
                "Child processes still ran when the program had ended; they were not waited for any longer."
            )
            yield Problem("children-left-out", text, len(left_out))
        unrecorded = sum(known.notes.unrecorded for known in self._known.processes)
        if unrecorded:
            text = "Child processes that ran PyPy code were not recorded, because of how they were started."
            yield Problem("children", text, unrecorded)
        refused = self._raw.refused()
        if refused:
            text = f"There were more than {MOST_PROCESSES} processes; those beyond were not recorded."
            yield Problem("children", text, refused)
