"""Print run counts to the log of a process that ends without PyPy's own end."""

from __future__ import annotations

from __pypy__ import debug_flush, debug_print, debug_start, debug_stop

from .seldom import seldom

# As PyPy prints them itself (rpython/jit/backend/llsupport/assembler.py of 7.3.11, finish_once).
FORMS = {"e": "entry %d:%d", "b": "bridge %d:%d", "l": "TargetToken(%d):%d"}


@seldom
def print_counts() -> None:
    """Print a section of counts as PyPy's end does, and leave nothing in the log's buffer.

    Only after a trace was compiled: before that, PyPy 7.3.11 to 8.0.1 crash in get_stats_snapshot.
    Names that were used twice stand there once, for the last that had them.
    """
    import pypyjit

    debug_start("jit-backend-counts")
    for (kind, number), runs in pypyjit.get_stats_snapshot().loop_run_times.items():
        debug_print(FORMS[kind] % (number, runs))
    debug_stop("jit-backend-counts")
    debug_flush()
