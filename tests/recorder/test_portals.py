"""What traces inline: by hand-made logs, as PyPy's table of it goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tracebin.bundle.records import Guard
from tracebin.recorder.log_drafts import At, TraceDraft
from tracebin.recorder.portals import PortalFinder
from tracebin.recorder.resops import Header
from tracebin.recorder.stage_text import StageReader

PYTHON = At(1, 3, 0, None)
F, G, H = 8, 12, 16


def point(depth: int) -> str:
    return f"debug_merge_point({depth}, 0, 'f;/x.py:1-2~#4 LOAD_FAST')"


def enter(code: int) -> str:
    return f"enter_portal_frame(14, {code})"


LEAVE = "leave_portal_frame(14)"
ADD = "+9: i3 = int_add(i1, 1)"
CALL = "p7 = call_assembler_r(p1, p2, descr=<Loop3>)"
NOT_FORCED = "+40: guard_not_forced(descr=<Guard0x7f01>) [p7]"


def draft(*lines: str, parent: Any = None, at: At = PYTHON) -> TraceDraft:
    stage = StageReader(lambda _: PYTHON, pytest.fail).read("\n".join(lines))
    kind = "loop" if parent is None else "bridge"
    header = Header(kind, "a trace", None, None, None)
    return TraceDraft(header, at, [("optimised", stage.text)], [], None, parent)


def finder(*drafts: TraceDraft, first: int = 0) -> PortalFinder:
    made = PortalFinder()
    made.add(first, list(drafts))
    return made


# A guard in the inlined g goes back to before the call of g, which the bridge makes again.
SHARED = (
    draft(point(0), enter(G), point(1), ADD, LEAVE, point(0), ADD),
    draft(point(0), ADD, enter(G), point(1), ADD, LEAVE, enter(H), ADD, parent=Guard(0, 1)),
)


@pytest.mark.parametrize(
    ("table", "frames"),
    [
        # until the call, the first one's frame is in the table; nothing that is called can be before it
        ((F, G), (F,)),
        ((F, G, G), (F, G)),
        ((F, G, H), (F, H)),
    ],
)
def test_what_a_bridge_inherits_too_much_is_left_out(table: Any, frames: Any) -> None:
    found = finder(*SHARED).of(1)
    assert found is not None
    assert found.frames(table) == frames


def test_what_is_too_much_is_handed_down_from_bridge_to_bridge() -> None:
    # GIVEN a bridge in the inlined g of the bridge, which goes on there
    third = draft(point(1), ADD, enter(H), ADD, parent=Guard(1, 3))
    found = finder(*SHARED, third).of(2)
    assert found is not None
    assert [found.frames(table) for table in ((F, G, G), (F, G, G, H))] == [(F, G), (F, G, H)]


def test_a_bridge_that_returns_tells_its_callers_next_calls() -> None:
    # GIVEN a guard two calls deep that goes back to one call deep, and a return from there
    loop = draft(point(0), enter(G), point(1), enter(H), ADD)
    bridge = draft(point(1), LEAVE, point(0), enter(H), ADD, parent=Guard(0, 2))
    found = finder(loop, bridge).of(1)
    assert found is not None
    assert [found.frames(table) for table in ((F, G, H), (F, G), (F, G, H, H))] == [
        (F, H),
        (F,),
        (F, G, H, H),
    ]


def test_a_bridge_that_goes_back_to_its_guard_has_its_frames() -> None:
    bridge = draft(point(1), ADD, LEAVE, parent=Guard(0, 1))
    found = finder(SHARED[0], bridge).of(1)
    assert found is not None
    assert [found.frames(table) for table in ((F, G), (F,), (F, H))] == [(F, G), (F,), (F, H)]


def test_a_bridge_without_a_merge_point_is_taken_to_go_back_to_its_guard() -> None:
    found = finder(SHARED[0], draft(ADD, LEAVE, ADD, parent=Guard(0, 1))).of(1)
    assert found is not None
    assert found.frames((F, G)) == (F, G)


def test_what_is_in_no_op_stays_as_the_table_has_it() -> None:
    found = finder(*SHARED).of(1)
    assert found is not None
    assert found.frames((F, H, H, H)) == (F, H, H, H)


@pytest.mark.parametrize(
    ("lines", "is_handed_on"),
    [
        # g reached its loop, which is called: PyPy leaves g behind the call
        ([point(0), enter(G), point(1), CALL, NOT_FORCED, LEAVE, point(0)], True),
        # g calls a function: it goes on behind that
        ([point(0), enter(G), point(1), CALL, NOT_FORCED, point(1), LEAVE, point(0)], False),
        ([point(0), enter(G), point(1), CALL, NOT_FORCED, enter(H), point(2), LEAVE, LEAVE], False),
        # both in turn: which it is, the frames don't say
        ([point(0), enter(G), point(1), CALL, point(1), CALL, NOT_FORCED, LEAVE, point(0)], False),
        ([point(0), enter(G), point(1), ADD], False),
    ],
)
def test_a_function_that_reached_its_loop_goes_on_there(lines: list[str], is_handed_on: bool) -> None:
    found = finder(draft(*lines)).of(0)
    assert found is not None
    assert found.hands_on((F, G)) is is_handed_on
    assert not found.hands_on((F,))
    assert not found.hands_on(())


def test_what_another_driver_inlines_has_no_function_below_it() -> None:
    loop = draft(enter(G), ADD, at=At(None, None, None, "re RegularSearch at 5 [17, 4]"))
    found = finder(loop, draft(point(0), enter(H), ADD, parent=Guard(0, 1))).of(1)
    assert found is not None
    assert not found.is_python
    assert [found.frames(table) for table in ((G,), (G, H))] == [(), (H,)]


def test_what_isnt_known_is_said_to_be_so() -> None:
    orphan = draft(point(0), parent=None)
    orphan.header = orphan.header._replace(kind="bridge")
    made = finder(orphan, draft(ADD, parent=Guard(0, 0)), first=5)
    assert [made.of(trace) for trace in (-1, 0, 5, 6, 7)] == [None] * 5


def test_a_bridge_made_after_a_fork_begins_in_a_trace_of_before() -> None:
    made = finder(draft(point(0)), SHARED[0])
    made.add(2, [SHARED[1]], lambda bridge: Guard(1, 1))
    found = made.of(2)
    assert found is not None
    assert found.frames((F, G)) == (F,)


def test_a_damaged_log_is_not_followed_far() -> None:
    loop = draft(*[enter(G)] * 3000, ADD)
    found = finder(loop, draft(point(0), ADD, parent=Guard(0, 3000))).of(1)
    assert found is not None
    assert found.frames((F, *[G] * 3000)) == (F, *[G] * 3000)


def test_the_first_op_may_be_a_call() -> None:
    found = finder(draft(CALL, LEAVE, ADD), draft(enter(G), CALL, LEAVE)).of(1)
    assert found is not None
    assert found.hands_on((F, G))
