"""What a program calls to mark what it does: without a recorder, and with one made up here."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import json
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any, AsyncIterator, Iterator

import pytest

import tracebin

MODULE = Path(tracebin.__file__).with_name("marks.py")


class Recorder:
    """What the agent gives, with a clock that counts its calls."""

    def __init__(self) -> None:
        self.clock = count(1)
        self.numbers = count(1)
        self.marks: list[tuple[str, Any]] = []
        self.names: dict[int, str] = {}
        self.turns: list[str] = []

    def now(self) -> int:
        return next(self.clock)

    def mark(self, name: str, start_ns: int, data: str | None) -> None:
        assert type(name) is str
        self.marks.append((name, None if data is None else json.loads(data)))

    def begin(self, name: str, start_ns: int, data: str | None) -> int:
        number = next(self.numbers)
        self.names[number] = name
        self.turns.append(f"+{name}")
        return number

    def end(self, number: int, end_ns: int) -> None:
        self.turns.append(f"-{self.names.pop(number)}")

    def pause(self) -> None:
        self.turns.append("pause")

    def resume(self) -> None:
        self.turns.append("resume")


class Finder:
    """Stands in sys.meta_path, where the agent's own does."""

    def __init__(self, recorder: Recorder) -> None:
        self.tracebin_marks = recorder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        return None


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def marks(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module as a recorded program has it."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(recorder)])
    return load("marks_recorded")


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- without a recorder ----------------------------------------------------------------------


def test_without_a_recorder_nothing_happens() -> None:
    tracebin.mark("a", name="b", self=object())
    tracebin.pause()
    tracebin.resume()
    with tracebin.span("a", x=1), tracebin.span("b"):
        pass
    with pytest.raises(KeyError), tracebin.span("a"):
        raise KeyError


def test_without_a_recorder_a_function_stays_what_it_is() -> None:
    def function() -> None: ...

    assert tracebin.span("f")(function) is function


def test_the_package_imports_no_more_than_it_needs() -> None:
    code = "import sys; before = set(sys.modules); import tracebin; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) <= {"__future__", "_thread", "tracebin", "tracebin.marks"}


# --- marks and their data --------------------------------------------------------------------


def test_a_mark_has_a_name_and_data(marks: Any, recorder: Recorder) -> None:
    marks.mark("plain")
    marks.mark("full", name="ä", rows=[1, 2.5, None, True], nested={"a": {"b": 1}})
    assert recorder.marks == [
        ("plain", None),
        ("full", {"name": "ä", "rows": [1, 2.5, None, True], "nested": {"a": {"b": 1}}}),
    ]


class Silent:
    def __repr__(self) -> str:
        raise LookupError


class Named(str):
    def __str__(self) -> str:
        return self

    def __getitem__(self, index: Any) -> str:
        raise LookupError


LOOP: list[Any] = []
LOOP.append(LOOP)
UNFIT: list[tuple[Any, Any]] = [
    (float("nan"), "nan"),
    (b"\x00", "b'\\x00'"),
    ({(1, 2): 3}, "{(1, 2): 3}"),
    (LOOP, "[[...]]"),
    (Silent(), "<Silent: its repr raised LookupError>"),
    ([Silent()], ["<Silent: its repr raised LookupError>"]),
    ({1: {2}}, {"1": "{2}"}),
]


@pytest.mark.parametrize(("value", "text"), UNFIT, ids=range(len(UNFIT)))
def test_what_is_not_json_becomes_text(marks: Any, recorder: Recorder, value: Any, text: Any) -> None:
    marks.mark("m", good=1, bad=value)
    assert recorder.marks == [("m", {"good": 1, "bad": text})]


def test_what_is_nested_too_deep_does_not_raise(marks: Any, recorder: Recorder) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    marks.mark("m", deep=deep)
    assert [name for name, _ in recorder.marks] == ["m"]
    while deep:  # to free it at once would need as much stack
        deep = deep.pop()


@pytest.mark.parametrize("filler", ["x", '"', "\\", "\0", "ä"])
def test_data_that_is_too_long_is_cut_and_says_so(marks: Any, recorder: Recorder, filler: str) -> None:
    texts: list[str] = []
    recorder.mark = lambda name, start_ns, data: texts.append(data or "")  # type: ignore[method-assign]
    marks.mark("m", text=filler * 100_000)
    (text,) = texts
    assert len(text) <= marks.MOST_DATA
    cut = json.loads(text)
    assert cut["cut"] is True
    assert cut["chars"] >= 100_000
    assert cut["start"].startswith('{"text": "')
    assert len(cut["start"]) == marks.CUT_START


def test_data_that_just_fits_is_whole(marks: Any, recorder: Recorder) -> None:
    room = marks.MOST_DATA - len('{"text": ""}')
    marks.mark("m", text="x" * room)
    marks.mark("m", text="x" * (room + 1))
    assert [sorted(data) for _, data in recorder.marks] == [["text"], ["chars", "cut", "start"]]


@pytest.mark.parametrize(
    ("name", "kept"),
    [(7, "7"), (None, "None"), (Named("n"), "n"), (Silent(), "<Silent: its str raised LookupError>")],
    ids=["int", "none", "str of another class", "raises"],
)
def test_any_name_will_do(marks: Any, recorder: Recorder, name: Any, kept: str) -> None:
    marks.mark(name)
    with marks.span(name):
        pass
    assert (recorder.marks, recorder.turns) == ([(kept, None)], [f"+{kept}", f"-{kept}"])


# --- spans -----------------------------------------------------------------------------------


def test_spans_nest(marks: Any, recorder: Recorder) -> None:
    with marks.span("a") as outer, marks.span("b"), outer:
        pass
    assert recorder.turns == ["+a", "+b", "+a", "-a", "-b", "-a"]


def test_an_exception_ends_a_span_and_goes_on(marks: Any, recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), marks.span("a"):
        1 / 0  # noqa: B018
    assert recorder.turns == ["+a", "-a"]


def test_an_end_without_a_beginning_is_none(marks: Any, recorder: Recorder) -> None:
    span = marks.span("a")
    span.__exit__(None, None, None)
    with span:
        pass
    span.__exit__(None, None, None)
    assert recorder.turns == ["+a", "-a"]


def test_threads_that_share_a_span_end_their_own(marks: Any, recorder: Recorder) -> None:
    shared = marks.span("shared")
    ends: list[int] = []
    recorder.end = lambda number, end_ns: ends.append(number)  # type: ignore[method-assign]
    inside, outside = threading.Event(), threading.Event()

    def other() -> None:
        with shared:
            inside.set()
            outside.wait(60)

    thread = threading.Thread(target=other)
    with shared:  # number 1
        thread.start()
        inside.wait(60)
    outside.set()
    thread.join()
    assert ends == [1, 2]


def test_a_span_may_end_in_another_thread(marks: Any, recorder: Recorder) -> None:
    span = marks.span("a").__enter__()
    thread = threading.Thread(target=span.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert recorder.turns == ["+a", "-a"]


# --- the decorator ---------------------------------------------------------------------------


def test_a_function_keeps_its_name_and_result(marks: Any, recorder: Recorder) -> None:
    @marks.span("call")
    def depth(n: int, *, step: int = 1) -> int:
        """Count."""
        return 0 if n <= 0 else 1 + depth(n - step, step=step)

    assert depth(2, step=1) == 2
    assert (depth.__name__, depth.__doc__) == ("depth", "Count.")
    assert recorder.turns == ["+call"] * 3 + ["-call"] * 3


def test_a_method_is_one_still(marks: Any, recorder: Recorder) -> None:
    class Thing:
        @marks.span("method")
        def method(self, n: int) -> tuple[Any, int]:
            return self, n

        @staticmethod
        @marks.span("static")
        def static(n: int) -> int:
            return n

    thing = Thing()
    assert thing.method(3) == (thing, 3)
    assert Thing.static(4) == 4


def test_a_generator_is_a_span_from_its_first_step_to_its_end(marks: Any, recorder: Recorder) -> None:
    @marks.span("rows")
    def rows() -> Iterator[Any]:
        got = yield 1
        try:
            yield got
        except KeyError:
            yield "caught"
        return "result"

    made: Any = rows()
    assert recorder.turns == []
    assert [next(made), made.send(5), made.throw(KeyError())] == [1, 5, "caught"]
    assert recorder.turns == ["+rows"]
    with pytest.raises(StopIteration) as end:
        next(made)
    assert (end.value.value, recorder.turns) == ("result", ["+rows", "-rows"])


def test_a_generator_that_is_closed_ends_its_span(marks: Any, recorder: Recorder) -> None:
    @marks.span("rows")
    def rows() -> Iterator[int]:
        yield 1

    made: Any = rows()
    next(made)
    made.close()
    assert recorder.turns == ["+rows", "-rows"]


def test_a_coroutine_is_a_span_to_its_end(marks: Any, recorder: Recorder) -> None:
    @marks.span("wait")
    async def wait(n: int) -> int:
        await asyncio.sleep(0)
        recorder.turns.append("awake")
        return n

    async def both() -> list[int]:
        return list(await asyncio.gather(wait(1), wait(2)))

    assert asyncio.iscoroutinefunction(wait)
    assert asyncio.run(both()) == [1, 2]
    assert recorder.turns == ["+wait", "+wait", "awake", "-wait", "awake", "-wait"]


def test_an_async_generator_hands_on_all_that_goes_in_and_out(marks: Any, recorder: Recorder) -> None:
    @marks.span("rows")
    async def rows() -> AsyncIterator[Any]:
        got = yield 1
        try:
            yield got
        except KeyError:
            yield "caught"
        recorder.turns.append("last")

    async def use() -> list[Any]:
        made: Any = rows()
        found = [await made.__anext__(), await made.asend(5), await made.athrow(KeyError())]
        assert recorder.turns == ["+rows"]
        return found + [row async for row in made]

    assert asyncio.run(use()) == [1, 5, "caught"]
    assert recorder.turns == ["+rows", "last", "-rows"]


def test_an_async_generator_that_is_closed_ends_its_span(marks: Any, recorder: Recorder) -> None:
    @marks.span("rows")
    async def rows() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            recorder.turns.append("closed")

    async def use() -> None:
        made: Any = rows()
        await made.__anext__()
        await made.aclose()

    asyncio.run(use())
    assert recorder.turns == ["+rows", "closed", "-rows"]


def test_a_static_and_a_class_method_below_the_decorator_stay_what_they_are(
    marks: Any, recorder: Recorder
) -> None:
    class Thing:
        @marks.span("static")
        @staticmethod
        def static(n: int) -> int:
            return n

        @marks.span("class")
        @classmethod
        def made(cls, n: int) -> tuple[Any, int]:
            return cls, n

    assert [Thing.static(1), Thing().static(2)] == [1, 2]
    assert [Thing.made(3), Thing().made(4)] == [(Thing, 3), (Thing, 4)]
    assert type(vars(Thing)["static"]) is staticmethod
    assert recorder.turns == ["+static", "-static"] * 2 + ["+class", "-class"] * 2


def test_a_static_coroutine_function_is_a_span_to_its_end(marks: Any, recorder: Recorder) -> None:
    class Thing:
        @marks.span("wait")
        @staticmethod
        async def wait() -> int:
            await asyncio.sleep(0)
            recorder.turns.append("awake")
            return 5

    assert asyncio.run(Thing.wait()) == 5
    assert recorder.turns == ["+wait", "awake", "-wait"]


def test_a_bound_method_stays_bound(marks: Any, recorder: Recorder) -> None:
    class Thing:
        def method(self, n: int) -> tuple[Any, int]:
            return self, n

    class Holder:
        held = marks.span("bound")(Thing().method)

    assert Holder().held(5) == (Holder.held.__self__, 5)
    assert recorder.turns == ["+bound", "-bound"]


@pytest.mark.parametrize(
    "thing",
    [
        int,
        Recorder,
        property(str),
        len,
        functools.partial(int, "5"),
        staticmethod(len),
        staticmethod(functools.partial(int)),
        functools.singledispatchmethod(str),
        type("Called", (), {"__call__": str})(),
        None,
    ],
)
def test_what_is_no_function_comes_back_as_it_is(marks: Any, recorder: Recorder, thing: Any) -> None:
    assert marks.span("x")(thing) is thing
    assert recorder.turns == []


def test_pauses_are_handed_on(marks: Any, recorder: Recorder) -> None:
    marks.pause()
    marks.resume()
    assert recorder.turns == ["pause", "resume"]
