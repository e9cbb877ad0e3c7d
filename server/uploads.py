"""Take an upload's HTTP side apart: type, encoding, length."""

from __future__ import annotations

from typing import Dict

from flask import Request

from tracebin.server.ingest import Body
from tracebin.server.problems import Refused

# A page of another site can send text/plain and forms without asking; these it can't.
CONTENT_TYPES = ("application/json", "application/octet-stream")
# Content-Encoding -> the name the bundle's reader has for it.
ENCODINGS: Dict[str, str] = {"": "identity", "identity": "identity", "gzip": "gzip", "zstd": "zstd"}


def body_of(request: Request) -> Body:
    """Give the body of an upload, not read yet.

    Raises:
        Refused: it is of a type or encoding the server doesn't take.
    """
    if request.mimetype not in CONTENT_TYPES:
        raise Refused("content_type", f"send the bundle with Content-Type: {CONTENT_TYPES[0]}")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        accepted = {"Accept-Encoding": "gzip, zstd, identity"}
        raise Refused("content_encoding", "Content-Encoding must be gzip or zstd, or not be there", accepted)
    return Body(request.stream, ENCODINGS[encoding], request.content_length)


def token_of(request: Request) -> str:
    """Give the bearer token of a request.

    Raises:
        Refused: there is none.
    """
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise Refused(
            "token_missing",
            "send the run's delete token: Authorization: Bearer <token>",
            {"WWW-Authenticate": "Bearer"},
        )
    return authorization.token
