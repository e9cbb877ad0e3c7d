"""What tests of every part may need: the checkout, a PyPy, an environment left as it was."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
# As in tools/need.sh.
PYPY_NAMES = ("pypy3", "pypy")
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Set by pytest itself while a test runs.
NOT_OURS = {"PYTEST_CURRENT_TEST"}
# PyPy runs again what CPython has run, and takes longer for what is short: a tenth of the tries will do.
TRIES = 1 if sys.implementation.name == "cpython" else 10

# No deadline, since machines are of all speeds; the same examples in every run, so that none fails by chance.
settings.register_profile(
    "tracebin",
    deadline=None,
    derandomize=True,
    max_examples=100 // TRIES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tracebin")

# What nohup, or a script's background, ignores for us would be ignored in all that the tests start.
for number, usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden files anew instead of comparing"
    )


@pytest.fixture
def golden(pytestconfig: pytest.Config) -> Callable[[Path, str], None]:
    """Compare a text with a golden file, or write the file anew with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if pytestconfig.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def tries() -> Callable[[int], int]:
    """Give how often to try what CPython tries a number of times: on PyPy a tenth of that."""
    return lambda number: -(-number // TRIES)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def pypy() -> str:
    """The PyPy that programs are recorded with; without one the test fails, it isn't skipped."""
    return os.environ.get("TRACEBIN_PYPY") or first_of("pypy", PYPY_NAMES)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of the browser tests; without one they fail."""
    return first_of("chromium", CHROMIUM_NAMES)


def first_of(tool: str, names: tuple[str, ...]) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(f"no {tool}: tools/need.sh {tool} installs one or says what to do")
    return found


@pytest.fixture(autouse=True)
def environment_restored() -> Iterator[None]:
    """Catch a test, or code under test, that leaves the process changed for the next one."""
    before, folder = dict(os.environ), os.getcwd()
    yield
    after = dict(os.environ)
    os.environ.clear()
    os.environ.update(before)
    assert os.getcwd() == folder
    assert without_ours(after) == without_ours(before)


def without_ours(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in NOT_OURS}
