"""Put a bundle together as a process of the launcher's.

With ``follows`` the program still runs: a line ``end`` on stdin tells when it doesn't any more.  Speaks
JSON lines on stdout: ``{"done", "total"}`` while it reads, and at the end ``{"ok": true}`` or
``{"slug", "message"}``.
"""

from __future__ import annotations

import gc
import json
import os
import select
import sys
from pathlib import Path
from typing import Any, List, Optional

from tracebin.errors import TracebinError
from tracebin.recorder.assemble import assemble
from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.decoding import Decoder, LocalDecoder, RemoteDecoder
from tracebin.recorder.remote_calls import CallServer

# Between two looks at a log that doesn't grow; a look is one stat and one read.
POLL_S = 0.05


def serve(pypy: str, folder: str, out: str, *, follows: bool) -> int:
    """Make the bundle, and give the process's exit status."""
    gc.disable()  # a twentieth of the time; what is read has no cycles, and the process is short
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


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


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


def _decoder(pypy: str) -> Decoder:
    return LocalDecoder() if _is_this(pypy) else RemoteDecoder(_command(pypy, "decode"), os.environ)


def _call_server(pypy: str, folder: str) -> Optional[CallServer]:
    return None if _is_this(pypy) else CallServer(_command(pypy, "calls", folder), os.environ)


def _is_this(pypy: str) -> bool:
    return os.path.realpath(pypy) == os.path.realpath(sys.executable)


def _command(pypy: str, *words: str) -> List[str]:
    return [pypy, "-I", "-S", PATH, *words]
