"""A small bundle with one of everything, and a server of its own for each test."""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tracebin.bundle import records as r
from tracebin.bundle.codec import encode_line, to_json
from tracebin.bundle.writer import BundleWriter, write_bundle
from tracebin.server import ServerConfig, create_app
from tracebin.server.blobs import BlobFolder
from tracebin.server.database import Database
from tracebin.server.parts import Parts, PartsWriter, read_index
from tracebin.server.serve import address_of, listen, make_server
from tracebin.server.store import Store
from tracebin.server.timeline_ingest import TimelineWriter

SOURCE = "def hot(n):\n    s = 0\n    for i in range(n):\n        s += i\n    return s\n"
CODE = base64.b64encode(b"\x90" * 16).decode()


def _run(command: list[str]) -> r.Run:
    return r.Run(
        command=command,
        target="script",
        cwd="/home/someone",
        started="2026-11-22T18:00:00.123456Z",
        duration_ns=2_000_000,
        exit=r.Exit(status=0),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3", {"jit": True}),
        options=r.Options({"threshold": 1039}, {"PYPY_GC_NURSERY": None}, {"period_us": 1000}),
        output={"stdout": r.Stream("utf-8", "499500\n", "", 7, 0)},
        recorder="0.1.0",
    )


def _stage(offset: int) -> r.Stage:
    ops = [
        r.Op("label", None, ["p0", "i1"], "TargetToken(77)", offset, None),
        r.Op("guard_true", None, ["i1"], "<Guard0x7f00>", offset + 4, ["p0", None]),
        r.Op("jump", None, ["p0", "i1"], "TargetToken(77)", offset + 8, None),
    ]
    points = [r.MergePoint(1, 0, 0, 0, 20, 3, None), r.MergePoint(2, 0, 0, 0, 22, 4, None)]
    return r.Stage(["p0", "i1"], ops, points)


def _trace(kind: str, start: int, parent: r.Guard | None = None) -> r.Trace:
    return r.Trace(
        process=0,
        kind=kind,
        driver="pypyjit",
        name="Loop 1 (hot;/x/prog.py:1-3~#20 FOR_ITER)" if parent is None else "bridge out of Guard 0x7f00",
        number=1 if parent is None else None,
        function=0 if parent is None else None,
        offset=20,
        line=3,
        start_ns=start,
        end_ns=start + 300,
        phases=r.Phases(100, 150, 50),
        parent=parent,
        runs=1000 if parent is None else 30,
        labels=[r.Label(0, "TargetToken(77)" if parent is None else "TargetToken(78)", 970)],
        asm=r.MachineCode("x86_64", 0x7F0000001000, 16, 0, 0, 12, CODE, 1),
        freed_ns=None,
        own=False,
        stages={"optimised": _stage(0), "traced": _stage(0)},
    )


def small_bundle(command: list[str]) -> r.Bundle:
    """A bundle that uses every section, every optional part and both kinds of reference."""
    return r.Bundle(
        run=_run(command),
        processes=[
            r.Process(7, None, command, 0, 2_000_000, r.Exit(0), {"loops": 1}, r.CodeMemory(4096, 1024)),
            r.Process(8, 0, ["child"], 10, None, None),
        ],
        threads=[r.Thread(0, 7, "MainThread")],
        files=[
            r.SourceFile("/x/prog.py", "program", "__main__", None, SOURCE, "0" * 64),
            r.SourceFile("/usr/lib/re.py", "stdlib", left_out="unused"),
        ],
        functions=[
            r.Function(
                0,
                "hot",
                "hot",
                1,
                [r.Bytecode(20, "FOR_ITER", "to 44", 3), r.Bytecode(22, "STORE_FAST", "i", 4)],
            ),
            r.Function(1, "match", "Pattern.match", 10),
        ],
        traces=[_trace("loop", 1000), _trace("bridge", 5000, r.Guard(0, 1))],
        aborts=[
            r.Abort(
                0,
                100,
                400,
                "ABORT_TOO_LONG",
                "pypyjit",
                0,
                20,
                3,
                None,
                6001,
                ["disabled inlining f"],
                "f",
                [r.PathStep(0, 3, 2, None), r.PathStep(None, None, 1, "re Search")],
            ),
        ],
        gc=[
            r.GcChunk(
                0,
                10_000,
                [0, 0, 1, 2],
                [0, 500, 500, 70_000],
                [100, 120, 50, 900],
                [-1] * 4,
                [4096, 4100, -1, 1 << 33],
            )
        ],
        stacks=[r.StackChunk([-1, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, -1])],
        samples=[r.SampleChunk(0, 1_000_000, [0, 1000, 1000], [0, 1, 2], [-1, 1 << 20, -1])],
        calls=[r.CallChunk(0, 50, [0, 10, 10], [80_000, 5, 70_000], [0, 1, 1], [0, 1, -1])],
        marks=[r.Mark(0, 60, None, "here", "{}")],
        coverage=[r.FileCoverage(0, [1, 2], [5])],
        problems=[r.Problem("cut", "something was lost", 2, "jit.log line 7")],
    )


def to_bytes(bundle: r.Bundle) -> bytes:
    """A bundle as it is written to disk, not compressed."""
    out = io.BytesIO()
    write_bundle(out, bundle)
    return out.getvalue()


@pytest.fixture
def bundle() -> r.Bundle:
    return small_bundle(["prog.py", "1000"])


@pytest.fixture
def encoded() -> Callable[[r.Bundle], bytes]:
    return to_bytes


@pytest.fixture
def body(bundle: r.Bundle) -> bytes:
    """The bytes of the small bundle."""
    return to_bytes(bundle)


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    """A server with small limits in a folder of its own."""
    return ServerConfig(
        data=tmp_path / "data",
        free_bytes=0,
        body_bytes=1 << 20,
        inflated_bytes=8 << 20,
        line_bytes=1 << 20,
        elements=1000,
        name_chars=2000,
        source_chars=5000,
    )


@pytest.fixture(scope="session")
def wired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, bytes]:
    """One application for all tests, and the file of an empty database: both take long to make."""
    data = tmp_path_factory.mktemp("empty")
    made = create_app(ServerConfig(data=data, free_bytes=0))
    made.extensions.pop("tracebin").close()
    return made, (data / "tracebin.sqlite3").read_bytes()


@pytest.fixture
def app(wired: tuple[Flask, bytes], config: ServerConfig) -> Iterator[Flask]:
    """The application, with a store of the test's own."""
    made, empty = wired
    store = Store(config, Database(config.database), BlobFolder(config.blobs))
    (config.data / "tracebin.sqlite3").write_bytes(empty)
    made.extensions["tracebin"] = store
    yield made
    del made.extensions["tracebin"]
    store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def store(app: Flask) -> Store:
    found: Store = app.extensions["tracebin"]
    return found


@dataclass(frozen=True)
class Uploader:
    """Upload with the headers a good client sends."""

    client: FlaskClient

    def __call__(self, body: bytes, encoding: str | None = None, **more: Any) -> Any:
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        if encoding:
            headers["Content-Encoding"] = encoding
        return self.client.post("/api/v1/runs", data=body, headers=headers, **more)


@pytest.fixture
def upload(client: FlaskClient) -> Uploader:
    return Uploader(client)


@pytest.fixture
def stored(upload: Uploader, body: bytes) -> dict[str, str]:
    """The small bundle, uploaded: its id, url and delete token."""
    response = upload(gzip.compress(body), "gzip")
    assert response.status_code == 201, response.get_data(as_text=True)
    answer: dict[str, str] = response.get_json()
    return answer


@contextmanager
def serving(app: Flask, config: ServerConfig) -> Iterator[str]:
    listening = listen("127.0.0.1", 0)
    server = make_server(app, listening, config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.task_dispatcher.shutdown()
        # Closing from within the loop ends it: nothing is left to listen to. It may have been awake, and have
        # closed the trigger's pipe before that is written to.
        with suppress(OSError):
            server.trigger.pull_trigger(server.close)
        thread.join(60)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture
def address(app: Flask, config: ServerConfig) -> Iterator[str]:
    """The address of a real server."""
    with serving(app, config) as url:
        yield url


Document = dict[str, Any]


@pytest.fixture
def document(bundle: r.Bundle) -> Document:
    """The small bundle as plain JSON values, to be spoilt."""
    found: Document = to_json(bundle)
    return found


def to_frame(document: Document) -> bytes:
    """Put JSON values into a bundle's frame, right or wrong; bytes stand for themselves."""
    out = io.BytesIO()
    writer = BundleWriter(out, _run([]))
    for key, records in document.items():
        for record in records if key != "run" else ():
            writer.add_line(key, record if isinstance(record, bytes) else json.dumps(record).encode())
    writer.close()
    run = document["run"]
    line = run if isinstance(run, bytes) else json.dumps(run).encode()
    return out.getvalue().replace(encode_line(_run([])), line, 1)


@pytest.fixture
def frame() -> Callable[[Document], bytes]:
    return to_frame


@dataclass(frozen=True)
class Refusal:
    """Assert that an upload is refused as everything must be, and harms nothing."""

    upload: Uploader
    store: Store
    config: ServerConfig
    good: bytes

    def __call__(
        self, status: int, reason: str, body: bytes, encoding: str | None = None, **more: Any
    ) -> Any:
        return self.check(self.upload(body, encoding, **more), status, reason)

    def check(self, response: Any, status: int, reason: str) -> Any:
        problem = response.get_json(force=True)
        assert (response.status_code, problem["reason"]) == (status, reason), problem
        assert response.mimetype == "application/problem+json"
        assert problem["status"] == status
        assert problem["type"].startswith("/docs/errors#")
        assert problem["detail"]
        if status == 413:
            assert problem["limit"] > 0
            assert str(problem["limit"]) in problem["detail"]
        self.nothing_is_left()
        return problem

    def nothing_is_left(self) -> None:
        # Asked two thousand times: through the models it would take a tenth of these tests.
        with self.store.database.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0
        assert [path for path in self.config.blobs.rglob("*") if path.is_file()] == []

    def the_next_is_taken(self) -> None:
        assert self.upload(self.good).status_code == 201


@pytest.fixture
def refused(upload: Uploader, store: Store, config: ServerConfig, body: bytes) -> Iterator[Refusal]:
    refusal = Refusal(upload, store, config, body)
    yield refusal
    refusal.the_next_is_taken()


class MemoryPart(io.BytesIO):
    """A blob that is being written, in memory."""

    @property
    def size(self) -> int:
        return len(self.getvalue())

    def reopen(self) -> io.BytesIO:
        return io.BytesIO(self.getvalue())


@pytest.fixture(scope="session")
def written() -> Callable[[list[tuple[str, Any]]], Parts]:
    """Make the time line of elements of a bundle, (list, record) each."""

    def write(elements: list[tuple[str, Any]]) -> Parts:
        part = MemoryPart()
        writer = TimelineWriter(PartsWriter(part))  # type: ignore[arg-type]
        for key, record in elements:
            writer.add(key, record)
        writer.finish()
        writer.close()
        file = part.reopen()
        return Parts(file, read_index(file))

    return write
