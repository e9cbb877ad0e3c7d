from __future__ import annotations

import io
import json

from tracebin.terminal.json_text import show_json


def test_the_overview_is_printed_as_the_api_gives_it(make):
    stream = io.StringIO()
    show_json(make.findings().overview(), stream)
    data = json.loads(stream.getvalue())
    assert data["traces"][0]["runs"] == 58556
    assert data["time"]["shares"][1] == {"state": "jitted", "ns": 500_000_000, "share": 0.5}
    assert stream.getvalue().endswith("}\n")


def test_names_cannot_drive_the_terminal(make, hostile):
    stream = io.StringIO()
    show_json(make.findings(functions=[make.function(qualname=hostile)]).overview(), stream)
    text = stream.getvalue()
    assert text.isascii()
    assert {c for c in text if not c.isprintable()} == {"\n"}
    assert json.loads(text)["functions"][0]["qualname"] == hostile
