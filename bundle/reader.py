"""Read a bundle in one pass with bounded memory, as far as it goes.

The frame (which line is what) is read here, each element by a decoder.  A bundle
that breaks off gives everything before the break and one problem; ``strict``
refuses it instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Tuple

from tracebin.bundle.codec import decode_line, parse_json
from tracebin.bundle.compression import READ_BYTES, open_bundle
from tracebin.bundle.records import FORMAT, SECTIONS, VERSION, Bundle, Problem, Run
from tracebin.errors import BundleTooLarge, MalformedBundle, UnsupportedVersion

DecodeLine = Callable[[Any, bytes], Any]
_SECTION = re.compile(rb'"([a-z_]{1,40})": (\[|null)(,?)\Z')


class ByteSource(Protocol):
    """What a reader needs of a stream: bytes, fewer than asked for maybe, none at the end."""

    def read(self, size: int, /) -> Optional[bytes]:
        """Give up to ``size`` bytes."""


class Element(NamedTuple):
    """One element: its list (``run`` for the run), position, record and raw line."""

    key: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of an element
    record: Any
    line: bytes


@dataclass(frozen=True)
class Limits:
    """What a reader takes; ``None`` means no limit."""

    line_bytes: Optional[int] = None
    elements: Optional[int] = None


class BundleReader:
    """The elements of the bundle in ``stream``, in order.

    With ``strict`` a bundle that breaks off raises; without, the last element is
    a ``problems`` entry of kind ``cut`` that says where.

    Raises (while iterating):
        MalformedBundle: not a bundle, or an element isn't what its place asks for.
        UnsupportedVersion: a bundle of another major version.
        BundleTooLarge: one of ``limits`` was passed.
    """

    def __init__(
        self,
        stream: ByteSource,
        *,
        limits: Limits = Limits(),
        decode: DecodeLine = decode_line,
        strict: bool = False,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._decode = decode
        self._strict = strict
        self._lines = _Lines(stream, limits.line_bytes)
        self._count = 0
        self._problems = 0

    def __iter__(self) -> Iterator[Element]:
        """Yield each element as it is read."""
        try:
            yield self._head()
            yield from self._sections()
        except _CutOff as cut:
            yield self._cut_off(cut)

    def _head(self) -> Element:
        if self._lines.next() != b"{":
            raise MalformedBundle("not a tracebin bundle: it doesn't begin with a line '{'", where="line 1")
        if self._pair("format") != FORMAT:
            raise MalformedBundle("not a tracebin bundle: its format is another", where="line 2")
        _check_version(self._pair("version"))
        line = self._value("run")
        return Element("run", 0, self._element(Run, line), line)

    def _value(self, key: str) -> bytes:
        line = self._lines.next()
        start = b'"%s": ' % key.encode()
        if not line.startswith(start):
            raise MalformedBundle(f"the key {key!r} is not where it belongs", where=self._lines.place)
        return line[len(start) :].rstrip(b",")

    def _pair(self, key: str) -> Any:
        return parse_json(self._value(key))

    def _element(self, cls: Any, line: bytes) -> Any:
        self._count += 1
        if self._limits.elements is not None and self._count > self._limits.elements:
            raise BundleTooLarge(
                f"the bundle has more than {self._limits.elements} elements",
                reason="elements",
                limit=self._limits.elements,
            )
        try:
            return self._decode(cls, line)
        except MalformedBundle as fault:
            where = f"{self._lines.place}: {fault.where}" if fault.where else self._lines.place
            message = str(fault).split(" (at ", maxsplit=1)[0]
            if self._lines.is_last_and_open():
                raise _CutOff("in the middle of a line") from None
            raise MalformedBundle(message, where=where) from None

    def _sections(self) -> Iterator[Element]:
        seen: List[str] = []
        while True:
            line = self._lines.next()
            if line == b"}":
                break
            key, is_null, is_last = self._section(line, seen)
            if not is_null:
                yield from self._list(key, is_last)
        missing = [key for key in SECTIONS if key not in seen]
        if missing:
            raise MalformedBundle(f"the list {missing[0]!r} is missing", where=self._lines.place)
        self._check_end()

    def _section(self, line: bytes, seen: List[str]) -> Tuple[str, bool, bool]:
        match = _SECTION.match(line)
        if match is None:
            if self._lines.is_last_and_open():
                raise _CutOff("in the middle of a line")
            raise MalformedBundle("a list's first line was expected", where=self._lines.place)
        key = match[1].decode()
        if key in seen:
            raise MalformedBundle(f"the list {key!r} is there twice", where=self._lines.place)
        seen.append(key)
        return key, match[2] == b"null", not match[3]

    def _list(self, key: str, _is_last: bool) -> Iterator[Element]:
        cls = SECTIONS.get(key)
        index = 0
        while True:
            line = self._lines.next()
            if line in (b"]", b"],"):
                return
            body = line[:-1] if line.endswith(b",") else line
            if cls is not None:
                record = self._element(cls, body)
                if key == "problems":
                    self._problems = index + 1
                yield Element(key, index, record, body)
            index += 1

    def _check_end(self) -> None:
        rest = self._lines.rest()
        if rest:
            raise MalformedBundle("there is more after the bundle's end", where=self._lines.place)
        broken = getattr(self._stream, "broken", None)
        if broken:
            raise _CutOff(broken)

    def _cut_off(self, cut: _CutOff) -> Element:
        why = getattr(self._stream, "broken", None) or str(cut)
        if self._strict:
            raise MalformedBundle(f"the bundle is cut off: {why}", where=self._lines.place)
        text = f"The bundle ends early: {why}. All that stands before it is here."
        problem = Problem("cut", text, 1, f"{self._lines.place}, byte {self._lines.bytes_read}")
        return Element("problems", self._problems, problem, b"")


class _CutOff(Exception):
    """The bundle ended before its end."""


class _Lines:
    """The lines of a stream, each at most ``max_bytes`` long."""

    def __init__(self, stream: ByteSource, max_bytes: Optional[int]) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._buffer = b""
        self._position = 0
        self._ended = False
        self._open = False
        self.number = 0
        self.bytes_read = 0

    @property
    def place(self) -> str:
        return f"line {self.number}"

    def next(self) -> bytes:
        """Give the next line without its end, or raise _CutOff."""
        end = self._buffer.find(b"\n", self._position)
        while end < 0 and not self._ended:
            end = self._fill()
        self.number += 1
        if end < 0:
            return self._open_line()
        line = self._buffer[self._position : end]
        self._position = end + 1
        self.bytes_read += len(line) + 1
        return line

    def _fill(self) -> int:
        """Read more until a line's end is in the buffer; -1 if the stream ended."""
        pieces = [self._buffer[self._position :]]
        size = len(pieces[0])
        found = False
        while not found:
            piece = self._stream.read(READ_BYTES)
            if not piece:
                self._ended = True
                break
            pieces.append(piece)
            found = b"\n" in piece
            size += len(piece)
            if not found and self._max_bytes is not None and size > self._max_bytes:
                raise BundleTooLarge(
                    f"a line is longer than {self._max_bytes} bytes",
                    reason="line_bytes",
                    limit=self._max_bytes,
                    where=f"line {self.number + 1}",
                )
        self._buffer, self._position = b"".join(pieces), 0
        return self._buffer.find(b"\n")

    def _open_line(self) -> bytes:
        line = self._buffer[self._position :]
        self._position = len(self._buffer)
        self.bytes_read += len(line)
        if not line:
            raise _CutOff("it stops after a line")
        self._open = True
        return line

    def is_last_and_open(self) -> bool:
        """Say whether the line given last has no end, as the one before a break."""
        return self._open

    def rest(self) -> bytes:
        """Give what stands after the last line, blanks left out; reads to the stream's end."""
        rest = self._buffer[self._position :].strip()
        while not rest and not self._ended:
            piece = self._stream.read(READ_BYTES)
            self._ended = not piece
            rest = (piece or b"").strip()
        return rest


def _check_version(version: Any) -> None:
    if type(version) not in (int, float) or not VERSION <= version < VERSION + 1:
        raise UnsupportedVersion(
            f"the bundle is of version {str(version)[:20]}; this tracebin reads {VERSION}.x: "
            "record the program again, or use the tracebin that wrote it",
            where="line 3",
        )


def read_bundle(path: Path, *, strict: bool = False) -> Bundle:
    """Read the bundle at ``path`` whole.

    Raises:
        MalformedBundle: it can't be read, or is no bundle.
    """
    with open_bundle(path) as stream:
        return collect(BundleReader(stream, strict=strict))


def collect(elements: Iterable[Element]) -> Bundle:
    """Gather ``elements`` into one Bundle.

    Raises:
        MalformedBundle: not even the run is there.
    """
    run: Optional[Run] = None
    lists: Dict[str, List[Any]] = {key: [] for key in SECTIONS}
    for element in elements:
        if element.key == "run":
            run = element.record
        else:
            lists[element.key].append(element.record)
    if run is None:
        raise MalformedBundle("the bundle is cut off before its first element")
    lists["coverage"] = lists["coverage"] or None  # type: ignore[assignment]
    return Bundle(run=run, **lists)
