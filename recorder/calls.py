"""Read the calls that the agent stored, and make rows of them.

``PID.calls`` is a row of blocks, each of one thread, all of little-endian words of 64
bits.  The agent (site/tracebin_agent/events.py and calls.py) writes it, and the two change
together.

======== ====================================================================
6 words  a tag; the thread's ident; which of those with that ident (they are numbered as they start);
         how many events follow; the upper bits of their ticks (-1: the first event says
         them); the tick at which the block was written
n words  one for each event
======== ====================================================================

The 44 lower bits of an event are those of its tick.  What is above them, 19 bits, is the number
of a function that is called, up to ``TURN``: then the lower bits are the ticks' upper ones, from now
on, and with ``GAP`` among them calls are missing between the event before and the one after.
From ``RETURN`` on a call ends: with the line its function begins at (17 bits), or with ``C_RETURN``
for a builtin's.
"""

from __future__ import annotations

import struct
import sys
from array import array
from pathlib import Path
from typing import BinaryIO, Callable, Dict, List, NamedTuple, Optional, Tuple

from tracebin.recorder.call_notes import CalledName, CallNotes
from tracebin.recorder.call_rows import CallRows, Spill
from tracebin.recorder.disk import hole_of
from tracebin.recorder.functions import START_UP_FILE
from tracebin.recorder.kept_calls import Kept, KeptCalls, Settled

TAG = 0x736C6C6163627274
TICK_BITS = 44
TICK_MASK = (1 << TICK_BITS) - 1
# A tick has 63 bits at most.
HIGH_MASK = (1 << 63 - TICK_BITS) - 1
WHAT_MASK = (1 << 63 - TICK_BITS) - 1
TURN = (1 << 18) - 1
GAP = 1 << TICK_BITS - 1
RETURN = 1 << 18
C_RETURN = 3 << 17
LINE_MASK = (1 << 17) - 1
# A thread's memory has no room for more: a larger number means that the file is damaged.
MOST_EVENTS = 1 << 20

_HEADER = struct.Struct("<6q")
_TAG = struct.pack("<q", TAG)
# What is read at once to find a block.
_PIECE_BYTES = 1 << 20
_ANY = -1
# Of each thread so many gaps are told with their times; a program may make one at each call.
MOST_GAPS = 10


class Block(NamedTuple):
    """The events of one thread between two ticks."""

    ident: int
    serial: int
    high: int
    tick: int
    words: array[int]
    is_after_gap: bool = False


class BlockReader:
    """The blocks of one file, as they are written.

    ``cut`` says where it breaks off, or is None; ``dropped`` counts the bytes that could not be read
    since the disk was given back what was in its middle.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: Optional[BinaryIO] = None
        self._at = 0
        self._start = 0
        self._is_after_gap = False
        # Where the blocks end that could be read, while a block behind a hole is looked for.
        self._gap: Optional[int] = None
        self.cut: Optional[str] = None
        self.dropped = 0

    def next(self) -> Optional[Block]:
        """Read the next block, if it is there whole."""
        while self.cut is None and self._open() and self._is_at_block():
            block = self._next()
            hole = hole_of(self._path)
            if hole is None or self._start >= hole.stop or max(self._at, self._start + 1) <= hole.start:
                return block
            self.cut = None
            self._gap, self._at = self._start, hole.stop
        return None

    def _is_at_block(self) -> bool:
        """Go on to the first block behind a hole; say whether it is there by now."""
        if self._gap is None:
            return True
        found = -1
        while found < 0:
            # What is looked through may be dropped meanwhile, and much more than that.
            hole = hole_of(self._path)
            self._at = max(self._at, hole.stop if hole else 0)
            data = self._piece()
            found = data.find(_TAG)
            # A word may be there in part.
            self._at += found if found >= 0 else len(data) // 8 * 8
            if found < 0 and len(data) < _PIECE_BYTES:
                return False
        self.dropped += self._at - self._gap
        self._gap, self._is_after_gap = None, True
        return True

    def _piece(self) -> bytes:
        assert self._stream is not None
        self._stream.seek(self._at)
        return self._stream.read(_PIECE_BYTES)

    def _next(self) -> Optional[Block]:
        assert self._stream is not None
        self._start = self._at
        self._stream.seek(self._at)
        head = self._stream.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return None
        tag, ident, serial, count, high, tick = _HEADER.unpack(head)
        if tag != TAG or not 0 <= count <= MOST_EVENTS or not -1 <= high <= HIGH_MASK:
            self.cut = f"there is no block at byte {self._at}"
            return None
        data = self._stream.read(8 * count)
        if len(data) < 8 * count:
            return None
        self._at += _HEADER.size + len(data)
        is_after_gap, self._is_after_gap = self._is_after_gap, False
        return Block(ident, serial, high, tick, _words(data), is_after_gap)

    def end(self) -> None:
        """Say that nothing more will be written."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if self._gap is not None:
            self.cut = "its end was dropped"
            self.dropped += max(size - self._gap, 0)
        elif self.cut is None and self._at < size:
            self.cut = f"the block at byte {self._at} of {size} is not whole"
        if self._stream is not None:
            self._stream.close()

    def _open(self) -> bool:
        if self._stream is None and self._path.exists():
            self._stream = self._path.open("rb")
        return self._stream is not None


def _words(data: bytes) -> array[int]:
    words = array("q", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


class CallThread:
    """The calls of one thread: what is open, and the rows of what was called.

    ``rows`` keeps a row for each call; rows that are still open have no duration.  ``ends`` is
    what returns look like, by number, of all threads; 0 where that isn't known yet.
    """

    def __init__(self, ident: int, rows: CallRows, notes: CallNotes, ends: List[int]) -> None:
        self.ident = ident
        self.rows = rows
        self.last_tick = 0
        self.unfit = 0
        self.was_open = False
        self.is_in_gap = False
        self.gaps: List[List[int]] = []
        self.more_gaps = 0
        self._gap: Optional[int] = None
        self._notes = notes
        self._high = 0
        self._written = 0
        self._pause = 0
        self._open: List[int] = []
        # What a return has above its tick if it fits the call, for each open one.
        self._awaited: List[int] = []
        self._ends = ends

    def take(self, block: Block) -> None:
        """Take in the events of the next block of this thread."""
        base = self._base(block)
        pause = self._next_pause()
        ends, opened, awaited = self._ends, self._open, self._awaited
        begin, finish = self.rows.begin, self.rows.end
        tick = self.last_tick
        for word in block.words:
            what = word >> TICK_BITS & WHAT_MASK
            if what == TURN:
                self._high = word & HIGH_MASK
                base = self._high << TICK_BITS
                if word & GAP:
                    self._begin_gap(tick or block.tick)
                    pause = -1
                continue
            # Another processor's counter may be a little behind: time doesn't run back.
            tick = max(base | word & TICK_MASK, tick)
            if tick >= pause:
                pause = self._cut(tick)
            if what < RETURN:
                opened.append(begin(tick, len(opened), what))
                awaited.append(ends[what] or self._end_of(what))
            elif not opened:
                continue  # of a call that began before the recording
            elif awaited[-1] == what or awaited[-1] == _ANY:
                awaited.pop()
                finish(opened.pop(), tick)
            else:
                self._end_unfit(what, tick)
        self.last_tick, self._written = tick, block.tick

    def _base(self, block: Block) -> int:
        """Give the ticks' upper bits at the block's start, in their place."""
        if block.high >= 0:
            self._high = block.high
        return self._high << TICK_BITS

    def _end_of(self, number: int) -> int:
        """Work out what the return of a function's call looks like."""
        name = self._notes.names.get(number)
        if name is None:
            return _ANY
        end = self._ends[number] = end_of(name)
        return end

    def _end_unfit(self, what: int, tick: int) -> None:
        """End the last open call that fits, and those inside it; none if none fits."""
        fitting = [place for place, awaited in enumerate(self._awaited) if awaited in (what, _ANY)]
        # Builtins that are open at a pause's end or a fork are not taken up: no frame tells of them.
        self.unfit += bool(fitting) or what != C_RETURN
        if fitting:
            self._close(tick, fitting[-1])

    def _close(self, tick: int, depth: int = 0) -> None:
        """End the open calls from ``depth`` on."""
        while len(self._open) > depth:
            self._awaited.pop()
            self.rows.end(self._open.pop(), tick)

    def _next_pause(self) -> int:
        if self._gap is not None:
            return -1
        pauses = self._notes.pauses
        return pauses[self._pause][0] if self._pause < len(pauses) else sys.maxsize

    def _cut(self, tick: int) -> int:
        """End what is open at the pauses that began before ``tick``; give when the next one does."""
        self._end_gap(tick)
        pause = self._next_pause()
        while pause <= tick and self._pause < len(self._notes.pauses):
            self._close(pause)
            self._pause += 1
            pause = self._next_pause()
        return pause

    def _begin_gap(self, tick: int) -> None:
        """End what is open: how it went on isn't known."""
        self._close(tick)
        if self._gap is None:
            self._gap = tick

    def _end_gap(self, tick: int) -> None:
        """Go on with the first event behind a gap."""
        if self._gap is None:
            return
        if len(self.gaps) < MOST_GAPS:
            self.gaps.append([self._gap, tick])
        else:
            self.more_gaps += 1
        self._gap = None

    def end(self, *, is_whole: bool) -> None:
        """End what is open with the recording: when the last block was written, or with the last event."""
        # When the program has ended PyPy itself takes the function away, in start-up code that is open then.
        if self._open:
            name = self._notes.names.get(self.rows.number_of(self._open[-1]))
            self.was_open = name is None or name.file != START_UP_FILE
        if self._gap is not None:
            self.is_in_gap, self.last_tick = True, max(self.last_tick, self._gap)
        self._close(max(self.last_tick, self._written) if is_whole else self.last_tick)


def end_of(name: CalledName) -> int:
    """Give what a return has above its tick."""
    return RETURN | name.line & LINE_MASK if name.line else C_RETURN


class CallReading:
    """The reading of one process's calls: ``advance`` as often as wanted, then ``finish``.

    ``learn`` is to take in the notes that are new: a block's names are noted before it.
    """

    def __init__(self, path: Path, notes: CallNotes, learn: Callable[[], object]) -> None:
        self._blocks = BlockReader(path)
        self._spill = Spill()
        self._notes = notes
        self._learn = learn
        # What ends each function, by its number: eight megabytes, which a run without calls can do without.
        self._ends: List[int] = []
        self._threads: Dict[Tuple[int, int], CallThread] = {}

    def advance(self) -> bool:
        """Read one block, and say whether there was any."""
        block = self._blocks.next()
        if block is None:
            return False
        self._ends = self._ends or [0] * RETURN
        self._learn()
        if block.is_after_gap:
            for open_thread in self._threads.values():
                open_thread.end(is_whole=False)
                open_thread.was_open = False
        key = block.ident, block.serial
        thread = self._threads.get(key)
        if thread is None:
            thread = self._threads[key] = CallThread(
                block.ident, CallRows(self._spill), self._notes, self._ends
            )
        thread.take(block)
        return True

    def finish(self) -> Called:
        """Give all that was called, now that nothing more will be written."""
        while self.advance():
            pass
        self._blocks.end()
        ended = [self._end(thread, key in self._notes.lost) for key, thread in self._threads.items()]
        rows = [thread.rows for thread in self._threads.values()]
        return Called(ended, self._notes, self._blocks.cut, lambda known: KeptCalls(rows, known))

    def _end(self, thread: CallThread, is_lost: bool) -> EndedThread:
        """End what is open; a thread that the program has taken from us went on, we don't know how."""
        is_lost = is_lost and self._blocks.cut is None
        thread.end(is_whole=not is_lost)
        is_lost = thread.is_in_gap or (is_lost and thread.was_open)
        return EndedThread(
            thread.ident, thread.last_tick, thread.unfit, is_lost, thread.gaps, thread.more_gaps
        )

    @property
    def dropped(self) -> int:
        """Count the bytes that were dropped from the middle of the file."""
        return self._blocks.dropped


class EndedThread(NamedTuple):
    """A thread whose calls are read; ``is_lost`` if its profile function was gone before their end.

    ``gaps`` are the stretches in ticks, ``more_gaps`` later ones, after which it came back.
    """

    ident: int
    last_tick: int
    unfit: int
    is_lost: bool
    gaps: List[List[int]]
    more_gaps: int


class Called(NamedTuple):
    """The calls of one process, thread by thread.

    ``cut`` says where the file breaks off; ``kept`` gives those that are wanted.
    """

    threads: List[EndedThread]
    notes: CallNotes
    cut: Optional[str]
    kept: Callable[[Settled], Kept]
