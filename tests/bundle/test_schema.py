"""schema.json, docs/bundle.md, the model and the checker say the same."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, List, Tuple

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.check import Checker
from tracebin.bundle.codec import from_json
from tracebin.errors import MalformedBundle

MODEL = [value for value in vars(r).values() if inspect.isclass(value) and value.__module__ == r.__name__]
RECORDS = [cls for cls in MODEL if cls is not r.Bundle]
PROBLEM_KIND = re.compile(r'Problem\(\s*"([a-z-]+)"')


def fields_of(cls: Any) -> List[str]:
    return [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else list(cls._fields)


@pytest.fixture(scope="module")
def make_schema(checkout: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_schema", checkout / "tools" / "make_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schema(checkout: Path) -> Any:
    return json.loads((checkout / "bundle" / "schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def valid(schema: Any) -> Any:
    """Say what a document breaks, by the schema; where jsonschema is missing the test is skipped."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return lambda document: [error.json_path for error in validator.iter_errors(document)]


def test_the_schema_is_fresh(checkout: Path, make_schema: ModuleType) -> None:
    assert (checkout / "bundle" / "schema.json").read_text("utf-8") == make_schema.text()


def test_the_tables_of_the_generator_name_fields_that_exist(make_schema: ModuleType) -> None:
    known = {f"{cls.__name__}.{name}" for cls in RECORDS for name in fields_of(cls)}
    for table in (make_schema.CHOICES, make_schema.LEAST, make_schema.MOST, make_schema.KEYS):
        assert set(table) <= known


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_every_field_is_in_the_schema(schema: Any, cls: Any) -> None:
    found = schema["$defs"][cls.__name__]
    names = (
        found["properties"] if dataclasses.is_dataclass(cls) else [f["title"] for f in found["prefixItems"]]
    )
    assert list(names) == fields_of(cls)


def test_a_bundle_by_hand_is_valid(valid: Any, document: Any) -> None:
    assert valid(document) == []


def test_a_real_bundle_is_valid(valid: Any, real: bytes) -> None:
    assert valid(json.loads(real)) == []


@pytest.mark.parametrize("key", ["format", "version", "run", *r.SECTIONS])
def test_no_key_may_be_missing(valid: Any, document: Any, key: str) -> None:
    del document[key]
    assert valid(document)


def test_what_a_later_version_adds_is_valid(valid: Any, document: Any) -> None:
    document["version"], document["invented"], document["run"]["invented"] = 1.5, [1], {}
    document["traces"][0]["labels"][0].append("invented")
    assert valid(document) == []
    document["version"] = 2
    assert valid(document) == ["$.version"]


def places(value: Any, path: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """Give the path of every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(document: Any, path: Tuple[Any, ...], new: Any) -> Any:
    """Put a value in its place and give what was there."""
    for part in path[:-1]:
        document = document[part]
    old, document[path[-1]] = document[path[-1]], new
    return old


def is_refused(document: Any) -> bool:
    """Say whether the codec or the checker refuses a document."""
    checker = Checker()
    try:
        checker.add("run", from_json(r.Run, document["run"]))
        for key, cls in r.SECTIONS.items():
            for value in document[key] or ():
                checker.add(key, from_json(cls, value))
        checker.finish()
    except MalformedBundle:
        return True
    return False


@pytest.mark.parametrize("key", ["run", *r.SECTIONS])
def test_what_the_schema_refuses_the_reader_refuses(schema: Any, document: Any, key: str) -> None:
    """At every place of every record, with values of every type and at the edges of the numbers."""
    jsonschema = pytest.importorskip("jsonschema")
    name = (r.Run if key == "run" else r.SECTIONS[key]).__name__
    part = {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
    validator = jsonschema.Draft202012Validator(part)
    seen = 0
    for index, element in enumerate([document[key]] if key == "run" else document[key]):
        for path in list(places(element))[1:]:
            for new in (None, True, "", "x", [], {}, -1, -2, 1 << 63, -(1 << 63) - 1):
                old = put(element, path, new)
                if not validator.is_valid(element):
                    assert is_refused(document), (index, path, new)
                    seen += 1
                put(element, path, old)
    assert seen


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_every_field_is_in_the_documentation(checkout: Path, cls: Any) -> None:
    text = (checkout / "docs" / "bundle.md").read_text("utf-8")
    part = re.search(rf"^###+ .*`{cls.__name__}`.*\n((?:(?!##).*\n)*)", text, re.MULTILINE)
    assert part is not None
    assert re.findall(r"^\| `([a-z0-9_]+)` \|", part[1], re.MULTILINE) == fields_of(cls)


@pytest.mark.parametrize("table", ["STATES", "GC_KINDS", "TRACE_KINDS", "STAGES", "ORIGINS"])
def test_the_documentation_has_the_tables(checkout: Path, table: str) -> None:
    text = (checkout / "docs" / "bundle.md").read_text("utf-8")
    for number, name in enumerate(getattr(r, table)):
        numbered = table in ("STATES", "GC_KINDS")
        assert re.search(rf"^\| {number} \| `{name}` \|" if numbered else rf"`{name}`", text, re.MULTILINE)


def test_every_kind_of_problem_is_in_the_documentation(checkout: Path) -> None:
    sources = [*(checkout / "bundle").glob("*.py"), *(checkout / "recorder").rglob("*.py")]
    used = {kind for path in sources for kind in PROBLEM_KIND.findall(path.read_text("utf-8"))}
    text = (checkout / "docs" / "bundle.md").read_text("utf-8").partition("## Kinds of problem")[2]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == used
