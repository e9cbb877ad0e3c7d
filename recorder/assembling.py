"""Put a bundle together as a process of the launcher's.

With ``follows`` the program still runs: a line ``end`` on stdin tells when it doesn't any more.  With
``rests`` it is read in turns then, as pace.py says.  Speaks JSON lines on stdout: ``{"done", "total"}``
while it reads, and at the end ``{"ok": true}`` or ``{"slug", "message"}``.

What reads is imported when it is first needed: that is work on the program's core.
"""

from __future__ import annotations

import gc
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from tracebin.errors import TracebinError
from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.pace import Outlook, rest_s

if TYPE_CHECKING:
    from tracebin.recorder.decoding import Decoder
    from tracebin.recorder.remote_calls import CallServer

# Between two looks at a log that doesn't grow; a look is one stat and one read.
POLL_S = 0.05
# The reader gives way to the program: it has time until the program ends.
NICENESS = 5
# The process that decodes has answered by the second look without news: then what it was asked is done, too.
_LOOKS_BEFORE_REST = 2


def serve(pypy: str, folder: str, out: str, *, follows: bool, rests: bool = False) -> int:
    """Make the bundle, and give the process's exit status."""
    gc.disable()  # a twentieth of the time; what is read has no cycles, and the process is short
    follower = Follower(Path(folder), rests=rests) if follows else None
    if follower is not None and follower.has_ended_before_work():
        follower = None
    if follower is not None:
        os.nice(NICENESS)
    return _assemble(pypy, folder, out, follower)


def _assemble(pypy: str, folder: str, out: str, follower: Optional[Follower]) -> int:
    # Its process needs 0.08 s until it is up, while this one imports what reads.
    decoder = _decoder(pypy)
    from tracebin.recorder.assemble import assemble

    server = _call_server(pypy, folder)
    try:
        assemble(
            Path(folder),
            Path(out),
            decoder,
            follower,
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


class Follower:
    """What tells the reader between two blocks to go on, or of the program's end, and has it rest.

    Asked when all is read that was there at the last look, it looks again, and comes back when there is
    enough to be read.
    """

    def __init__(self, folder: Path, *, rests: bool) -> None:
        self._folder = folder
        self._rests = rests
        self._started_s = time.monotonic()
        self._has_begun = False
        self._seen = self._read = {".log": 0, ".prof": 0}
        self._looks = 0

    def has_ended_before_work(self) -> bool:
        """Wait until there is reason to begin; say whether the program has ended before."""
        has_ended = self._rests and self._rest()
        self._has_begun = True
        return has_ended

    def __call__(self, has_news: bool) -> bool:
        """Say whether the program has ended; wait if there is no news."""
        if has_news:
            self._looks = 0
            return _has_ended(0)
        self._read = self._seen
        self._looks += 1
        has_ended = _has_ended(POLL_S)
        if self._rests and not has_ended and self._looks >= _LOOKS_BEFORE_REST:
            has_ended = self._rest()
        self._seen = self._sizes()
        return has_ended

    def _rest(self) -> bool:
        while pause_s := rest_s(self._outlook()):
            if _has_ended(pause_s):
                return True
        return False

    def _outlook(self) -> Outlook:
        sizes = self._sizes()
        return Outlook(
            time.monotonic() - self._started_s,
            self._has_begun,
            log=sizes[".log"],
            samples=sizes[".prof"],
            unread_log=sizes[".log"] - self._read[".log"],
            unread_samples=sizes[".prof"] - self._read[".prof"],
        )

    def _sizes(self) -> Dict[str, int]:
        """Add up the files of all processes, by kind."""
        sizes = {".log": 0, ".prof": 0}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    kind = os.path.splitext(entry.name)[1]
                    if kind in sizes:
                        sizes[kind] += entry.stat().st_size
        except OSError:
            pass  # the program cleans up the folder for temporary files: nothing more will be there
        return sizes


def _has_ended(patience_s: float) -> bool:
    """Say whether the launcher has told us of the program's end; wait a while for it.

    Raises:
        SystemExit: the launcher is gone; the raw recording stays for ``tracebin recover``.
    """
    ready, _, _ = select.select([sys.stdin], [], [], patience_s)
    if not ready:
        return False
    if sys.stdin.readline() != "end\n":
        sys.exit(2)
    return True


def _decoder(pypy: str) -> Decoder:
    from tracebin.recorder.decoding import LocalDecoder, RemoteDecoder

    return LocalDecoder() if _is_this(pypy) else RemoteDecoder(_command(pypy, "decode"), os.environ)


def _call_server(pypy: str, folder: str) -> Optional[CallServer]:
    from tracebin.recorder.remote_calls import CallServer

    return None if _is_this(pypy) else CallServer(_command(pypy, "calls", folder), os.environ)


def _is_this(pypy: str) -> bool:
    return os.path.realpath(pypy) == os.path.realpath(sys.executable)


def _command(pypy: str, *words: str) -> List[str]:
    return [pypy, "-I", "-S", PATH, *words]
