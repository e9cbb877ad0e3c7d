"""Put the server together; wiring only."""

from __future__ import annotations

import os
from typing import Optional

from flask import Flask, Response

from tracebin.server import api, headers, problems, static_files, timeline_api
from tracebin.server.answers import Health
from tracebin.server.config import ServerConfig
from tracebin.server.endpoints import to_text
from tracebin.server.pages import pages
from tracebin.server.store import open_store


def create_app(config: Optional[ServerConfig] = None) -> Flask:
    """Make the WSGI application; without ``config`` the TRACEBIN_ variables decide.

    Raises:
        ConfigurationError: a setting is wrong, or the folder or database can't be used.
    """
    config = config or ServerConfig.from_environment(os.environ)
    app = static_files.make_app()
    # An address with doubled slashes is none of ours; a redirect would only lead on.
    app.url_map.merge_slashes = False
    app.extensions["tracebin"] = open_store(config)
    headers.install(app, config.trusted_hosts)
    problems.install(app)
    # The one blueprint of the API, with the time line's calls on it too.
    app.register_blueprint(timeline_api.blueprint)
    app.register_blueprint(pages)
    app.add_url_rule("/healthz", "healthz", show_health)
    return app


def show_health() -> Response:
    """Say whether the database and the blob folder work."""
    api.store().check()
    return Response(to_text(Health("ok")), mimetype="application/json")
