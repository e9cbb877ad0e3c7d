from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle
from tracebin.errors import MalformedBundle, ServerUnreachable, UploadError, UploadRefused
from tracebin.recorder.upload import upload

LIMITS = {"body_bytes": 1 << 20, "inflated_bytes": 1 << 22}
CREATED = {"id": "abc", "url": "/runs/abc", "delete_token": "t0k"}


class Played:
    """A server played by a table: method and path -> status, headers, document."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {
            "GET /api/v1/limits": (200, {}, LIMITS),
            "POST /api/v1/runs": (201, {}, CREATED),
        }
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.reads_bodies = True
        played = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size) if played.reads_bodies else b""
                played.seen.append((f"{self.command} {self.path}", dict(self.headers), body))
                status, headers, document = played.answers.get(f"{self.command} {self.path}", (404, {}, None))
                data = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer  # noqa: N815 (the names are http.server's)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def posted(self) -> tuple[str, dict[str, str], bytes]:
        (found,) = [one for one in self.seen if one[0].startswith("POST")]
        return found


@pytest.fixture
def played() -> Iterator[Played]:
    made = Played()
    yield made
    made.close()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_bytes(b'{"format": "tracebin"}' + b" " * 1000)
    return path


def test_a_plain_bundle_is_compressed_on_the_way(played: Played, plain: Path) -> None:
    done = upload(plain, played.url)
    assert (done.id, done.url, done.delete_token) == ("abc", f"{played.url}/runs/abc", "t0k")
    _, headers, body = played.posted
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"] == "application/json"
    assert gzip.decompress(body) == plain.read_bytes()
    assert len(body) < 200


@pytest.mark.parametrize(
    ("encoding", "data"),
    [("gzip", gzip.compress(b"{}")), ("zstd", b"\x28\xb5\x2f\xfd\x04\x00\x11\x00\x00{}")],
)
def test_a_compressed_bundle_is_sent_as_it_is(
    played: Played, tmp_path: Path, encoding: str, data: bytes
) -> None:
    path = tmp_path / "run"
    path.write_bytes(data)
    upload(path, played.url)
    _, headers, body = played.posted
    assert (headers["Content-Encoding"], body) == (encoding, data)


def test_progress_goes_up_to_the_size(played: Played, tmp_path: Path) -> None:
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(b"{}") + bytes(200_000))
    told: list[tuple[int, int]] = []
    upload(path, played.url, progress=lambda sent, total: told.append((sent, total)))
    assert told == sorted(told)
    assert len(told) == 4
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_a_prefix_of_the_address_is_kept(played: Played, plain: Path) -> None:
    played.answers = {
        "GET /trace/bin/api/v1/limits": (200, {}, LIMITS),
        "POST /trace/bin/api/v1/runs": (201, {}, {**CREATED, "url": "https://x.example/trace/bin/runs/abc"}),
    }
    assert upload(plain, f"{played.url}/trace/bin/").url == "https://x.example/trace/bin/runs/abc"


def test_an_address_may_leave_the_scheme_out(played: Played, plain: Path) -> None:
    assert upload(plain, played.url.partition("//")[2]).id == "abc"


def test_a_password_is_sent_and_never_shown(played: Played, plain: Path) -> None:
    address = played.url.replace("//", "//me:s%40cret@")
    done = upload(plain, address)
    assert played.posted[1]["Authorization"] == "Basic bWU6c0BjcmV0"
    assert "cret" not in done.url
    played.answers["POST /api/v1/runs"] = (401, {}, None)
    with pytest.raises(UploadRefused, match="refused the bundle: 401 Unauthorized") as caught:
        upload(plain, address)
    assert "cret" not in str(caught.value)


def test_one_that_is_too_large_is_not_sent(played: Played, tmp_path: Path) -> None:
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(b"{}") + bytes(1 << 20))
    with pytest.raises(UploadRefused, match=r"too large .*: 1\.0 MiB to send, and it takes 1\.0 MiB at most"):
        upload(path, played.url)
    assert [one[0] for one in played.seen] == ["GET /api/v1/limits"]


def test_a_plain_one_that_inflates_too_far_is_not_sent(played: Played, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(bytes((1 << 22) + 1))
    with pytest.raises(UploadRefused, match="TRACEBIN_INFLATED_BYTES"):
        upload(path, played.url)
    assert len(played.seen) == 1


def test_a_refusal_says_what_the_server_said(played: Played, plain: Path) -> None:
    problem = {"title": "Unprocessable", "status": 422, "detail": "not a bundle (at run)"}
    played.answers["POST /api/v1/runs"] = (422, {"Content-Type": "application/problem+json"}, problem)
    with pytest.raises(UploadRefused, match=rf"{played.url} refused the bundle: not a bundle \(at run\)"):
        upload(plain, played.url)


@pytest.mark.parametrize("document", [b"<html>Bad gateway</html>", {"detail": 3}, [1]])
def test_a_refusal_in_another_shape_gives_its_status(played: Played, plain: Path, document: Any) -> None:
    played.answers["POST /api/v1/runs"] = (502, {}, document)
    with pytest.raises(UploadRefused, match="refused the bundle: 502 Bad Gateway"):
        upload(plain, played.url)


@pytest.mark.parametrize("document", [{}, {"id": "x"}, [], None, b"thanks"])
def test_an_answer_without_an_address(played: Played, plain: Path, document: Any) -> None:
    played.answers["POST /api/v1/runs"] = (201, {}, document)
    with pytest.raises(UploadRefused, match="its answer tells no address"):
        upload(plain, played.url)


def test_a_server_that_refuses_before_it_has_read_is_heard(played: Played, tmp_path: Path) -> None:
    # GIVEN more than all buffers on the way hold, and a server that reads none of it
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(b"{}") + bytes(60_000_000))
    played.reads_bodies = False
    played.answers["GET /api/v1/limits"] = (200, {}, {})
    played.answers["POST /api/v1/runs"] = (413, {}, {"detail": "too much"})
    with pytest.raises(UploadRefused, match="too much"):
        upload(path, played.url)


def test_another_kind_of_server(played: Played, plain: Path) -> None:
    played.answers = {}
    with pytest.raises(UploadRefused, match=r"is no tracebin server, or wants a password: 404 Not Found"):
        upload(plain, played.url)


def test_a_server_that_leads_elsewhere(played: Played, plain: Path) -> None:
    played.answers["GET /api/v1/limits"] = (301, {"Location": "https://x.example/p/api/v1/limits"}, None)
    with pytest.raises(UploadRefused, match=r"leads on to https://x\.example/p: give that address"):
        upload(plain, played.url)


def test_nobody_listens(plain: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(
        ServerUnreachable,
        match=rf"http://127\.0\.0\.1:{port} can't be reached: Connection refused; `tracebin serve`",
    ):
        upload(plain, f"http://u:secret@127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".example"])
def test_a_host_that_is_not_there(plain: Path, host: str) -> None:
    with pytest.raises(ServerUnreachable, match="can't be reached: "):
        upload(plain, f"http://{host}")


def answering(plain: Path, serve: Callable[[socket.socket], None]) -> None:
    """Upload to a server that does something odd with the one connection it takes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            with listening.accept()[0] as taken:
                serve(taken)

        thread = threading.Thread(target=take)
        thread.start()
        try:
            upload(plain, f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            thread.join()


def test_a_certificate_that_nobody_vouches_for(played: Played, plain: Path, tmp_path: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    pair = ["-keyout", key, "-out", certificate]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *pair],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    played.server.socket = context.wrap_socket(played.server.socket, server_side=True)
    address = f"https://localhost:{played.server.server_port}"
    with pytest.raises(ServerUnreachable, match="its certificate is not to be trusted"):
        upload(plain, address)
    # WHEN it is vouched for, the very same server gets the bundle
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", certificate)
        patch.delenv("SSL_CERT_DIR", raising=False)
        assert upload(plain, address).url == f"{address}/runs/abc"


def test_something_that_speaks_no_http(plain: Path) -> None:
    with pytest.raises(ServerUnreachable, match="does not speak HTTP"):
        answering(plain, lambda taken: taken.sendall(b"220 mail ready\r\n" if taken.recv(9999) else b""))


def test_a_server_that_hangs_up(plain: Path) -> None:
    with pytest.raises(ServerUnreachable):
        answering(plain, lambda taken: None)


def test_a_server_that_keeps_silent(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracebin.recorder.upload.CONNECT_S", 0.1)

    def until_it_gives_up(taken: socket.socket) -> None:
        while taken.recv(9999):
            pass

    with pytest.raises(ServerUnreachable, match="it did not answer in time"):
        answering(plain, until_it_gives_up)


@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://u:secret@x:port", "https://u:secret@:1"])
def test_what_is_no_address(plain: Path, address: str) -> None:
    with pytest.raises(UploadError, match="is no address of a server") as caught:
        upload(plain, address)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MalformedBundle, match=r"gone can't be read: No such file or directory"):
        upload(tmp_path / "gone", "http://127.0.0.1:1")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    """Start the application itself, with a database and blobs of its own."""
    serving = pytest.importorskip("tracebin.server.serve")
    server = pytest.importorskip("tracebin.server")
    config = server.ServerConfig(data=tmp_path / "data", free_bytes=0)
    app = server.create_app(config)
    with serving.listen("127.0.0.1", 0) as listening:
        waitress = serving.make_server(app, listening, config)
        thread = threading.Thread(target=waitress.run)
        thread.start()
        yield serving.address_of(listening)
        waitress.task_dispatcher.shutdown()
        with suppress(OSError):  # it may have closed the trigger's pipe before that is written to
            waitress.trigger.pull_trigger(waitress.close)
        thread.join()
    app.extensions["tracebin"].close()


def small_bundle() -> r.Bundle:
    run = r.Run(
        command=["x.py"],
        target="script",
        cwd="/",
        started="2026-11-22T18:00:00.123456Z",
        duration_ns=1,
        exit=r.Exit(status=0),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3"),
        options=r.Options(),
        output={},
        recorder="0.1.0",
    )
    return r.Bundle(run=run)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_real_server_takes_it_and_gives_it_back(real: str, tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "run.json"
    with gzip.open(path, "wb") if compressed else open(path, "wb") as out:
        write_bundle(out, small_bundle())
    done = upload(path, real)
    assert done.url == f"{real}/runs/{done.id}"
    with urlopen(f"{real}/api/v1/runs/{done.id}") as answer:
        assert json.load(answer)["run"]["command"] == ["x.py"]


def test_the_real_server_refuses_what_is_no_bundle(real: str, plain: Path) -> None:
    with pytest.raises(UploadRefused, match=rf"^{real} refused the bundle: .*bundle"):
        upload(plain, real)
