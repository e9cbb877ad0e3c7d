"""Answer the API's calls: read the request, ask the store, say the answer.

docs/api.md is the contract.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

from flask import Blueprint, Response, current_app, request, send_file

from tracebin.analysis.trace_view import TraceView
from tracebin.bundle.compression import MAX_MEMBERS
from tracebin.server import answers, queries, schemas
from tracebin.server.endpoints import Endpoints, to_text
from tracebin.server.openapi import document
from tracebin.server.queries import Slice, TraceFilter
from tracebin.server.store import Store
from tracebin.server.uploads import body_of, token_of

PREFIX = "/api/v1"
# Encoding of a stored bundle -> how it is handed out.
_DOWNLOADS = {
    "identity": ("application/json", ".json"),
    "gzip": ("application/gzip", ".json.gz"),
    "zstd": ("application/zstd", ".json.zst"),
}

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
endpoints = Endpoints(blueprint)


def store() -> Store:
    """Give the store of the app at hand."""
    found: Store = current_app.extensions["tracebin"]
    return found


@endpoints.add(
    "POST",
    "/runs",
    answer=answers.Created,
    status=201,
    takes_bundle=True,
    refusals=(400, 403, 413, 415, 422, 503),
)
def upload_run() -> Response:
    """Store a bundle as a new run."""
    published = store().publish(body_of(request))
    url = f"{request.host_url.rstrip('/')}{request.script_root}/runs/{published.id}"
    created = answers.Created(published.id, url, published.delete_token)
    response = Response(to_text(created), status=201, mimetype="application/json")
    response.headers["Location"] = f"{request.script_root}{PREFIX}/runs/{published.id}"
    response.headers["Cache-Control"] = "no-store"
    return response


@endpoints.add("GET", "/runs", answer=answers.Runs, query=schemas.RunsQuery, refusals=(400,))
def list_runs(limit: int, offset: int) -> answers.Runs:
    """List the runs, newest first."""
    return store().runs(limit, offset)


@endpoints.add("GET", "/runs/<run_id>", answer=answers.RunOverview)
def show_run(run_id: str) -> answers.RunOverview:
    """Show a run as a whole."""
    store().make_current(run_id)
    with store().database.reading() as session:
        return queries.overview(session, run_id)


@endpoints.add("DELETE", "/runs/<run_id>", status=204, takes_token=True, refusals=(401, 403, 404))
def delete_run(run_id: str) -> Response:
    """Delete a run for good."""
    store().delete(run_id, token_of(request))
    return Response(status=204)


@endpoints.add("GET", "/runs/<run_id>/bundle", media="application/octet-stream")
def download_bundle(run_id: str) -> Response:
    """Hand out the bundle as it came."""
    bundle = store().bundle(run_id)
    media, suffix = _DOWNLOADS[bundle.encoding]
    # The name is the server's own: nothing of the bundle gets into a header.
    name = f"tracebin-{run_id}{suffix}"
    response = send_file(bundle.stream, mimetype=media, as_attachment=True, download_name=name, max_age=0)
    response.content_length = bundle.size_bytes
    return response


@endpoints.add(
    "GET", "/runs/<run_id>/traces", answer=answers.Traces, query=schemas.TracesQuery, refusals=(400, 404)
)
def list_traces(run_id: str, wanted: TraceFilter, part: Slice) -> answers.Traces:
    """List the traces of a run."""
    with store().database.reading() as session:
        return queries.traces(session, run_id, wanted, part)


@endpoints.add(
    "GET",
    "/runs/<run_id>/traces/<int:index>",
    answer=TraceView,
    query=schemas.TraceQuery,
    refusals=(400, 404),
)
def show_trace(run_id: str, index: int, stage: Optional[str]) -> TraceView:
    """Show one trace from source to machine code."""
    with store().database.reading() as session:
        return queries.one_trace(session, run_id, index, stage)


@endpoints.add("GET", "/runs/<run_id>/aborts", answer=answers.Aborts)
def list_aborts(run_id: str) -> answers.Aborts:
    """List the tracings of a run that PyPy calls aborted."""
    store().make_current(run_id)
    with store().database.reading() as session:
        return queries.aborts(session, run_id)


@endpoints.add(
    "GET",
    "/runs/<run_id>/functions",
    answer=answers.Functions,
    query=schemas.FunctionsQuery,
    refusals=(400, 404),
)
def list_functions(run_id: str, q: Optional[str], part: Slice) -> answers.Functions:
    """List the functions of a run."""
    with store().database.reading() as session:
        return queries.functions(session, run_id, q, part)


@endpoints.add("GET", "/runs/<run_id>/files/<int:index>", answer=answers.File)
def show_file(run_id: str, index: int) -> answers.File:
    """Show one source file."""
    with store().database.reading() as session:
        return queries.file(session, run_id, index)


@endpoints.add("GET", "/limits", refusals=())
def show_limits() -> Dict[str, int]:
    """Say what the server takes, by the name a refusal gives as its reason."""
    return {**store().config.limits(), "compressed_members": MAX_MEMBERS}


@endpoints.add("GET", "/openapi.json", refusals=())
def show_openapi() -> Dict[str, Any]:
    """Describe this API in OpenAPI 3.1."""
    return document(endpoints.all, PREFIX)
