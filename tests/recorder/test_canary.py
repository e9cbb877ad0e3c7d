from __future__ import annotations

import subprocess
import sys

import pytest

# In a process group of its own, as the signals would end pytest as well.
TAKE_THE_FIRST = """
import os, sys
from tracebin.recorder.canary import Canary
from tracebin.recorder.signal_queue import SignalQueue

number = int(sys.argv[1])
queue = SignalQueue()
canary = Canary(queue)
os.killpg(0, number)
first = queue.read()
os.killpg(0, number)
print([arrived.number for arrived in first], canary.has_got(number), queue.read())
os.kill(os.getpid(), 10)
print([arrived.number for arrived in queue.read()], canary.has_got(10))
canary.close()
queue.close()
"""


@pytest.mark.parametrize("number", [2, 3, 34])
def test_a_second_signal_to_the_group_is_not_left_over_when_the_first_is_cleared(number: int) -> None:
    argv = [sys.executable, "-c", TAKE_THE_FIRST, str(number)]
    done = subprocess.run(argv, start_new_session=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == f"[{number}] True []\n[10] False\n", done.stderr
