"""Name the programs that are measured, and fetch them.

They are pyperformance's benchmarks, run as plain programs: ``standin/pyperf.py``
takes pyperf's place.  They are fetched with pip into .cache/bench the first time.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
SITE = CACHE / "site"
STANDIN = ROOT / "bench" / "standin"
BENCHMARKS = SITE / "pyperformance" / "data-files" / "benchmarks"
# Pinned: a number is worth nothing once the program under it has changed.
PACKAGES = ("pyperformance==1.11.0", "sympy==1.14.0", "mpmath==1.4.1")
LONG_S = 5.0
SHORT_S = 1.0


@dataclass(frozen=True)
class Program:
    """A benchmark, how often its body runs, and how far its first minor collection is shifted."""

    name: str
    folder: str
    loops: int
    args: Tuple[str, ...] = ()
    shift_bytes: int = 0

    @property
    def words(self) -> List[str]:
        """Give what PyPy is started with."""
        return [str(BENCHMARKS / self.folder / "run_benchmark.py"), *self.args]

    @property
    def is_long(self) -> bool:
        """Whether it is one of those meant to run 5 s or more, however often its body runs."""
        return any(self.name == each.name for each in (*LONG, *OTHERS))

    def lasting(self, seconds: float, took_s: float) -> Program:
        """Give the program as it takes so many seconds at least, where it took ``took_s``."""
        return self if took_s >= seconds else replace(self, loops=math.ceil(self.loops * seconds / took_s))

    def environment(self, loops: int = 0) -> Dict[str, str]:
        """Give the environment to run in; ``loops`` other than 0 takes the place of the usual number."""
        path = os.pathsep.join([str(STANDIN), str(SITE)])
        numbers = {"BENCH_LOOPS": str(loops or self.loops), "BENCH_SHIFT": str(self.shift_bytes)}
        return {**os.environ, "PYTHONPATH": path, **numbers}


# Loops so that each takes 5 to 9 s of CPU on a Xeon of 2023; faster machines run more (of_its_length).
LONG = (
    Program("chaos", "bm_chaos", 550),
    Program("deltablue", "bm_deltablue", 8500),
    Program("go", "bm_go", 22),
    Program("hexiom", "bm_hexiom", 2100),
    Program("nbody", "bm_nbody", 500),
    Program("pyflate", "bm_pyflate", 26),
    Program("raytrace", "bm_raytrace", 270),
    Program("richards", "bm_richards", 2600),
    Program("sympy_expand", "bm_sympy", 3, ("expand",)),
    Program("telco", "bm_telco", 320),
)
# All others of pyperformance's that run as one process with the standard library alone, whatever they are
# about; of those with several bodies, all of them in turn.  The loops are for some 6 s on the EPYC of
# docs/performance.md.
OTHERS = (
    Program("async_generators", "bm_async_generators", 27),
    Program("comprehensions", "bm_comprehensions", 1_000_000),
    Program("coroutines", "bm_coroutines", 600),
    Program("deepcopy", "bm_deepcopy", 75_000),
    Program("fannkuch", "bm_fannkuch", 100),
    Program("float", "bm_float", 640),
    Program("gc_collect", "bm_gc_collect", 950),
    Program("gc_traversal", "bm_gc_traversal", 670),
    Program("generators", "bm_generators", 340),
    Program("json_dumps", "bm_json_dumps", 1_900),
    Program("json_loads", "bm_json_loads", 70_000),
    Program("logging", "bm_logging", 150_000),
    Program("mdp", "bm_mdp", 2),
    Program("meteor_contest", "bm_meteor_contest", 170),
    Program("nqueens", "bm_nqueens", 370),
    Program("pathlib", "bm_pathlib", 120),
    Program("pidigits", "bm_pidigits", 47),
    Program("pprint", "bm_pprint", 18),
    Program("regex_compile", "bm_regex_compile", 89),
    Program("regex_dna", "bm_regex_dna", 84),
    Program("regex_effbot", "bm_regex_effbot", 630),
    Program("regex_v8", "bm_regex_v8", 670),
    Program("richards_super", "bm_richards_super", 6_200),
    Program("scimark", "bm_scimark", 990),
    Program("spectral_norm", "bm_spectral_norm", 2_400),
    Program("sqlite_synth", "bm_sqlite_synth", 1_900_000),
    Program("typing_runtime_protocols", "bm_typing_runtime_protocols", 5_300),
    Program("unpack_sequence", "bm_unpack_sequence", 430_000_000),
    Program("xml_etree", "bm_xml_etree", 8),
)
# Under a second: start-up and warm-up are all there is.
SHORT = (
    Program("chaos-short", "bm_chaos", 10),
    Program("deltablue-short", "bm_deltablue", 20),
    Program("float-short", "bm_float", 10),
    Program("hexiom-short", "bm_hexiom", 20),
    Program("json-short", "bm_json_dumps", 8),
    Program("richards-short", "bm_richards", 50),
)
# About 10 s, and the JIT is busy all the time.
JIT_HEAVY = Program("sympy_sum", "bm_sympy", 2, ("sum",))


def chosen(names: str) -> List[Program]:
    """Give the programs of a list of names, or end with a sentence."""
    known = {program.name: program for program in (*LONG, *OTHERS, *SHORT, JIT_HEAVY)}
    wanted = [name for name in names.split(",") if name]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"no program is called {unknown[0]}; there are {', '.join(known)}")
    return [known[name] for name in wanted]


def fetch() -> None:
    """Install what the programs need, once."""
    stamp = CACHE / "installed"
    if stamp.exists() and stamp.read_text() == " ".join(PACKAGES):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check"]
    # Our own Python fetches for PyPy's: 3.9 is the oldest that can be recorded.
    where = ["--target", str(SITE), "--upgrade", "--no-deps", "--only-binary=:all:", "--python-version=3.9"]
    subprocess.run([*pip, *where, *PACKAGES], check=True)
    stamp.write_text(" ".join(PACKAGES))


def warm_up(python: str, programs: Iterable[Program]) -> None:
    """Run each once, so that every .pyc file is written before anything is measured."""
    for program in programs:
        command = [python, *program.words]
        environment = program.environment(loops=1)
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
