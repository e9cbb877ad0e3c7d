"""Hold one recording: the model every other part of tracebin speaks.

Each class is one element of the bundle, each field one JSON key (a
``NamedTuple`` is a JSON array in the order of its fields).  docs/bundle.md says
the same in prose, schema.json in JSON Schema (generated from this module).

Pure data: no reading, no writing, no meaning computed from it.  Times are integer
nanoseconds since ``Run.started`` on the monotonic clock; ``None`` means not
known; ids are positions in the list that holds the element.  Only types that
Python 3.9 can evaluate, since the recorder runs inside PyPy 7.3.11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Union

Number = Union[int, float]
Scalar = Union[bool, int, float, str, None]

FORMAT = "tracebin"
VERSION = 1
CHUNK_ROWS = 65_536

# Meaning of the numbers in state columns; the order is part of the format.
STATES = ("interpreted", "jitted", "blackhole", "tracing", "gc", "native")
GC_KINDS = ("minor", "major step", "major")
TRACE_KINDS = ("loop", "entry bridge", "bridge")
STAGES = ("traced", "optimised", "assembled")
TARGETS = ("script", "module", "code")
STREAMS = ("stdout", "stderr")
ORIGINS = ("program", "site", "stdlib", "builtin", "generated", "recorder")
LEFT_OUT = ("unused", "asked", "unreadable")


@dataclass(frozen=True)
class Exit:
    """How a process ended: a status, or the signal that killed it."""

    status: Optional[int] = None
    signal: Optional[int] = None


@dataclass(frozen=True)
class Stream:
    """The first and last bytes of a stream the program wrote.

    ``encoding`` is ``utf-8`` where the kept bytes are that, else ``base64``.
    ``tail`` is empty unless the stream was longer than what ``head`` may hold.
    """

    encoding: str
    head: str
    tail: str
    total_bytes: int
    cut_bytes: int


@dataclass(frozen=True)
class Host:
    """The machine, as far as it explains a number."""

    system: str
    release: str
    machine: str
    cpus: Optional[int] = None


@dataclass(frozen=True)
class PyPy:
    """The interpreter that ran the program, with its build settings."""

    version: str
    python: str
    executable: str
    build: Dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What was set for the run: JIT parameters, GC variables, the recorder."""

    jit: Dict[str, Scalar] = field(default_factory=dict)
    gc: Dict[str, Scalar] = field(default_factory=dict)
    recorder: Dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One recorded run, as a whole.

    ``target`` is ``script``, ``module`` or ``code``; ``command`` is what followed
    ``tracebin run``, its own options left out (``["-m", "pkg", "1"]``); ``output``
    maps ``stdout`` and ``stderr``.
    """

    command: List[str]
    target: str
    cwd: str
    started: str
    duration_ns: int
    exit: Exit
    host: Host
    pypy: PyPy
    options: Options
    output: Dict[str, Stream]
    recorder: str


@dataclass(frozen=True)
class CodeMemory:
    """Bytes of machine code memory, as PyPy itself counts them."""

    allocated_bytes: int
    used_bytes: int


class Pause(NamedTuple):
    """A stretch without samples and calls: the program asked for it."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Process:
    """One process; ``summary`` holds the lines of PyPy's jit-summary.

    Keys of ``summary`` are PyPy's own labels in lower case with underscores,
    such as ``abort_trace_too_long``; times end in ``_s``.  The stretches of ``paused`` are in
    order and don't overlap.
    """

    pid: int
    parent: Optional[int]
    command: List[str]
    start_ns: int
    end_ns: Optional[int]
    exit: Optional[Exit]
    summary: Dict[str, Number] = field(default_factory=dict)
    code_memory: Optional[CodeMemory] = None
    paused: List[Pause] = field(default_factory=list)


@dataclass(frozen=True)
class Thread:
    """One thread; ``native_id`` is the kernel's number of it, ``name`` the last it had.

    ``end_ns`` is None for a thread that ran as long as its process.
    """

    process: int
    native_id: int
    name: Optional[str] = None
    start_ns: Optional[int] = None
    end_ns: Optional[int] = None


@dataclass(frozen=True)
class SourceFile:
    """One source file; ``left_out`` is why ``text`` is None, one of LEFT_OUT.

    Of a file that has no text by nature (``builtin``, ``generated``) it is None too.
    """

    path: str
    origin: str
    module: Optional[str] = None
    package: Optional[str] = None
    text: Optional[str] = None
    sha256: Optional[str] = None
    left_out: Optional[str] = None


class Bytecode(NamedTuple):
    """One bytecode instruction; ``argument`` is its meaning as ``dis`` prints it."""

    offset: int
    name: str
    argument: Optional[str]
    line: Optional[int]


@dataclass(frozen=True)
class Function:
    """One code object; ``line`` is its first line; ``bytecode`` None if never seen."""

    file: int
    name: str
    qualname: str
    line: int
    bytecode: Optional[List[Bytecode]] = None


class Op(NamedTuple):
    """One resop.

    ``offset`` is the distance in bytes from ``MachineCode.address`` to its first
    instruction; ``fail`` the fail arguments of a guard.
    """

    name: str
    result: Optional[str]
    args: List[str]
    descr: Optional[str]
    offset: Optional[int]
    fail: Optional[List[Optional[str]]]


class MergePoint(NamedTuple):
    """A debug_merge_point: which bytecode the ops after it come from.

    ``op`` is the index of the op it stands before (``len(ops)`` at the end).
    Other jit drivers have no function; what they print is in ``text``.
    """

    op: int
    depth: int
    call: int
    function: Optional[int]
    offset: Optional[int]
    line: Optional[int]
    text: Optional[str]


@dataclass(frozen=True)
class Stage:
    """The ops of one trace at one stage; ``inputs`` are its input arguments."""

    inputs: List[str]
    ops: List[Op]
    points: List[MergePoint]


class Label(NamedTuple):
    """A label op of the optimised stage, and how often it was passed."""

    op: int
    token: str
    runs: Optional[int]


class Guard(NamedTuple):
    """The op a bridge starts from: a guard in ``trace``'s optimised stage."""

    trace: int
    op: int


@dataclass(frozen=True)
class Phases:
    """Time spent making a trace; the three exclude each other.

    They add up to the trace's whole time, less that of another tracing inside it
    (code PyPy runs while it traces may get hot and be traced itself).
    """

    tracing_ns: int
    optimising_ns: int
    backend_ns: int


@dataclass(frozen=True)
class MachineCode:
    """The machine code of one trace, later patches applied.

    ``address`` is where the block starts (its GC table); ``entry``, ``body`` and
    ``failures`` are offsets from there: of the function or jump target, the first
    op, and the guards' recovery code.  ``code`` is base64 of ``size`` bytes.
    ``backend`` is PyPy's name of it (``x86_64``, ``arm64``).
    """

    backend: str
    address: int
    size: int
    entry: int
    body: int
    failures: int
    code: Optional[str]
    patches: int


@dataclass(frozen=True)
class Trace:
    """One compiled trace.

    ``name`` is PyPy's own line for it, ``number`` PyPy's own number of a loop (not
    unique).  ``runs`` counts how often it was entered.  ``own`` marks the
    recorder's own traces.
    """

    process: int
    kind: str
    driver: str
    name: str
    number: Optional[int]
    function: Optional[int]
    offset: Optional[int]
    line: Optional[int]
    start_ns: int
    end_ns: int
    phases: Phases
    parent: Optional[Guard]
    runs: Optional[int]
    labels: List[Label]
    asm: Optional[MachineCode]
    freed_ns: Optional[int]
    own: bool
    stages: Dict[str, Stage]


class PathStep(NamedTuple):
    """A stretch of a trace's path on one source line: ``points`` merge points."""

    function: Optional[int]
    line: Optional[int]
    points: int
    text: Optional[str]


@dataclass(frozen=True)
class Abort:
    """One tracing that ended without a trace.

    ``reason`` is PyPy's name (``ABORT_TOO_LONG``); ``length`` counts the merge
    points traced; ``inlining`` holds PyPy's decisions about it, in its own words.
    ``function``, ``offset``, ``line`` tell where tracing started.
    """

    process: int
    start_ns: int
    end_ns: int
    reason: str
    driver: str
    function: Optional[int]
    offset: Optional[int]
    line: Optional[int]
    text: Optional[str]
    length: int
    inlining: List[str]
    longest: Optional[str]
    path: List[PathStep]


@dataclass(frozen=True)
class GcChunk:
    """Collections of one process; ``start`` is delta-coded from ``first_ns``.

    Row i starts at ``first_ns + sum(start[:i + 1])``.  ``before`` and ``after``
    are bytes in use; -1 where PyPy doesn't print them.
    """

    process: int
    first_ns: int
    kind: List[int]
    start: List[int]
    duration: List[int]
    before: List[int]
    after: List[int]


@dataclass(frozen=True)
class StackChunk:
    """Rows of the prefix tree of stacks; row numbers run on through the chunks.

    A row is one frame below its ``parent`` (-1 at the root): ``function`` (-1
    where unknown), ``state`` (position in STATES), ``trace`` (-1 where none) whose
    machine code the frame was in.
    """

    parent: List[int]
    function: List[int]
    state: List[int]
    trace: List[int]


@dataclass(frozen=True)
class SampleChunk:
    """Samples of one thread; ``time`` is delta-coded from ``first_ns``.

    ``stack`` is a row of the stacks, innermost frame; ``memory`` resident bytes,
    -1 where not measured.
    """

    thread: int
    first_ns: int
    time: List[int]
    stack: List[int]
    memory: List[int]


@dataclass(frozen=True)
class CallChunk:
    """Exact calls of one thread in order of start, delta-coded from ``first_ns``."""

    thread: int
    first_ns: int
    start: List[int]
    duration: List[int]
    depth: List[int]
    function: List[int]


@dataclass(frozen=True)
class Mark:
    """The program's own mark (``duration_ns`` None) or span; ``data`` is JSON text."""

    thread: int
    start_ns: int
    duration_ns: Optional[int]
    name: str
    data: Optional[str] = None


@dataclass(frozen=True)
class FileCoverage:
    """Lines of one file that a coverage run executed and missed."""

    file: int
    executed: List[int]
    missing: List[int]


@dataclass(frozen=True)
class Problem:
    """Something lost, cut, coalesced or not understood.

    ``kind`` is one of the slugs listed in docs/bundle.md, ``text`` a sentence.
    """

    kind: str
    text: str
    count: int = 1
    where: Optional[str] = None


@dataclass(frozen=True)
class Bundle:
    """A whole bundle in memory, for the sizes where that is right."""

    run: Run
    processes: List[Process] = field(default_factory=list)
    threads: List[Thread] = field(default_factory=list)
    files: List[SourceFile] = field(default_factory=list)
    functions: List[Function] = field(default_factory=list)
    traces: List[Trace] = field(default_factory=list)
    aborts: List[Abort] = field(default_factory=list)
    gc: List[GcChunk] = field(default_factory=list)
    stacks: List[StackChunk] = field(default_factory=list)
    samples: List[SampleChunk] = field(default_factory=list)
    calls: List[CallChunk] = field(default_factory=list)
    marks: List[Mark] = field(default_factory=list)
    coverage: Optional[List[FileCoverage]] = None
    problems: List[Problem] = field(default_factory=list)


# The lists of a bundle in the order they are written: key -> type of its elements.
SECTIONS = {
    "processes": Process,
    "threads": Thread,
    "files": SourceFile,
    "functions": Function,
    "traces": Trace,
    "aborts": Abort,
    "gc": GcChunk,
    "stacks": StackChunk,
    "samples": SampleChunk,
    "calls": CallChunk,
    "marks": Mark,
    "coverage": FileCoverage,
    "problems": Problem,
}
