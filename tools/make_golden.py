"""Cut recordings of tests/golden/program.py down to what the tests keep.

Run as ``python tools/make_golden.py RECORDINGS [GOLDEN]``.  RECORDINGS holds a folder per
PyPy with ``jit.log.gz`` (all of PYPYLOG) and ``samples.prof.gz``, made as
tests/golden/README.md tells; GOLDEN is tests/golden unless named.  What comes out
for each PyPy:

* ``run.log.gz``: the whole run, without the lines of sections that ``tracebin run``
  never asks PyPy for.  Sections nested in those stay, so every count stays what it was.
* ``stages.log.gz``: every line of the log up to the end of the fourth tracing that made
  a trace, all stages of the ops and all sections included.
* ``samples.prof.gz``: as it came.

The same input gives the same bytes: no times and names in the gzip headers.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = re.compile(r"\[[0-9a-f]+\] (?:\{(\S+)|(\S+)\})\n?")
# Starts of names. PYPYLOG takes the same; recorder/launch.py has what a run asks for.
LEFT_OUT = (
    "gc-hardware",
    "gc-minor-walkroots",
    "gc-set-nursery-size",
    "jit-intbounds-stats",
    "jit-invalidate-quasi-immutable",
    "jit-log-compiling",
    "jit-log-dce",
    "jit-log-exported-state",
    "jit-log-intbounds",
    "jit-log-noopt",
    "jit-log-rewritten",
    "jit-log-short-preamble",
    "jit-mem-looptoken-alloc",
    "jit-regalloc-stats",
    "jit-tco",
    "jit-trace-done",
)
FIRST_TRACES = 4


def marked(lines: Iterable[str]) -> Iterator[tuple[list[str], str, str, str]]:
    """Yield each line with the names of the sections around it, and what it opens and closes."""
    around: list[str] = []
    for line in lines:
        match = MARK.fullmatch(line) if line.startswith("[") else None
        opens, closes = (match[1] or "", match[2] or "") if match else ("", "")
        if opens:
            around.append(opens)
        yield around, line, opens, closes
        if closes:
            around.pop()


def without_left_out(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines whose innermost section is one that is kept."""
    for around, line, _, _ in marked(lines):
        if not (around and around[-1].startswith(LEFT_OUT)):
            yield line


def first_traces(lines: Iterable[str], count: int) -> Iterator[str]:
    """Yield everything up to the end of the tracing that made trace number ``count``."""
    made = 0
    for around, line, _, closes in marked(lines):
        yield line
        made += closes.startswith("jit-log-opt-")
        if made >= count and closes == "jit-tracing" and len(around) == 1:
            return


def write(path: Path, data: bytes) -> None:
    """Write ``data`` compressed."""
    path.write_bytes(gzip.compress(data, mtime=0))


def cut(recording: Path, golden: Path) -> None:
    """Make the golden files of one PyPy."""
    golden.mkdir(parents=True, exist_ok=True)
    text = gzip.decompress((recording / "jit.log.gz").read_bytes()).decode("utf-8", "surrogateescape")
    lines = text.splitlines(keepends=True)
    for name, kept in (("run", without_left_out(lines)), ("stages", first_traces(lines, FIRST_TRACES))):
        write(golden / f"{name}.log.gz", "".join(kept).encode("utf-8", "surrogateescape"))
    write(golden / "samples.prof.gz", gzip.decompress((recording / "samples.prof.gz").read_bytes()))


def main() -> None:
    """Cut every recording in the folder named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recordings", type=Path)
    golden = Path(__file__).resolve().parent.parent / "tests" / "golden"
    parser.add_argument("golden", type=Path, nargs="?", default=golden)
    options = parser.parse_args()
    for log in sorted(options.recordings.glob("*/jit.log.gz")):
        cut(log.parent, options.golden / log.parent.name)


if __name__ == "__main__":
    main()
