"""Run tracebin as ``python -m tracebin``."""

from __future__ import annotations

from tracebin.cli import main

if __name__ == "__main__":
    main()
