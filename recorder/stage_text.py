"""Turn the lines of a trace into JSON text for the bundle, without making records of them.

A big recording has a million lines.  Most are plain ASCII without quotes: what stands in them can
be put between quotes as it is.  One regular expression finds the parts of all lines of a stage, in
a third of the time that string methods take line by line.  It takes anything for a part, which is
half the time of looking at each character, and so a stage is asked first whether it is plain.
"""

from __future__ import annotations

import json
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Label, Op
from tracebin.recorder.log_drafts import At
from tracebin.recorder.resops import END_OF_TRACE, parse_inputs, parse_merge_point, parse_op

_GUARD_DESCR = re.compile(r"<Guard(0x[0-9a-f]+)>")
_NUMBER = r"(0|[1-9][0-9]*)"
# Each line is one match: the parts of a merge point, those of an op, or a line as it is.
_LINES = re.compile(
    rf"(?:\+{_NUMBER}: )?(?:debug_merge_point\({_NUMBER}, {_NUMBER}, (.*)\)"
    r"|(?!debug_merge_point\()(\w+)(?: = (\w+))?\((.*)\)(?: \[(.*\]))?)\n"
    r"|(.*)\n",
    re.ASCII,
)
_NO_PARTS = ("",) * 8
# json.dumps would make one each time.  ASCII: PyPy's encoder takes a fifth less time for it.
_json = json.JSONEncoder(separators=(",", ":")).encode
# What may stand in JSON as it is.
_PLAIN = bytes({10, *range(32, 127)} - set(b'"\\'))


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
        ops, points, places = stage.ops, stage.points, self._places
        fails = {"": "null"}  # guards that follow each other often have the same
        # A loop without calls of ours: those would be half of its time.
        for offset, depth, call, at, first, second, args, fail, line in _parts(text):
            if first:
                inside, has_descr, descr = args.partition("descr=")
                if "=" in inside:
                    self._take_line(_line(offset, first, second, args, fail), stage)
                    continue
                name, result = (second, f'"{first}"') if second else (first, "null")
                if has_descr:
                    inside = inside[:-2]  # without the comma
                    if fail or name == "label":
                        stage.take_descr(name, descr)
                    descr = f'"{descr}"'
                inside = '["' + inside.replace(", ", '","') + '"]' if inside else "[]"
                fail = fails.get(fail) or fails.setdefault(fail, _fail(fail))
                ops.append(f'["{name}",{result},{inside},{descr or "null"},{offset or "null"},{fail}]')
            elif at:
                where, row = places.get(at) or self._place(at)
                stage.first = stage.first or where
                points.append(f"[{len(ops)},{depth},{call},{row}")
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
            if descr and (name == "label" or line[-1] == "]"):
                stage.take_descr(name, descr)
            stage.ops.append(row)
        else:
            depth, call, text = point
            at, row = self._place(text)
            stage.first = stage.first or at
            stage.points.append(f"[{len(stage.ops)},{depth},{call},{row}")

    def _place(self, text: str) -> Tuple[At, str]:
        found = self._places.get(text)
        if found is None:
            at = self._at(text.strip("'\""))
            found = self._places[text] = at, _row(at)
        return found


def _row(at: At) -> str:
    """Give a place as the end of a row."""
    if at.text is None and at.line is not None:
        return f"{at.function},{at.offset},{at.line},null]"
    return _json([at.function, at.offset, at.line, at.text])[1:]


class _Stage:
    """What has been read of a stage: its ops and merge points as JSON."""

    def __init__(self) -> None:
        self.inputs: List[str] = []
        self.ops: List[str] = []
        self.points: List[str] = []
        self.first: Optional[At] = None
        self._labels: List[Label] = []
        self._guards: Dict[int, int] = {}

    def take_descr(self, name: str, descr: str) -> None:
        """Note the next op if it is a label or guard, to be found again by its descr."""
        if name == "label":
            self._labels.append(Label(len(self.ops), descr, None))
            return
        match = _GUARD_DESCR.match(descr)
        if match:
            self._guards[int(match[1], 16)] = len(self.ops)

    def text(self) -> StageText:
        """Give what was taken."""
        ops, points = ",".join(self.ops), ",".join(self.points)
        text = f'{{"inputs":{_json(self.inputs)},"ops":[{ops}],"points":[{points}]}}'
        return StageText(text, self._labels, self.first, self._guards)


def _parts(text: str) -> List[Tuple[str, ...]]:
    """Give the parts of each line: offset, depth, call and place; first word, second, args, fail; or all."""
    found = _LINES.findall(text + "\n")
    if _is_plain(text):
        return found
    return [row if _is_plain(line) else (*_NO_PARTS, line) for row, line in zip(found, text.split("\n"))]


def _is_plain(text: str) -> bool:
    """Say whether its parts need no escape."""
    return text.isascii() and not text.encode().translate(None, _PLAIN)


def _line(offset: str, first: str, second: str, args: str, fail: str) -> str:
    """Give the line of an op again."""
    head = f"+{offset}: " if offset else ""
    name = f"{first} = {second}" if second else first
    return f"{head}{name}({args})" + (f" [{fail}" if fail else "")


def _fail(text: str) -> str:
    """Give a guard's fail arguments as JSON; the closing bracket is part of the text."""
    quoted = '["' + text[:-1].replace(", ", '","') + '"]' if text != "]" else "[]"
    return quoted.replace('"None"', "null")


def any_row(line: str) -> Tuple[str, str, Optional[str]]:
    """Give an op as a row, its name and its descr.

    Raises:
        ValueError: the line has another form.
    """
    op: Op = parse_op(line)
    return _json(op), op.name, op.descr
