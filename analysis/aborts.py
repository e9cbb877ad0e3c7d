"""Tell what became of tracings that were aborted.

One row for each: where it started, what it cost, why it ended, which way it had
gone, and whether the same place was compiled after all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from tracebin.analysis.places import Places
from tracebin.analysis.rows import AbortRow, AbortStep
from tracebin.bundle.records import Abort, PathStep

# Where tracing can start: process, driver, and function with offset, or what
# another driver prints for its green variables.
GreenKey = Tuple[int, str, Optional[int], Optional[int], Optional[str]]


def green_key(
    process: int, driver: str, function: Optional[int], offset: Optional[int], text: Optional[str]
) -> GreenKey:
    """Name a place where tracing starts, the same for an abort and a trace."""
    if function is None:
        return (process, driver, None, None, text)
    return (process, driver, function, offset, None)


def abort_key(abort: Abort) -> GreenKey:
    """Name the place where an aborted tracing started."""
    return green_key(abort.process, abort.driver, abort.function, abort.offset, abort.text)


def abort_row(index: int, abort: Abort, places: Places) -> AbortRow:
    """Put ``abort`` into a row; what came later isn't known yet."""
    return AbortRow(
        id=index,
        reason=abort.reason,
        driver=abort.driver,
        function=abort.function,
        title=places.title(abort.function) or abort.text or abort.driver,
        path=places.path(abort.function),
        line=abort.line,
        offset=abort.offset,
        text=abort.text,
        start_ns=abort.start_ns,
        duration_ns=abort.end_ns - abort.start_ns,
        length=abort.length,
        inlining=abort.inlining,
        longest=abort.longest,
        later=None,
        lost=True,
        path_steps=[_step(step, places) for step in abort.path],
    )


def _step(step: PathStep, places: Places) -> AbortStep:
    return AbortStep(
        title=places.title(step.function) or step.text or "",
        path=places.path(step.function),
        line=step.line,
        points=step.points,
        source=places.source(step.function, step.line),
    )


@dataclass(frozen=True)
class Start:
    """Where and when the tracing of a trace started."""

    trace: int
    key: GreenKey
    start_ns: int
    is_bridge: bool


def with_later(rows: Sequence[AbortRow], keys: Sequence[GreenKey], starts: Iterable[Start]) -> List[AbortRow]:
    """Add to each row the first trace that was started at its place then or later.

    Then: PyPy cuts what is too long into segments, and says ABORT_SEGMENTED_TRACE of a
    tracing that gave a trace all the same, which is not lost.  Of those after it a loop
    or entry bridge comes before a bridge: a bridge may pass the same place on its way
    through another loop.  A place nobody knows is never the same place.
    """
    by_key: Dict[GreenKey, List[Start]] = {}
    for start in sorted(starts, key=lambda start: (start.is_bridge, start.start_ns, start.trace)):
        by_key.setdefault(start.key, []).append(start)
    itself = {(start.key, start.start_ns): start for each in by_key.values() for start in reversed(each)}
    return [
        _with_start(row, itself.get((key, row.start_ns)) or _later(row, by_key.get(key, [])))
        if _is_known(key)
        else row
        for row, key in zip(rows, keys)
    ]


def _is_known(key: GreenKey) -> bool:
    return key[2:] != (None, None, None)


def _with_start(row: AbortRow, start: Optional[Start]) -> AbortRow:
    if start is None:
        return row
    return replace(row, later=start.trace, lost=start.start_ns != row.start_ns)


def _later(row: AbortRow, starts: List[Start]) -> Optional[Start]:
    return next((start for start in starts if start.start_ns > row.start_ns), None)
