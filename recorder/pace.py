"""Decide when the process that reads a recording beside the program rests.

Two processors are often two threads of one core, and then whatever is busy beside the program slows it: it
takes more CPU time for the same work.  What is left for the program's end is waited for instead.  So the
reader rests as long as that wait is expected to be short, and then reads all there is.

The numbers are of CPython 3.11 on a Xeon of 2023, recordings of 0.8 to 48 MB of log read after the end:
json, deltablue, chaos, richards, telco, go and sympy of pyperformance.  Wall time, as that is what is waited.
"""

from __future__ import annotations

from dataclasses import dataclass

# To import what reads takes 0.03 s, and 0.08 until the PyPy that decodes code objects is up.
BEGIN_S = 0.11
# A byte of log takes 27 ns where its traces are long (go, deltablue), 45 to 59 in the others: code objects
# come in, and source files.
LOG_S = 50e-9
# A byte of samples takes 14 ns to read and 15 to 60 to find its stack's place: 250 to 350 of them are one.
SAMPLES_S = 40e-9
# What is left in any case, per byte there has ever been: compressed by two threads, 15 to 33 ns of log with
# its traces, and 15 of samples with their times.
END_S = 0.06
END_LOG_S = 20e-9
END_SAMPLES_S = 15e-9

# So much of the time that the program took may be waited for after it. Of a short one it is more: half a
# second covers programs of 5 s that compile little whole, so that no reader is ever beside them. One that
# has begun has taken what there is to gain, and the program may be one whose end alone takes long.
SHARE = 0.08
LEAST_S = 0.3
LEAST_TO_BEGIN_S = 0.5
MOST_S = 2.0
# Where the end alone takes longer than that, the reader can't help but follow: this much more is allowed.
SHARE_BEHIND = 0.005

# A look costs some 0.1 ms.
SHORTEST_REST_S = 0.05
LONGEST_REST_S = 0.5


@dataclass(frozen=True)
class Outlook:
    """How far the program and its reader are: bytes of log and samples, and how many of them are unread."""

    elapsed_s: float
    has_begun: bool
    log: int
    samples: int
    unread_log: int
    unread_samples: int

    @property
    def behind_s(self) -> float:
        """Give what reading now would save of the wait."""
        begin_s = 0.0 if self.has_begun else BEGIN_S
        return begin_s + self.unread_log * LOG_S + self.unread_samples * SAMPLES_S

    @property
    def end_s(self) -> float:
        """Give what has to wait for the program's end."""
        return END_S + self.log * END_LOG_S + self.samples * END_SAMPLES_S

    @property
    def allowed_s(self) -> float:
        """Give how far behind the reader may be."""
        least_s = LEAST_S if self.has_begun else LEAST_TO_BEGIN_S
        patience_s = max(self.elapsed_s * SHARE, least_s)
        return min(max(patience_s - self.end_s, self.elapsed_s * SHARE_BEHIND), MOST_S)


def rest_s(outlook: Outlook) -> float:
    """Give how long to rest before the next look; 0 is to read all there is.

    PyPy logs 20 MB a second at most, which take a second to read: resting for as long as is left, the
    reader can't fall behind by more than is allowed.
    """
    left_s = outlook.allowed_s - outlook.behind_s
    return 0.0 if left_s <= 0 else min(max(left_s, SHORTEST_REST_S), LONGEST_REST_S)
