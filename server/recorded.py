"""Say how a run was recorded, beside every list and sum: exact calls change what PyPy compiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional

from tracebin.bundle.records import Scalar

MODES = ("sampled", "exact", "exact+c", "off")
# Options that leave calls out.
FILTERS = ("include", "exclude", "min_duration_ns", "max_calls")


@dataclass(frozen=True)
class Recorded:
    """How calls were recorded.

    ``interval_ns`` is that of the samples that were asked for, ``later_interval_ns`` what became of it.
    ``paused`` says whether the program paused it somewhere, ``filters`` names the
    options that left calls out.
    """

    calls: str
    interval_ns: Optional[int]
    paused: bool
    filters: List[str]
    later_interval_ns: Optional[int] = None


def recorded(options: Mapping[str, Scalar], paused: bool) -> Recorded:
    """Read it from what the recorder was asked for, which an uploader may have left out or invented."""
    interval_ns = _interval_ns(options.get("interval_s"))
    calls = options.get("calls")
    if calls not in MODES:
        calls = "off" if interval_ns == 0 else "sampled"
    filters = [name for name in FILTERS if options.get(name)]
    is_sampled = calls == "sampled"
    later_ns = _interval_ns(options.get("later_interval_s"))
    return Recorded(
        str(calls),
        interval_ns if is_sampled else None,
        paused,
        filters,
        later_ns if is_sampled and interval_ns else None,
    )


def _interval_ns(interval_s: Scalar) -> Optional[int]:
    if isinstance(interval_s, bool) or not isinstance(interval_s, (int, float)):
        return None
    # More than a day between samples is no interval, and what JSON has as a number may be beyond any.
    return round(interval_s * 1e9) if 0 <= interval_s <= 86_400 else None
