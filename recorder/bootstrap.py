"""Do a part of the recorder's work in a Python that knows nothing of tracebin.

Run by path; the folder above this one becomes the package ``tracebin``, whatever
its name.  ``python -I -S recorder/bootstrap.py assemble PYPY FOLDER OUT [follow]`` puts a raw
recording together.  With ``follow`` the program still runs: a line ``end`` on stdin
tells when it doesn't any more.  Speaks JSON lines on stdout: ``{"done", "total"}``
while it reads, and at the end ``{"ok": true}`` or ``{"slug", "message"}``.

``pypy3 -I -S recorder/bootstrap.py decode`` is decode_server.py, in the PyPy that ran the program, and
``calls FOLDER`` is call_server.py.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import select
import sys
from pathlib import Path
from typing import Any, List

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


def _assemble(pypy: str, folder: str, out: str, follows: bool) -> int:
    gc.disable()  # a twentieth of the time; what is read has no cycles, and the process is short
    from tracebin.errors import TracebinError
    from tracebin.recorder.assemble import assemble

    server = _call_server(pypy, folder)
    try:
        follow = _wait_for_end if follows else None
        assemble(
            Path(folder),
            Path(out),
            _decoder(pypy),
            follow,
            lambda done, total: _say(done=done, total=total),
            server,
        )
    except TracebinError as fault:
        _say(slug=fault.slug, message=str(fault))
        return 1
    finally:
        if server is not None:
            server.close()
    _say(ok=True)
    return 0


def _decoder(pypy: str) -> Any:
    from tracebin.recorder.decoding import LocalDecoder, RemoteDecoder

    return LocalDecoder() if _is_this(pypy) else RemoteDecoder(_command(pypy, "decode"), os.environ)


def _call_server(pypy: str, folder: str) -> Any:
    from tracebin.recorder.remote_calls import CallServer

    return None if _is_this(pypy) else CallServer(_command(pypy, "calls", folder), os.environ)


def _is_this(pypy: str) -> bool:
    return os.path.realpath(pypy) == os.path.realpath(sys.executable)


def _command(pypy: str, *words: str) -> List[str]:
    return [pypy, "-I", "-S", os.path.abspath(__file__), *words]


def _main(task: str, *words: str) -> int:
    _make_package(Path(__file__).resolve().parent.parent)
    if task == "decode":
        from tracebin.recorder.decode_server import serve

        serve()
        return 0
    if task == "calls":
        from tracebin.recorder import call_server

        call_server.serve(Path(words[0]))
        return 0
    pypy, folder, out, *more = words
    return _assemble(pypy, folder, out, more == ["follow"])


if __name__ == "__main__":
    status = _main(*sys.argv[1:])
    sys.stdout.flush()
    # Python's own way out gives back memory object by object: a tenth of a second on a long log.
    os._exit(status)
