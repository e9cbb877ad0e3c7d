"""Take up the calls of a thread that are open when a pause or a gap ends, or where a fork made its process.

That is done at the thread's next event, by itself: until then its stack is what it was then.
"""

from __future__ import annotations

from __pypy__ import debug_read_timestamp

from . import events
from .events import hidden

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, List

    from .calls import Calls

# As recorder/calls.py has them.
TICK_BITS = 44
TICK_MASK = (1 << TICK_BITS) - 1
TURN = (1 << 18) - 1
C_RETURN = 3 << 17
GAP = 1 << TICK_BITS - 1


@hidden
def take_up(calls: Calls, memory: Any) -> None:
    """Store a call for each frame of this thread, as of then, and the event that came since."""
    event, high = memory[memory[events.AT]], memory[events.HIGH]
    calls.write_out(memory)
    what = event >> TICK_BITS
    numbers = open_numbers(calls)
    if numbers[:1] == [what]:
        del numbers[0]  # it is what is being called
    resumed = memory[events.RESUMED]
    turn(calls, memory, resumed >> TICK_BITS, GAP if memory[events.GAP] else 0)
    memory[events.GAP] = 0
    for number in reversed(numbers):
        put(calls, memory, resumed & TICK_MASK | number << TICK_BITS)
    if what != C_RETURN:
        turn(calls, memory, high)
        put(calls, memory, event)
    memory[events.STEP] = 1


@hidden
def begin_gap(calls: Calls, memory: Any) -> None:
    """Store that this thread of a child made by fork begins without our profile function."""
    memory[events.AT] = events.FIRST
    turn(calls, memory, debug_read_timestamp() >> TICK_BITS, GAP)
    calls.write_out(memory)


@hidden
def open_numbers(calls: Calls) -> List[int]:
    """Give the numbers of this thread's functions, innermost first."""
    found = []
    # The recorder's own functions, this one too, are hidden.
    frame = calls.getframe()
    while frame is not None:
        found.append(number_of(calls, frame.f_code))
        frame = frame.f_back
    return found


@hidden
def number_of(calls: Calls, code: CodeType) -> int:
    """Give the number of a code object."""
    slot = code.co_firstlineno * 31 + code.co_stacksize * 7 + code.co_nlocals & events.SLOTS - 1
    return slot if events.codes[slot] is code else calls.number_of(code, slot)


@hidden
def turn(calls: Calls, memory: Any, high: int, gap: int = 0) -> None:
    """Store the ticks' upper bits, and whether calls are missing before what comes next."""
    memory[events.HIGH] = high
    put(calls, memory, high | gap | TURN << TICK_BITS)


@hidden
def put(calls: Calls, memory: Any, word: int) -> None:
    """Store a word; a stack may be deeper than the memory has room."""
    at = memory[events.AT]
    memory[at] = word
    memory[events.AT] = at + 1
    if at + 1 >= len(memory) - calls.SLACK:
        calls.write_out(memory)
