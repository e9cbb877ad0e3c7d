"""Read the samples of one process while it runs, and make a tree of their stacks.

What PyPy writes last, the end of its log, is little; its samples are as much work as a third of the
log, so what is done of them before the program's end is not waited for.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Iterator, List, Optional, Set

from tracebin.recorder.disk import hole_of
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.portals import PortalFinder
from tracebin.recorder.samples import CodeName, SampleFile, SampleReader, code_name
from tracebin.recorder.stacks import RawStacks, TraceFinder
from tracebin.recorder.stamps import STAMP_BLOCK_BYTES, Stamp, StampMatching, read_stamps

BLOCK_BYTES = 1 << 18


class Sampled:
    """The samples in ``profile``, the ticks in ``stamps``, and where the log's traces lie.

    ``matching`` says which sample is of which tick, ``rows`` which row of ``stacks`` it is, as far as
    they could be known before the end.  In a process made by fork, whose parent's traces go on, none can.
    ``native`` knows code that isn't PyPy's.
    """

    def __init__(
        self,
        profile: Path,
        stamps: Path,
        log: JitLog,
        *,
        is_forked: bool,
        native: Optional[NativeCode] = None,
    ) -> None:
        self._profile = profile
        self._stamps_path = stamps
        self._log = log
        self._is_forked = is_forked
        self._reader = SampleReader()
        self._stream: Optional[BinaryIO] = None
        self._has_hole = False
        self._stamp_bytes = 0
        self._taken = 0
        self._traces = self._helpers = self._stubs = self._seen = 0
        self.stamps: List[Stamp] = []
        self.matching = StampMatching()
        portals = PortalFinder()
        portals.add(0, log.traces)
        self.stacks = RawStacks(TraceFinder(), portals, native)
        self.rows: List[Optional[int]] = []
        self.dropped = 0

    @property
    def file(self) -> SampleFile:
        """Give what has been read."""
        return self._reader.found

    def advance(self) -> bool:
        """Take in what is new, and say whether there is more to read at once."""
        has_more = self._read()
        self._stack()
        return has_more

    def _read(self) -> bool:
        piece = self._piece()
        if piece:
            self._reader.feed(piece)
        self._match()
        return len(piece) == BLOCK_BYTES

    def _piece(self) -> bytes:
        """Read on, up to where the launcher drops something."""
        if self._stream is None and self._profile.exists():
            self._stream = self._profile.open("rb", buffering=0)
        if self._stream is None or self._has_hole:
            return b""
        at = self._stream.tell()
        piece = self._stream.read(BLOCK_BYTES)
        hole = hole_of(self._profile)
        self._has_hole = hole is not None and at < hole.stop
        if self._has_hole:
            self._stream.seek(at)
            return b""
        return piece

    def _match(self) -> None:
        """Give samples their ticks; a tick tells how long their file was then."""
        self.stamps += self._new_stamps()
        samples = self._reader.found.samples
        while self._taken < len(self.stamps) and self.stamps[self._taken].end <= self._reader.at:
            self.matching.take(self.stamps[self._taken], samples)
            self._taken += 1

    def _new_stamps(self) -> List[Stamp]:
        try:
            with self._stamps_path.open("rb") as stream:
                stream.seek(self._stamp_bytes)
                data = stream.read()
        except OSError:
            return []
        self._stamp_bytes += len(data) // STAMP_BLOCK_BYTES * STAMP_BLOCK_BYTES
        return read_stamps(data)

    def _stack(self) -> None:
        """Find the rows of samples that are older than what the log tells of."""
        if self._is_forked:
            return
        traces, tick = self._log.settled
        self._find_traces(traces)
        found, samples, stamps = self.rows, self.file.samples, self.matching.found
        for place in range(len(found), len(stamps)):
            stamp = stamps[place]
            if stamp is not None and stamp.tick > tick:
                break
            stack = samples[place].stack
            known = stamp and self.stacks.add(stack, stamp.tick, stamp.pc, in_kernel=stamp.in_kernel)
            found.append(known)

    def _find_traces(self, traces: int) -> None:
        finder, log = self.stacks.finder, self._log
        for number in range(self._traces, traces):
            draft = log.traces[number]
            if draft.block is not None:
                finder.add(draft.block.address, len(draft.block.code), draft.stop, number)
        for block in log.helpers[self._helpers :]:
            finder.add(block.address, len(block.code), 0, -1)
        for address, size in log.stubs[self._stubs :]:
            finder.add_stub(address, size)
        self._traces, self._helpers, self._stubs = traces, len(log.helpers), len(log.stubs)

    def new_names(self) -> Iterator[CodeName]:
        """Yield the names of code objects that new rows are of, as far as they have come."""
        rows = self.stacks.rows
        codes: Set[int] = {code for _, code, _, _ in rows[self._seen :]}
        self._seen = len(rows)
        texts = self.file.texts
        yield from filter(None, (code_name(texts[code]) for code in codes if code in texts))

    def finish(self) -> None:
        """Read all that is left; the stacks know all traces then."""
        while self._read():
            pass
        if self._stream is None:
            self._reader.end(b"")
        else:
            with self._stream:
                self._end(self._stream)
        self._match_rest()
        if not self._is_forked:
            self._find_traces(len(self._log.traces))

    def _end(self, stream: BinaryIO) -> None:
        at, hole = stream.tell(), hole_of(self._profile)
        if hole is None or at >= hole.stop:
            self._reader.end(stream.read())
            return
        head = stream.read(max(hole.start - at, 0))
        stream.seek(hole.stop)
        self.dropped = hole.stop - max(hole.start, at)
        self._reader.end(head, stream.read(), hole.stop)

    def _match_rest(self) -> None:
        samples = self.file.samples
        for stamp in self.stamps[self._taken :]:
            self.matching.take(stamp, samples)
        self._taken = len(self.stamps)
        self.matching.found += [None] * (len(samples) - len(self.matching.found))
