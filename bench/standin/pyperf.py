"""Stand in for pyperf: run a benchmark's body a given number of times, and nothing else.

The real pyperf starts many worker processes and looks for a stable time.  A program
that is to be recorded has to be one process that does a fixed amount of work, so
its file runs as it is, with this module found in pyperf's place.  ``BENCH_LOOPS``
says how often the body runs, and ``BENCH_SHIFT`` how many bytes of PyPy's nursery are used up before.
"""

from __future__ import annotations

import argparse
import os
from time import perf_counter
from typing import Any, Callable, Dict, Optional

OBJECT_BYTES = 1000

__all__ = ["Runner", "perf_counter", "python_implementation"]


def python_implementation() -> str:
    """Name the interpreter as pyperf does."""
    return "pypy"


class Runner:
    """What the benchmarks use of pyperf's class of that name."""

    def __init__(self, add_cmdline_args: Optional[Callable[..., None]] = None) -> None:
        self.metadata: Dict[str, Any] = {}
        self.argparser = argparse.ArgumentParser()
        self.args: Optional[argparse.Namespace] = None
        self._loops = int(os.environ["BENCH_LOOPS"])
        # Freed at once: what it moves is when the first minor collections come.
        list(map(bytes, [OBJECT_BYTES] * (int(os.environ.get("BENCH_SHIFT", "0")) // OBJECT_BYTES)))

    def parse_args(self) -> argparse.Namespace:
        """Read the benchmark's own options."""
        self.args = self.argparser.parse_args()
        return self.args

    def bench_func(self, name: str, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Call the body once per loop."""
        for _ in range(self._loops):
            function(*args)

    def bench_async_func(self, name: str, function: Callable[..., Any], *args: Any) -> None:
        """Run what the body gives to an event loop, once per loop."""
        import asyncio  # takes longer than some of the short programs

        for _ in range(self._loops):
            asyncio.run(function(*args))

    def bench_time_func(self, name: str, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Let the body count the loops itself."""
        function(self._loops, *args)
