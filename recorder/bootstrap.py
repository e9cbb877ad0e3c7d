"""Put a raw recording together in a PyPy that knows nothing of tracebin.

Run by path: ``pypy3 -I -S recorder/bootstrap.py FOLDER OUT``.  The folder above
this one becomes the package ``tracebin``, whatever its name.  Speaks JSON lines on
stdout: ``{"done", "total"}`` while it reads, and at the end ``{"ok": true}`` or
``{"slug", "message"}``.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _make_package(root: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "tracebin", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["tracebin"] = package
    spec.loader.exec_module(package)


def _main(folder: str, out: str) -> int:
    from tracebin.errors import TracebinError
    from tracebin.recorder.assemble import assemble

    try:
        assemble(Path(folder), Path(out), lambda done, total: _say(done=done, total=total))
    except TracebinError as fault:
        _say(slug=fault.slug, message=str(fault))
        return 1
    _say(ok=True)
    return 0


if __name__ == "__main__":
    _make_package(Path(__file__).resolve().parent.parent)
    sys.exit(_main(sys.argv[1], sys.argv[2]))
