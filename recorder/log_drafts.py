"""What the log says of traces, aborts and collections: records to be, times still in ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Guard, Label, PathStep
from tracebin.recorder.code_blocks import CodeBlock
from tracebin.recorder.resops import Header


class At(NamedTuple):
    """Where a merge point's text says it is: function, line and offset, or a text alone."""

    function: Optional[int]
    line: Optional[int]
    offset: Optional[int]
    text: Optional[str]


class Collection(NamedTuple):
    """One GC phase in ticks: kind as in GC_KINDS, bytes in use or -1."""

    kind: int
    start: int
    stop: int
    before: int
    after: int


@dataclass
class TraceDraft:
    """A trace as far as it is known; times in ticks."""

    header: Header
    at: At
    stages: List[Tuple[str, str]]
    labels: List[Label]
    block: Optional[CodeBlock]
    parent: Optional[Guard]
    start: int = 0
    stop: int = 0
    tracing: int = 0
    optimising: int = 0
    backend: int = 0
    runs: Optional[int] = None
    freed: Optional[int] = None


@dataclass
class AbortDraft:
    """An aborted tracing; times in ticks."""

    reason: str
    at: At
    length: int
    path: List[PathStep]
    inlining: List[str]
    longest: Optional[str]
    start: int = 0
    stop: int = 0
