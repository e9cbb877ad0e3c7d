"""Store bundles and answer questions about them over HTTP."""

from __future__ import annotations

from tracebin.server.app import create_app as create_app
from tracebin.server.config import ServerConfig as ServerConfig
from tracebin.server.serve import serve as serve

__all__ = ["ServerConfig", "create_app", "serve"]
