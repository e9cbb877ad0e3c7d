"""Say on what machine the numbers below were taken."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path


def describe(python: str, how: str) -> None:
    """Print date, processor, load and interpreter."""
    version = subprocess.run(
        [python, "-c", "import sys; print('.'.join(map(str, sys.pypy_version_info[:3])))"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.strip()  # fmt: skip
    print(
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, {_processor()}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, PyPy {version}, {how}",
        flush=True,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
