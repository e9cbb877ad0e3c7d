"""Read PYPYLOG into traces, aborts, collections and counts.

One pass over the log; what stands in nested sections is gathered here until the
section that it belongs to closes.  Nothing is interpreted beyond what PyPy says.
Section names: rpython/jit/metainterp and rpython/jit/backend, PyPy 7.3.11 to 8.0.1.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Callable, Dict, List, Optional, Tuple, TypeVar

from tracebin.bundle.records import Guard, Number, PathStep
from tracebin.recorder.code_blocks import CodeBlock, CodeBlocks
from tracebin.recorder.functions import Functions
from tracebin.recorder.log_drafts import AbortDraft, At, Collection, TraceDraft
from tracebin.recorder.log_lines import longest_function, number_after, summary_line
from tracebin.recorder.resops import Header, Place, parse_header, parse_place
from tracebin.recorder.run_counts import CountQueues
from tracebin.recorder.sections import Section, SectionReader, line_blocks
from tracebin.recorder.stage_text import StageReader, StageText
from tracebin.recorder.whole_sections import Dump, whole_sections

# Sections that say nothing the bundle holds, by the start of their name.
IGNORED = (
    "jit-regalloc-stats",
    "jit-trace-done",
    "jit-tco",
    "jit-log-compiling",
    "jit-log-short-preamble",
    "jit-log-exported-state",
    "jit-log-intbounds",
    "jit-log-dce",
    "jit-log-virtualstate",
    "jit-intbounds-stats",
    "jit-invalidate-quasi-immutable",
    "jit-mem-collect",
    "jit-mem-looptoken-alloc",
    "jit-abort-log",
    "gc-minor-walkroots",
    "gc-set-nursery-size",
    "gc-hardware",
    "gc-debug",
    "gc-rawrefcount",
)
# Sections that mark time alone; their lines belong to nobody.
_TIMED = ("jit-tracing", "jit-optimize", "jit-backend")

_FREED = re.compile(r"freeing Loop # (-?\d+)")
_MAX_PROBLEMS = 50
_ABORT = "~~~ ABORTING TRACING "
_NOT_INLINED = "recursive function (not inlined): "
_Said = TypeVar("_Said", Section, Dump)


@dataclass
class _Tracing:
    """What gathers while one jit-tracing section is open.

    ``begun`` is the tick at which it was opened, ``before`` how many traces there were.
    """

    begun: int
    before: int
    traces: List[TraceDraft] = field(default_factory=list)
    stages: List[Tuple[str, str]] = field(default_factory=list)
    inlining: List[str] = field(default_factory=list)
    longest: Optional[str] = None
    optimising: int = 0
    backend: int = 0


class JitLog:
    """Everything one process's log says; ``read`` fills it.

    ``problems`` counts what was met and not understood, by a sentence.
    """

    def __init__(self, functions: Functions, *, keep_stages: Tuple[str, ...] = ("optimised",)) -> None:
        self._functions = functions
        self._keep_stages = keep_stages
        self.traces: List[TraceDraft] = []
        self.aborts: List[AbortDraft] = []
        self.collections: List[Collection] = []
        self.summary: Dict[str, Number] = {}
        self.sync: List[Tuple[int, int]] = []
        self.helpers: List[CodeBlock] = []
        self.problems: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.has_counts = False
        self.cut_sections = 0
        self._blocks = CodeBlocks()
        self._fresh: Dict[str, CodeBlock] = {}
        self._guards: Dict[int, Guard] = {}
        self._tracings: List[_Tracing] = []
        self._places: Dict[str, At] = {}
        self._inner: Dict[int, int] = {}
        self._by_number: Dict[int, List[TraceDraft]] = defaultdict(list)
        self._sections = SectionReader(self._opened, self._closed)
        self._stages = StageReader(self._at, self._puzzled)
        self._handlers = self._table()

    @property
    def stubs(self) -> List[Tuple[int, int]]:
        """Give address and size of the machine code that PyPy made for all traces, as far as it is known."""
        return self._blocks.stubs

    @property
    def last_tick(self) -> int:
        """The last time the log tells."""
        return self._sections.last_tick

    @property
    def settled(self) -> Tuple[int, int]:
        """Give how many traces have their times, and up to which tick there are no others."""
        outer = self._tracings[0] if self._tracings else None
        return (len(self.traces), self.last_tick) if outer is None else (outer.before, outer.begun)

    @property
    def backend(self) -> str:
        """PyPy's name of the machine code's kind."""
        return self._blocks.backend

    def read(self, stream: BinaryIO) -> None:
        """Read a whole log."""
        for block in line_blocks(stream):
            self.feed(block)
        self.end()

    def feed(self, text: str) -> None:
        """Read the next lines of a log."""
        for before, whole in whole_sections(text):
            if before:
                self._sections.feed(before)
            if whole is None:
                break
            self._sections.pass_over(whole.stop)
            if isinstance(whole, Dump):
                self._handle("jit-backend-dump", self._blocks.take, whole)
            else:
                self.collections.append(Collection(0, whole.start, whole.stop, -1, whole.after))

    def skip(self) -> None:
        """Go on behind a piece of the log that is gone."""
        self._sections.skip()

    def guard_at(self, address: int) -> Optional[Guard]:
        """Give the guard whose descr lies at ``address``."""
        return self._guards.get(address)

    def end(self) -> None:
        """Settle what is still open: the log has no more lines."""
        self.cut_sections = self._sections.end()
        if self._sections.crossed:
            self.problems["a section's end fits no beginning"] += self._sections.crossed
        if self._sections.strays:
            self.problems["a line outside of any section"] += self._sections.strays

    def _table(self) -> Dict[str, Callable[[Section], None]]:
        return {
            "jit-tracing": self._on_tracing,
            "jit-optimize": self._on_optimize,
            "jit-backend": self._on_backend,
            "jit-backend-dump": lambda section: self._blocks.dump(section.lines),
            "jit-backend-addr": self._on_addr,
            "jit-backend-counts": self._on_counts,
            "jit-log-noopt": partial(self._keep, "traced"),
            "jit-log-noopt-loop": partial(self._keep, "traced"),
            "jit-log-rewritten-loop": partial(self._keep, "assembled"),
            "jit-log-rewritten-bridge": partial(self._keep, "assembled"),
            "jit-log-opt-loop": self._on_optimised,
            "jit-log-opt-bridge": self._on_optimised,
            # Why a loop was given up before it was compiled; PyPy starts over by itself.
            "jit-abort": lambda section: None,
            "jit-abort-longest-function": self._on_longest,
            "jit-disableinlining": self._on_inlining,
            "jit-mem-looptoken-free": self._on_freed,
            "jit-summary": self._on_summary,
            "gc-minor": self._on_minor,
            "gc-collect-step": self._on_step,
            "gc-collect-done": self._on_done,
            "tracebin-sync": self._on_sync,
        }

    # --- sections -------------------------------------------------------------

    @property
    def _tracing(self) -> Optional[_Tracing]:
        """The innermost tracing: code that runs while PyPy traces may get traced itself."""
        return self._tracings[-1] if self._tracings else None

    def _opened(self, section: Section) -> None:
        if section.name == "jit-tracing":
            self._tracings.append(_Tracing(section.start, len(self.traces)))

    def _closed(self, section: Section) -> None:
        handler = self._handlers.get(section.name)
        if handler is not None:
            self._handle(section.name, handler, section)
        elif not section.name.startswith(IGNORED):
            self.unknown[section.name] += 1

    def _handle(self, name: str, handler: Callable[[_Said], None], said: _Said) -> None:
        try:
            handler(said)
        except (ValueError, IndexError, KeyError) as fault:
            # A line of a form we don't know: PyPy's log is a log, and changes.
            self._puzzled(f"{name}: {type(fault).__name__}: {str(fault)[:80]}")

    def _exclusive(self, section: Section) -> int:
        """Give the ticks of a timed section without those of the timed sections in it."""
        ticks = section.stop - section.start
        own = ticks - self._inner.pop(id(section), 0)
        outer = section.parent
        while outer is not None and outer.name not in _TIMED:
            outer = outer.parent
        if outer is not None:
            self._inner[id(outer)] = self._inner.get(id(outer), 0) + ticks
        return own

    def _on_optimize(self, section: Section) -> None:
        own = self._exclusive(section)
        if self._tracing is not None:
            self._tracing.optimising += own

    def _on_backend(self, section: Section) -> None:
        self._blocks.finish()
        own = self._exclusive(section)
        if self._tracing is not None:
            self._tracing.backend += own

    def _on_tracing(self, section: Section) -> None:
        own = self._exclusive(section)
        tracing = self._tracings.pop()
        for draft in tracing.traces:
            draft.start, draft.stop = section.start, section.stop
        if tracing.traces:
            # Nearly always one trace; of several the last has what all took.
            last = tracing.traces[-1]
            last.tracing, last.optimising, last.backend = own, tracing.optimising, tracing.backend
        self._find_aborts(section, tracing)

    def _find_aborts(self, section: Section, tracing: _Tracing) -> None:
        if _ABORT not in section.text:
            return
        path: List[At] = []
        for line in section.lines:
            if line.startswith(_ABORT):
                draft = AbortDraft(
                    line[len(_ABORT) :].strip(),
                    path[0] if path else At(None, None, None, None),
                    len(path),
                    _steps(path),
                    tracing.inlining,
                    tracing.longest,
                    section.start,
                    section.stop,
                )
                self.aborts.append(draft)
            elif line.startswith(_NOT_INLINED):
                tracing.inlining.append(line[:500])
            elif "~#" in line or line.startswith("<code object"):
                path.append(self._at(line))

    # --- what a trace is made of ----------------------------------------------

    def _at(self, text: str) -> At:
        known = self._places.get(text)
        if known is None:
            place: Optional[Place] = parse_place(text)
            if place is None:
                known = At(None, None, None, text)
            else:
                known = At(self._functions.at(place), place.line, place.offset, None)
            self._places[text] = known
        return known

    def _on_addr(self, section: Section) -> None:
        block = self._blocks.announce(section.lines)
        if block is None:
            return
        name = section.lines[0].split(" has address ", maxsplit=1)[0]
        if name.startswith("Loop -1 "):
            self.helpers.append(block)
        else:
            self._fresh[name] = block

    def _keep(self, stage: str, section: Section) -> None:
        if self._tracing is not None and stage in self._keep_stages:
            self._tracing.stages.append((stage, self._stages.read(section.text).text))

    def _on_optimised(self, section: Section) -> None:
        text = section.text
        header = next(filter(None, map(parse_header, text.split("\n", 2)[:2])), None)
        if header is None:
            raise ValueError("a trace without a header")
        stage = self._stages.read(text)
        draft = TraceDraft(
            header,
            self._start_of(header, stage),
            [],
            stage.labels,
            self._fresh.pop(header.name, None),
            self._guards.get(header.guard) if header.guard is not None else None,
            section.start,
            section.stop,
        )
        number = len(self.traces)
        self._guards.update((address, Guard(number, op)) for address, op in stage.guards.items())
        self._add(draft, ("optimised", stage.text))

    def _add(self, draft: TraceDraft, optimised: Tuple[str, str]) -> None:
        draft.stages = [optimised]
        if self._tracing is not None:
            draft.stages = [*self._tracing.stages, optimised]
            self._tracing.stages = []
            self._tracing.traces.append(draft)
        if draft.header.number is not None:
            self._by_number[draft.header.number].append(draft)
        self.traces.append(draft)

    def _start_of(self, header: Header, stage: StageText) -> At:
        if header.text is not None:
            return self._at(header.text)
        return stage.first or At(None, None, None, None)

    def _puzzled(self, text: str) -> None:
        # Of a log that is damaged all over, some examples do.
        known = text in self.problems or len(self.problems) < _MAX_PROBLEMS
        self.problems[text if known else "more of the like"] += 1

    # --- what is said about traces later --------------------------------------

    def _on_longest(self, section: Section) -> None:
        if self._tracing is not None and section.lines:
            self._tracing.longest = longest_function(section.lines)

    def _on_inlining(self, section: Section) -> None:
        if self._tracing is not None:
            self._tracing.inlining.extend(line[:500] for line in section.lines)

    def _on_freed(self, section: Section) -> None:
        for line in section.lines:
            match = _FREED.match(line)
            drafts = self._by_number.get(int(match[1]), []) if match else []
            for draft in drafts[-1:]:
                draft.freed = section.start

    def _on_counts(self, section: Section) -> None:
        self.has_counts = section.complete
        queues = CountQueues(self.traces)
        for line in reversed(section.lines):
            queues.take(line)

    def _on_summary(self, section: Section) -> None:
        for line in section.lines:
            self.summary.update(summary_line(line))

    def _on_minor(self, section: Section) -> None:
        self._collection(0, section, -1, number_after(section.lines, "minor collect, total memory used:"))

    def _on_step(self, section: Section) -> None:
        self._collection(1, section, -1, -1)

    def _on_done(self, section: Section) -> None:
        arenas = number_after(section.lines, "bytes used in arenas:")
        raw = next((line for line in section.lines if line.startswith("bytes raw-malloced:")), "")
        numbers = [int(word) for word in raw.replace("=>", " ").split() if word.isdigit()]
        known = arenas >= 0 and len(numbers) == 2
        self._collection(2, section, -1, arenas + numbers[1] if known else -1)

    def _collection(self, kind: int, section: Section, before: int, after: int) -> None:
        self.collections.append(Collection(kind, section.start, section.stop, before, after))

    def _on_sync(self, section: Section) -> None:
        # Where the JIT traces the agent it prints its merge points, of what it has come to, in here.
        times = [line for line in section.lines if line.isdigit()]
        if not times and (not section.lines or section.inside("jit-tracing")):
            return  # the agent was held up while it made this one
        time_ns = int((times or section.lines)[0])
        if not 0 <= time_ns < 1 << 63:
            raise ValueError("a time out of range")
        self.sync.append((section.start, time_ns))


def _steps(path: List[At]) -> List[PathStep]:
    steps: List[PathStep] = []
    for at in path:
        last = steps[-1] if steps else None
        if last is not None and (last.function, last.line, last.text) == (at.function, at.line, at.text):
            steps[-1] = last._replace(points=last.points + 1)
        else:
            steps.append(PathStep(at.function, at.line, 1, at.text))
    return steps
