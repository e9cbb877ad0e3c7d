"""Say what each refusal means, for whoever follows the ``type`` of a problem document.

The words are those of docs/errors.md, which the package doesn't have with it; a test compares the two.
"""

from __future__ import annotations

from typing import Dict

# Heading -> slug or reason -> what it means.  Words in backquotes are code.
EXPLANATIONS: Dict[str, Dict[str, str]] = {
    "Errors": {
        "error": "A fault of tracebin's own kind that has no name yet. Shouldn't be seen: report it.",
        "recorder": "Something went wrong while a program was recorded; the ones below say what.",
        "pypy-not-found": (
            "No usable PyPy was found. Install one (`apt-get install pypy3`), or name one with `--python` "
            "or `TRACEBIN_PYPY`. It must have the JIT."
        ),
        "program-not-started": (
            "The program's process could not be started: the file isn't there, or may not be read or run."
        ),
        "recording-unreadable": (
            "The raw recording holds nothing to make a bundle of. Was PyPy killed before the program began? "
            "Or was it removed while the program ran, by the program itself or by what else clears the "
            "folder for temporary files (`TMPDIR`)?"
        ),
        "bundle-not-written": (
            "The disk or the folder refused the bundle. The raw recording is kept; the message says where."
        ),
        "bundle": "Something is wrong with a bundle; the ones below say what.",
        "unsupported-version": (
            "The bundle is of a version this tracebin doesn't read. Record again, or use the tracebin "
            "that wrote it. Status 422."
        ),
        "malformed-bundle": (
            "The file is no bundle, is cut off or damaged, or its parts contradict each other: a field of "
            "the wrong type, a number past 64 bits, a position beyond the end of a list, columns of "
            "different length, time that runs back. `where` names the line and the field. Status 422."
        ),
        "bundle-too-large": "A limit was passed; `reason` names it, `limit` is its value. Status 413.",
        "upload": "Something went wrong on the way to a server; the ones below say what.",
        "server-unreachable": (
            "Nothing answered at the server's address. Is it running, and is the address right?"
        ),
        "upload-refused": "The server answered, and said no; the message is the server's.",
        "server": "Something is wrong in the server; the ones below say what.",
        "configuration": (
            "A setting is missing or wrong; the message names its variable. docs/server.md lists them."
        ),
        "not-found": (
            "There is no such run, trace or file here. A deleted run looks the same as one that never "
            "was. Status 404."
        ),
        "bad-request": (
            "A parameter is unknown, or its value makes no sense; the message names it. Status 400."
        ),
        "token-refused": (
            "The delete token isn't this run's. It was given out once, in the answer to the upload. "
            "Status 403."
        ),
        "storage-unavailable": (
            "The disk is nearly full, the blob folder fails, or the database doesn't answer. Try again "
            "later (`Retry-After`); nothing of the request was kept. Status 503."
        ),
    },
    "Limits": {
        "body_bytes": "The upload is larger than `TRACEBIN_BODY_BYTES`. Status 413.",
        "inflated_bytes": "The upload, inflated, is larger than `TRACEBIN_INFLATED_BYTES`. Status 413.",
        "compressed_members": "The upload is joined from more than 64 compressed parts. Status 413.",
        "line_bytes": (
            "One line of the bundle, which is one element, is longer than `TRACEBIN_LINE_BYTES`. Status 413."
        ),
        "elements": (
            "The lists of the bundle have more than `TRACEBIN_ELEMENTS` elements together. Status 413."
        ),
        "name_chars": "A name or a path is longer than `TRACEBIN_NAME_CHARS`. Status 413.",
        "shown_chars": (
            "Names are written once in a bundle, and shown wherever something refers to them; together "
            "that would be longer than `TRACEBIN_SHOWN_CHARS`. Status 413."
        ),
        "source_chars": "A source file is longer than `TRACEBIN_SOURCE_CHARS`. Status 413.",
    },
    "HTTP": {
        "content_type": (
            "An upload must say `Content-Type: application/json` (or `application/octet-stream`). Status 415."
        ),
        "content_encoding": (
            "`Content-Encoding` must be `gzip`, `zstd` or `identity`, once, or not be there. Status 415."
        ),
        "empty_body": "The upload has no bytes. Status 400.",
        "short_body": "The connection ended before the announced length had come. Send it again. Status 400.",
        "token_missing": "Deleting needs `Authorization: Bearer <delete_token>`. Status 401.",
        "cross_site": "A browser asked for a change from another site's page. Status 403.",
        "untrusted_host": (
            "The request's `Host` is none the server answers to. Add the name to `TRACEBIN_TRUSTED_HOSTS` "
            "if it is yours. Status 400."
        ),
        "no_such_page": "There is nothing at this address. Status 404.",
        "method_not_allowed": (
            "This address doesn't take this method; `Allow` lists those it takes. Status 405."
        ),
        "http": "The request isn't proper HTTP. Status 400, or what else fits.",
        "internal": (
            "A bug of the server. Nothing of the request was kept; the log has the details. Status 500."
        ),
    },
}
