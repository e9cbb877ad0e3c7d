"""Give the static files an address that changes with them, so that a browser asks for each only once.

A page of the time line is made of some fifty modules.  Under one address each had to be asked for anew with
every page ("is it still the same?"); under an address made from what the files hold, none has to be.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from flask import Flask, Response

FOLDER = Path(__file__).resolve().parent.parent / "static"
YEAR_SECONDS = 365 * 24 * 3600


def address_of(folder: Path) -> str:
    """Return the path for the files of ``folder``: its end is 16 digits of a hash over names and texts."""
    found = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        # Lengths keep a name and a text apart, whatever stands in them.
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            found.update(b"%d:" % len(part) + part)
    return f"/static/{found.hexdigest()[:16]}"


def keep_long(response: Response) -> None:
    """Let browsers keep a static file: at this address it never changes."""
    response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"


def make_app() -> Flask:
    """Return an application that serves the static files, and whose pages find templates/."""
    # The package's own name: its folder holds static/ and templates/.
    return Flask("tracebin", static_url_path=address_of(FOLDER))
