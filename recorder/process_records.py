"""Turn what one process left behind into records of the bundle."""

from __future__ import annotations

import base64
from collections import Counter
from itertools import zip_longest
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tracebin.bundle.records import (
    CHUNK_ROWS,
    Abort,
    GcChunk,
    Guard,
    MachineCode,
    Pause,
    Phases,
    SampleChunk,
    Trace,
)
from tracebin.recorder.clock import Clock
from tracebin.recorder.code_blocks import CodeBlock
from tracebin.recorder.functions import Functions
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.log_drafts import AbortDraft, At, Collection, TraceDraft
from tracebin.recorder.pauses import ActiveTime, Pauses
from tracebin.recorder.portals import PortalFinder
from tracebin.recorder.raw import Notes
from tracebin.recorder.resops import driver_of
from tracebin.recorder.samples import Sample, SampleFile, spread, ticks_of
from tracebin.recorder.stacks import Stacks, TraceFinder
from tracebin.recorder.stamps import Stamp
from tracebin.recorder.threads import Threads


class TraceLine(NamedTuple):
    """A trace without its stages, and the stages as JSON text."""

    trace: Trace
    stages: str


class ProcessRecords:
    """The records of process number ``process``, whose times ``clock`` knows.

    Its first trace has number ``first_trace``.  ``parent`` are those of the process it was forked
    from at ``forked_ns``, with all traces compiled by then.
    """

    def __init__(
        self,
        process: int,
        first_trace: int,
        log: JitLog,
        clock: Clock,
        functions: Functions,
        agent: str,
        parent: Optional[ProcessRecords] = None,
        forked_ns: int = 0,
    ) -> None:
        self._process = process
        self._first_trace = first_trace
        self._log = log
        self._clock = clock
        self._functions = functions
        self._agent = agent
        self._parent = parent
        self._forked_ns = forked_ns

    def _guard(self, draft: TraceDraft) -> Optional[Guard]:
        """Give the guard a bridge starts from, by the number its trace has in the bundle."""
        if draft.parent is not None:
            return Guard(draft.parent.trace + self._first_trace, draft.parent.op)
        if self._parent is None or draft.header.guard is None:
            return None
        return self._parent.guard_before(draft.header.guard, self._forked_ns)

    def guard_before(self, address: int, time_ns: int) -> Optional[Guard]:
        """Give the guard that lay at ``address`` when a child was forked."""
        guard = self._log.guard_at(address)
        if guard is not None:
            is_older = self._clock.ns(self._log.traces[guard.trace].stop) <= time_ns
            return Guard(guard.trace + self._first_trace, guard.op) if is_older else None
        if self._parent is None:
            return None
        return self._parent.guard_before(address, min(time_ns, self._forked_ns))

    def traces(self) -> Iterator[TraceLine]:
        """Yield every trace in the order it was compiled."""
        for draft in self._log.traces:
            stages = ",".join(f'"{name}":{text}' for name, text in draft.stages)
            yield TraceLine(self._trace(draft), "{" + stages + "}")

    def _trace(self, draft: TraceDraft) -> Trace:
        at, ns = draft.at, self._clock.ns
        start = ns(draft.start)
        return Trace(
            process=self._process,
            kind=draft.header.kind,
            driver=_driver(at),
            name=draft.header.name,
            number=draft.header.number,
            function=at.function,
            offset=at.offset,
            line=at.line,
            start_ns=start,
            end_ns=ns(draft.stop),
            phases=self._phases(draft, start),
            parent=self._guard(draft),
            runs=draft.runs,
            labels=draft.labels,
            asm=_machine_code(draft.block, self._log.backend),
            freed_ns=None if draft.freed is None else ns(draft.freed),
            own=at.function is not None and self._functions.is_in(at.function, self._agent),
            stages={},
        )

    def _phases(self, draft: TraceDraft, start: int) -> Phases:
        def long(ticks: int) -> int:
            return self._clock.ns(draft.start + ticks) - start

        return Phases(long(draft.tracing), long(draft.optimising), long(draft.backend))

    def aborts(self) -> Iterator[Abort]:
        """Yield every abort in order of time."""
        for draft in self._log.aborts:
            yield self._abort(draft)

    def _abort(self, draft: AbortDraft) -> Abort:
        at = draft.at
        return Abort(
            process=self._process,
            start_ns=self._clock.ns(draft.start),
            end_ns=self._clock.ns(draft.stop),
            reason=draft.reason,
            driver=_driver(at),
            function=at.function,
            offset=at.offset,
            line=at.line,
            text=at.text,
            length=draft.length,
            inlining=draft.inlining,
            longest=draft.longest,
            path=draft.path,
        )

    def gc_chunks(self) -> Iterator[GcChunk]:
        """Yield the collections in order of their start."""
        rows = sorted(self._log.collections, key=lambda row: row.start)
        for first in range(0, len(rows), CHUNK_ROWS):
            yield self._gc_chunk(rows[first : first + CHUNK_ROWS])

    def _gc_chunk(self, rows: List[Collection]) -> GcChunk:
        starts = [self._clock.ns(row.start) for row in rows]
        return GcChunk(
            process=self._process,
            first_ns=starts[0],
            kind=[row.kind for row in rows],
            start=deltas(starts),
            duration=[self._clock.ns(row.stop) - start for row, start in zip(rows, starts)],
            before=[row.before for row in rows],
            after=[row.after for row in rows],
        )

    def finder(self) -> TraceFinder:
        """Give the index of machine code by ticks, also of what was compiled before the fork."""
        finder = TraceFinder()
        self._find_in(finder, None)
        return finder

    def portals(self) -> PortalFinder:
        """Give the index of what traces inline, also of those from before the fork."""
        portals = PortalFinder() if self._parent is None else self._parent.portals()
        portals.add(self._first_trace, self._log.traces, self._guard)
        return portals

    def _find_in(self, finder: TraceFinder, until_ns: Optional[int]) -> None:
        if self._parent is not None:
            forked_ns = self._forked_ns if until_ns is None else min(until_ns, self._forked_ns)
            self._parent._find_in(finder, forked_ns)
        for number, draft in enumerate(self._log.traces, self._first_trace):
            block = draft.block
            if block is not None and (until_ns is None or self._clock.ns(draft.stop) <= until_ns):
                finder.add(block.address, len(block.code), draft.stop, number)
        for block in self._log.helpers:
            finder.add(block.address, len(block.code), 0, -1)
        for address, size in self._log.stubs:
            finder.add_stub(address, size)


def deltas(times: List[int]) -> List[int]:
    """Give each time's distance from the one before it; the first's is 0."""
    return [0, *(later - earlier for earlier, later in zip(times, times[1:]))] if times else []


def _driver(at: At) -> str:
    return "pypyjit" if at.function is not None or at.text is None else driver_of(at.text)


def _machine_code(block: Optional[CodeBlock], backend: str) -> Optional[MachineCode]:
    if block is None:
        return None
    size = len(block.code)
    return MachineCode(
        backend=backend,
        address=block.address,
        size=size,
        entry=min(max(block.entry, 0), size),
        body=min(max(block.body, 0), size),
        failures=min(max(block.failures, 0), size),
        code=base64.b64encode(bytes(block.code)).decode("ascii"),
        patches=block.patches,
    )


class SampleRecords:
    """The samples of one process, by the numbers of their threads.

    What ``stamps``, one for each sample or None, say of time, place and thread is better than what
    the sampler says.  ``rows`` are those of the raw stacks, for the first samples, if they are known.
    """

    def __init__(
        self,
        process: int,
        found: SampleFile,
        stamps: List[Optional[Stamp]],
        notes: Notes,
        clock: Clock,
        stacks: Stacks,
        threads: Threads,
        pauses: Iterable[Pause] = (),
        rows: Sequence[Optional[int]] = (),
    ) -> None:
        self._process = process
        self._found = found
        self._pauses = Pauses(pauses)
        self._notes = notes
        self._clock = clock
        self._stacks = stacks
        self._threads = threads
        self._by_thread: Dict[int, List[Tuple[int, int, int]]] = {}
        self.empty = 0
        self.is_of_all_threads = "threads" in notes.sampling
        self._rows = rows
        self._stamps = stamps if clock.is_known else [None] * len(found.samples)
        self.is_stamped = any(self._stamps) or not found.samples

    def place(self, start_ns: int, stop_ns: int, origin_ns: int) -> None:
        """Give every sample its time, its thread and its row of the stacks."""
        rest = []
        for sample, stamp, raw in zip_longest(self._found.samples, self._stamps, self._rows):
            if stamp is None:
                rest.append(sample)
            else:
                time_ns = self._clock.ns(stamp.tick)
                start_ns = max(start_ns, time_ns + origin_ns)
                if raw is None:
                    raw = self._stacks.raw.add(sample.stack, stamp.tick, stamp.pc, in_kernel=stamp.in_kernel)
                memory_bytes = stamp.memory_bytes if sample.memory_bytes < 0 else sample.memory_bytes
                self._place(raw, stamp.thread, time_ns, memory_bytes)
        self._spread(rest, start_ns - origin_ns, stop_ns - origin_ns, origin_ns)

    def _spread(self, rest: List[Sample], start_ns: int, stop_ns: int, origin_ns: int) -> None:
        """Place samples without a stamp."""
        active = ActiveTime(start_ns, stop_ns, self._pauses)
        if self._notes.sampling.get("timer_taken"):
            lasted_ns = ticks_of(rest) * float(self._notes.sampling["interval_s"]) * 1e9
            active = ActiveTime(start_ns, min(stop_ns, active.at(int(lasted_ns))), self._pauses)
        for sample, time in zip(rest, spread(rest, active, origin_ns)):
            time_ns = max(time, 0)
            raw = self._stacks.raw.add(sample.stack, self._clock.tick(time_ns))
            self._place(raw, sample.thread, time_ns, sample.memory_bytes)

    def _place(self, raw: int, ident: int, time_ns: int, memory_bytes: int) -> None:
        row = self._stacks.placed(raw)
        if row < 0:
            self.empty += 1
        else:
            thread = self._threads.number(self._process, ident, time_ns)
            self._by_thread.setdefault(thread, []).append((time_ns, row, memory_bytes))

    def in_functions(self) -> Counter[int]:
        """Count the samples with each function at the top of the stack."""
        rows = (row for placed in self._by_thread.values() for _, row, _ in placed)
        found: Counter[int] = Counter()
        for row, count in Counter(rows).items():
            found[self._stacks.tree.function(row)] += count
        return found

    def threads(self) -> int:
        """Count the threads that were sampled."""
        return len(self._by_thread)

    def chunks(self) -> Iterator[SampleChunk]:
        """Yield the samples thread by thread, each in order of time."""
        for number, rows in self._by_thread.items():
            rows.sort(key=lambda row: row[0])
            for first in range(0, len(rows), CHUNK_ROWS):
                yield _sample_chunk(number, rows[first : first + CHUNK_ROWS])


def _sample_chunk(thread: int, rows: List[Tuple[int, int, int]]) -> SampleChunk:
    times, stacks, memory = (list(column) for column in zip(*rows))
    return SampleChunk(thread, times[0], deltas(times), stacks, memory)
