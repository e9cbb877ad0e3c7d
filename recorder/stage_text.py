"""Turn the lines of a trace into JSON text for the bundle, without making records of them.

A big recording has a million lines.  Most are plain ASCII without quotes: what stands in them can
be put between quotes as it is.  One regular expression finds the parts of all lines of a stage in a
quarter of the time that string methods take line by line, and that is a third of what an Op and
``json.dumps`` take.
"""

from __future__ import annotations

import json
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Label, Op
from tracebin.recorder.log_drafts import At
from tracebin.recorder.resops import END_OF_TRACE, parse_inputs, parse_merge_point, parse_op

_GUARD_DESCR = re.compile(r"<Guard(0x[0-9a-f]+)>")
# What may stand in JSON as it is; the second without ``=``, so that args end where a descr begins.
_PLAIN = r"[ !#-\[\]-~]*"
_ARGS = r"[ !#-<>-\[\]-~]*"
_NUMBER = r"(0|[1-9][0-9]*)"
# Each line is one match: the parts of a plain merge point, those of a plain op, or a line as it is.
_LINES = re.compile(
    rf"(?:\+[0-9]+: )?debug_merge_point\({_NUMBER}, {_NUMBER}, ({_PLAIN})\)\n"
    rf"|(?:\+{_NUMBER}: )?(?:(\w+) = )?(?!debug_merge_point\()(\w+)"
    rf"\(({_ARGS})(?:descr=({_PLAIN}))?\)(?: \[({_PLAIN}\]))?\n"
    r"|([^\n]*)\n",
    re.ASCII,
)


class StageText(NamedTuple):
    """A stage as JSON text; its labels, where its first merge point is, and its guards by address."""

    text: str
    labels: List[Label]
    first: Optional[At]
    guards: Dict[int, int]


class StageReader:
    """Read stages; ``at`` says what a merge point's text means, ``puzzled`` hears of lines like no other."""

    def __init__(self, at: Callable[[str], At], puzzled: Callable[[str], None]) -> None:
        self._at = at
        self._puzzled = puzzled
        # What a merge point's text means, and that as the end of a row.
        self._places: Dict[str, Tuple[At, str]] = {}

    def read(self, text: str) -> StageText:
        """Read the lines of one section."""
        stage = _Stage()
        take_op, take_point, place = stage.take_op, stage.take_point, self._place
        for depth, call, at, offset, result, name, args, descr, fail, line in _LINES.findall(text + "\n"):
            if name:
                take_op(plain_row(offset, result, name, args, descr, fail), name, descr, fail)
            elif at:
                take_point(depth, call, *place(at))
            elif line:
                self._take_line(line, stage)
        return stage.text()

    def _take_line(self, line: str, stage: _Stage) -> None:
        """Take a line that is no plain op or merge point."""
        try:
            if "(" in line and line[0] not in "#[":
                self._take_odd(line, stage)
            elif line.startswith("["):
                stage.inputs = stage.inputs or parse_inputs(line)
            elif not line.startswith("#") and END_OF_TRACE not in line:
                raise ValueError
        except ValueError:
            # The trace without it is worth more than no trace.
            self._puzzled(f"a line in a trace: {line[:60]}")

    def _take_odd(self, line: str, stage: _Stage) -> None:
        point = parse_merge_point(line)
        if point is None:
            row, name, descr = any_row(line)
            stage.take_op(row, name, descr or "", line[-1] == "]")
        else:
            depth, call, text = point
            stage.take_point(depth, call, *self._place(text))

    def _place(self, text: str) -> Tuple[At, str]:
        found = self._places.get(text)
        if found is None:
            at = self._at(text.strip("'\""))
            found = self._places[text] = at, _json([at.function, at.offset, at.line, at.text])[1:]
        return found


class _Stage:
    def __init__(self) -> None:
        self.inputs: List[str] = []
        self._ops: List[str] = []
        self._points: List[str] = []
        self._labels: List[Label] = []
        self._guards: Dict[int, int] = {}
        self._first: Optional[At] = None

    def take_op(self, row: str, name: str, descr: str, has_fail: object) -> None:
        """Take an op as JSON; labels and guards are found again by their descr."""
        if descr:
            if name == "label":
                self._labels.append(Label(len(self._ops), descr, None))
            elif has_fail and descr.startswith("<Guard"):
                self._take_guard(descr)
        self._ops.append(row)

    def take_point(self, depth: object, call: object, at: At, row: str) -> None:
        """Take a merge point; ``row`` is JSON of where it is."""
        self._points.append(f"[{len(self._ops)},{depth},{call},{row}")
        self._first = self._first or at

    def _take_guard(self, descr: str) -> None:
        match = _GUARD_DESCR.match(descr)
        if match:
            self._guards[int(match[1], 16)] = len(self._ops)

    def text(self) -> StageText:
        """Give what was taken."""
        ops, points = ",".join(self._ops), ",".join(self._points)
        text = f'{{"inputs":{_json(self.inputs)},"ops":[{ops}],"points":[{points}]}}'
        return StageText(text, self._labels, self._first, self._guards)


def _json(value: object) -> str:
    # ASCII: PyPy's encoder takes a fifth less time for it.
    return json.dumps(value, separators=(",", ":"))


def any_row(line: str) -> Tuple[str, str, Optional[str]]:
    """Give an op as a row, its name and its descr.

    Raises:
        ValueError: the line has another form.
    """
    op: Op = parse_op(line)
    return _json(op), op.name, op.descr


def plain_row(offset: str, result: str, name: str, args: str, descr: str, fail: str) -> str:
    """Do what ``any_row`` does for the parts of a plain line; ``fail`` keeps its closing bracket."""
    end = _texts(fail[:-1]).replace('"None"', "null") if fail else "null"
    begin = f'["{name}","{result}",' if result else f'["{name}",null,'
    if descr:
        # Before a descr there is a comma, where there are args.
        return f'{begin}{_texts(args[:-2])},"{descr}",{offset or "null"},{end}]'
    return f"{begin}{_texts(args)},null,{offset or 'null'},{end}]"


def _texts(inside: str) -> str:
    return '["' + inside.replace(", ", '","') + '"]' if inside else "[]"
