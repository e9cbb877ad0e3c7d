"""Turn every refusal into one shape: a problem document (RFC 9457).

Errors know nothing of HTTP; the table here gives each its status.  What only HTTP
knows (a method, a header, an origin) is refused with :class:`Refused`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Dict, Optional, Tuple, Type

from flask import Flask, Response, current_app, has_request_context, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from tracebin import errors

PROBLEM_TYPE = "application/problem+json"
DOCS = "/docs/errors"

# Who is to blame decides: 4xx the request, 5xx the server.  A test wants each class of the error tree here.
STATUS: Dict[Type[errors.TracebinError], int] = {
    errors.TracebinError: 500,
    errors.RecorderError: 500,
    errors.PyPyNotFound: 500,
    errors.ProgramNotStarted: 500,
    errors.RecordingUnreadable: 500,
    errors.BundleNotWritten: 500,
    errors.BundleError: 422,
    errors.UnsupportedVersion: 422,
    errors.MalformedBundle: 422,
    errors.BundleTooLarge: 413,
    errors.UploadError: 500,
    errors.ServerUnreachable: 500,
    errors.UploadRefused: 500,
    errors.ServerError: 500,
    errors.ConfigurationError: 500,
    errors.RunNotFound: 404,
    errors.BadRequest: 400,
    errors.TokenRefused: 403,
    errors.StorageUnavailable: 503,
}

# Refusals without an error class: reason -> status.  docs/errors.md has a section for each.
REASONS: Dict[str, int] = {
    "cross_site": 403,
    "untrusted_host": 400,
    "content_type": 415,
    "content_encoding": 415,
    "empty_body": 400,
    "short_body": 400,
    "token_missing": 401,
    "no_such_page": 404,
    "method_not_allowed": 405,
    "http": 400,
    "internal": 500,
}
_BY_CODE = {404: "no_such_page", 405: "method_not_allowed", 500: "internal"}
RETRY_AFTER_S = 5


class Refused(HTTPException):
    """A request refused for its HTTP side; ``reason`` is a key of ``REASONS``."""

    def __init__(self, reason: str, detail: str, headers: Optional[Dict[str, str]] = None) -> None:
        super().__init__(detail)
        self.code = REASONS[reason]
        self.reason = reason
        self.more_headers = headers or {}


def problem(
    status: int, slug: str, detail: str, *, reason: Optional[str] = None, **more: Any
) -> Dict[str, Any]:
    """Build a problem document; what is None in ``more`` is left out."""
    document = {
        "type": f"{request.script_root if has_request_context() else ''}{DOCS}#{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason or slug,
    }
    document.update({key: value for key, value in more.items() if value is not None})
    return document


def of_error(error: errors.TracebinError) -> Dict[str, Any]:
    """Describe one of tracebin's own errors."""
    return problem(
        STATUS[type(error)],
        error.slug,
        str(error),
        reason=getattr(error, "reason", None),
        limit=getattr(error, "limit", None),
        where=getattr(error, "where", None),
    )


def of_http(error: HTTPException) -> Dict[str, Any]:
    """Describe what werkzeug or a ``Refused`` says; a bug's own text stays in the log."""
    status = error.code or 500
    reason = getattr(error, "reason", None) or _BY_CODE.get(status, "http")
    detail = error.description or HTTPStatus(status).phrase
    return problem(status, reason, detail)


def respond(document: Dict[str, Any], headers: Tuple[Tuple[str, str], ...] = ()) -> Response:
    """Send ``document``."""
    response = Response(json.dumps(document), status=document["status"], mimetype=PROBLEM_TYPE)
    for name, value in headers:
        response.headers[name] = value
    if document["status"] == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def install(app: Flask) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.register_error_handler(errors.TracebinError, _on_error)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(OperationalError, _on_database)


def _on_error(error: errors.TracebinError) -> Response:
    if STATUS[type(error)] >= 500:
        current_app.logger.error("%s: %s", type(error).__name__, error)
    return respond(of_error(error))


def answer_http(error: HTTPException) -> Response:
    """Answer what werkzeug or a ``Refused`` says, with the headers that belong to it (Allow)."""
    if isinstance(error, Refused):
        return respond(of_http(error), tuple(error.more_headers.items()))
    kept = tuple((name, value) for name, value in error.get_headers() if name in ("Allow", "Location"))
    return respond(of_http(error), kept)


def _on_database(error: OperationalError) -> Response:
    """Locked, full, gone: all the database's own doing, and worth a second try."""
    current_app.logger.error("the database refused: %s", error.orig)
    return respond(of_error(errors.StorageUnavailable("the database can't be used right now; try again")))
