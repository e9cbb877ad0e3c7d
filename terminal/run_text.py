"""Print what a run was like: a few lines after recording, or a page of tables."""

from __future__ import annotations

from typing import List, Mapping, Optional

from rich.console import Console

from tracebin.analysis.rows import (
    AbortRow,
    Findings,
    MarkRow,
    TimeShare,
    TraceRow,
    hottest_functions,
    hottest_traces,
)
from tracebin.bundle.records import Problem, Process
from tracebin.terminal.page import COLUMN_GAP, Column, Page, Piece, crop, crop_start
from tracebin.terminal.wording import (
    calls_mode,
    command,
    counted,
    duration,
    ending,
    percent,
    place,
    size,
    visible,
)

HOT_TRACES = 3
SHOWN_ROWS = 10
SHOWN_ABORTS = 20
SHOWN_MARKS = 20
SHOWN_PROCESSES = 20
SHOWN_SPANS = 3
BAR_CELLS = 40
LABEL_WIDTH = 12
# Together with what else stands on their line, these fit 80 columns most times.
MAX_TITLE = 36
MAX_PLACE = 28

# Every state has its own hue, and every bar its name beside it.
STATE_STYLES = {
    "interpreted": "yellow",
    "jitted": "green",
    "blackhole": "red",
    "tracing": "magenta",
    "gc": "cyan",
    "native": "bright_blue",
    "unknown": "dim",
}

HOT_COLUMNS = (
    Column(style="bold"),
    Column(right=True, style="green"),
    Column(),
    Column(flexible=True, style="bold"),
    Column(flexible=True, style="dim", keep_end=True),
)


def report(findings: Findings, console: Console, *, bundle_path: Optional[str] = None) -> None:
    """Print the few lines that end a recording."""
    page = Page(console)
    _report(findings, page)
    _problem_count(findings, page)
    if bundle_path is not None:
        _labelled(page, "bundle", Piece(visible(bundle_path)))
    page.print()


def show(findings: Findings, console: Console) -> None:
    """Print the run, its hottest functions and traces, its aborts and its problems."""
    page = Page(console)
    _report(findings, page)
    _time_bars(findings, page)
    _functions(findings, page)
    _traces(findings, page)
    _aborts(findings, page)
    _processes(findings, page)
    _marks(findings, page)
    _problems(findings, page)
    page.print()


# --- the short report -------------------------------------------------------------


def _report(findings: Findings, page: Page) -> None:
    run = findings.run
    page.line(Piece(command(run), "bold"), hang=2)
    pypy = visible(f"PyPy {run.pypy.version} (Python {run.pypy.python})")
    _labelled(page, "run", Piece(f"{duration(run.duration_ns)}, {ending(run.exit)}, {pypy}"))
    _labelled(page, "calls", Piece(calls_mode(run)))
    if any(problem.kind == "cut" for problem in findings.problems):
        _labelled(
            page, "cut short", Piece("what stood after the break is missing in all that follows", "yellow")
        )
    _labelled(page, "time", *_shares(findings))
    _labelled(page, "traces", Piece(_trace_counts(findings)))
    _labelled(page, "aborts", Piece(_abort_counts(findings)))
    _labelled(page, "gc", Piece(_collections(findings)))
    if len(findings.processes) > 1:
        _labelled(page, "processes", Piece(_process_counts(findings)))
    if findings.marks:
        _labelled(page, "marks", Piece(_mark_counts(findings)))
    if any(process.paused for process in findings.processes):
        _labelled(page, "paused", Piece(_pauses(findings)))
    hot = [row for row in hottest_traces(findings.traces, HOT_TRACES) if row.samples]
    if hot:
        page.table(HOT_COLUMNS, [_hot(row, findings) for row in hot])


def _labelled(page: Page, label: str, *pieces: Piece) -> None:
    page.line(Piece(f"  {label:<{LABEL_WIDTH - 2}}", "bold"), *pieces, hang=LABEL_WIDTH)


def _shares(findings: Findings) -> List[Piece]:
    pieces: List[Piece] = []
    for share in findings.time.shares:
        if share.ns:
            pieces.append(Piece(", " if pieces else ""))
            pieces.append(Piece(f"{share.state} {percent(share.share)}", STATE_STYLES[share.state]))
    note = counted(findings.time.sampled, "sample") if findings.time.sampled else "no samples"
    return [*pieces, Piece(f" ({note} of the main thread)" if pieces else note)]


def _trace_counts(findings: Findings) -> str:
    counts = findings.counts
    if not any(counts[kind] for kind in ("loop", "entry bridge", "bridge")):
        return "none"
    kinds = ", ".join(counted(counts[kind], kind) for kind in ("loop", "entry bridge", "bridge"))
    made_ns = sum(row.compile_ns for row in findings.traces if not row.own)
    own = f"; {counts['own_traces']} of the recorder left out" if counts["own_traces"] else ""
    return f"{kinds}, made in {duration(made_ns)}{own}"


def _abort_counts(findings: Findings) -> str:
    return _lost_counts(findings) + _segmented_count(findings.counts)


def _lost_counts(findings: Findings) -> str:
    if not findings.counts["aborts"]:
        return "none"
    lost = sum(row.duration_ns for row in findings.aborts if row.lost)
    by_count = sorted(findings.aborts_by_reason.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{count} {visible(reason)}" for reason, count in by_count)
    return f"{findings.counts['aborts']}, {duration(lost)} lost: {reasons}"


def _segmented_count(counts: Mapping[str, int]) -> str:
    """Count what PyPy logs like an abort and isn't one (docs/architecture.md)."""
    many = counts["segmented"]
    if not many:
        return ""
    more = " more" if counts["aborts"] else ""
    became = "was cut into a segment" if many == 1 else "were cut into segments"
    return f"; {counted(many, 'tracing')}{more} {became}"


def _collections(findings: Findings) -> str:
    minor, major = findings.counts["gc_minor"], findings.counts["gc_major"]
    sums = findings.gc
    total = sums.minor_ns + sums.major_ns
    if not total and not minor and not major:
        return "no collections"
    return f"{minor} minor, {major} major, {duration(total)}, the longest {duration(sums.longest_ns)}"


def _process_counts(findings: Findings) -> str:
    threads = len(findings.threads)
    own = sum(thread.process == 0 for thread in findings.threads)
    return f"{len(findings.processes)}; {counted(threads, 'thread')}, {own} of the program's own process"


def _mark_counts(findings: Findings) -> str:
    spans = [row for row in findings.marks if row.kind == "span"]
    words = [f"{_title(row.name)} {duration(row.total_ns)}" for row in spans[:SHOWN_SPANS]]
    if len(spans) > SHOWN_SPANS:
        words.append(f"{counted(len(spans) - SHOWN_SPANS, 'other name')} of spans")
    marks = sum(row.count for row in findings.marks if row.kind == "mark")
    return ", ".join([*words, *([counted(marks, "mark")] if marks else [])])


def _pauses(findings: Findings) -> str:
    pauses = [pause for process in findings.processes for pause in process.paused]
    total = sum(pause.end_ns - pause.start_ns for pause in pauses)
    return f"{counted(len(pauses), 'time')}, {duration(total)} without samples and calls"


def _hot(row: TraceRow, findings: Findings) -> List[str]:
    share = percent(row.time_ns / findings.time.duration_ns) if findings.time.duration_ns else ""
    label = f"{'hot':<{LABEL_WIDTH - 2 - COLUMN_GAP}}"
    kind = f"{visible(row.kind)} {row.id}"
    return [label, share, kind, visible(row.title), place(row.path, row.line)]


def _title(title: str) -> str:
    return crop(visible(title), MAX_TITLE)


def _problem_count(findings: Findings, page: Page) -> None:
    problems = findings.problems
    if problems:
        rest = f" (and {len(problems) - 1} more: see tracebin show)" if len(problems) > 1 else ""
        _labelled(page, "problems", Piece(visible(problems[0].text) + rest, "yellow"))


# --- the tables -------------------------------------------------------------------


def _time_bars(findings: Findings, page: Page) -> None:
    shown = [share for share in findings.time.shares if share.ns]
    if not shown:
        return
    page.line()
    page.line(Piece("Time", "bold"))
    for share in shown:
        page.line(*_bar(share))


def _bar(share: TimeShare) -> List[Piece]:
    cells = max(1, round(share.share * BAR_CELLS))
    return [
        Piece(f"  {share.state:<12}{percent(share.share):>4} {duration(share.ns):>8}  "),
        Piece("#" * cells, STATE_STYLES[share.state]),
    ]


def _functions(findings: Findings, page: Page) -> None:
    rows = hottest_functions(findings.functions, SHOWN_ROWS)
    if not rows:
        return
    page.line()
    page.line(Piece("Functions by their own time", "bold"))
    # Exact calls have no VM state, and samples don't count calls.
    are_exact = any(row.calls for row in rows)
    columns = [
        Column("self", right=True),
        Column("total", right=True),
        *(Column(name, right=True) for name in (["calls"] if are_exact else ["interp.", "jitted"])),
        Column("function", flexible=True, style="bold"),
        Column("place", flexible=True, style="dim", keep_end=True),
    ]
    cells = [
        [
            duration(row.self_ns),
            duration(row.total_ns),
            *([f"{row.calls:,}"] if are_exact else [duration(row.interpreted_ns), duration(row.jitted_ns)]),
            visible(row.qualname),
            place(row.path, row.line),
        ]
        for row in rows
    ]
    page.table(columns, cells)


def _traces(findings: Findings, page: Page) -> None:
    rows = hottest_traces(findings.traces, SHOWN_ROWS)
    if not rows:
        return
    page.line()
    by = "time" if rows[0].samples else "runs (no sample fell into one)"
    page.line(Piece(f"Traces by {by}", "bold"))
    columns = [
        Column("id", right=True),
        Column("kind"),
        Column("time", right=True),
        Column("runs", right=True),
        Column("ops", right=True),
        Column("title", flexible=True, style="bold"),
        Column("place", flexible=True, style="dim", keep_end=True),
    ]
    page.table(columns, [_trace_cells(row) for row in rows])


def _trace_cells(row: TraceRow) -> List[str]:
    return [
        str(row.id),
        visible(row.kind),
        duration(row.time_ns) if row.samples else "-",
        "?" if row.runs is None else str(row.runs),
        str(row.ops),
        visible(row.title),
        place(row.path, row.line),
    ]


def _aborts(findings: Findings, page: Page) -> None:
    if not findings.aborts:
        return
    page.line()
    page.line(Piece("Aborts", "bold"))
    for row in findings.aborts[:SHOWN_ABORTS]:
        _abort(row, page)
    left = len(findings.aborts) - SHOWN_ABORTS
    if left > 0:
        page.line(Piece(f"  and {left} more"))


def _abort(row: AbortRow, page: Page) -> None:
    page.line(
        Piece(f"  {visible(row.reason)} ", "red"),
        Piece(_title(row.title), "bold"),
        Piece(f" {crop_start(place(row.path, row.line), MAX_PLACE)}", "dim"),
        hang=4,
    )
    page.line(Piece(f"    {_outcome(row)}"), hang=4)
    for decision in row.inlining:
        page.line(Piece(f"    {visible(decision)}", "dim"), hang=6)


def _outcome(row: AbortRow) -> str:
    cost = f"after {counted(row.length, 'merge point')}, {duration(row.duration_ns)}"
    if row.later is None:
        return f"{cost} lost"
    if row.lost:
        return f"{cost} lost; compiled later as trace {row.later}"
    return f"{cost}; what was traced until then became trace {row.later}"


def _processes(findings: Findings, page: Page) -> None:
    if len(findings.processes) < 2:
        return
    page.line()
    page.line(Piece("Processes", "bold"))
    columns = [
        Column("id", right=True),
        Column("pid", right=True),
        Column("parent", right=True),
        Column("start", right=True),
        Column("time", right=True),
        Column("end"),
        Column("command", flexible=True, style="bold"),
    ]
    rows = [
        _process_cells(number, process) for number, process in enumerate(findings.processes[:SHOWN_PROCESSES])
    ]
    page.table(columns, rows)
    left = len(findings.processes) - SHOWN_PROCESSES
    if left > 0:
        page.line(Piece(f"  and {left} more"))


def _process_cells(number: int, process: Process) -> List[str]:
    return [
        str(number),
        str(process.pid),
        "-" if process.parent is None else str(process.parent),
        duration(process.start_ns),
        "?" if process.end_ns is None else duration(process.end_ns - process.start_ns),
        "?" if process.exit is None else ending(process.exit),
        visible(" ".join(process.command)),
    ]


def _marks(findings: Findings, page: Page) -> None:
    if not findings.marks:
        return
    page.line()
    page.line(Piece("Marks and spans of the program", "bold"))
    columns = [
        Column("time", right=True),
        Column("longest", right=True),
        Column("count", right=True),
        Column("kind"),
        Column("first at", right=True),
        Column("name", flexible=True, style="bold"),
    ]
    page.table(columns, [_mark_cells(row) for row in findings.marks[:SHOWN_MARKS]])
    if len(findings.marks) > SHOWN_MARKS:
        page.line(Piece(f"  and {counted(len(findings.marks) - SHOWN_MARKS, 'other name')}"))


def _mark_cells(row: MarkRow) -> List[str]:
    times = [duration(row.total_ns), duration(row.longest_ns)] if row.kind == "span" else ["-", "-"]
    return [*times, str(row.count), row.kind, duration(row.first_ns), visible(row.name)]


def _problems(findings: Findings, page: Page) -> None:
    if not findings.problems:
        return
    page.line()
    page.line(Piece("Problems", "bold"))
    for problem in findings.problems:
        where = f" [{visible(problem.where)}]" if problem.where else ""
        page.line(Piece(f"  {visible(problem.text)}{_how_much(problem)}{where}", "yellow"), hang=4)


def _how_much(problem: Problem) -> str:
    if problem.kind == "dropped":
        return f" ({size(problem.count)})"
    return f" ({problem.count} times)" if problem.count > 1 else ""
