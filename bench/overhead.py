"""Compare the CPU time of recorded programs with that of plain PyPy.

Pairs of runs, one plain and one recorded, in turn; a ratio for each pair.  The
costliest program of each length is then measured part by part: the log alone, the
log and the hook, and all of it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import median
from typing import List, Sequence

import machine
from measure import (
    Cost,
    all_stages,
    log_only,
    middle,
    of_its_length,
    on_one_core,
    plain,
    pypy,
    ratios,
    recorded,
    rounds,
    without_samples,
)
from programs import LONG, LONG_S, OTHERS, SHORT, SHORT_S, Program, chosen, fetch, warm_up

BAR_LONG = 1.05
BAR_SHORT = 1.20
PARTS = (
    ("log alone", log_only),
    ("log and hook (--interval 0)", without_samples),
    ("all (the default)", recorded),
    ("all, log read afterwards", on_one_core),
    ("all, with --stages all", all_stages),
)


@dataclass(frozen=True)
class Row:
    """What the pairs of one program gave."""

    program: Program
    plain: List[Cost]
    recorded: List[Cost]

    @property
    def ratios(self) -> List[float]:
        """The ratio of each pair."""
        return ratios(self.recorded, self.plain)

    @property
    def is_long(self) -> bool:
        """Whether it is one of those meant to run 5 s or more."""
        return self.program.is_long

    def text(self) -> str:
        """Give the row as it is printed."""
        found = self.ratios
        return (
            f"{self.program.name:16} {middle(self.plain, 'cpu_s'):7.2f} {median(found):7.3f} "
            f"{min(found):6.3f} {max(found):6.3f} {max(found) - min(found):6.3f} "
            f"{middle(self.recorded, 'after_s'):7.2f} {middle(self.recorded, 'assembly_cpu_s'):8.2f} "
            f"{middle(self.recorded, 'launcher_cpu_s'):8.2f}{self._misfit()}"
        )

    def _misfit(self) -> str:
        took = middle(self.plain, "cpu_s")
        fits = took >= LONG_S if self.is_long else took < SHORT_S
        return "" if fits else "  (not of its length on this machine)"


HEADING = (
    f"{'program':16} {'plain s':>7} {'median':>7} {'min':>6} {'max':>6} {'spread':>6} "
    f"{'after s':>7} {'assembly':>8} {'launcher':>8}"
)


def main() -> None:
    options = _options()
    programs = _programs(options)
    fetch()
    python = pypy()
    machine.describe(python, f"{options.pairs} pairs")
    warm_up(python, programs)
    print(HEADING)
    rows = [_row(python, program, options) for program in programs]
    _judge(f"{options.seconds:g} s or more", BAR_LONG, [row for row in rows if row.is_long])
    _judge("under 1 s", BAR_SHORT, [row for row in rows if not row.is_long])
    if not options.no_parts:
        for group in (True, False):
            _print_parts(python, [row for row in rows if row.is_long is group], options.pairs)


def _programs(options: argparse.Namespace) -> List[Program]:
    if options.programs:
        return chosen(options.programs)
    return [*LONG, *OTHERS] if options.wide else [*LONG, *SHORT]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--programs", default="", help="names with commas between them; all if left out")
    parser.add_argument(
        "--wide",
        action="store_true",
        help="the long programs and all others of pyperformance's that can be run so",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=LONG_S,
        help="have long programs take so long at least (default: %(default)s)",
    )
    parser.add_argument("--no-parts", action="store_true", help="leave out what each part costs")
    return parser.parse_args()


def _row(python: str, program: Program, options: argparse.Namespace) -> Row:
    program = of_its_length(python, program, options.seconds)
    row = Row(program, *rounds(python, program, (plain, recorded), options.pairs))
    print(row.text(), flush=True)
    return row


def _judge(what: str, bar: float, rows: Sequence[Row]) -> None:
    if rows:
        found = median(median(row.ratios) for row in rows)
        verdict = "met" if found <= bar else "missed"
        print(f"programs of {what}: median of {len(rows)} is {found:.3f}; the bar of {bar:.2f} is {verdict}")


def _print_parts(python: str, rows: Sequence[Row], pairs: int) -> None:
    if not rows:
        return
    worst = max(rows, key=lambda row: median(row.ratios)).program
    base, *parts = rounds(python, worst, (plain, *(variant for _, variant in PARTS)), pairs)
    print(f"what each part costs {worst.name}, the costliest:")
    for (name, _), costs in zip(PARTS, parts):
        found = ratios(costs, base)
        print(f"  {name:28} {median(found):7.3f} {min(found):6.3f} {max(found):6.3f}", flush=True)


if __name__ == "__main__":
    main()
