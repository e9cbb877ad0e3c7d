"""Print an answer as JSON, the same that the API gives."""

from __future__ import annotations

import json
from typing import Any, TextIO

from tracebin.bundle.codec import to_json


def show_json(answer: Any, stream: TextIO) -> None:
    """Write ``answer``, a dataclass of analysis, to ``stream`` as indented JSON.

    All but ASCII is escaped: nothing in a name can then drive a terminal, and
    any encoding will do.
    """
    json.dump(to_json(answer), stream, ensure_ascii=True, allow_nan=False, indent=1)
    stream.write("\n")
