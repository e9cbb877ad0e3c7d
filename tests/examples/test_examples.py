"""Each example runs on PyPy, says the same every time, and is as described."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TINY = {
    "calculator": ("1", "gcd      243452"),
    "library": ("3", "3 books on the shelf, 0 retired"),
    "raytracer": ("72", "72 x 26 samples, mean brightness 0.4"),
}


@pytest.mark.parametrize("name", sorted(TINY))
def test_an_example_runs_with_a_tiny_size(name: str, pypy: str, tmp_path: Path) -> None:
    size, line = TINY[name]
    done = subprocess.run(
        [pypy, EXAMPLES / f"{name}.py", size], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert line in done.stdout


def test_every_example_is_tried_and_described() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == set(TINY)
    readme = (EXAMPLES / "README.md").read_text()
    assert all(f"## {name}.py" in readme for name in names)
