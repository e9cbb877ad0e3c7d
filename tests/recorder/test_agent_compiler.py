"""What is made of the agent's sources, in whatever Python runs this."""

from __future__ import annotations

import marshal
import shutil
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tracebin.recorder.agent_compiler import STARTING, compile_agent

FIRST = '''"""Words that nobody reads at run time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nowhere import Nothing
else:
    found = "at run time"


class Kept:
    """More of them."""

    declared: Nothing
    number: Nothing = 3

    def give(self, value: Nothing = 4) -> Nothing:
        """And more."""
        local: Nothing = value
        assert value != value, "left out"
        return local
'''
SECOND = "from .first import Kept as Other, found\nfrom .first import TYPE_CHECKING\nvalue = Other().give()\n"


SLEEPING = '''from .seldom import seldom, when_needed
from .hiding import hidden

@when_needed
def double(number: int) -> int:
    return number * 2

@seldom
def treble(number: int) -> int:
    return number * 3

class Sleeper:
    @seldom
    def __init__(self, start: int) -> None:
        self.value = start

    @seldom
    @hidden
    def add(self, number: int, times: int = 1) -> int:
        """Words that nobody reads."""
        self.value += double(number) * times
        return self.value

    @when_needed
    def adder(self, number):
        def give():
            return self.add(number)
        return give
'''
SITE = Path(__file__).resolve().parents[2] / "recorder" / "site"


def compiled(folder: Path, first: str = FIRST, second: str = SECOND) -> Dict[str, Dict[str, Any]]:
    """Compile a package and run it as site/tracebin_starting.py does; give the names of each module."""
    (folder / "part").mkdir()
    (folder / STARTING).write_text("begun = 1\n")
    (folder / "part" / "first.py").write_text(first)
    (folder / "part" / "__init__.py").write_text(second)
    (folder / "part" / "hiding.py").write_text("def hidden(function):\n    return function\n")
    for name in ("seldom.py", "sleeping.py"):
        shutil.copy(SITE / "tracebin_agent" / name, folder / "part")
    compile_agent(str(folder), "part", str(folder / "out"))
    version, _, data = (folder / "out").read_bytes().partition(b"\0")
    assert version == sys.version.encode()
    code, rows = marshal.loads(data)
    names: Dict[str, Dict[str, Any]] = {STARTING: {}}
    exec(code, names[STARTING])
    for module, code, given in rows:
        names[module] = {own: names[source][name] for own, source, name in given}
        names[module]["__name__"] = module
        exec(code, names[module])
    return names


def test_modules_get_what_they_import_and_run(tmp_path: Path) -> None:
    names = compiled(tmp_path)
    assert list(names) == [STARTING, "part.first", "part"]
    assert names[STARTING]["begun"] == 1
    assert names["part"]["value"] == 4
    assert names["part"]["found"] == "at run time"
    assert names["part"]["Other"] is names["part.first"]["Kept"]


def test_what_only_readers_need_is_left_out(tmp_path: Path) -> None:
    first = compiled(tmp_path)["part.first"]
    kept = first["Kept"]
    assert (kept.__doc__, kept.give.__doc__, first.get("annotations")) == (None, None, None)
    assert (kept.number, hasattr(kept, "declared")) == (3, False)
    assert (kept.give.__annotations__, getattr(kept, "__annotations__", {})) == ({}, {})
    # Faults are told by their lines.
    assert (
        kept.give.__code__.co_firstlineno
        == FIRST.split("\n").index("    def give(self, value: Nothing = 4) -> Nothing:") + 1
    )


def test_functions_that_are_seldom_called_sleep_until_then(tmp_path: Path) -> None:
    first = compiled(tmp_path, SLEEPING, "from .first import Sleeper\n")["part.first"]
    sleeper = first["Sleeper"](5)
    assert (sleeper.add(1), sleeper.add(1, times=3)) == (7, 13)
    assert sleeper.adder(2)() == 17
    assert (first["double"](4), first["treble"](4)) == (8, 12)


def test_a_function_is_kept_if_it_will_be_needed_again(tmp_path: Path) -> None:
    first = compiled(tmp_path, SLEEPING, "from .first import Sleeper\n")["part.first"]
    sleeper_type, double, treble = first["Sleeper"], first["double"], first["treble"]
    kinds = {name: type(vars(sleeper_type)[name]).__name__ for name in ("__init__", "add", "adder")}
    assert set(kinds.values()) == {"Sleeping"}
    sleeper = sleeper_type(1)
    sleeper.adder(1)()
    kinds = {name: type(vars(sleeper_type)[name]).__name__ for name in ("__init__", "add", "adder")}
    assert kinds == {"__init__": "Sleeping", "add": "Sleeping", "adder": "function"}
    assert double.made() is double.made()
    assert treble.made() is not treble.made()


def test_a_woken_function_tells_its_own_file_and_line(tmp_path: Path) -> None:
    add = vars(compiled(tmp_path, SLEEPING, "from .first import Sleeper\n")["part.first"]["Sleeper"])["add"]
    code = add.made().__code__
    assert code.co_filename == str(tmp_path / "part" / "first.py")
    assert SLEEPING.split("\n")[code.co_firstlineno - 1].strip() in (
        "@hidden",
        "def add(self, number: int, times: int = 1) -> int:",
    )
    assert add.made().__doc__ is None


@pytest.mark.parametrize("lines", ["@seldom\n@property\ndef f(self): ...", "@seldom\ndef f(*, way=1): ..."])
def test_what_would_be_lost_in_sleep_is_refused(tmp_path: Path, lines: str) -> None:
    with pytest.raises(SyntaxError, match=r"first\.py, line \d: f has more than can be kept"):
        compiled(tmp_path, f"from .seldom import seldom\n{lines}\n", "from .first import f\n")
