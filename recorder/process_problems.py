"""Say what the recording of a process lacks."""

from __future__ import annotations

import dataclasses
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from tracebin.bundle.records import Problem
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.process_records import SampleRecords
from tracebin.recorder.raw import Notes
from tracebin.recorder.samples import SampleFile
from tracebin.recorder.stacks import Stacks

_DROPPED_FROM = {"calls": "the exact calls", "prof": "the samples", "log": "the JIT's log"}
# So many are named.
_MOST_PATHS = 3


def dropped_problems(dropped: Dict[str, int]) -> Iterator[Problem]:
    """Say what was dropped so that the raw recording stayed within its room, in bytes."""
    for ending, size in dropped.items():
        text = (
            f"More was recorded than there was room for: of {_DROPPED_FROM[ending]} the middle was dropped."
        )
        yield Problem("dropped", text, size)


def file_problems(of_one: Problem, paths: Iterable[str]) -> Iterator[Problem]:
    """Say what is wrong with files, and which they are; in a chroot it may be all of them."""
    found = list(dict.fromkeys(paths))
    if found:
        more = f" and {len(found) - _MOST_PATHS} more" if len(found) > _MOST_PATHS else ""
        yield dataclasses.replace(of_one, count=len(found), where=", ".join(found[:_MOST_PATHS]) + more)


def log_problems(log: JitLog, notes: Notes, where: str) -> Iterator[Problem]:
    """Say what one process's log and notes lack, or hold beyond our understanding."""
    for text, count in log.problems.items():
        yield Problem(
            "not-understood", f"The JIT's log has something this tracebin can't read: {text}.", count, where
        )
    for name, count in log.unknown.items():
        yield Problem(
            "unknown-section",
            f"The JIT's log has sections named {name}, which this tracebin doesn't know.",
            count,
            where,
        )
    if log.cut_sections:
        yield Problem("log-cut", "The JIT's log ends in the middle of a section.", log.cut_sections, where)
    # Without a trace PyPy writes no counts, however well the program ended.
    if log.traces and not log.has_counts:
        yield Problem(
            "no-counts",
            "The program didn't end in the usual way, so PyPy wrote no run counts: they are not known.",
            1,
            where,
        )
    yield from _notes_problems(notes, where)


def _notes_problems(notes: Notes, where: str) -> Iterator[Problem]:
    if not notes.is_ended:
        yield Problem(
            "no-end", "The program didn't end in the usual way: the last samples may be missing.", 1, where
        )
    if notes.was_closed:
        yield Problem(
            "files-closed",
            "The program closed the recorder's files: what came before they were open again is missing.",
            1,
            where,
        )
    if notes.sampling.get("timer_taken"):
        yield Problem(
            "timer-taken",
            "The program took the sampler's signal, SIGPROF: there are no samples from then on.",
            1,
            where,
        )
    for fault in notes.faults:
        yield Problem("agent-fault", f"The recorder's part in the program failed: {fault}.", 1, where)


def sample_problems(
    found: SampleFile, notes: Notes, samples: SampleRecords, stacks: Stacks, where: str
) -> Iterator[Problem]:
    """Say what one process's samples lack."""
    if found.cut and notes.sampling:
        yield Problem("samples-cut", f"The samples break off: {found.cut}.", 1, where)
    if found.samples and not found.texts:
        text = "The sampler didn't get to name the functions: samples have none."
        yield Problem("no-names", text, 1, where)
    if notes.sampling and notes.other_threads and samples.threads() < 2 and not samples.is_of_all_threads:
        text = "The program had other threads at a time; the sampler saw the main thread alone."
        yield Problem("threads-not-sampled", text, notes.other_threads, where)
    if not samples.is_stamped:
        text = (
            "The samples came without time and program counter: they are spread evenly, "
            "and a loop of machine code that calls nothing looks interpreted."
        )
        yield Problem("no-stamps", text, len(found.samples), where)
    if samples.empty:
        yield Problem(
            "empty-samples", "Samples without any Python frame were left out.", samples.empty, where
        )
    if stacks.unmatched:
        text = "Machine code was sampled that belongs to no trace of the log."
        yield Problem("unmatched-code", text, stacks.unmatched, where)


def merged(problems: Iterable[Problem]) -> List[Problem]:
    """Make one problem of those that several processes have alike."""
    counts: Dict[Tuple[str, str], int] = {}
    places: Dict[Tuple[str, str], Set[str]] = {}
    for problem in problems:
        key = (problem.kind, problem.text)
        counts[key] = counts.get(key, 0) + problem.count
        places.setdefault(key, set()).add(problem.where or "")
    return [Problem(*key, count, _where(places[key])) for key, count in counts.items()]


def _where(places: Set[str]) -> str:
    return min(places) if len(places) == 1 else f"{len(places)} processes"
