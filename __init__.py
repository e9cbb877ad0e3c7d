"""See what PyPy does with a program: record it, store it, look at it."""

from __future__ import annotations

from tracebin.marks import mark as mark
from tracebin.marks import pause as pause
from tracebin.marks import resume as resume
from tracebin.marks import span as span

__version__ = "0.1.0"
