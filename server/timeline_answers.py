"""Hold what the API answers about the time line, one frozen dataclass for each shape of docs/api.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from tracebin.server.recorded import Recorded


@dataclass(frozen=True)
class FunctionNames:
    """The functions of a run in columns, by id."""

    name: List[str]
    qualname: List[str]
    file: List[int]
    line: List[int]


@dataclass(frozen=True)
class FileNames:
    """The files of a run in columns, by id."""

    path: List[str]
    origin: List[str]
    module: List[Optional[str]]
    package: List[Optional[str]]


@dataclass(frozen=True)
class Names:
    """All functions and files of a run."""

    functions: FunctionNames
    files: FileNames


@dataclass(frozen=True)
class ProcessTimes:
    """One process on the time line."""

    id: int
    pid: int
    parent: Optional[int]
    command: List[str]
    start_ns: int
    end_ns: Optional[int]
    paused: List[List[int]]


@dataclass(frozen=True)
class Source:
    """What is known of a thread's calls from one source."""

    source: str
    calls: int
    depths: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True)
class ThreadTimes:
    """One thread on the time line."""

    id: int
    process: int
    native_id: int
    name: Optional[str]
    start_ns: Optional[int]
    end_ns: Optional[int]
    interval_ns: Optional[int]
    sources: List[Source]


@dataclass(frozen=True)
class Threads:
    """What the time line of a run has to show."""

    start_ns: int
    end_ns: int
    processes: List[ProcessTimes]
    threads: List[ThreadTimes]
    recorded: Recorded


@dataclass(frozen=True)
class CallColumns:
    """Rows of calls; ``state`` and ``trace`` are empty for exact calls."""

    depth: List[int]
    start: List[int]
    duration: List[int]
    function: List[int]
    count: List[int]
    busy: List[int]
    call: List[int]
    state: List[int]
    trace: List[int]


@dataclass(frozen=True)
class TimelineRows:
    """The calls of a thread in a window."""

    thread: int
    source: str
    start_ns: int
    end_ns: int
    resolution_ns: int
    depths: int
    rows: CallColumns


@dataclass(frozen=True)
class FunctionColumns:
    """Rows of the calls of functions."""

    function: List[int]
    start: List[int]
    duration: List[int]
    count: List[int]
    busy: List[int]
    call: List[int]


@dataclass(frozen=True)
class FunctionCalls:
    """The calls of some functions in a window."""

    thread: int
    source: str
    start_ns: int
    end_ns: int
    resolution_ns: int
    rows: FunctionColumns


@dataclass(frozen=True)
class EventColumns:
    """Rows of the events of one track."""

    start: List[int]
    duration: List[int]
    count: List[int]
    busy: List[int]
    id: List[int]


@dataclass(frozen=True)
class EventTracks:
    """The events of a process in a window."""

    process: int
    start_ns: int
    end_ns: int
    resolution_ns: int
    tracks: Dict[str, EventColumns]


@dataclass(frozen=True)
class EventTime:
    """One event."""

    process: int
    kind: str
    id: int
    start_ns: int
    duration_ns: int


@dataclass(frozen=True)
class FoundEvent:
    """An event that was looked for."""

    event: Optional[EventTime]


@dataclass(frozen=True)
class MarkTime:
    """One mark or span of the program's own."""

    id: int
    thread: int
    start_ns: int
    duration_ns: Optional[int]
    name: str
    data: Optional[str]


@dataclass(frozen=True)
class Marks:
    """A page of the marks of a run."""

    total: int
    marks: List[MarkTime]


@dataclass(frozen=True)
class StateShares:
    """What a thread's VM did over time."""

    thread: int
    start_ns: int
    end_ns: int
    resolution_ns: int
    states: List[str]
    shares: List[List[int]]
    samples: List[int]
    memory: List[int]


@dataclass(frozen=True)
class OneCall:
    """One call with its neighbours."""

    call: int
    function: int
    depth: int
    start_ns: int
    duration_ns: int
    self_ns: int
    state: Optional[int]
    trace: Optional[int]
    parent: Optional[int]
    first_child: Optional[int]
    previous: Optional[int]
    next: Optional[int]
    children: int


@dataclass(frozen=True)
class Path:
    """The functions from the outermost call down to one that was asked for."""

    functions: List[int]


@dataclass(frozen=True)
class Found:
    """A call that was looked for."""

    call: Optional[OneCall]


@dataclass(frozen=True)
class TotalColumns:
    """Sums by function; ``interpreted`` and ``jitted`` are empty for exact calls, of which no sample tells.

    ``compiled_ns`` is when the first trace that goes through the function was there, -1 without one.
    """

    function: List[int]
    total_ns: List[int]
    self_ns: List[int]
    calls: List[int]
    largest_ns: List[int]
    largest_call: List[int]
    interpreted: List[int]
    jitted: List[int]
    compiled_ns: List[int]


@dataclass(frozen=True)
class Totals:
    """Sums by function in a window."""

    thread: int
    source: str
    start_ns: int
    end_ns: int
    functions: TotalColumns
    recorded: Recorded


@dataclass(frozen=True)
class Tree:
    """A merged tree in pre-order; row 0 is its root."""

    depth: List[int]
    function: List[int]
    total_ns: List[int]
    self_ns: List[int]
    calls: List[int]


@dataclass(frozen=True)
class Sandwich:
    """A function between its callers and what it calls."""

    thread: int
    source: str
    function: int
    start_ns: int
    end_ns: int
    total_ns: int
    self_ns: int
    calls: int
    callers: Tree
    callees: Tree


@dataclass(frozen=True)
class PathColumns:
    """Rows of calls merged by their path."""

    depth: List[int]
    start: List[int]
    duration: List[int]
    function: List[int]
    count: List[int]
    busy: List[int]
    call: List[int]


@dataclass(frozen=True)
class LeftHeavy:
    """The calls of a window merged by their path."""

    thread: int
    source: str
    start_ns: int
    end_ns: int
    resolution_ns: int
    depths: int
    rows: PathColumns
