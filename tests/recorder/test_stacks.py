from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, strategies

from tracebin.bundle.records import STATES
from tracebin.recorder import stacks as module
from tracebin.recorder.log_drafts import At
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.portals import PortalFinder, Portals, State
from tracebin.recorder.samples import pairs, read_samples
from tracebin.recorder.stacks import RawStacks, Stacks, TraceFinder
from tracebin.recorder.stage_text import StageReader

ASSEMBLER = 6
START_UP = 900


def raw(*frames: tuple[int, int]) -> bytes:
    words = [word for frame in frames for word in frame]
    return struct.pack(f"<{len(words)}q", *words)


@pytest.fixture
def finder() -> TraceFinder:
    made = TraceFinder()
    made.add(0xA0, 8, 100, 7)
    made.add(0xB0, 8, 100, 8)
    made.add(0xC0, 8, 0, -1)
    return made


@pytest.fixture
def stacks(finder: TraceFinder) -> Stacks:
    return Stacks(
        lambda value: value if value < 1000 else -1, RawStacks(finder), lambda function: function >= START_UP
    )


def frames(stacks: Stacks, row: int) -> list[Any]:
    """Walk from a row to the root."""
    chunks = stacks.tree.chunks()
    rows = [row for chunk in chunks for row in zip(chunk.parent, chunk.function, chunk.state, chunk.trace)]
    found = []
    while row >= 0:
        parent, function, state, trace = rows[row]
        assert parent < row
        found.append((function, STATES[state], trace))
        row = parent
    return found


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        # interpreted alone
        ([(1, 1), (1, 2)], [(1, "interpreted", -1), (2, "interpreted", -1)]),
        # a loop with an inlined call, below it the interpreter
        ([(6, 0xA0), (3, 1), (3, 2), (1, 3)], [(1, "jitted", 7), (2, "jitted", 7), (3, "interpreted", -1)]),
        # machine code calls the interpreter
        ([(1, 1), (6, 0xA0), (3, 2)], [(1, "interpreted", -1), (2, "jitted", 7)]),
        # machine code that calls other machine code, each with its frames
        ([(6, 0xA0), (3, 1), (6, 0xB0), (3, 2)], [(1, "jitted", 7), (2, "jitted", 8)]),
        # another driver's loop has no frames: called by the interpreter, by machine code, at the root
        ([(6, 0xA0), (1, 1)], [(-1, "jitted", 7), (1, "interpreted", -1)]),
        ([(6, 0xA0), (6, 0xB0), (3, 2)], [(-1, "jitted", 7), (2, "jitted", 8)]),
        ([(6, 0xA0)], [(-1, "jitted", 7)]),
        # a helper, and an address nobody knows
        ([(6, 0xC0), (3, 1)], [(1, "jitted", -1)]),
        ([(6, 0xD0), (3, 1)], [(1, "jitted", -1)]),
        # the other states, and a kind there isn't
        (
            [(2, 1), (4, 2), (5, 3), (7, 4), (77, 5)],
            [(1, "blackhole", -1), (2, "tracing", -1), (3, "gc", -1), (4, "native", -1), (5, "native", -1)],
        ),
        # a code object whose name never came
        ([(1, 5000)], [(-1, "interpreted", -1)]),
        # PyPy's start-up at the root goes, unless it is all there is
        ([(1, 1), (1, START_UP), (1, START_UP + 1)], [(1, "interpreted", -1)]),
        ([(1, START_UP), (1, START_UP + 1)], [(START_UP, "interpreted", -1)]),
        ([(1, START_UP), (1, 1), (1, START_UP)], [(START_UP, "interpreted", -1), (1, "interpreted", -1)]),
    ],
)
def test_a_stack_becomes_frames(stacks: Stacks, stack: Any, expected: Any) -> None:
    assert frames(stacks, stacks.add(raw(*stack), 200)) == expected


# --- one Python frame, told of twice ----------------------------------------------------


class Inlined(PortalFinder):
    """What traces inline, as a log would have it: by number, or nothing is known."""

    def __init__(self, **traces: Portals) -> None:
        super().__init__()
        self.traces = {int(name[1:]): portals for name, portals in traces.items()}

    def of(self, trace: int) -> Portals | None:
        return self.traces.get(trace)


def inlining(*ops: str, is_python: bool = True) -> Portals:
    frames = (-1 if is_python else 0,)
    stage = StageReader(lambda _: At(1, 1, 0, None), pytest.fail).read("\n".join(ops))
    return Portals(stage.text, State(frames, frames), is_python=is_python)


CALL, LEAVE = "p7 = call_assembler_r(p1, p2, descr=<Loop3>)", "leave_portal_frame(14)"
# 7: a function that inlines 3, and calls the loop of 3; 8: one that inlines nothing; 9: of another driver
INLINED = {
    "_7": inlining("enter_portal_frame(14, 3)", CALL, LEAVE),
    "_8": inlining("i2 = int_add(i1, 1)"),
    "_9": inlining("enter_portal_frame(14, 3)", is_python=False),
}


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        # the interpreter ran a function, and entered the machine code of its loop
        ([(6, 0xA0), (3, 1), (1, 1), (1, 2)], [(1, "jitted", 7), (2, "interpreted", -1)]),
        # the same further out
        (
            [(1, 5), (6, 0xA0), (3, 1), (1, 1), (1, 2)],
            [(5, "interpreted", -1), (1, "jitted", 7), (2, "interpreted", -1)],
        ),
        # recursion that really is: the interpreter notes each call
        ([(6, 0xA0), (3, 1), (1, 1), (1, 1)], [(1, "jitted", 7), (1, "interpreted", -1)]),
        ([(6, 0xA0), (3, 1), (3, 1), (1, 1)], [(1, "jitted", 7), (1, "jitted", 7)]),
        ([(6, 0xB0), (3, 1), (6, 0xB0), (3, 1), (1, 1)], [(1, "jitted", 8), (1, "jitted", 8)]),
        ([(1, 1), (6, 0xB0), (3, 1), (1, 1)], [(1, "interpreted", -1), (1, "jitted", 8)]),
        # only the interpreter's own frame enters machine code
        ([(6, 0xA0), (3, 1), (2, 1)], [(1, "jitted", 7), (1, "blackhole", -1)]),
        # another function: a callee that has returned, say
        ([(6, 0xA0), (3, 1), (1, 2)], [(1, "jitted", 7), (2, "interpreted", -1)]),
        # a function was inlined up to its loop, whose machine code goes on with it
        ([(6, 0xB0), (3, 3), (6, 0xA0), (3, 3), (3, 1), (1, 1)], [(3, "jitted", 8), (1, "jitted", 7)]),
        # machine code that it calls for another function, and for one that is inlined further out
        (
            [(6, 0xB0), (3, 4), (6, 0xA0), (3, 3), (3, 1)],
            [(4, "jitted", 8), (3, "jitted", 7), (1, "jitted", 7)],
        ),
        ([(6, 0xB0), (3, 1), (6, 0xA0), (3, 1), (1, 1)], [(1, "jitted", 8), (1, "jitted", 7)]),
        # another driver's loop that inlines a function has not been entered by it
        ([(6, 0xE0), (3, 1), (1, 1)], [(1, "jitted", 9), (1, "interpreted", -1)]),
        # nor goes its caller on in it
        (
            [(6, 0xE0), (3, 3), (6, 0xA0), (3, 3), (3, 1)],
            [(3, "jitted", 9), (3, "jitted", 7), (1, "jitted", 7)],
        ),
        # all that a trace inlined has returned
        ([(6, 0xA0), (1, 1), (1, 2)], [(1, "jitted", 7), (2, "interpreted", -1)]),
        ([(6, 0xA0), (6, 0xB0), (3, 2)], [(2, "jitted", 8)]),
        ([(6, 0xA0), (2, 1)], [(1, "blackhole", -1)]),
        # a helper calls the interpreter for a function without a name: what that calls, and where it went on
        (
            [(1, 5), (6, 0xC0), (6, 0xB0), (3, 2)],
            [(5, "interpreted", -1), (-1, "jitted", -1), (2, "jitted", 8)],
        ),
        ([(6, 0xB0), (3, 3), (6, 0xC0), (6, 0xB0), (3, 2)], [(3, "jitted", 8), (2, "jitted", 8)]),
        (
            [(1, 5), (6, 0xC0), (6, 0xA0), (3, 3), (3, 1)],
            [(5, "interpreted", -1), (3, "jitted", 7), (1, "jitted", 7)],
        ),
        ([(6, 0xB0), (3, 3), (6, 0xC0), (6, 0xA0), (3, 3), (3, 1)], [(3, "jitted", 8), (1, "jitted", 7)]),
    ],
)
def test_one_frame_is_told_once(finder: TraceFinder, stack: Any, expected: Any) -> None:
    finder.add(0xE0, 8, 100, 9)
    stacks = Stacks(lambda value: value, RawStacks(finder, Inlined(**INLINED)), lambda _: False)
    for _ in range(2):
        assert frames(stacks, stacks.add(raw(*stack), 200)) == expected


def test_what_a_bridges_table_has_too_much_is_left_out(finder: TraceFinder) -> None:
    # GIVEN a bridge whose guard, in the inlined 3, goes back to before that call
    ops = '["enter_portal_frame",null,["14","3"],null,null,null]'
    bridge = f'{{"inputs":[],"ops":[{ops}],"points":[[0,0,0,1,2,3,null]]}}'
    inlined = Inlined(_7=inlining("enter_portal_frame(14, 3)").bridge(1, bridge))
    stacks = Stacks(lambda value: value, RawStacks(finder, inlined), lambda _: False)
    row = stacks.add(raw((6, 0xA0), (3, 3), (3, 3), (3, 1), (1, 1)), 200)
    assert frames(stacks, row) == [(3, "jitted", 7), (1, "jitted", 7)]


def test_a_stack_without_frames_has_no_row(stacks: Stacks) -> None:
    assert stacks.add(b"", 200) == -1
    assert stacks.tree.chunks() == []


def test_equal_frames_share_their_rows(stacks: Stacks) -> None:
    first = stacks.add(raw((1, 1), (1, 2)), 200)
    again = stacks.add(raw((1, 1), (1, 2)), 300)
    other = stacks.add(raw((1, 3), (1, 2)), 300)
    assert (first, again, other) == (1, 1, 2)
    assert [row.parent for row in stacks.tree.chunks()] == [[-1, 0, 0]]


def test_an_address_used_again_names_the_trace_of_its_time(finder: TraceFinder, stacks: Stacks) -> None:
    finder.add(0xA0, 8, 500, 9)
    stack = raw((6, 0xA0), (3, 1))
    found = [frames(stacks, stacks.add(stack, time))[0][2] for time in (50, 100, 499, 500, 900)]
    assert found == [7, 7, 7, 9, 9]


def test_a_helper_noted_late_does_not_hide_a_trace(finder: TraceFinder) -> None:
    finder.add(0xA0, 8, 0, -1)
    assert [finder.at(0xA0, time) for time in (50, 100, 500)] == [-1, 7, 7]


# --- the program counter ----------------------------------------------------------------


def test_a_loop_that_calls_nothing_is_known_by_its_program_counter(stacks: Stacks) -> None:
    # GIVEN a stack on which machine code shows nothing of itself
    row = stacks.add(raw((1, 2), (1, 1)), 200, 0xA3)
    assert frames(stacks, row) == [(2, "jitted", 7), (1, "interpreted", -1)]


def test_the_program_counter_outside_of_machine_code_changes_nothing(stacks: Stacks) -> None:
    stack = raw((1, 2), (1, 1))
    assert stacks.add(stack, 200, 0x99) == stacks.add(stack, 200, 0xA8) == stacks.add(stack, 200)


def test_machine_code_that_only_begins_is_that_of_the_innermost_frame(stacks: Stacks) -> None:
    row = stacks.add(raw((6, 0xA0), (3, 3), (3, 2), (1, 1)), 200, 0xB0)
    assert frames(stacks, row) == [(3, "jitted", 8), (2, "jitted", 7), (1, "interpreted", -1)]


def test_the_program_counter_is_only_of_the_innermost_machine_code(stacks: Stacks) -> None:
    row = stacks.add(raw((6, 0xA0), (3, 1), (6, 0xA0), (3, 1), (1, 1)), 200, 0xB0)
    assert frames(stacks, row) == [(1, "jitted", 8), (1, "jitted", 7)]


def test_a_loop_is_one_frame_where_the_program_counter_is_known(stacks: Stacks) -> None:
    row = stacks.add(raw((6, 0xA0), (3, 2), (1, 2), (1, 1)), 200, 0xB0)
    assert frames(stacks, row) == [(2, "jitted", 8), (1, "interpreted", -1)]


def test_a_frame_that_is_blackholed_stays_so(stacks: Stacks) -> None:
    row = stacks.add(raw((2, 2), (1, 1)), 200, 0xA3)
    assert frames(stacks, row)[0] == (2, "blackhole", -1)


def test_the_same_stack_is_kept_apart_by_where_the_processor_was(stacks: Stacks) -> None:
    stack = raw(
        (1, 2),
    )
    rows = {stacks.add(stack, 200, pc) for pc in (None, 0xA3, 0xB3, 0xA4)}
    assert len(rows) == 3


def test_an_address_used_again_is_told_by_time(finder: TraceFinder) -> None:
    finder.add(0x9C, 100, 500, 9)
    assert [finder.around(0xA3, time) for time in (50, 100, 499, 500)] == [-1, 7, 7, 9]
    assert finder.around(0x9C + 100, 900) == -1


LIBRARY, PYPY = 0x5000, 0x1000


@pytest.fixture
def native(finder: TraceFinder) -> Stacks:
    """Stacks of a process that has noted where the code of PyPy's lies."""
    finder.add_stub(0xF0, 8)
    known = NativeCode(((PYPY, PYPY + 8),), ())
    return Stacks(lambda value: value, RawStacks(finder, native=known), lambda _: False)


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ([(1, 2), (1, 1)], [(2, "native", -1), (1, "interpreted", -1)]),
        ([(6, 0xA0), (3, 2), (1, 1)], [(2, "native", 7), (1, "interpreted", -1)]),
        ([(6, 0xA0), (3, 3), (3, 2)], [(3, "native", 7), (2, "jitted", 7)]),
        ([(2, 2), (1, 1)], [(2, "native", -1), (1, "interpreted", -1)]),
        # PyPy is busy with something of its own
        ([(4, 2), (1, 1)], [(2, "tracing", -1), (1, "interpreted", -1)]),
        ([(5, 2), (1, 1)], [(2, "gc", -1), (1, "interpreted", -1)]),
        # machine code that the log doesn't tell of: it may be there itself
        ([(6, 0xD0), (3, 2)], [(2, "jitted", -1)]),
        ([], []),
    ],
)
def test_code_that_is_not_of_pypy_is_native(native: Stacks, stack: Any, expected: Any) -> None:
    assert frames(native, native.add(raw(*stack), 200, LIBRARY)) == expected


@pytest.mark.parametrize("pc", [None, PYPY, 0xC4, 0xF4, 0xA4])
def test_pypy_and_all_that_its_jit_has_made_is_not_native(native: Stacks, pc: int | None) -> None:
    row = native.add(raw((6, 0xA0), (3, 1)), 50, pc)
    assert frames(native, row) == [(1, "jitted", 7)]


def test_without_notes_of_where_code_lies_states_are_as_the_sampler_has_them(stacks: Stacks) -> None:
    assert frames(stacks, stacks.add(raw((1, 1)), 200, LIBRARY, in_kernel=True)) == [(1, "interpreted", -1)]


def test_a_function_is_native_only_while_it_waits_for_c_code(native: Stacks) -> None:
    found = [frames(native, native.add(raw((1, 1)), 200, pc))[0][1] for pc in (PYPY, LIBRARY, PYPY, 0xA1)]
    assert found == ["interpreted", "native", "interpreted", "jitted"]


def test_what_belongs_to_no_trace_is_counted(stacks: Stacks) -> None:
    for address in (0xA0, 0xD0, 0xD0):
        stacks.add(raw((6, address), (3, 1), (1, address)), 200)
    assert stacks.unmatched == 1


PAIRS = strategies.sampled_from(
    [
        (1, 1),
        (1, 2),
        (2, 1),
        (3, 1),
        (3, 2),
        (6, 0xA0),
        (6, 0xB0),
        (6, 0xC0),
        (6, 0xD0),
        (6, 0xE0),
        (1, START_UP),
    ]
)
SAMPLES = strategies.tuples(
    strategies.lists(PAIRS, max_size=8),
    strategies.sampled_from([100, 700]),
    strategies.sampled_from([None, 0xA1, 0xE1, LIBRARY]),
)


@given(strategies.lists(SAMPLES, max_size=12))
def test_what_stacks_share_changes_none_of_them(samples: list[Any]) -> None:
    def empty() -> Stacks:
        finder = TraceFinder()
        for address, since_ns, trace in (
            (0xA0, 0, 7),
            (0xB0, 0, 8),
            (0xC0, 0, -1),
            (0xE0, 0, 9),
            (0xE0, 500, 5),
        ):
            finder.add(address, 8, since_ns, trace)
        known = NativeCode(((PYPY, PYPY + 8),), ())
        raw_stacks = RawStacks(finder, native=known)
        return Stacks(lambda value: value, raw_stacks, lambda function: function >= START_UP)

    shared = empty()
    for stack, time_ns, pc in samples:
        alone = empty()
        expected = frames(alone, alone.add(raw(*stack), time_ns, pc))
        assert frames(shared, shared.add(raw(*stack), time_ns, pc)) == expected


def test_rows_come_in_chunks(stacks: Stacks, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 2)
    stacks.add(raw(*((1, number) for number in range(5))), 0)
    assert [chunk.parent for chunk in stacks.tree.chunks()] == [[-1, 0], [1, 2], [3]]


@pytest.mark.parametrize("name", ["pypy3.9-7.3.11", "pypy3.11-7.3.19", "pypy3.11-8.0.1"])
def test_every_real_machine_code_frame_belongs_to_a_trace(name: str, golden_data: Any, read_log: Any) -> None:
    log = read_log(golden_data(f"{name}/run.log.gz")).log
    finder = TraceFinder()
    for number, draft in enumerate(log.traces):
        finder.add(draft.block.address, len(draft.block.code), draft.start, number)
    stacks = Stacks(lambda _: 1, RawStacks(finder), lambda _: False)
    samples = read_samples(golden_data(f"{name}/samples.prof.gz")).samples
    entries = sum(kind == ASSEMBLER for sample in samples for kind, _ in pairs(sample.stack))
    rows = {stacks.add(sample.stack, 0) for sample in samples}
    assert min(rows) >= 0
    assert entries > 0
    assert stacks.unmatched == 0
