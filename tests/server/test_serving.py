"""A real server: sockets, threads, processes that are killed."""

from __future__ import annotations

import gc
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest

from tracebin.errors import ConfigurationError
from tracebin.server import ServerConfig
from tracebin.server.headers import HEADERS
from tracebin.server.serve import address_of, listen, serve
from tracebin.server.store import open_store

RUNS = "/api/v1/runs"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def connection(address: str) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    yield opened
    opened.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, Any]:
    connection.request(method, path, **more)
    response = connection.getresponse()
    text = response.read()
    return response.status, json.loads(text) if text else None


def raw(address: str, request: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes and read to the end."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as sent:
        sent.sendall(request)
        if half_close:
            sent.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sent.recv(65536):
            answer += piece
        return answer


def head(address: str, **headers: str) -> bytes:
    lines = ["POST /api/v1/runs HTTP/1.1", f"Host: {urlsplit(address).netloc}", "Connection: close"]
    lines += [
        f"{name.replace('_', '-')}: {value}"
        for name, value in {"Content_Type": "application/json", **headers}.items()
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_upload_and_read_back(connection: http.client.HTTPConnection, body: bytes) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    status, created = ask(connection, "POST", RUNS, body=gzip.compress(body), headers=headers)
    assert status == 201
    assert created["url"] == f"http://{connection.host}:{connection.port}/runs/{created['id']}"
    assert ask(connection, "GET", f"{RUNS}/{created['id']}")[1]["id"] == created["id"]


def test_chunked_upload(connection: http.client.HTTPConnection, body: bytes) -> None:
    pieces = iter([body[:100], body[100:]])
    assert ask(connection, "POST", RUNS, body=pieces, headers=JSON, encode_chunked=True)[0] == 201


def test_a_little_too_long_is_read_and_refused(refused: Any, connection: Any, config: ServerConfig) -> None:
    status, problem = ask(connection, "POST", RUNS, body=bytes(config.body_bytes + 1), headers=JSON)
    assert (status, problem["reason"], problem["limit"]) == (413, "body_bytes", config.body_bytes)


def test_chunked_and_too_long(refused: Any, connection: Any, config: ServerConfig) -> None:
    pieces = (bytes(65536) for _ in range(config.body_bytes // 65536 + 2))
    status, problem = ask(connection, "POST", RUNS, body=pieces, headers=JSON, encode_chunked=True)
    assert (status, problem["reason"]) == (413, "body_bytes")


@pytest.mark.parametrize("length", [1 << 30, 10**18])
def test_far_too_long_is_refused_before_it_is_sent(
    refused: Any, address: str, config: ServerConfig, length: int
) -> None:
    answer = raw(address, head(address, Content_Length=str(length)))
    assert answer.startswith(b"HTTP/1.1 413 ")
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["reason"], problem["limit"]) == ("body_bytes", config.body_bytes)
    for name in (*HEADERS, "Content-Security-Policy"):
        assert f"\r\n{name}: ".lower().encode() in answer.lower()
    refused.nothing_is_left()


@pytest.mark.parametrize("length", ["-1", "+5", "5x", "0x5", "1, 1", "10" * 50])
def test_lengths_that_are_none(refused: Any, address: str, length: str) -> None:
    answer = raw(address, head(address, Content_Length=length) + b"12345")
    assert answer.split()[1] in (b"400", b"413")
    assert b"application/problem+json" in answer
    refused.nothing_is_left()


def test_a_broken_chunk(refused: Any, address: str) -> None:
    answer = raw(address, head(address, Transfer_Encoding="chunked") + b"zz\r\n12345\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["reason"] == "http"
    refused.nothing_is_left()


@pytest.mark.parametrize("transfer", [{"Content_Length": "1000"}, {"Transfer_Encoding": "chunked"}])
def test_a_client_that_goes_away(refused: Any, address: str, transfer: dict[str, str]) -> None:
    raw(address, head(address, **transfer) + b"5\r\n12345", half_close=True)
    refused.nothing_is_left()


def test_eight_uploads_at_once(address: str, body: bytes, store: Any, config: ServerConfig) -> None:
    barrier = threading.Barrier(8)

    def one(number: int) -> list[int]:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        mine = body.replace(b'"prog.py"', b'"prog%d.py"' % (number // 2))
        barrier.wait()
        statuses = []
        for _ in range(4):
            status, created = ask(connection, "POST", RUNS, body=mine, headers=JSON)
            statuses.append(status)
            token = {"Authorization": f"Bearer {created['delete_token']}"}
            statuses.append(ask(connection, "DELETE", f"{RUNS}/{created['id']}", headers=token)[0])
            statuses.append(ask(connection, "POST", RUNS, body=mine, headers=JSON)[0])
        connection.close()
        return statuses

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(8)))
    assert found == [[201, 204, 201] * 4] * 8
    assert store.runs(100, 0).total == 32
    # Every run has its bundle, whatever was deleted meanwhile; all have the same columns,
    # and the time line names the command.
    for run in store.runs(100, 0).runs:
        with store.bundle(run.id).stream as stream:
            assert len(stream.read()) == run.bundle_bytes
    assert len([path for path in config.blobs.rglob("*") if path.is_file()]) == 9


SERVE = """
import sys
from tracebin.server import serve
serve("127.0.0.1", 0, on_ready=lambda address: print(address, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def process(config: ServerConfig) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own."""
    environment = {**os.environ, "TRACEBIN_DATA": str(config.data), "TRACEBIN_FREE_BYTES": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env=environment,
        cwd=config.data.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(process: subprocess.Popen[str], end: signal.Signals) -> None:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert b" 200 OK" in raw(
        address,
        f"GET /healthz HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\nConnection: close\r\n\r\n".encode(),
    )
    process.send_signal(end)
    output, errors = process.communicate(timeout=60)
    assert (output, errors, process.returncode) == ("ended\n", "", 0)


def test_killed_in_mid_upload(process: subprocess.Popen[str], config: ServerConfig, body: bytes) -> None:
    # GIVEN a server that is reading an upload into a part
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    (config.blobs / "x.part").write_bytes(b"as an earlier crash would leave")
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=60) as sent:
        sent.sendall(head(address, Content_Length=str(len(body))) + body[: len(body) // 2])
        # WHEN it is killed
        process.kill()
        process.wait()
    # THEN the next start shows no run and clears what was left
    store = open_store(config)
    assert store.runs(10, 0).total == 0
    assert [path for path in config.blobs.rglob("*") if path.is_file()] == []
    store.close()


DIE_AT = """
import io, json, os, sys
from pathlib import Path
from sqlalchemy import event
from tracebin.server import ServerConfig
from tracebin.server.ingest import Body
from tracebin.server.store import open_store

config = ServerConfig(data=Path(sys.argv[1]), free_bytes=0)
body = sys.stdin.buffer.read()

def publish(steps):
    store = open_store(config)

    def dying(real):
        def call(*args, **more):
            nonlocal steps
            steps -= 1
            if steps < 0:
                os._exit(9)
            return real(*args, **more)
        return call

    for name in ("fsync", "replace", "open"):
        setattr(os, name, dying(getattr(os, name)))
    event.listen(store.database.engine, "before_cursor_execute", dying(lambda *_, **__: None))
    event.listen(store.database.engine, "commit", dying(lambda *_: None))
    store.publish(Body(io.BytesIO(body), "identity", len(body)))
    os._exit(0)

status, step = 9, 0
while status:
    child = os.fork()
    if not child:
        publish(step)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store = open_store(config)
    runs = store.runs(100, 0).runs
    whole = all(store.bundle(run.id).stream.read() == body for run in runs)
    blobs = len([path for path in config.blobs.rglob("*") if path.is_file()])
    store.close()
    print(json.dumps([step, status, len(runs), whole, blobs]))
    step += 1
"""


def test_killed_at_every_step(config: ServerConfig, body: bytes) -> None:
    """Die before the n-th sync, rename, statement or commit, for n = 0 until it gets through."""
    command = [sys.executable, "-c", DIE_AT, str(config.data)]
    done = subprocess.run(command, input=body, capture_output=True, cwd=config.data.parent, check=False)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(steps) > 10
    for step, status, runs, whole, blobs in steps:
        # Killed: nothing to see, and nothing left after the next start.
        # Done: the bundle, its columns, its time line.
        assert status in (0, 9), step
        assert (runs, whole, blobs) == ((0, True, 0) if status else (1, True, 3)), step


def test_a_port_that_is_taken() -> None:
    with (
        listen("127.0.0.1", 0) as taken,
        pytest.raises(ConfigurationError, match=r"can't listen on 127.0.0.1 port"),
    ):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("203.0.113.1", 0), ("127.0.0.1", 70_000)]
)
def test_an_address_that_is_none(host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match="can't listen"):
        listen(host, port)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]")]
)
def test_the_address_to_open(host: str, shown: str) -> None:
    with listen(host, 0) as listening:
        assert address_of(listening) == f"http://{shown}:{listening.getsockname()[1]}"


def test_a_store_can_be_opened_twice(config: ServerConfig, body: bytes) -> None:
    one = open_store(config)
    other = open_store(replace(config, threads=1))
    with one.blobs.stage() as part:
        part.write(body)
        assert other.sweep() == 0
    one.close()
    other.close()


def test_looking_for_cycles_is_as_before_when_serving_ends(config: ServerConfig) -> None:
    before, during = gc.get_threshold(), []

    def stop(address: str) -> None:
        during.append(gc.get_threshold())
        raise KeyboardInterrupt

    serve(port=0, config=config, on_ready=stop)
    assert during[0][0] > before[0]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
