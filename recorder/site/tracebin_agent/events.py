"""Store each call and return as one word: the functions that PyPy calls for an event.

What an event costs decides whether exact calls are of use, so all here is written for
PyPy's JIT.  What the main thread needs lies in this module's globals, which the JIT takes
for constants: that halves the cost of attributes or defaults.  Numbers stand where names
would be, and calls.py has all that isn't needed for each event.  The words are described in
recorder/calls.py, which reads them; the two change together.
"""

from __future__ import annotations

from __pypy__ import debug_read_timestamp, hidden_applevel

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, List, Optional, TypeVar

    F = TypeVar("F")

    memory: Any = None
    owner: Any = None

    def hidden(function: F) -> F:
        """Type what PyPy's decorator gives."""
        return function

else:
    hidden = hidden_applevel

# A thread's memory, in words: where the next event goes, how far that moves on (0 in a
# pause), where it is full, the ticks' upper bits, those at the block's start, the tick of the last
# block, that from which on open calls are to be taken up, and whether a gap ends there. Then the block
# itself: its header, and the events.
AT, STEP, LIMIT, HIGH, FIRST_HIGH, LAST_BLOCK, RESUMED, GAP = range(8)
MAGIC, IDENT, SERIAL, COUNT, BLOCK_HIGH, BLOCK_TICK = range(8, 14)
FIRST = 14

# The code objects by a number that the JIT can work out when it compiles: 1.5 ns, where a dict needs 10.
SLOTS = 65536
codes: List[Optional[CodeType]] = [None] * SLOTS

# Of the module's globals those that are set once are constants for the JIT: ``memory`` and
# ``owner``, a Calls, get their value in Calls.start.
with_builtins = False
# Of the main thread, in the place of what others have in their memory.
position = FIRST
step = 1
limit = 0
high = -1


@hidden
def called(frame: Any, event: str, argument: Any) -> None:
    """Take an event of the main thread."""
    global position
    if event == "call":
        code = frame.f_code
        number = code.co_firstlineno * 31 + code.co_stacksize * 7 + code.co_nlocals & 65535
        if codes[number] is not code:
            number = owner.number_of(code, number)
        now = debug_read_timestamp()
    elif event == "return":
        now = debug_read_timestamp()
        number = frame.f_code.co_firstlineno & 131071 | 262144
    else:
        return
    if now >> 44 != high:
        turn(now)
    memory[position] = now & 17592186044415 | number << 44
    position += step
    if position >= limit:
        owner.flush_main()


def turn(now: int) -> None:
    """Store the ticks' upper bits, which have changed."""
    global high, position
    high = now >> 44
    memory[position] = high | 262143 << 44
    position += step


@hidden
def called_in_thread(frame: Any, event: str, argument: Any, memory: Any) -> None:
    """Take an event of the thread that has this memory."""
    if event == "call":
        code = frame.f_code
        number = code.co_firstlineno * 31 + code.co_stacksize * 7 + code.co_nlocals & 65535
        if codes[number] is not code:
            number = owner.number_of(code, number)
        now = debug_read_timestamp()
    elif event == "return":
        now = debug_read_timestamp()
        number = frame.f_code.co_firstlineno & 131071 | 262144
    elif not with_builtins:
        return
    elif event == "c_call":
        number = owner.number_of_builtin(argument)
        now = debug_read_timestamp()
    else:
        now = debug_read_timestamp()
        number = 393216
    if now >> 44 != memory[3]:
        turn_in_thread(now, memory)
    at = memory[0]
    memory[at] = now & 17592186044415 | number << 44
    at += memory[1]
    memory[0] = at
    if at >= memory[2]:
        owner.flush(memory)


def turn_in_thread(now: int, memory: Any) -> None:
    """Store the ticks' upper bits, which have changed."""
    memory[HIGH] = now >> 44
    memory[memory[AT]] = now >> 44 | 262143 << 44
    memory[AT] += memory[STEP]
