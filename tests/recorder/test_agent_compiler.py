"""What is made of the agent's sources, in whatever Python runs this."""

from __future__ import annotations

import marshal
import sys
from pathlib import Path
from typing import Any, Dict

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


def compiled(folder: Path) -> Dict[str, Dict[str, Any]]:
    """Compile a package and run it as site/tracebin_starting.py does; give the names of each module."""
    (folder / "part").mkdir()
    (folder / STARTING).write_text("begun = 1\n")
    (folder / "part" / "first.py").write_text(FIRST)
    (folder / "part" / "__init__.py").write_text(SECOND)
    compile_agent(str(folder), "part", str(folder / "out"))
    version, _, data = (folder / "out").read_bytes().partition(b"\0")
    assert version == sys.version.encode()
    code, rows = marshal.loads(data)
    names: Dict[str, Dict[str, Any]] = {STARTING: {}}
    exec(code, names[STARTING])
    for module, code, given in rows:
        names[module] = {own: names[source][name] for own, source, name in given}
        exec(code, {"__name__": module}, names[module])
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
