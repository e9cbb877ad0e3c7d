"""What a real recording's pages say of the VM's states is one: overview, ribbon, sums of functions."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from tracebin.analysis import stretches
from tracebin.analysis.rows import Findings
from tracebin.analysis.tally import Tally
from tracebin.server.lanes import Window
from tracebin.server.parts import Parts, PartsWriter, read_index
from tracebin.server.store import Timeline
from tracebin.server.timeline import bounds, states
from tracebin.server.timeline_ingest import TimelineWriter
from tracebin.server.timeline_sums import totals

if TYPE_CHECKING:
    from tests.cli.conftest import Recording

LISTS = ("processes", "threads", "files", "functions", "traces", "aborts", "gc", "stacks", "samples")


class MemoryPart(io.BytesIO):
    @property
    def size(self) -> int:
        return self.tell()

    def reopen(self) -> io.BytesIO:
        return io.BytesIO(self.getvalue())


@pytest.fixture(scope="module")
def told(recording: Recording) -> tuple[Timeline, Findings, int]:
    """The time line and the findings of a real recording, and the thread with most samples."""
    part, tally, opened = MemoryPart(), Tally(), recording.opened
    writer = TimelineWriter(PartsWriter(part))  # type: ignore[arg-type]
    elements: list[tuple[str, Any]] = [("run", opened.run)]
    elements += [(key, record) for key in LISTS for record in opened.of(key)]
    with pytest.MonkeyPatch.context() as patch:
        # The overview knows no gaps: where the machine stalled, a sample stands for the time.
        patch.setattr(stretches, "GAP_NS", 1 << 60)
        for key, record in elements:
            writer.add(key, record)
            tally.add(key, record)
        writer.finish()
    writer.close()
    file = part.reopen()
    thread = max(opened.of("samples"), key=lambda chunk: len(chunk.time)).thread
    return Timeline(Parts(file, read_index(file)), opened.run.duration_ns), tally.result(), thread


@pytest.mark.parametrize("width", [100, 1000, 8192])
def test_the_ribbon_adds_up_to_the_bar(told: tuple[Timeline, Findings, int], width: int) -> None:
    timeline, findings, thread = told
    time = findings.time
    answer = states(timeline, thread, Window(0, time.duration_ns, width))
    # The last bucket ends behind the run.
    known = [share for share in time.shares if share.state != "unknown"]
    assert sum(share.ns for share in known) > time.duration_ns / 2
    for share in known:
        found = sum(answer.shares[answer.states.index(share.state)]) * answer.resolution_ns / 1000
        # Each bucket is rounded to per mille, and what a sample before the first bucket stands for is cut.
        assert found == pytest.approx(share.ns, abs=0.01 * time.duration_ns)


def test_sums_are_those_of_the_list_of_functions(told: tuple[Timeline, Findings, int]) -> None:
    timeline, findings, thread = told
    rows = {row.id: row for row in findings.functions}
    found = totals(timeline, thread, "sampled", Window(*bounds(timeline))).functions
    assert sum(found.self_ns) > 0
    for at, function in enumerate(found.function):
        row = rows[function]
        if not row.self_ns:
            continue
        assert found.self_ns[at] == pytest.approx(row.self_ns, rel=0.01)
        for name in ("interpreted", "jitted"):
            part = getattr(row, f"{name}_ns") * 1000 / row.self_ns
            assert getattr(found, name)[at] == pytest.approx(part, abs=2), row.qualname
