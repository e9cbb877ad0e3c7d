"""Write bundle/schema.json anew from bundle/records.py: python tools/make_schema.py.

The annotations give the types, the docstrings the descriptions. What annotations
can't say stands in the tables below; tests hold them against bundle/check.py.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any, Dict, List, Union, get_type_hints

from tracebin.bundle import records as r
from tracebin.bundle.codec import INT_MAX, INT_MIN

TARGET = Path(__file__).resolve().parent.parent / "bundle" / "schema.json"
Schema = Dict[str, Any]

# Fields that take one of a few texts.
CHOICES = {
    "Stream.encoding": ("utf-8", "base64"),
    "Run.target": r.TARGETS,
    "SourceFile.origin": r.ORIGINS,
    "SourceFile.left_out": (*r.LEFT_OUT, None),
    "Trace.kind": r.TRACE_KINDS,
}
# The smallest number a field takes; for columns, of each row. -1 stands for none or not known.
LEAST = {
    **dict.fromkeys(("Stream.total_bytes", "Stream.cut_bytes", "Run.duration_ns", "Process.parent"), 0),
    **dict.fromkeys(("CodeMemory.allocated_bytes", "CodeMemory.used_bytes", "Thread.process"), 0),
    **dict.fromkeys(("Function.file", "MergePoint.op", "MergePoint.depth", "MergePoint.function"), 0),
    **dict.fromkeys(("Label.op", "Label.runs", "Guard.trace", "Guard.op"), 0),
    **dict.fromkeys(("Phases.tracing_ns", "Phases.optimising_ns", "Phases.backend_ns"), 0),
    **dict.fromkeys(("MachineCode.address", "MachineCode.size", "MachineCode.entry"), 0),
    **dict.fromkeys(("MachineCode.body", "MachineCode.failures", "MachineCode.patches"), 0),
    **dict.fromkeys(("Trace.process", "Trace.function", "Trace.runs"), 0),
    **dict.fromkeys(("PathStep.function", "PathStep.points"), 0),
    **dict.fromkeys(("Abort.process", "Abort.function", "Abort.length"), 0),
    **dict.fromkeys(("GcChunk.process", "GcChunk.kind", "GcChunk.start", "GcChunk.duration"), 0),
    **dict.fromkeys(("GcChunk.before", "GcChunk.after"), -1),
    **dict.fromkeys(("StackChunk.parent", "StackChunk.function", "StackChunk.trace"), -1),
    "StackChunk.state": 0,
    **dict.fromkeys(("SampleChunk.thread", "SampleChunk.time", "SampleChunk.stack"), 0),
    "SampleChunk.memory": -1,
    **dict.fromkeys(("CallChunk.thread", "CallChunk.start", "CallChunk.duration", "CallChunk.depth"), 0),
    "CallChunk.function": -1,
    **dict.fromkeys(("Mark.thread", "Mark.duration_ns", "FileCoverage.file", "Problem.count"), 0),
}
# The largest number of a column that holds positions in a table of the format.
MOST = {"GcChunk.kind": len(r.GC_KINDS) - 1, "StackChunk.state": len(r.STATES) - 1}
# Objects whose keys are fixed by the format.
KEYS = {"Run.output": r.STREAMS, "Trace.stages": r.STAGES}
CHUNKS = (r.GcChunk, r.StackChunk, r.SampleChunk, r.CallChunk)


def document() -> Schema:
    """Give the schema of a whole bundle."""
    lists: Schema = {key: {"type": "array", "items": ref(cls)} for key, cls in r.SECTIONS.items()}
    lists["coverage"] = {"anyOf": [lists["coverage"], {"type": "null"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A tracebin bundle, version 1",
        "description": "Made by tools/make_schema.py from bundle/records.py; docs/bundle.md says it in "
        "words. Integers are written without fraction and exponent.",
        "type": "object",
        "properties": {
            "format": {"const": r.FORMAT},
            "version": {"type": "number", "minimum": r.VERSION, "exclusiveMaximum": r.VERSION + 1},
            "run": ref(r.Run),
            **lists,
        },
        "required": ["format", "version", "run", *r.SECTIONS],
        "$defs": {cls.__name__: definition(cls) for cls in records()},
    }


def records() -> List[Any]:
    """Give every record and row of the model, in the order they are defined."""
    classes = [
        value for value in vars(r).values() if inspect.isclass(value) and value.__module__ == r.__name__
    ]
    return [cls for cls in classes if cls is not r.Bundle]


def ref(cls: Any) -> Schema:
    """Point to a record's definition."""
    return {"$ref": f"#/$defs/{cls.__name__}"}


def definition(cls: Any) -> Schema:
    """Give the schema of one record (an object) or row (an array)."""
    fields = {name: field(cls, name, hint) for name, hint in get_type_hints(cls).items()}
    about = {"description": " ".join((inspect.getdoc(cls) or "").replace("``", "").split())}
    if not dataclasses.is_dataclass(cls):
        rows = [{"title": name, **schema} for name, schema in fields.items()]
        return {**about, "type": "array", "prefixItems": rows, "minItems": len(rows)}
    required = [f.name for f in dataclasses.fields(cls) if is_required(f)]
    return {**about, "type": "object", "properties": fields, "required": required}


def is_required(item: Any) -> bool:
    """Say whether a field has no default."""
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def field(cls: Any, name: str, hint: Any) -> Schema:
    """Give the schema of one field."""
    key = f"{cls.__name__}.{name}"
    if key in CHOICES:
        return {"enum": list(CHOICES[key])}
    schema = of(hint, {"minimum": LEAST.get(key, INT_MIN), "maximum": MOST.get(key, INT_MAX)})
    if key in KEYS:
        schema["propertyNames"] = {"enum": list(KEYS[key])}
    if cls in CHUNKS and schema["type"] == "array":
        schema["maxItems"] = r.CHUNK_ROWS
    return schema


def of(hint: Any, bounds: Schema) -> Schema:
    """Give the schema of an annotation; ``bounds`` are those of the whole numbers in it."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return union([of(inner, bounds) for inner in hint.__args__])
    if origin is list:
        return {"type": "array", "items": of(hint.__args__[0], bounds)}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(hint.__args__[1], bounds)}
    if hint is int:
        return {"type": "integer", **bounds}
    names = {float: "number", str: "string", bool: "boolean", type(None): "null"}
    return {"type": names[hint]} if hint in names else ref(hint)


def union(schemas: List[Schema]) -> Schema:
    """Give the schema of either; a whole number is a number, bounds and all."""
    if any("$ref" in schema for schema in schemas):
        return {"anyOf": schemas}
    types = [schema["type"] for schema in schemas]
    if "number" in types:
        return {"type": [name for name in types if name != "integer"]}
    return {**{key: value for one in schemas for key, value in one.items()}, "type": types}


def text() -> str:
    """Give the text of schema.json."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
