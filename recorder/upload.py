"""Send a bundle to a server and give back where it lies.

docs/api.md has the contract.  Asks for the server's limits first, so that a bundle
that is too large is not sent at all.  A password in the server's address is used
and never shown.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import select
import shutil
import socket
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Dict, Optional, Tuple
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from tracebin import __version__
from tracebin.bundle.compression import GZIP_MAGIC, ZSTD_MAGIC
from tracebin.errors import MalformedBundle, ServerUnreachable, UploadError, UploadRefused

API = "/api/v1"
SEND_BYTES = 1 << 16
CONNECT_S = 30.0
# The server reads the whole bundle before it answers: minutes, for the largest.
ANSWER_S = 900.0
_MOST_ANSWER_BYTES = 1 << 20
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MIB = 1 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Uploaded:
    """A run on a server; the token deletes it, and is told only now."""

    id: str
    url: str
    delete_token: str


@dataclass(frozen=True)
class _Server:
    """A server's address; ``shown`` is what may be printed."""

    scheme: str
    host: str
    port: int
    prefix: str
    shown: str
    authorization: Optional[str]

    def connect(self) -> http.client.HTTPConnection:
        if self.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=CONNECT_S, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=CONNECT_S)

    def headers(self) -> Dict[str, str]:
        own = {
            "User-Agent": f"tracebin/{__version__}",
            "Accept": "application/json, application/problem+json",
        }
        return {**own, "Authorization": self.authorization} if self.authorization else own


@dataclass(frozen=True)
class _Body:
    """What is sent: an open file, its size, and how it is compressed."""

    file: IO[bytes]
    size: int
    encoding: str


def upload(path: Path, server: str, *, progress: Optional[Progress] = None) -> Uploaded:
    """Upload the bundle at ``path`` to the server at an http or https address.

    ``progress`` is called with the bytes sent and the bytes to send.

    Raises:
        ServerUnreachable: nothing answers there, or it went silent.
        UploadRefused: the server said no, or takes no bundle of this size.
        UploadError: the address is none.
        MalformedBundle: the file can't be read.
    """
    target = _server_at(server)
    with _opened(path) as file:
        inflated = _size_of(file)
        limits = _ask_limits(target)
        encoding = _encoding_of(file)
        if encoding:
            body = _Body(file, inflated, encoding)
            return _send_checked(path, target, body, limits, progress)
        _check_size(path, target, inflated, limits.get("inflated_bytes"), "inflated_bytes")
        with tempfile.TemporaryFile() as packed:
            body = _packed(file, packed)
            return _send_checked(path, target, body, limits, progress)


def _send_checked(
    path: Path, server: _Server, body: _Body, limits: Dict[str, Any], progress: Optional[Progress]
) -> Uploaded:
    _check_size(path, server, body.size, limits.get("body_bytes"), "body_bytes")
    return _uploaded(server, _talk(server, lambda connection: _post(connection, server, body, progress)))


def _server_at(address: str) -> _Server:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        port = parts.port
    except ValueError:
        raise UploadError(
            f"{_without_user(parts)} is no address of a server: its port is no number"
        ) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise UploadError(
            f"{_without_user(parts)} is no address of a server: give one such as http://127.0.0.1:8765"
        )
    return _Server(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        prefix=quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~"),
        shown=_without_user(parts),
        authorization=_basic(parts),
    )


def _without_user(parts: SplitResult) -> str:
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _basic(parts: SplitResult) -> Optional[str]:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _opened(path: Path) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise MalformedBundle(f"{path} can't be read: {error.strerror}") from error


def _size_of(file: IO[bytes]) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size


def _encoding_of(file: IO[bytes]) -> str:
    """Tell by its first bytes how a file is compressed; a name may say anything."""
    start = file.read(4)
    file.seek(0)
    if start.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if start.startswith(ZSTD_MAGIC) else ""


def _packed(file: IO[bytes], packed: IO[bytes]) -> _Body:
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as out:
        shutil.copyfileobj(file, out, 1 << 20)
    size = packed.tell()
    packed.seek(0)
    return _Body(packed, size, "gzip")


def _check_size(path: Path, server: _Server, size: int, limit: Any, name: str) -> None:
    if isinstance(limit, int) and size > limit:
        raise UploadRefused(
            f"{path} is too large for {server.shown}: {_mib(size)} to send, and it takes {_mib(limit)}"
            f" at most: raise its TRACEBIN_{name.upper()}, or record less (--max-calls, --min-duration)"
        )


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{size} bytes"


def _ask_limits(server: _Server) -> Dict[str, Any]:
    def ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        connection.request("GET", f"{server.prefix}{API}/limits", headers=server.headers())
        return connection.getresponse()

    status, location, answer = _talk(server, ask)
    if 300 <= status < 400 and location:
        raise UploadRefused(f"{server.shown} leads on to {_elsewhere(location)}: give that address")
    if status != 200 or not isinstance(answer, dict):
        raise UploadRefused(
            f"{server.shown} is no tracebin server, or wants a password: {_said(status, answer)}"
        )
    return answer


def _elsewhere(location: str) -> str:
    return _without_user(urlsplit(location)).partition(API)[0]


_Answer = Tuple[int, str, Any]


def _talk(
    server: _Server, exchange: Callable[[http.client.HTTPConnection], http.client.HTTPResponse]
) -> _Answer:
    """Do one exchange on a connection of its own; say what went wrong in the server's name."""
    connection = server.connect()
    try:
        response = exchange(connection)
        data = response.read(_MOST_ANSWER_BYTES)
        return response.status, response.headers.get("Location", ""), _parsed(data)
    except http.client.HTTPException as error:
        raise ServerUnreachable(f"what answers at {server.shown} does not speak HTTP: {error!r}") from error
    except (OSError, UnicodeError) as error:
        raise ServerUnreachable(
            f"{server.shown} can't be reached: {_reason(error)};"
            " `tracebin serve` starts a server on this machine"
        ) from error
    finally:
        connection.close()


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "there can be no host of this name"
    if isinstance(error, socket.timeout):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _post(
    connection: http.client.HTTPConnection, server: _Server, body: _Body, progress: Optional[Progress]
) -> http.client.HTTPResponse:
    connection.putrequest("POST", f"{server.prefix}{API}/runs")
    own = {
        "Content-Type": "application/json",
        "Content-Encoding": body.encoding,
        "Content-Length": str(body.size),
    }
    for name, value in {**server.headers(), **own}.items():
        connection.putheader(name, value)
    connection.endheaders()
    sent = _send(connection, body, progress)
    if connection.sock is not None:
        connection.sock.settimeout(ANSWER_S)
    try:
        return connection.getresponse()
    except ConnectionError as error:
        raise ServerUnreachable(
            f"{server.shown} closed the connection after {_mib(sent)} of {_mib(body.size)}"
        ) from error


def _send(connection: http.client.HTTPConnection, body: _Body, progress: Optional[Progress]) -> int:
    """Send what the server takes and return how much: one that refuses may answer before the end."""
    sent = 0
    while sent < body.size and not _has_answered(connection):
        chunk = body.file.read(min(SEND_BYTES, body.size - sent))
        if not chunk:
            raise UploadError("the bundle became shorter while it was being sent")
        try:
            connection.send(chunk)
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            break
        sent += len(chunk)
        if progress:
            progress(sent, body.size)
    return sent


def _has_answered(connection: http.client.HTTPConnection) -> bool:
    # TLS has messages of its own, which would be taken for an answer.
    if isinstance(connection, http.client.HTTPSConnection) or connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _uploaded(server: _Server, answered: _Answer) -> Uploaded:
    status, _, answer = answered
    if status != 201:
        raise UploadRefused(f"{server.shown} refused the bundle: {_said(status, answer)}")
    try:
        base = f"{server.shown}/"
        return Uploaded(str(answer["id"]), urljoin(base, answer["url"]), str(answer["delete_token"]))
    except (KeyError, TypeError):
        raise UploadRefused(f"{server.shown} took the bundle, but its answer tells no address") from None


def _said(status: int, answer: Any) -> str:
    if isinstance(answer, dict) and isinstance(answer.get("detail"), str):
        return str(answer["detail"])
    return f"{status} {http.client.responses.get(status, '')}".strip()
