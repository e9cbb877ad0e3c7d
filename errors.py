"""Everything tracebin can refuse, in one tree.

::

    TracebinError
    ├── RecorderError
    │   ├── PyPyNotFound         no PyPy, or what was named is not one
    │   ├── ProgramNotStarted    the program's process could not be started
    │   ├── RecordingUnreadable  the raw recording holds nothing to make a bundle of
    │   └── BundleNotWritten     the disk or the folder refused the bundle
    ├── BundleError
    │   ├── UnsupportedVersion   a bundle of a version this tracebin doesn't read
    │   ├── MalformedBundle      not a bundle, or one whose parts contradict each other
    │   └── BundleTooLarge       a limit on size, depth or count was passed
    ├── UploadError
    │   ├── ServerUnreachable    nothing answered at the server's address
    │   └── UploadRefused        the server answered, and said no
    └── ServerError
        ├── ConfigurationError   a setting is missing or wrong
        ├── RunNotFound          no such run, trace or file
        ├── BadRequest           a parameter of the request makes no sense
        ├── TokenRefused         the delete token is missing or wrong
        └── StorageUnavailable   the disk is full, or the database can't be reached

An error carries one sentence for a person, and a ``slug`` that names it in
docs/errors.md.  It knows nothing of exit codes and HTTP: ``cli.py`` and
``server/problems.py`` each hold a table for that, and a test walks this tree
and demands both entries.
"""

from __future__ import annotations

from typing import ClassVar, Optional


class TracebinError(Exception):
    """Say in one sentence what is wrong, where, and what to do."""

    slug: ClassVar[str] = "error"


class RecorderError(TracebinError):
    """Base of what can go wrong while a program is recorded."""

    slug = "recorder"


class PyPyNotFound(RecorderError):
    """No usable PyPy was found."""

    slug = "pypy-not-found"


class ProgramNotStarted(RecorderError):
    """The program's process could not be started."""

    slug = "program-not-started"


class RecordingUnreadable(RecorderError):
    """The raw recording holds nothing a bundle could be made of."""

    slug = "recording-unreadable"


class BundleNotWritten(RecorderError):
    """The bundle could not be written where it was wanted."""

    slug = "bundle-not-written"


class BundleError(TracebinError):
    """Base of what can be wrong with a bundle; ``message`` says what, ``where`` is its place or None."""

    slug = "bundle"

    def __init__(self, message: str, *, where: Optional[str] = None) -> None:
        super().__init__(f"{message} (at {where})" if where else message)
        self.message = message
        self.where = where


class UnsupportedVersion(BundleError):
    """The bundle is of a version this tracebin doesn't read."""

    slug = "unsupported-version"


class MalformedBundle(BundleError):
    """The file is no bundle, or its parts contradict each other."""

    slug = "malformed-bundle"


class BundleTooLarge(BundleError):
    """A limit was passed; ``limit`` and ``got`` are in the unit the message names."""

    slug = "bundle-too-large"

    def __init__(self, message: str, *, reason: str, limit: int, where: Optional[str] = None) -> None:
        super().__init__(message, where=where)
        self.reason = reason
        self.limit = limit


class UploadError(TracebinError):
    """Base of what can go wrong on the way to a server."""

    slug = "upload"


class ServerUnreachable(UploadError):
    """Nothing answered at the server's address."""

    slug = "server-unreachable"


class UploadRefused(UploadError):
    """The server answered the upload with a refusal."""

    slug = "upload-refused"


class ServerError(TracebinError):
    """Base of what the server can refuse."""

    slug = "server"


class ConfigurationError(ServerError):
    """A setting is missing or wrong."""

    slug = "configuration"


class RunNotFound(ServerError):
    """There is no such run, trace or file here."""

    slug = "not-found"


class BadRequest(ServerError):
    """A parameter of the request makes no sense."""

    slug = "bad-request"


class TokenRefused(ServerError):
    """The delete token is missing or is not this run's."""

    slug = "token-refused"


class StorageUnavailable(ServerError):
    """The disk is full or the database can't be reached."""

    slug = "storage-unavailable"
