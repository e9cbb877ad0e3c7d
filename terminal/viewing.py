"""Upload bundles to a server that has just come up, and open a browser on the first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Callable, List, Optional

from tracebin.errors import TracebinError

Send = Callable[[Path, str], str]


class Viewing:
    """What happens beside the server of ``tracebin view``.

    ``send`` uploads one bundle to a server and gives the run's URL.  A refusal ends
    the server and is raised by :meth:`finish`.
    """

    def __init__(self, bundles: List[Path], send: Send, *, browser: bool) -> None:
        self._bundles = bundles
        self._send = send
        self._browser = browser
        self._fault: Optional[BaseException] = None

    def begin(self, address: str) -> None:
        """Start uploading to the server at ``address``, which answers from now on."""
        threading.Thread(target=self._upload, args=(address,), daemon=True).start()

    def finish(self) -> None:
        """Raise what went wrong, if anything did."""
        if self._fault is not None:
            raise self._fault

    def _upload(self, address: str) -> None:
        try:
            urls = [self._send(bundle, address) for bundle in self._bundles]
        except BaseException as fault:
            self._fault = fault
            if not isinstance(fault, TracebinError):
                raise
            os.kill(os.getpid(), signal.SIGTERM)
            return
        for url in urls:
            print(url, flush=True)
        print("Ctrl-C ends the server.", file=sys.stderr)
        if self._browser:
            webbrowser.open(urls[0])
