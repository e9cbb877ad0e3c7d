"""See what PyPy does with a program: record it, store it, look at it."""

from __future__ import annotations

__version__ = "0.1.0"
