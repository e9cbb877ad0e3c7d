"""Read the file PyPy's built-in sampler writes.

Source: rpython/rlib/rvmprof/src/shared (vmprof_common.h, vmprof_unix.c), PyPy 7.3.11 (file version 6)
and 8.0.1 (version 7, a time at the end of each sample).  Little endian, 64-bit words.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Tuple

from tracebin.recorder.pauses import ActiveTime

STACK, CODE, TRAILER, HEADER, START, META, NATIVE = 1, 2, 3, 5, 6, 7, 8
MEMORY_FLAG = 0x01
TIMED_VERSION = 7

# A marker and a count: as memory, 257 KiB, which no PyPy gets along with.
_NEXT_STACK = struct.pack("<Bq", STACK, 1)
# Five words that say nothing to us.
_START = 40
# More than the words after a sample that tell whether its last one is left out.
_AHEAD_BYTES = 64
# So many samples one behind the other are no accident.
_IN_A_ROW = 8
_CODE_MARKER = bytes([CODE])
_WORD = struct.Struct("<q")
_TWO_WORDS = struct.Struct("<qq")
# A name or a file may have colons of its own.
_PYTHON_NAME = re.compile(r"py:(.*?):(-?\d{1,9}):(.*)", re.DOTALL)
# A larger number is no depth but a sign that the file is damaged.
_MAX_WORDS = 1 << 16


class Sample(NamedTuple):
    """One sample: ``stack`` is the raw words, pairs of kind and value, innermost first.

    ``end`` is where it ends in the file.
    """

    thread: int
    stack: bytes
    memory_bytes: int
    time_ns: Optional[int]
    end: int = 0


class CodeName(NamedTuple):
    """What the sampler knows of a code object."""

    name: str
    line: int
    file: str


@dataclass
class SampleFile:
    """All that one file says; ``cut`` tells where it breaks off, or is None.

    Of the code objects that ``texts`` names few are ever asked for.
    """

    version: int = 0
    samples: List[Sample] = field(default_factory=list)
    texts: Dict[int, bytes] = field(default_factory=dict)
    is_ended: bool = False
    cut: Optional[str] = None

    def names(self) -> Dict[int, CodeName]:
        """Decode the names of all code objects."""
        found = {number: code_name(text) for number, text in self.texts.items()}
        return {number: name for number, name in found.items() if name is not None}


def code_name(text: bytes) -> Optional[CodeName]:
    """Read ``py:NAME:LINE:FILE``; native symbols and others have no name."""
    match = _PYTHON_NAME.fullmatch(text.decode("utf-8", "surrogateescape"))
    return CodeName(match[1], int(match[2]), match[3]) if match else None


def read_samples(data: bytes, behind: Optional[bytes] = None, start: int = 0) -> SampleFile:
    """Read a whole file; what stands before a break is kept.

    ``behind`` is what comes after a piece of the file that is gone, at ``start`` of it: what can
    be told to be a row of samples is taken.
    """
    reader = SampleReader()
    reader.end(data, behind, start)
    return reader.found


class SampleReader:
    """Read a file of samples as it grows: ``feed`` what is new, then ``end`` with the rest.

    ``at`` is how much of the file has been read into ``found``.
    """

    def __init__(self) -> None:
        self.found = SampleFile()
        self.at = 0
        self._rest = b""
        self._has_memory = False
        self._is_broken = False

    def feed(self, data: bytes) -> None:
        """Read the next bytes as far as nothing behind them can change what they say."""
        data = self._rest + data
        if not self._is_broken and self.at + len(data) > _START:
            reader = self._reader(data)
            try:
                reader.read_what_is_sure()
            except (_Broken, ValueError):
                self._is_broken = True  # reading it again at the end says why
            self._take(reader)
        else:
            self._rest = data

    def end(self, data: bytes, behind: Optional[bytes] = None, start: int = 0) -> None:
        """Read the rest of the file, and what is behind a gap in it."""
        found, data = self.found, self._rest + data
        if self.at + len(data) < _START:
            found.cut = "it ends before its header" if data else "it is empty"
            return
        reader = self._reader(data)
        _read_on(reader)
        self._take(reader)
        if behind is not None:
            found.cut = None
            _read_on(_Reader(behind, found, reader.first_sample_in(behind), reader.has_memory, start))

    def _reader(self, data: bytes) -> _Reader:
        return _Reader(data, self.found, 0 if self.at else _START, self._has_memory, self.at)

    def _take(self, reader: _Reader) -> None:
        self.at, self._rest = reader.start + reader.at, reader.data[reader.at :]
        self._has_memory = reader.has_memory


def _read_on(reader: _Reader) -> None:
    try:
        reader.read()
    except (struct.error, _Cut, _Broken, ValueError) as fault:
        why = "cut off" if isinstance(fault, struct.error) else fault
        reader.found.cut = f"byte {reader.start + reader.at} of {reader.start + len(reader.data)}: {why}"


class _Broken(Exception):
    """A word that can't be."""


class _Cut(Exception):
    """The file has no more bytes."""


class _Reader:
    def __init__(
        self, data: bytes, found: SampleFile, at: int = _START, has_memory: bool = False, start: int = 0
    ) -> None:
        self.data = data
        self.start = start
        self.found = found
        self.at = at
        self.has_memory = has_memory

    def read(self, most: Optional[int] = None) -> None:
        size, found = len(self.data), self.found
        while self.at < size and not found.is_ended:
            self._next()
            if most is not None and len(found.samples) + len(found.texts) >= most:
                return

    def read_what_is_sure(self) -> None:
        """Read what has enough bytes behind it."""
        size, found = len(self.data), self.found
        while self.at + _AHEAD_BYTES < size and not found.is_ended:
            at, samples = self.at, len(found.samples)
            try:
                self._next()
            except (struct.error, _Cut):
                return
            if self.at + _AHEAD_BYTES > size:
                self.at = at
                found.is_ended = False
                del found.samples[samples:]
                return

    def _next(self) -> None:
        marker = self.data[self.at]
        if marker == STACK:
            self._stack(self.at + 1)
        elif marker in (CODE, NATIVE):
            self._code(self.at + 1)
        else:
            self._rest(marker, self.at + 1)

    def first_sample_in(self, data: bytes) -> int:
        """Find where a row of samples of this file begins in another piece of it."""
        at = data.find(_NEXT_STACK)
        while at >= 0:
            trial = _Reader(data, SampleFile(self.found.version), at, self.has_memory)
            try:
                trial.read(_IN_A_ROW)
            except (struct.error, _Cut, _Broken, ValueError):
                at = data.find(_NEXT_STACK, at + 1)
            else:
                return at
        return len(data)

    def _rest(self, marker: int, at: int) -> None:
        if marker == HEADER:
            self._header(at)
        elif marker in (START, TRAILER):
            # Seconds, microseconds and a zone; the agent's notes tell the same on our clock.
            self._need(at, 24)
            self.at = at + 24
            self.found.is_ended = marker == TRAILER
        elif marker == META:
            self.at = self._skip_text(self._skip_text(at))
        else:
            raise _Broken(f"unknown marker {marker}")

    def _need(self, at: int, size: int) -> None:
        if size < 0:
            raise _Broken(f"a text of {size} bytes")
        if at + size > len(self.data):
            raise _Cut("cut off")

    def _skip_text(self, at: int) -> int:
        (size,) = _WORD.unpack_from(self.data, at)
        self._need(at + 8, size)
        return int(at + 8 + size)

    def _header(self, at: int) -> None:
        self._need(at, 4)
        low, high, mode, size = self.data[at : at + 4]
        # Written as a 16-bit number in network order since version 4.
        self.found.version = low << 8 | high
        self.has_memory = bool(mode & MEMORY_FLAG)
        self._need(at + 4, size)
        self.at = at + 4 + size

    def _stack(self, at: int) -> None:
        data = self.data
        _, depth = _TWO_WORDS.unpack_from(data, at)
        if not 0 <= depth <= _MAX_WORDS:
            raise _Broken(f"a stack of {depth} words")
        end = at + 16 + 8 * depth
        (thread,) = _WORD.unpack_from(data, end)
        stack = data[at + 16 : end]
        end += 8
        memory, time = -1, None
        # Where it can't read how much there is, PyPy leaves the word out.
        timed = 8 * (self.found.version >= TIMED_VERSION)
        if self.has_memory and not self._ends(end + timed):
            memory = _WORD.unpack_from(data, end)[0] * 1024
            end += 8
        if timed:
            (time,) = _WORD.unpack_from(data, end)
            end += 8
        self.found.samples.append(Sample(thread, stack, memory, time, self.start + end))
        self.at = end

    def _ends(self, at: int) -> bool:
        """Say whether something new begins at ``at``: it would be no amount of memory."""
        return self.data.startswith(_NEXT_STACK, at) or (
            self.data[at : at + 1] == _CODE_MARKER and self.data.startswith(b"py:", at + 17)
        )

    def _code(self, at: int) -> None:
        number, size = _TWO_WORDS.unpack_from(self.data, at)
        self._need(at + 16, size)
        self.found.texts[number] = self.data[at + 16 : at + 16 + size]
        self.at = at + 16 + size
        self._more_codes()

    def _more_codes(self) -> None:
        """Take the code objects behind one: PyPy writes three thousand of them at its end."""
        data, texts, at = self.data, self.found.texts, self.at
        sure = len(data) - _AHEAD_BYTES
        while at < sure and data[at] == CODE:
            number, size = _TWO_WORDS.unpack_from(data, at + 1)
            end = at + 17 + size
            if size < 0 or end > sure:
                break
            texts[number] = data[at + 17 : end]
            at = end
        self.at = at


def spread(samples: List[Sample], active: ActiveTime, origin_ns: int = 0) -> List[int]:
    """Give each sample a time: its own less ``origin_ns``, or its tick's place in the time that was sampled.

    Before version 7 a sample has no time, but the timer's period holds well.  One
    tick of the timer samples every thread once, so a thread seen again means the
    next tick.
    """
    ticks = _ticks(samples)
    step = active.length / (ticks[-1] + 1) if ticks else 0.0
    return [
        # With the timer that we use, PyPy 8.0 counts the processor's time, and from somewhere else.
        sample.time_ns - origin_ns
        if sample.time_ns is not None and sample.time_ns >= origin_ns
        else active.at(int((tick + 1) * step))
        for sample, tick in zip(samples, ticks)
    ]


def ticks_of(samples: List[Sample]) -> int:
    """Count the ticks of the timer that the samples come from."""
    ticks = _ticks(samples)
    return ticks[-1] + 1 if ticks else 0


def _ticks(samples: List[Sample]) -> List[int]:
    ticks, tick = [], -1
    seen: Dict[int, int] = {}
    for sample in samples:
        if seen.get(sample.thread, -1) == tick:
            tick += 1
        tick = max(tick, 0)
        seen[sample.thread] = tick
        ticks.append(tick)
    return ticks


def pairs(stack: bytes) -> List[Tuple[int, int]]:
    """Give the (kind, value) pairs of a raw stack, innermost first."""
    words = struct.unpack(f"<{len(stack) // 8}q", stack[: len(stack) // 8 * 8])
    return list(zip(words[0::2], words[1::2]))
