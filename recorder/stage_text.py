"""Turn the lines of a trace into JSON text for the bundle, without making records of them.

A big recording has a million lines.  Most are plain ASCII without quotes: what stands in them can
be put between quotes as it is, in a third of the time that an Op and ``json.dumps`` take.
"""

from __future__ import annotations

import json
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Label, Op
from tracebin.recorder.log_drafts import At
from tracebin.recorder.resops import END_OF_TRACE, parse_inputs, parse_merge_point, parse_op

_GUARD_DESCR = re.compile(r"<Guard(0x[0-9a-f]+)>")


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

    def read(self, lines: List[str]) -> StageText:
        """Read the lines of one section."""
        plain = _is_plain("".join(lines))
        stage = _Stage(self._place, plain_row if plain else any_row)
        for line in lines:
            try:
                if "(" in line and line[0] not in "#[":
                    stage.take(line)
                elif line:
                    self._take_other(line, stage)
            except ValueError:
                # The trace without it is worth more than no trace.
                self._puzzled(f"a line in a trace: {line[:60]}")
        return stage.text()

    def _take_other(self, line: str, stage: _Stage) -> None:
        if line.startswith("["):
            stage.inputs = stage.inputs or parse_inputs(line)
        elif not line.startswith("#") and END_OF_TRACE not in line:
            raise ValueError

    def _place(self, text: str) -> Tuple[At, str]:
        found = self._places.get(text)
        if found is None:
            at = self._at(text)
            found = self._places[text] = at, _json([at.function, at.offset, at.line, at.text])[1:]
        return found


class _Stage:
    def __init__(
        self, place: Callable[[str], Tuple[At, str]], row: Callable[[str], Tuple[str, str, Optional[str]]]
    ) -> None:
        self.inputs: List[str] = []
        self._place = place
        self._row = row
        self._ops: List[str] = []
        self._points: List[str] = []
        self._labels: List[Label] = []
        self._guards: Dict[int, int] = {}
        self._first: Optional[At] = None

    def take(self, line: str) -> None:
        """Take an op or a merge point."""
        ops = self._ops
        if "debug_merge_point(" in line:
            point = parse_merge_point(line)
            if point is not None:
                self._take_point(*point)
                return
        row, name, descr = self._row(line)
        if descr is not None:
            if name == "label":
                self._labels.append(Label(len(ops), descr, None))
            elif descr.startswith("<Guard"):
                self._take_guard(line, descr)
        ops.append(row)

    def _take_point(self, depth: int, call: int, text: str) -> None:
        at, row = self._place(text)
        self._points.append(f"[{len(self._ops)},{depth},{call},{row}")
        self._first = self._first or at

    def _take_guard(self, line: str, descr: str) -> None:
        match = _GUARD_DESCR.match(descr)
        if match and line[-1] == "]":
            self._guards[int(match[1], 16)] = len(self._ops)

    def text(self) -> StageText:
        """Give what was taken."""
        ops, points = ",".join(self._ops), ",".join(self._points)
        text = f'{{"inputs":{_json(self.inputs)},"ops":[{ops}],"points":[{points}]}}'
        return StageText(text, self._labels, self._first, self._guards)


def _is_plain(text: str) -> bool:
    """Say whether a text may stand in JSON as it is."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


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


def plain_row(line: str) -> Tuple[str, str, Optional[str]]:
    """Do what ``any_row`` does for a line that is plain; resops.py says what its parts are."""
    start, offset, result, fail = 0, "null", "null", "null"
    if line[0] == "+":
        colon = line.index(": ")
        offset = str(int(line[1:colon]))
        start = colon + 2
    opening = line.index("(", start)
    equals = line.find(" = ", start, opening)
    if equals >= 0:
        result = f'"{line[start:equals]}"'
        start = equals + 3
    if line[-1] == "]":
        closing = line.rindex(") [")
        fail = _texts(line[closing + 3 : -1]).replace('"None"', "null")
    else:
        closing = line.rindex(")")
    name = line[start:opening]
    at = line.rfind("descr=", opening + 1, closing)
    if at < 0:
        return f'["{name}",{result},{_texts(line[opening + 1 : closing])},null,{offset},{fail}]', name, None
    descr = line[at + 6 : closing]
    args = _texts(line[opening + 1 : at - 2]) if at - opening > 3 else "[]"
    return f'["{name}",{result},{args},"{descr}",{offset},{fail}]', name, descr


def _texts(inside: str) -> str:
    return '["' + inside.replace(", ", '","') + '"]' if inside else "[]"
