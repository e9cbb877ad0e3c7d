"""Bound how many processes are recorded, whatever the program does."""

from __future__ import annotations

import os

from .seldom import when_needed

# recorder/raw.py has the same number.
MOST_PROCESSES = 256


@when_needed
def claim(folder: str) -> bool:
    """Ask for a place among the recorded processes; no if there are too many, or the recording is over."""
    try:
        file = os.open(folder + "/processes", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        os.write(file, b".")
        return os.fstat(file).st_size <= MOST_PROCESSES
    except OSError:
        return False
    finally:
        os.close(file)
