"""Put the security headers on every answer, and refuse requests from elsewhere.

docs/security.md says what each is for.  A test asks every route of the app.
"""

from __future__ import annotations

from typing import Iterable, Tuple

from flask import Flask, Response, request

from tracebin.server.problems import Refused
from tracebin.server.static_files import keep_long

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'; require-trusted-types-for 'script'"
)
# Data needs nothing; ``sandbox`` makes it inert even where a browser shows it as a page.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # The address of a run is its key: other sites don't get to see it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
# A whole file, a part of one, and "as you have it": a refusal may be another tomorrow.
KEPT = (200, 206, 304)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")


def install(app: Flask, trusted_hosts: Iterable[str]) -> None:
    """Guard ``app``: the host, the origin, the headers of every answer."""
    hosts = tuple(OWN_NAMES) + tuple(trusted_hosts)

    @app.before_request
    def check() -> None:
        check_host(hosts)
        check_origin()

    app.after_request(secure)


def secure(response: Response) -> Response:
    """Add the headers to ``response``."""
    is_page = response.mimetype == "text/html" or request.path.startswith("/static/")
    response.headers["Content-Security-Policy"] = PAGE_POLICY if is_page else DATA_POLICY
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.endpoint == "static" and response.status_code in KEPT:
        keep_long(response)
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def check_host(hosts: Tuple[str, ...]) -> None:
    """Refuse a foreign Host header: with one, a site could rebind its name to this server (DNS rebinding)."""
    host = _without_port(_host())
    if not any(host == name or (name.startswith(".") and host.endswith(name)) for name in hosts):
        raise Refused(
            "untrusted_host", f"this server doesn't answer to {host[:80]!r}: see TRACEBIN_TRUSTED_HOSTS"
        )


def _host() -> str:
    host: str = request.environ.get("HTTP_HOST", "")
    return host.lower()


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def check_origin() -> None:
    """Refuse a change that another site's page asks a browser for.

    Browsers say where a request comes from, other clients say nothing and may pass:
    no cookie or other standing right exists that one could abuse.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        good = site in ("same-origin", "none")
    else:
        good = origin is None or origin.partition("://")[2].lower() == _host()
    if not good:
        raise Refused("cross_site", "another site's page may not change anything here")
