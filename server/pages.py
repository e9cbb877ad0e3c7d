"""Serve the pages: shells that name a module of static/, which fetches and draws.

A page holds nothing of a run but its id and how it was recorded; what it shows comes from the
API.  So a template has next to no data to escape, and everything drawn can be had by a program too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Dict, List, Optional, Tuple, Union

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from tracebin.bundle.codec import INT_MAX
from tracebin.errors import RunNotFound, TracebinError
from tracebin.server import problems, queries, tables
from tracebin.server.api import store
from tracebin.server.explanations import EXPLANATIONS
from tracebin.server.store import find_run

pages = Blueprint("pages", __name__)


@dataclass(frozen=True)
class Entry:
    """One page of a run in the navigation; ``section`` is what its pages say they belong to."""

    section: str
    endpoint: str
    label: str


# A page of a run is in the navigation when it is in this list; its view takes ``run_id`` alone.
NAVIGATION: Tuple[Entry, ...] = (
    Entry("overview", "pages.overview", "Overview"),
    Entry("timeline", "pages.timeline", "Time line"),
    Entry("traces", "pages.traces", "Traces"),
    Entry("aborts", "pages.aborts", "Aborts"),
)


@dataclass(frozen=True)
class Page:
    """What a template needs to know.

    ``detail`` is the sentence of an error page, ``recorded`` the JSON of how a run's calls were recorded.
    """

    title: str
    section: str = ""
    run_id: Optional[str] = None
    trace: Optional[int] = None
    recorded: str = ""
    detail: str = ""


@pages.app_context_processor
def navigation() -> Dict[str, Any]:
    """Give every template the pages of a run."""
    return {"navigation": NAVIGATION}


@pages.get("/")
def runs() -> str:
    """List the runs, and take new ones."""
    return render_template("runs.html", page=Page("Runs"))


@pages.get("/runs/<run_id>")
def overview(run_id: str) -> str:
    """Show a run as a whole."""
    return render_template("overview.html", page=_page("Overview", "overview", run_id))


@pages.get("/runs/<run_id>/")
def overview_with_slash(run_id: str) -> BaseResponse:
    """Lead to the run: the slash is easily typed."""
    return redirect(url_for("pages.overview", run_id=run_id), HTTPStatus.PERMANENT_REDIRECT)


@pages.get("/runs/<run_id>/timeline")
def timeline(run_id: str) -> str:
    """Show the calls of a run over time."""
    return render_template("timeline.html", page=_page("Time line", "timeline", run_id))


@pages.get("/runs/<run_id>/traces")
def traces(run_id: str) -> str:
    """List the traces of a run."""
    return render_template("traces.html", page=_page("Traces", "traces", run_id))


@pages.get("/runs/<run_id>/traces/<int:trace>")
def trace(run_id: str, trace: int) -> str:
    """Show one trace from source to machine code."""
    return render_template("trace.html", page=_page(f"Trace {trace}", "traces", run_id, trace))


@pages.get("/runs/<run_id>/aborts")
def aborts(run_id: str) -> str:
    """List the tracings that came to nothing."""
    return render_template("aborts.html", page=_page("Aborts", "aborts", run_id))


@pages.get(problems.DOCS)
def explain() -> str:
    """Say what every refusal means: the address that a problem document has for its type."""
    return render_template("errors.html", page=Page("Errors"), explanations=EXPLANATIONS)


@pages.app_template_filter("pieces")
def pieces(text: str) -> List[Tuple[bool, str]]:
    """Split what stands in backquotes off from the rest: whether a piece is code, and the piece."""
    return [(i % 2 == 1, piece) for i, piece in enumerate(text.split("`"))]


def _page(title: str, section: str, run_id: str, trace: Optional[int] = None) -> Page:
    """Refuse what isn't there with the page itself: its script would only learn it a request later.

    Raises:
        RunNotFound: there is no such run, or no such trace in it.
    """
    with store().database.reading() as session:
        run = find_run(session, run_id)
        if trace is not None and not _has_trace(session, run.pk, trace):
            raise RunNotFound(f"there is no trace {trace} in this run")
        how = json.dumps(asdict(queries.how_recorded(run)))
    return Page(title, section, run_id, trace, how)


def _has_trace(session: Session, run: int, trace: int) -> bool:
    return trace <= INT_MAX and session.get(tables.Trace, (run, trace)) is not None


@pages.app_errorhandler(404)
@pages.app_errorhandler(405)
@pages.app_errorhandler(500)
def refuse_http(error: HTTPException) -> ResponseReturnValue:
    """Answer in the asker's own form: a page for a person, a problem document for a program."""
    document = problems.of_http(error)
    return _error_page(document) if _wants_page() else problems.answer_http(error)


@pages.errorhandler(TracebinError)
def refuse(error: TracebinError) -> ResponseReturnValue:
    """Show what tracebin itself refuses: no such run, storage out of reach."""
    return _error_page(problems.of_error(error))


def _wants_page() -> bool:
    """Tell whether a browser asks for a page."""
    return not request.path.startswith("/api/") and request.accept_mimetypes.accept_html


def _error_page(document: Dict[str, Any]) -> Tuple[str, int]:
    status: Union[int, HTTPStatus] = document["status"]
    page = Page(HTTPStatus(status).phrase, detail=document["detail"])
    return render_template("error.html", page=page), int(status)
