"""Put a raw recording together in a PyPy that knows nothing of tracebin.

Run by path: ``pypy3 -I -S recorder/bootstrap.py FOLDER OUT [follow]``.  The folder
above this one becomes the package ``tracebin``, whatever its name.  With ``follow`` the
program still runs: a line ``end`` on stdin tells when it doesn't any more.  Speaks JSON
lines on stdout: ``{"done", "total"}`` while it reads, and at the end ``{"ok": true}``
or ``{"slug", "message"}``.
"""

from __future__ import annotations

import importlib.util
import json
import select
import sys
from pathlib import Path
from typing import Any

# Between two looks at a log that doesn't grow; a look is one stat and one read.
POLL_S = 0.05


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


def _wait_for_end(has_news: bool) -> bool:
    """Say whether the launcher has told us of the program's end; wait a little if there is no news.

    Raises:
        SystemExit: the launcher is gone; the raw recording stays for ``tracebin recover``.
    """
    ready, _, _ = select.select([sys.stdin], [], [], 0 if has_news else POLL_S)
    if not ready:
        return False
    if sys.stdin.readline() != "end\n":
        sys.exit(2)
    return True


def _main(folder: str, out: str, follows: bool) -> int:
    from tracebin.errors import TracebinError
    from tracebin.recorder.assemble import assemble

    try:
        follow = _wait_for_end if follows else None
        assemble(Path(folder), Path(out), follow, lambda done, total: _say(done=done, total=total))
    except TracebinError as fault:
        _say(slug=fault.slug, message=str(fault))
        return 1
    _say(ok=True)
    return 0


if __name__ == "__main__":
    _make_package(Path(__file__).resolve().parent.parent)
    sys.exit(_main(sys.argv[1], sys.argv[2], sys.argv[3:] == ["follow"]))
