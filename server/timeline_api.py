"""Answer the calls about the time line, with what lets browsers keep the answers for good.

A stored run never changes, so an answer is told by the run, the question and the
version of what answers it.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from typing import Any, Callable, Dict, List, Optional

import zstandard
from flask import Response, request

from tracebin import __version__
from tracebin.server import schemas, timeline_queries, timeline_sums
from tracebin.server import timeline as picture
from tracebin.server import timeline_answers as answers
from tracebin.server.api import blueprint, endpoints, store
from tracebin.server.endpoints import to_text
from tracebin.server.event_search import EVENT_KINDS, EventFinder
from tracebin.server.lanes import calls_of
from tracebin.server.one_call import Walker
from tracebin.server.store import DERIVED, Timeline
from tracebin.server.tables import Run

__all__ = ["blueprint"]

# Level 1 of both.  A picture's answer of 1 MB takes gzip 12 ms and zstd 2 ms, to a third of that either way.
_PACKED: Dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdCompressor(level=1).compress(body),
    "gzip": lambda body: gzip.compress(body, 1, mtime=0),
}
_WORTH_PACKING = 1024
# So long a browser doesn't ask again.  Not for good: a newer server may answer otherwise at the same address.
KEPT_S = 600


def _kept(view: Callable[..., Any]) -> Callable[..., Response]:
    """Give the view the run, answer with an ETag, or with 304 where the client has the answer already."""

    @functools.wraps(view)
    def answer(run_id: str, **parameters: Any) -> Response:
        run = store().make_current(run_id)
        tag = _tag(run_id)
        if tag in request.if_none_match:
            response = Response(status=304)
        else:
            response = _packed(to_text(view(run, **parameters)))
        response.set_etag(tag)
        response.headers["Cache-Control"] = f"private, max-age={KEPT_S}"
        response.vary.add("Accept-Encoding")
        return response

    return answer


def _call(name: str, answer: type, query: Any = None) -> Callable[[Callable[..., Any]], Any]:
    """Declare a call about one run, whose answers are kept; without parameters it can only lack the run."""
    more = {"query": query, "refusals": (400, 404)} if query else {}
    return lambda view: endpoints.add("GET", f"/runs/<run_id>/{name}", answer=answer, **more)(_kept(view))


def _tag(run_id: str) -> str:
    told = "\n".join([__version__, str(DERIVED), run_id, request.full_path, _packing() or "plain"])
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]


def _packing() -> Optional[str]:
    """Give the way to pack an answer that the client takes, the faster first."""
    return next((way for way in _PACKED if request.accept_encodings[way] > 0), None)


def _packed(body: bytes) -> Response:
    way = _packing()
    if way is None or len(body) <= _WORTH_PACKING:
        return Response(body, mimetype="application/json")
    response = Response(_PACKED[way](body), mimetype="application/json")
    response.headers["Content-Encoding"] = way
    return response


def _window(timeline: Timeline, start: Optional[int], end: Optional[int], width: int = 1000) -> Any:
    return picture.window(timeline, start, end, width)


@_call("names", answers.Names)
def show_names(run: Run) -> answers.Names:
    """List all functions and files of a run."""
    with store().database.reading() as session:
        return timeline_queries.names(session, run.pk)


@_call("threads", answers.Threads)
def show_threads(run: Run) -> answers.Threads:
    """Say which threads and processes the time line of a run has."""
    with store().open_timeline(run) as timeline:
        return picture.threads(timeline)


@_call("timeline", answers.TimelineRows, schemas.TimelineQuery)
def show_timeline(
    run: Run,
    *,
    thread: int,
    source: Optional[str],
    start: Optional[int],
    end: Optional[int],
    width: int,
    depth: int,
    depths: int,
) -> answers.TimelineRows:
    """Show the calls of a thread in a window of time."""
    with store().open_timeline(run) as timeline:
        wanted = _window(timeline, start, end, width)
        return picture.calls(timeline, thread, source, wanted, (depth, depth + depths - 1))


@_call("events", answers.EventTracks, schemas.EventsQuery)
def show_events(
    run: Run, process: int, start: Optional[int], end: Optional[int], width: int
) -> answers.EventTracks:
    """Show what the JIT and the GC did, and the program's marks, in a window of time."""
    with store().open_timeline(run) as timeline:
        return picture.events(timeline, process, _window(timeline, start, end, width))


@_call("events/find", answers.FoundEvent, schemas.FindEventQuery)
def find_event(
    run: Run,
    *,
    process: int,
    kind: List[str],
    direction: str,
    start_ns: int,
    from_kind: Optional[str],
    from_id: Optional[int],
) -> answers.FoundEvent:
    """Find the next or previous event of some kinds."""
    with store().open_timeline(run) as timeline:
        finder = EventFinder(timeline.parts, process, kind)
        of_kind = -1 if from_kind is None else EVENT_KINDS.index(from_kind)
        place = (start_ns, of_kind, -1 if from_id is None else from_id)
        return answers.FoundEvent(finder.next(place) if direction == "next" else finder.previous(place))


@_call("events/one", answers.FoundEvent, schemas.OneEventQuery)
def show_event(
    run: Run, *, process: int, kind: str, number: int, near_ns: Optional[int]
) -> answers.FoundEvent:
    """Show one event: when it began, and how long it took."""
    with store().open_timeline(run) as timeline:
        return answers.FoundEvent(EventFinder(timeline.parts, process).one(kind, number, near_ns))


@_call("marks", answers.Marks, schemas.MarksQuery)
def list_marks(run: Run, limit: int, offset: int) -> answers.Marks:
    """List the marks and spans that the program set."""
    with store().database.reading() as session:
        return timeline_queries.marks(session, run.pk, limit, offset)


@_call("states", answers.StateShares, schemas.StatesQuery)
def show_states(
    run: Run, thread: int, start: Optional[int], end: Optional[int], width: int
) -> answers.StateShares:
    """Show what the VM did for a thread over time."""
    with store().open_timeline(run) as timeline:
        return picture.states(timeline, thread, _window(timeline, start, end, width))


@_call("calls/of", answers.FunctionCalls, schemas.FunctionCallsQuery)
def show_calls_of(
    run: Run,
    *,
    thread: int,
    source: Optional[str],
    function: List[int],
    start: Optional[int],
    end: Optional[int],
    width: int,
) -> answers.FunctionCalls:
    """Show the calls of some functions in a window of time."""
    with store().open_timeline(run) as timeline:
        wanted = _window(timeline, start, end, width)
        return picture.calls_of_functions(timeline, thread, source, wanted, function)


@_call("calls/<int:index>", answers.OneCall, schemas.CallsQuery)
def show_call(run: Run, index: int, thread: int, source: Optional[str]) -> answers.OneCall:
    """Show one call and which are around it."""
    with store().open_timeline(run) as timeline:
        return Walker(calls_of(timeline.parts, thread, source)).one(index)


@_call("calls/<int:index>/path", answers.Path, schemas.CallsQuery)
def show_path(run: Run, index: int, thread: int, source: Optional[str]) -> answers.Path:
    """Show by which functions a call was reached."""
    with store().open_timeline(run) as timeline:
        return answers.Path(Walker(calls_of(timeline.parts, thread, source)).path(index))


@_call("find", answers.Found, schemas.FindQuery)
def find_call(
    run: Run,
    *,
    thread: int,
    source: Optional[str],
    function: List[int],
    after: Optional[int],
    before: Optional[int],
    after_ns: Optional[int],
) -> answers.Found:
    """Find the next or previous call of some functions."""
    with store().open_timeline(run) as timeline:
        walker = Walker(calls_of(timeline.parts, thread, source))
        if after_ns is not None:
            number = walker.after_ns(function, after_ns)
        elif before is not None:
            number = walker.before(function, before)
        else:
            number = walker.after(function, -1 if after is None else after)
        return answers.Found(None if number is None else walker.one(number))


@_call("totals", answers.Totals, schemas.SumsQuery)
def show_totals(
    run: Run, thread: int, source: Optional[str], start: Optional[int], end: Optional[int]
) -> answers.Totals:
    """Add up the time of each function in a stretch of time."""
    with store().open_timeline(run) as timeline:
        return timeline_sums.totals(timeline, thread, source, _window(timeline, start, end))


@_call("sandwich", answers.Sandwich, schemas.SandwichQuery)
def show_sandwich(
    run: Run,
    *,
    thread: int,
    source: Optional[str],
    function: int,
    start: Optional[int],
    end: Optional[int],
) -> answers.Sandwich:
    """Show a function between those that call it and those it calls."""
    with store().open_timeline(run) as timeline:
        wanted = _window(timeline, start, end)
        return timeline_sums.sandwich(timeline, thread, source, wanted, function)


@_call("left-heavy", answers.LeftHeavy, schemas.LeftHeavyQuery)
def show_left_heavy(
    run: Run, thread: int, source: Optional[str], start: Optional[int], end: Optional[int], width: int
) -> answers.LeftHeavy:
    """Show the calls of a stretch of time merged by their path."""
    with store().open_timeline(run) as timeline:
        wanted = _window(timeline, start, end, width)
        return timeline_sums.merged_by_path(timeline, thread, source, wanted)
