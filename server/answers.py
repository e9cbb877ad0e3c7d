"""Hold what the API answers, one frozen dataclass for each body of docs/api.md.

The rows themselves are analysis' own; here are the envelopes around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from tracebin.analysis.rows import AbortRow, FunctionRow, Overview, TraceRow
from tracebin.bundle.records import Exit
from tracebin.server.recorded import Recorded


@dataclass(frozen=True)
class Created:
    """A stored run; whoever has ``delete_token`` can delete it."""

    id: str
    url: str
    delete_token: str


@dataclass(frozen=True)
class RunRow:
    """One run in the list."""

    id: str
    command: List[str]
    started: str
    duration_ns: int
    exit: Exit
    pypy: str
    python: str
    traces: int
    aborts: int
    bundle_bytes: int
    uploaded: str


@dataclass(frozen=True)
class Runs:
    """A page of the list of runs; ``total`` counts all."""

    total: int
    runs: List[RunRow]


@dataclass(frozen=True)
class RunOverview(Overview):
    """A run's overview with what the server knows of it."""

    id: str
    uploaded: str
    bundle_bytes: int


@dataclass(frozen=True)
class Traces:
    """A page of the traces that match; ``kinds`` and ``drivers`` count without their own filter."""

    total: int
    traces: List[TraceRow]
    kinds: Dict[str, int]
    drivers: Dict[str, int]
    recorded: Recorded


@dataclass(frozen=True)
class Functions:
    """A page of the functions that match."""

    total: int
    functions: List[FunctionRow]
    recorded: Recorded


@dataclass(frozen=True)
class Aborts:
    """All aborts of a run."""

    total: int
    by_reason: Dict[str, int]
    aborts: List[AbortRow]
    recorded: Recorded


@dataclass(frozen=True)
class File:
    """One source file; ``left_out`` is why there is no text, in the bundle's word for it."""

    id: int
    path: str
    origin: str
    module: Optional[str]
    package: Optional[str]
    text: Optional[str]
    sha256: Optional[str]
    left_out: Optional[str]


@dataclass(frozen=True)
class Health:
    """The answer of a server that works."""

    status: str
