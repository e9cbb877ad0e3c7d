"""Record every call and return of each thread, by a profile function."""

from __future__ import annotations

import _thread
import os
import sys

import _cffi_backend  # type: ignore[import-untyped]
from __pypy__ import debug_read_timestamp, identity_dict

from . import events, resuming
from .events import hidden
from .notes import Notes
from .profiling import watch

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Dict, List, Tuple

    Key = Tuple[str, str, int]

TAG = 0x736C6C6163627274  # "trbcalls"
# Numbers beyond the slots are given in turn; a program may make code objects without end.
MOST_NUMBERS = 1 << 17
UNKNOWN = (1 << 18) - 2
MOST_CLASHING = 1 << 16
# Code objects without a file are handed over, for their bytecode.
MOST_CODES = 10_000


class Calls:
    """The calls of one process, in the file PID.calls.

    ``note_code`` hands over a code object that is in no file.
    """

    # Memory in words: threads that come in thousands have to share 64 MB.
    MAIN_WORDS = 1 << 16
    THREAD_WORDS = 1 << 13
    CROWD = 256
    CROWD_WORDS = 1 << 9
    # What an event may need behind the last that still fits.
    SLACK = 4
    # Blocks grow and shrink so that some are written each second: one is lost if the process is killed.
    FEWEST = 256
    FAST_TICKS = 100_000_000
    SLOW_TICKS = 500_000_000

    def __init__(self, notes: Notes, mode: str, note_code: Callable[[CodeType], None]) -> None:
        self.notes = notes
        self.mode = mode
        self.note_code = note_code
        self.lock = _thread.allocate_lock()
        self.ident = _thread.get_ident
        self.setprofile = sys.setprofile
        self.getprofile = sys.getprofile
        self.getframe: Callable[[], Any] = sys._getframe
        self.getpid = os.getpid
        self.pid = os.getpid()
        self.file = -1
        self.main = -1
        self.is_broken = False
        self.is_paused = False
        self.live: Dict[int, Tuple[Any, Any]] = {}
        self.free: List[Any] = []
        self.slot_keys: Dict[int, Key] = {}
        self.numbers: Dict[Key, int] = {}
        self.clashing = identity_dict()
        self.builtins = identity_dict()
        self.named: List[Tuple[Any, ...]] = []
        self.told = 0
        self.codes: List[CodeType] = []
        self.unnamed = 0
        self.started = 0

    @property
    def is_wanted(self) -> bool:
        """Say whether calls are recorded at all."""
        return self.mode in ("exact", "exact+c")

    # --- start and end --------------------------------------------------------

    def start(self) -> None:
        """Begin in this thread, the main one.  Raises OSError."""
        self.file = self.notes.open("calls")
        watch(self)
        self.main = self.ident()
        events.with_builtins = self.mode == "exact+c"
        events.owner = self
        memory = self.new_memory(self.MAIN_WORDS)
        if not events.with_builtins:
            events.memory = memory
            events.limit = memory[events.LIMIT]
            self.arm(memory, events.called)
        else:
            self.arm(memory, self.function(memory))

    def arm(self, memory: Any, function: Any) -> None:
        """Take the events of this thread from now on."""
        self.know(memory, function)
        self.setprofile(function)

    def know(self, memory: Any, function: Any, step: int = 1) -> None:
        """Make the memory of this thread ready for its events; with ``step`` 0 none is kept yet."""
        memory[events.MAGIC] = TAG
        memory[events.IDENT] = self.ident()
        memory[events.SERIAL] = self.started
        self.started += 1
        memory[events.FIRST_HIGH] = memory[events.HIGH] = -1
        memory[events.AT] = events.FIRST
        memory[events.STEP] = 0 if self.is_paused else step
        memory[events.GAP] = 0
        memory[events.LAST_BLOCK] = debug_read_timestamp()
        self.live[self.ident()] = (memory, function)

    def function(self, memory: Any) -> Any:
        """Give the profile function of the thread that has this memory."""
        function: Any = events.called_in_thread
        return type(function)(function.__code__, events.__dict__, "called_in_thread", (memory,))

    def new_memory(self, words: int) -> Any:
        """Give memory of the C library's: an index into it is one instruction for the JIT."""
        word = _cffi_backend.new_primitive_type("long long")
        array = _cffi_backend.new_array_type(_cffi_backend.new_pointer_type(word), words)
        memory = _cffi_backend.newp(array)
        memory[events.LIMIT] = min(words - self.SLACK, events.FIRST + self.FEWEST)
        return memory

    @hidden
    def start_thread(self) -> None:
        """Begin in a new thread."""
        if self.is_broken:
            return
        words = self.THREAD_WORDS if len(self.live) < self.CROWD else self.CROWD_WORDS
        memory = self.free.pop() if self.free else self.new_memory(words)
        self.arm(memory, self.function(memory))

    @hidden
    def end_thread(self) -> None:
        """Write out what this thread has, which ends."""
        found = self.live.pop(self.ident(), None)
        if found is not None:
            memory, function = found
            self.disarm(memory, function)
            self.write_out(memory)
            if len(self.free) < self.CROWD:
                self.free.append(memory)

    def disarm(self, memory: Any, function: Any) -> None:
        """Take no more events of this thread; note if the program has seen to that already."""
        if self.getprofile() is function:
            self.setprofile(None)
        elif not self.is_broken:
            # The C library gives idents again: the serial tells which thread it was.
            self.notes.add("calls lost", memory[events.IDENT], memory[events.SERIAL])

    def stop(self) -> None:
        """Write out what all threads have, in the main one.  Raises OSError."""
        self.is_paused = True
        for ident, (memory, function) in list(self.live.items()):
            if ident == self.ident():
                self.disarm(memory, function)
            if memory is self.main_memory():
                self.flush_main()
            else:
                memory[events.STEP] = 0  # it may still run, and store over and over at its last place
                self.write_out(memory)
        self.live.clear()
        if self.unnamed:
            self.notes.add("calls unnamed", self.unnamed)

    # --- pauses and forks -----------------------------------------------------

    def pause(self) -> None:
        """Let events be stored over one another until ``resume``: what is compiled stays as it is."""
        self.is_paused = True
        events.step = 0
        for memory, _ in list(self.live.values()):
            memory[events.STEP] = 0
        self.notes.add("calls paused", debug_read_timestamp())

    def resume(self) -> None:
        """Keep events again, in each thread from its next one on: ``flush`` takes up its open calls first."""
        self.is_paused = False
        self.notes.add("calls resumed", self.take_up())

    def take_up(self) -> int:
        """Have each thread take up its open calls, as of now, at its next event; give the tick."""
        now: int = debug_read_timestamp()
        for memory, _ in list(self.live.values()):
            self.take_up_thread(memory, now)
        return now

    @hidden
    def take_up_thread(self, memory: Any, now: int) -> None:
        """Have one thread do that."""
        memory[events.RESUMED] = now
        memory[events.STEP] = memory[events.LIMIT] = 0
        if memory is self.main_memory():
            events.step = events.limit = 0

    @hidden
    def come_back(self, memory: Any) -> None:
        """Have this thread go on behind a gap, in which the program had another profile function, or none."""
        memory[events.GAP] = 1
        self.take_up_thread(memory, debug_read_timestamp())

    @hidden
    def hold(self) -> None:
        """Keep no event of this child made by fork until ``follow``: what is in memory is the parent's.

        Nothing of it may be written, as the numbers of its files are still the parent's, nor any lock be
        waited for, which another thread of the parent's may have had.
        """
        self.lock = _thread.allocate_lock()
        events.position, events.step, events.limit = events.FIRST, 0, events.FIRST + 1
        found = self.live.get(self.ident())
        if found is not None:
            memory = found[0]
            memory[events.AT], memory[events.STEP], memory[events.LIMIT] = events.FIRST, 0, events.FIRST + 1

    def leave_child(self) -> None:
        """Take no calls in this child made by fork."""
        self.is_broken = True
        self.live.clear()
        events.position = events.FIRST
        self.setprofile(None)

    def follow(self, notes: Notes) -> None:
        """Go on in this child made by fork, with files of its own.  Raises OSError."""
        found = self.live.pop(self.ident(), None)
        self.notes = notes
        self.live = {}
        self.told = 0
        self.file = notes.open("calls")
        events.high = -1
        if found is not None:
            self.know(*found, step=0)
        self.pid = self.getpid()  # from here on what is kept is written
        if found is not None and self.getprofile() is not found[1]:
            resuming.begin_gap(self, found[0])
        elif not self.is_paused:
            self.take_up()

    # --- numbers --------------------------------------------------------------

    @hidden
    def number_of(self, code: CodeType, slot: int) -> int:
        """Give the number of a code object that isn't in its slot."""
        try:
            return int(self.clashing[code])
        except KeyError:
            pass
        key = (code.co_name, code.co_filename, code.co_firstlineno)
        with self.lock:
            if events.codes[slot] is None:
                self.learn(slot, key, code)
                self.slot_keys[slot] = key
                events.codes[slot] = code
                return slot
            if self.slot_keys.get(slot) == key:
                events.codes[slot] = code  # made anew from the same place: only the last is held
                return slot
            return self.number_of_clashing(code, key)

    def number_of_clashing(self, code: CodeType, key: Key) -> int:
        """Give the number of a code object whose slot another has."""
        number = self.numbers.get(key)
        if number is None:
            if len(self.numbers) >= MOST_NUMBERS:
                self.unnamed += 1
                return UNKNOWN
            number = self.numbers[key] = events.SLOTS + len(self.numbers)
            self.learn(number, key, code)
        if len(self.clashing) < MOST_CLASHING:
            self.clashing[code] = number
        return number

    def learn(self, number: int, key: Key, code: CodeType) -> None:
        """Have the name of a new number written before the next block."""
        self.named.append((number, *key, getattr(code, "co_qualname", None)))
        file = code.co_filename
        if file[:1] == "<" and file[:9] != "<builtin>" and len(self.named) < MOST_CODES:
            self.codes.append(code)

    @hidden
    def number_of_builtin(self, function: Any) -> int:
        """Give the number of a builtin function; of a method, its function's."""
        try:
            code = function.__code__
        except AttributeError:
            code = type(function)
        try:
            return int(self.builtins[code])
        except KeyError:
            pass
        qualname = getattr(function, "__qualname__", type(function).__name__)
        module = getattr(function, "__module__", None) or qualname.partition(".")[0]
        key = (getattr(function, "__name__", qualname), f"<builtin>/{module}", 0)
        with self.lock:
            number = self.numbers.get((qualname, *key[1:]))
            if number is None and len(self.numbers) >= MOST_NUMBERS:
                self.unnamed += 1
                return UNKNOWN
            if number is None:
                number = self.numbers[(qualname, *key[1:])] = events.SLOTS + len(self.numbers)
                self.named.append((number, *key, qualname))
            self.builtins[code] = number
        return number

    # --- blocks ---------------------------------------------------------------

    def main_memory(self) -> Any:
        """Give the memory whose place is in a global; None where all threads are alike."""
        return None if events.with_builtins else getattr(events, "memory", None)

    @hidden
    def flush_main(self) -> None:
        """Write out the main thread's events."""
        memory = events.memory
        memory[events.AT] = events.position
        memory[events.HIGH] = events.high
        self.flush(memory)
        events.position = memory[events.AT]
        events.limit = memory[events.LIMIT]
        events.high = memory[events.HIGH]
        events.step = memory[events.STEP]

    @hidden
    def flush(self, memory: Any) -> None:
        """Make room in the memory of this thread; where it is to take up its open calls there is no limit."""
        if memory[events.STEP] or self.is_paused:
            self.write_out(memory)
        else:
            resuming.take_up(self, memory)

    @hidden
    def write_out(self, memory: Any) -> None:
        """Write out the events of one thread as a block."""
        tick = debug_read_timestamp()
        count = memory[events.AT] - events.FIRST
        # Between a fork and the end of ``follow`` the files are the parent's.
        if count and not self.is_broken and self.pid == self.getpid():
            memory[events.COUNT] = count
            memory[events.BLOCK_HIGH] = memory[events.FIRST_HIGH]
            memory[events.BLOCK_TICK] = tick
            try:
                self.tell_names()
                self.write(memory, count)
            except Exception as fault:
                self.is_broken = True
                self.notes.fault("calls", fault)
        memory[events.AT] = events.FIRST
        memory[events.FIRST_HIGH] = memory[events.HIGH]
        self.fit(memory, tick - memory[events.LAST_BLOCK])
        memory[events.LAST_BLOCK] = tick

    def fit(self, memory: Any, ticks: int) -> None:
        """Make the next block longer or shorter by how long this one took."""
        words = memory[events.LIMIT] - events.FIRST
        if ticks < self.FAST_TICKS:
            words *= 2
        elif ticks > self.SLOW_TICKS:
            words //= 2
        most = len(memory) - self.SLACK - events.FIRST
        memory[events.LIMIT] = events.FIRST + min(max(words, self.FEWEST), most)

    def tell_names(self) -> None:
        """Note the names of numbers that are new.  Raises OSError."""
        while self.told < len(self.named):
            rows = self.named[self.told : self.told + 1000]
            self.told += len(rows)
            self.notes.add("called", rows)
        while self.codes:
            self.note_code(self.codes.pop())

    def write(self, memory: Any, count: int) -> None:
        """Append one block; the C library takes it where it lies.  Raises OSError."""
        descriptors = self.notes.descriptors
        if not descriptors.owns(self.file):
            descriptors.mend()
            if not descriptors.owns(self.file):
                raise OSError("the program has a file of its own under the number of the recorder's")
        word = _cffi_backend.new_primitive_type("long long")
        address = int(_cffi_backend.cast(word, memory)) + 8 * events.MAGIC
        size = 8 * (events.FIRST - events.MAGIC + count)
        while size:
            done = descriptors.libc.call("write", "iPP", self.file, address, size)
            address += done
            size -= done
