"""Put together what the recording of one process says; assemble.py makes the bundle of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple

from tracebin.bundle.records import Exit, Mark, Pause, Problem, Process
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.call_records import CallRecords
from tracebin.recorder.clock import Clock
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.process_problems import log_problems, sample_problems
from tracebin.recorder.process_records import ProcessRecords, SampleRecords
from tracebin.recorder.raw import Wait
from tracebin.recorder.reading import Known
from tracebin.recorder.samples import code_name
from tracebin.recorder.stacks import RawStacks, Stacks, StackTree
from tracebin.recorder.threads import Threads


@dataclass(frozen=True)
class Shared:
    """What the processes of a bundle have in common."""

    origin_ns: int
    clock: Clock
    threads: Threads
    tree: StackTree
    choice: CallChoice


def assembled(processes: List[Known], shared: Shared, ended_ns: int) -> List[AssembledProcess]:
    """Put all processes together, each after its parent; the first is the program's own."""
    found: Dict[str, AssembledProcess] = {}
    parents = {known.stem: known.notes.parent for known in processes}
    waits = [wait for known in processes for wait in known.notes.waits]
    traces = 0
    for known in processes:
        if _is_passing(known):
            continue
        parent = known.notes.parent
        while parent is not None and parent not in found:
            parent = parents.get(parent)
        # One whose parent was left out is the program's all the same.
        above = found.get(parent or processes[0].stem)
        wait = _wait_for(known, processes, waits)
        process = AssembledProcess(known, len(found), traces, above, wait, shared, ended_ns)
        found[known.stem] = process
        traces += len(known.log.traces)
    return list(found.values())


def _is_passing(known: Known) -> bool:
    """Say whether this was but the moment between a fork and its exec: our own code alone was hot."""
    notes = known.notes
    if notes.exec_ns is None or not notes.about.get("forked"):
        return False
    agent = str(notes.about.get("agent", ""))
    places = [draft.at.function for draft in known.log.traces]
    return all(place is not None and known.functions.is_in(place, agent) for place in places)


def _since_ns(known: Known) -> int:
    return int(known.notes.about.get("since_ns", 0))


def _wait_for(known: Known, processes: List[Known], waits: List[Wait]) -> Optional[Wait]:
    """Find how a process ended; of several that had its pid, it is the last that began by then."""
    pid, since_ns = known.notes.pid, _since_ns(known)
    later = [
        _since_ns(other) for other in processes if other.notes.pid == pid and _since_ns(other) > since_ns
    ]
    fitting = [
        wait for wait in waits if wait.pid == pid and since_ns <= wait.time_ns < min(later, default=1 << 63)
    ]
    return fitting[0] if fitting else None


class AssembledProcess:
    """One process: its records, samples and problems, numbered as the bundle has them."""

    def __init__(
        self,
        known: Known,
        number: int,
        first_trace: int,
        parent: Optional[AssembledProcess],
        wait: Optional[Wait],
        shared: Shared,
        ended_ns: int,
    ) -> None:
        about = known.notes.about
        self.known = known
        self.number = number
        self.parent = parent
        # What the sampler calls code objects, by their numbers.
        self.texts = known.samples.file.texts
        self._wait = wait
        self._shared = shared
        self._ended_ns = ended_ns
        self._functions: Dict[int, int] = {}
        origin = parent if about.get("forked") else None
        if origin is not None:
            self.texts = {**origin.texts_before(str(about.get("fork mark"))), **self.texts}
        self.records: ProcessRecords = ProcessRecords(
            number,
            first_trace,
            known.log,
            shared.clock,
            known.functions,
            str(about.get("agent", "")),
            origin.records if origin else None,
            _since_ns(known) - shared.origin_ns,
        )
        raw, first = known.samples.stacks, first_trace
        if about.get("forked"):
            native = NativeCode.noted(about)
            raw, first = RawStacks(self.records.finder(), self.records.portals(), native), 0
        self.stacks = Stacks(self._function_of, raw, self._is_hidden, shared.tree, first)
        self.samples = self._placed_samples()
        known.functions.sampled(self.samples.in_functions())
        self.calls = self._called()

    def texts_before(self, mark: str) -> Dict[int, bytes]:
        """Give the names of all code objects that were there when ``mark`` was made, for a fork."""
        end = f":{mark}".encode("utf-8", "surrogateescape")
        limit = min((number for number, text in self.texts.items() if text.endswith(end)), default=1 << 63)
        return {number: text for number, text in self.texts.items() if number < limit}

    def _placed_samples(self) -> SampleRecords:
        known, shared = self.known, self._shared
        shared.threads.learn(self.number, known.notes.main_thread(), known.notes.other_threads_noted())
        samples = SampleRecords(
            self.number,
            known.samples.file,
            known.samples.matching.found,
            known.notes,
            shared.clock,
            self.stacks,
            shared.threads,
            self._paused(),
            known.samples.rows,
        )
        samples.place(*self._sampled(), shared.origin_ns)
        for ident in known.notes.marks.idents():
            shared.threads.number(self.number, ident)
        return samples

    def _called(self) -> CallRecords:
        known, shared = self.known, self._shared
        return CallRecords(
            known.called,
            shared.choice,
            shared.clock,
            known.functions,
            str(known.notes.about.get("agent", "")),
            lambda ident, time_ns: shared.threads.number(self.number, ident, time_ns),
        )

    def marks(self) -> Iterator[Mark]:
        """Yield the marks and spans that the process set."""
        return self.known.notes.marks.records(
            self._shared.origin_ns,
            self.ended_ns() or self._ended_ns,
            lambda ident, time_ns: self._shared.threads.number(self.number, ident, time_ns),
        )

    def _paused(self) -> List[Pause]:
        return self.known.notes.pauses.records(self._shared.origin_ns, self.ended_ns() or self._ended_ns)

    def _sampled(self) -> Tuple[int, int]:
        """Give when sampling began and ended, on CLOCK_MONOTONIC."""
        sampling = self.known.notes.sampling
        start = int(sampling.get("started_ns", max(_since_ns(self.known), self._shared.origin_ns)))
        return start, int(sampling.get("stopped_ns", self.ended_ns() or max(self._ended_ns, start)))

    def ended_ns(self) -> Optional[int]:
        """Give when the process ended, on CLOCK_MONOTONIC, or became another by exec."""
        notes = self.known.notes
        if notes.exec_ns is not None:
            return notes.exec_ns
        if self.parent is None:
            return self._ended_ns
        return notes.stopped_ns if self._wait is None else self._wait.time_ns

    def _function_of(self, number: int) -> int:
        """Give the function the sampler calls ``number``; -1 if it never got to name it."""
        known = self._functions.get(number)
        if known is None:
            text = self.texts.get(number)
            name = None if text is None else code_name(text)
            known = -1 if name is None else self.known.functions.named(name.name, name.file, name.line)
            self._functions[number] = known
        return known

    def _is_hidden(self, function: int) -> bool:
        """Say whether a function at the root of a stack is PyPy's own, or the agent's, start of a thread."""
        functions = self.known.functions
        agent = str(self.known.notes.about.get("agent", ""))
        return functions.is_in_start_up(function) or functions.is_in(function, agent)

    def record(self) -> Process:
        """Give the process as the bundle holds it."""
        about, origin_ns = self.known.notes.about, self._shared.origin_ns
        start_ns = max(_since_ns(self.known) - origin_ns, 0)
        ended_ns = self.ended_ns()
        return Process(
            pid=self.known.notes.pid,
            parent=None if self.parent is None else self.parent.number,
            command=[str(word) for word in about.get("command", ())],
            start_ns=start_ns,
            end_ns=None if ended_ns is None else max(ended_ns - origin_ns, start_ns),
            exit=self._exit(),
            summary=self.known.log.summary,
            code_memory=self.known.notes.code_memory,
            paused=self._paused(),
        )

    def _exit(self) -> Optional[Exit]:
        return None if self._wait is None or self.known.notes.exec_ns else self._wait.exit()

    def problems(self) -> Iterator[Problem]:
        """Say what the recording of this process lacks."""
        known = self.known
        where = f"process {known.notes.pid}"
        yield from log_problems(known.log, known.notes, where)
        yield from known.notes.marks.problems(where)
        yield from known.notes.pauses.problems(where)
        if not self._shared.clock.is_known and known.log.last_tick:
            yield Problem("no-clock", "The log holds no sync marks: times in it are not known.", 1, where)
        yield from self.calls.problems(where)
        yield from sample_problems(known.samples.file, known.notes, self.samples, self.stacks, where)
