"""Read a bundle in one pass with bounded memory, as far as it goes.

The frame (which line is what) is read here, each element by a decoder.  A bundle
that breaks off gives everything before the break and one problem; ``strict``
refuses it instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Generator,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Tuple,
)

from tracebin.bundle.codec import decode_line, encode_line, parse_json
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
    a ``problems`` entry of kind ``cut`` that says where.  The elements of the lists in
    ``without`` are neither decoded nor given: they may be most of a bundle.

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
        without: Collection[str] = (),
    ) -> None:
        self._stream = stream
        self._without = without
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
            self._check_end()
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
            raise self._unfit(f"the key {key!r} is not where it belongs")
        if line.endswith(b","):
            return line[len(start) : -1]
        # The run's own line may be the last before a break, and whole.
        if self._lines.is_open:
            return line[len(start) :]
        raise self._unfit("a comma is missing at the end")

    def _pair(self, key: str) -> Any:
        value = self._value(key)
        try:
            return parse_json(value)
        except MalformedBundle as fault:
            raise self._unfit(fault.message) from None

    def _unfit(self, message: str) -> Exception:
        """Give the error for the line read last: without its end, it is where the bundle breaks off."""
        if self._lines.is_open:
            return _CutOff("in the middle of a line")
        return MalformedBundle(message, where=self._lines.place)

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
            if self._lines.is_open:
                raise _CutOff("in the middle of a line") from None
            where = f"{self._lines.place}: {fault.where}" if fault.where else self._lines.place
            raise MalformedBundle(fault.message, where=where) from None

    def _sections(self) -> Iterator[Element]:
        """Read the lists: the known ones in their order, others of a later 1.x between them."""
        missing, seen, more = list(SECTIONS), set(), True
        while more:
            line = self._lines.next()
            if line == b"}":
                wanted = f"the list {missing[0]!r} is missing" if missing else "a comma stands before the end"
                raise self._unfit(wanted)
            key, is_null, more = self._section(line)
            if key in seen:
                raise self._unfit(f"the list {key!r} is there twice")
            seen.add(key)
            if key in SECTIONS and key != missing.pop(0):
                raise self._unfit(f"the list {key!r} is not where it belongs, or one before it is missing")
            if not is_null:
                more = yield from self._list(key)
        if missing:
            raise self._unfit(f"the list {missing[0]!r} is missing")
        if self._lines.next() != b"}":
            raise self._unfit("the bundle's last line, '}', was expected")

    def _section(self, line: bytes) -> Tuple[str, bool, bool]:
        """Give a list's key, whether it is null, and (then) whether more may follow."""
        match = _SECTION.match(line)
        if match is None:
            raise self._unfit("a list's first line was expected")
        key, is_null, comma = match[1].decode(), match[2] == b"null", bool(match[3])
        if is_null and key in SECTIONS and key != "coverage":
            raise self._unfit(f"the list {key!r} can't be null")
        if comma and not is_null:
            raise self._unfit("a comma stands before the first element")
        return key, is_null, comma

    def _list(self, key: str) -> Generator[Element, None, bool]:
        """Yield the elements of one list; return whether another list may follow."""
        cls = SECTIONS.get(key)
        index, comma = 0, False
        while True:
            line = self._lines.next()
            if line in (b"]", b"],"):
                break
            if index and not comma:
                raise self._unfit("a comma is missing at the end of the line before")
            comma = line.endswith(b",")
            body = line[:-1] if comma else line
            if cls is not None and key not in self._without:
                yield Element(key, index, self._element(cls, body), body)
            index += 1
            if key == "problems":
                self._problems = index
        if comma:
            raise self._unfit(f"a comma stands before the end of the list {key!r}")
        return line == b"],"

    def _check_end(self) -> None:
        if self._lines.rest():
            raise MalformedBundle("there is more after the bundle's end", where=self._lines.place)
        if self._broken:
            raise _CutOff(self._broken, is_whole=True)

    @property
    def _broken(self) -> Optional[str]:
        """Why a compressed stream ended, if not as it should."""
        broken: Optional[str] = getattr(self._stream, "broken", None)
        return broken

    def _cut_off(self, cut: _CutOff) -> Element:
        why = self._broken or str(cut)
        if self._strict:
            raise MalformedBundle(f"the bundle is cut off: {why}", where=self._lines.place)
        text = f"The bundle ends early: {why}. All that stands before it is here."
        if cut.is_whole:
            text = f"The bundle is here to its end, but its file is damaged: {why}."
        problem = Problem("cut", text, 1, f"{self._lines.place}, byte {self._lines.bytes_read}")
        return Element("problems", self._problems, problem, encode_line(problem))


class _CutOff(Exception):
    """The bundle ended before its end; ``is_whole`` if only its wrapping did."""

    def __init__(self, why: str, *, is_whole: bool = False) -> None:
        super().__init__(why)
        self.is_whole = is_whole


class _Lines:
    """The lines of a stream, each at most ``max_bytes`` long."""

    def __init__(self, stream: ByteSource, max_bytes: Optional[int]) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._buffer = b""
        self._position = 0
        self._ended = False
        self.number = 0
        self.bytes_read = 0
        # Whether the line given last has no end, as the one before a break.
        self.is_open = False

    @property
    def place(self) -> str:
        return f"line {self.number}"

    def next(self) -> bytes:
        """Give the next line without its end, or raise _CutOff."""
        self.number += 1
        end = self._buffer.find(b"\n", self._position)
        while end < 0 and not self._ended:
            end = self._fill()
        self._check_length((len(self._buffer) if end < 0 else end) - self._position)
        if end < 0:
            return self._open_line()
        line = self._buffer[self._position : end]
        self._position = end + 1
        self.bytes_read += len(line) + 1
        return line

    def _check_length(self, size: int) -> None:
        if self._max_bytes is not None and size > self._max_bytes:
            raise BundleTooLarge(
                f"a line is longer than {self._max_bytes} bytes",
                reason="line_bytes",
                limit=self._max_bytes,
                where=self.place,
            )

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
            if not found:
                self._check_length(size)
        self._buffer, self._position = b"".join(pieces), 0
        return self._buffer.find(b"\n")

    def _open_line(self) -> bytes:
        line = self._buffer[self._position :]
        self._position = len(self._buffer)
        self.bytes_read += len(line)
        if not line:
            raise _CutOff("it stops after a line")
        self.is_open = True
        return line

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
