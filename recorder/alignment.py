"""Find which stamp belongs to which sample when some samples were lost.

Each signal leaves a stamp; PyPy's sampler drops a sample now and then (no free buffer,
an empty stack).  Both are in order, so only where the drops lie is open: there where the
samples fit their stamps best.
"""

from __future__ import annotations

from typing import Callable, List, Optional

# Of a sampler that loses more than this, or of a run where that is too much work, nothing is made up.
MOST_LOST = 64
MOST_STEPS = 8_000_000


def align(samples: int, stamps: int, fits: Callable[[int, int], bool]) -> Optional[List[int]]:
    """Give for each sample the number of its stamp, or None if that can't be told.

    ``fits(sample, stamp)`` says whether the two can belong together.  Where several
    ways fit as well, the drops lie as late as possible.
    """
    lost = stamps - samples
    if not 0 <= lost <= MOST_LOST or samples * (lost + 1) > MOST_STEPS:
        return None
    if lost == 0:
        return list(range(samples))
    return _best(samples, lost, fits)


def _best(samples: int, lost: int, fits: Callable[[int, int], bool]) -> List[int]:
    shifts = range(lost + 1)
    costs = [0] * (lost + 1)
    came_from: List[List[int]] = []
    for sample in range(samples):
        sources, lowest = [], 0
        for shift in shifts:
            lowest = shift if costs[shift] < costs[lowest] else lowest
            sources.append(lowest)
        costs = [costs[sources[shift]] + (not fits(sample, sample + shift)) for shift in shifts]
        came_from.append(sources)
    shift = min(shifts, key=lambda each: (costs[each], each))
    found = []
    for sample in range(samples - 1, -1, -1):
        found.append(sample + shift)
        shift = came_from[sample][shift]
    return found[::-1]
