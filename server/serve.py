"""Run the server on this machine, with waitress: threads, no set-up, Windows too."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Callable, Dict, Iterator, Optional

from flask import Flask
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]

from tracebin.errors import ConfigurationError
from tracebin.server.app import create_app
from tracebin.server.config import ServerConfig
from tracebin.server.headers import DATA_POLICY, HEADERS
from tracebin.server.ingest import too_long
from tracebin.server.problems import PROBLEM_TYPE, of_error, problem

# Bodies a little over the limit are read to their end: a client that writes before it reads sees our answer.
_MARGIN_BYTES = 16 << 20
_MAX_PORT = 65_535
# How many new objects Python looks for cycles after, and how many such rounds older ones are left out of.
_GC_THRESHOLDS = (50_000, 20, 20)
_EVERYWHERE = ("", "0.0.0.0", "::")


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    config: Optional[ServerConfig] = None,
    on_ready: Optional[Callable[[str], None]] = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; ``on_ready`` is called with the address once it answers.

    ``port`` 0 takes any free one.

    Raises:
        ConfigurationError: a setting is wrong, or the address can't be listened on.
    """
    config = config or ServerConfig.from_environment(os.environ)
    if host not in _EVERYWHERE:
        config = replace(config, trusted_hosts=(*config.trusted_hosts, _in_url(host).lower()))
    # A request that waits a moment for a thread is nothing to report.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    listening = listen(host, port)
    with closing(listening), _ended_by_sigterm(), _collecting_rarely():
        app = create_app(config)
        gc.freeze()  # What was imported and set up stays, so nobody need look at it again.
        store = closing(app.extensions["tracebin"])
        # A signal may come before it runs, as where a view is of a file that isn't there.
        with store, closing(make_server(app, listening, config)) as server, suppress(KeyboardInterrupt):
            if on_ready is not None:
                on_ready(address_of(listening))
            # Returns on Ctrl-C, when the requests under way have had five seconds to end.
            server.run()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        ConfigurationError: the address is taken, or not this machine's.
    """
    if not 0 <= port <= _MAX_PORT:
        raise ConfigurationError(f"can't listen on port {port}: ports go from 0 to {_MAX_PORT}")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as fault:
        raise ConfigurationError(f"can't listen on {host} port {port}: {fault}") from None


def address_of(listening: socket.socket) -> str:
    """Give the address to open in a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://{'127.0.0.1' if host in _EVERYWHERE else _in_url(host)}:{port}"


def make_server(app: Flask, listening: socket.socket, config: ServerConfig) -> Any:
    """Give a waitress server for ``app``; ``run()`` serves, ``close()`` ends it."""
    server = create_server(
        app,
        sockets=[listening],
        threads=config.threads,
        ident=None,
        max_request_body_size=config.body_bytes + _MARGIN_BYTES,
    )
    server.channel_class = _Channel
    return server


class _ProblemTask(ErrorTask):  # type: ignore[misc]
    """Answer what waitress itself refuses as everything else here: with a problem document."""

    def execute(self) -> None:
        """Send it, and close the connection: what still comes on it is anybody's guess."""
        document = _document(self.request.error, self.channel.server.adj.max_request_body_size)
        body = json.dumps(document).encode("ascii")
        self.status = f"{document['status']} {document['title']}"
        self.response_headers.extend(
            [("Content-Type", PROBLEM_TYPE), ("Content-Security-Policy", DATA_POLICY), *HEADERS.items()]
        )
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection that refuses in our words."""

    error_task_class = _ProblemTask


def _document(fault: Any, most_bytes: int) -> Dict[str, Any]:
    if fault.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return of_error(too_long(most_bytes - _MARGIN_BYTES))
    return problem(fault.code, "http", str(fault.body))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, where this thread may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Let Python look for cycles less often than after each 700 new objects.

    A bundle is decoded to millions of objects without a cycle among them: looking for one took
    1.0 of the 9.8 s of CPU in which 30 MiB were stored, and takes 0.2 so.  Off it would be less still,
    but then nothing would bound what requests leave behind.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
