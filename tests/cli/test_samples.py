"""What samples of real programs say, on the processor whose program counter they have."""

from __future__ import annotations

import platform
from typing import Any

import pytest

from tracebin.bundle.records import STATES

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="stamps are for x86-64 alone")

# Ints that never leave registers: its machine code calls nothing, so PyPy's sampler sees no sign of it.
QUIET = """
def quiet(n):
    total = 0
    for number in range(n):
        total += number % 7
    return total
quiet(150_000_000)
"""


def test_a_loop_that_calls_nothing_is_seen_in_its_machine_code(twice: Any) -> None:
    twice.write("prog.py", QUIET)
    assert twice.recorded("prog.py").returncode == 0
    found = twice.opened()
    assert found.problems() == set()
    inside = {
        row
        for chunk in found.of("stacks")
        for row, (state, trace) in enumerate(zip(chunk.state, chunk.trace))
        if state == STATES.index("jitted") and trace >= 0
    }
    samples = [row for chunk in found.of("samples") for row in chunk.stack]
    assert len(samples) > 50
    assert sum(row in inside for row in samples) > 0.7 * len(samples)


def test_time_spent_asleep_is_sampled(twice: Any) -> None:
    twice.write("prog.py", "import time\ndef nap():\n    time.sleep(0.4)\nnap()\n")
    assert twice.recorded("prog.py").returncode == 0
    times = [ns for chunk in twice.opened().of("samples") for ns in chunk.time]
    assert 0.2e9 < sum(times) < 60e9
