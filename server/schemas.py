"""State the shapes of the API in marshmallow: what comes in, what goes out.

Parameters are checked by schemas written here.  Schemas of answers are made from
the dataclasses that are answered, so the OpenAPI document can't differ from them.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any, Dict, List, Mapping, Tuple, Type, Union, get_type_hints

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from tracebin.analysis.calls import FARTHEST_NS
from tracebin.bundle.records import STAGES, TRACE_KINDS
from tracebin.errors import BadRequest
from tracebin.server.event_search import EVENT_KINDS
from tracebin.server.queries import FUNCTION_SORTS, TRACE_SORTS, Slice, TraceFilter

MAX_ROWS = 1000
_MAX_OFFSET = 1 << 31
_MAX_QUERY = 200
MAX_WIDTH = 8192
MAX_DEPTHS = 4096


class Query(Schema):
    """Parameters of a call; unknown ones are refused, since a typo would change the answer unseen."""

    class Meta:
        """marshmallow's own options."""

        unknown = RAISE


class RunsQuery(Query):
    """Which part of the list of runs."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_ROWS))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))


class TracesQuery(Query):
    """Which traces, in which order."""

    q = fields.String(load_default=None, validate=validate.Length(max=_MAX_QUERY))
    kind = fields.String(load_default=None, validate=validate.OneOf(TRACE_KINDS))
    driver = fields.String(load_default=None, validate=validate.Length(max=_MAX_QUERY))
    own = fields.Boolean(load_default=False, truthy={"1"}, falsy={"0"})
    sort = fields.String(load_default="time", validate=validate.OneOf(list(TRACE_SORTS)))
    order = fields.String(load_default=None, validate=validate.OneOf(["asc", "desc"]))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, MAX_ROWS))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))

    @post_load
    def split(self, data: Dict[str, Any], **_: Any) -> Dict[str, Any]:
        """Give a filter and a slice."""
        wanted = TraceFilter(**{name: data[name] for name in ("q", "kind", "driver", "own")})
        return {"wanted": wanted, "part": _slice(data)}


class FunctionsQuery(Query):
    """Which functions, in which order."""

    q = fields.String(load_default=None, validate=validate.Length(max=_MAX_QUERY))
    sort = fields.String(load_default="self", validate=validate.OneOf(list(FUNCTION_SORTS)))
    order = fields.String(load_default=None, validate=validate.OneOf(["asc", "desc"]))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, MAX_ROWS))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))

    @post_load
    def split(self, data: Dict[str, Any], **_: Any) -> Dict[str, Any]:
        """Give a search and a slice."""
        return {"q": data["q"], "part": _slice(data)}


class TraceQuery(Query):
    """Which stage of a trace."""

    stage = fields.String(load_default=None, validate=validate.OneOf(STAGES))


class Ids(fields.Field[List[int]]):
    """Ids with commas between them."""

    def __init__(self, most: int) -> None:
        pattern = "^(-1|[0-9]+)(,(-1|[0-9]+))*$"
        super().__init__(required=True, metadata={"type": "string", "pattern": pattern})
        self._most = most

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> List[int]:
        words = value.split(",")
        if len(words) > self._most:
            raise ValidationError(f"{self._most} ids at most.")
        if not all(re.fullmatch("-1|[0-9]{1,18}", word) for word in words):
            raise ValidationError("Not ids with commas between them.")
        return [int(word) for word in words]


class MarksQuery(RunsQuery):
    """Which part of the list of marks."""

    limit = fields.Integer(load_default=MAX_ROWS, validate=validate.Range(1, MAX_ROWS))


class TimesQuery(Query):
    """A stretch of time."""

    start = fields.Integer(load_default=None, validate=validate.Range(-FARTHEST_NS, FARTHEST_NS))
    end = fields.Integer(load_default=None, validate=validate.Range(-FARTHEST_NS, FARTHEST_NS))


class WindowQuery(TimesQuery):
    """A stretch of time, and how many pixels it is wide."""

    width = fields.Integer(load_default=1000, validate=validate.Range(1, MAX_WIDTH))


class EventsQuery(WindowQuery):
    """The events of which process, in which window."""

    process = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))


class Kinds(fields.Field[List[str]]):
    """Kinds of events with commas between them."""

    def __init__(self) -> None:
        super().__init__(load_default=list, metadata={"type": "string"})

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> List[str]:
        kinds = value.split(",")
        unknown = [kind for kind in kinds if kind not in EVENT_KINDS]
        if unknown:
            raise ValidationError(f"There is no kind {unknown[0]!r}; there are {', '.join(EVENT_KINDS)}.")
        return list(kinds)


_ANY_TIME = validate.Range(-FARTHEST_NS, FARTHEST_NS)


class FindEventQuery(Query):
    """The next or previous event of which process and kinds, from which place on."""

    process = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))
    kind = Kinds()
    direction = fields.String(load_default="next", validate=validate.OneOf(("next", "previous")))
    start_ns = fields.Integer(required=True, validate=_ANY_TIME)
    from_kind = fields.String(load_default=None, validate=validate.OneOf(EVENT_KINDS))
    from_id = fields.Integer(load_default=None, validate=validate.Range(0, _MAX_OFFSET))

    @validates_schema
    def check(self, data: Dict[str, Any], **_: Any) -> None:
        """Want both halves of a name, or none."""
        if (data["from_kind"] is None) != (data["from_id"] is None):
            raise ValidationError("from_kind and from_id go together.", "from_id")


class OneEventQuery(Query):
    """Which event of which process."""

    process = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))
    kind = fields.String(required=True, validate=validate.OneOf(EVENT_KINDS))
    number = fields.Integer(data_key="id", required=True, validate=validate.Range(0, _MAX_OFFSET))
    near_ns = fields.Integer(load_default=None, validate=_ANY_TIME)


class StatesQuery(WindowQuery):
    """The states of which thread, in which window."""

    thread = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))


class CallsQuery(Query):
    """The calls of which thread, from which source."""

    thread = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))
    source = fields.String(load_default=None, validate=validate.OneOf(["exact", "sampled"]))


class TimelineQuery(CallsQuery, WindowQuery):
    """Which calls, in which window, of which depths."""

    depth = fields.Integer(load_default=0, validate=validate.Range(0, _MAX_OFFSET))
    depths = fields.Integer(load_default=256, validate=validate.Range(1, MAX_DEPTHS))


class FunctionCallsQuery(CallsQuery, WindowQuery):
    """The calls of which functions, in which window."""

    function = Ids(200)


class SumsQuery(CallsQuery, TimesQuery):
    """The sums of which calls, in which stretch of time."""


class SandwichQuery(SumsQuery):
    """Which function, in which stretch of time."""

    function = fields.Integer(required=True, validate=validate.Range(-1, _MAX_OFFSET))


class LeftHeavyQuery(CallsQuery, WindowQuery):
    """Which calls, in which stretch of time, on how many pixels."""


class FindQuery(CallsQuery):
    """Which functions' next or previous call."""

    function = Ids(2000)
    after = fields.Integer(load_default=None, validate=validate.Range(-1, FARTHEST_NS))
    before = fields.Integer(load_default=None, validate=validate.Range(0, FARTHEST_NS))
    after_ns = fields.Integer(load_default=None, validate=validate.Range(-FARTHEST_NS, FARTHEST_NS))

    @validates_schema
    def check(self, data: Dict[str, Any], **_: Any) -> None:
        """Want one place to look from."""
        if sum(data[name] is not None for name in ("after", "before", "after_ns")) != 1:
            raise ValidationError("One of after, before and after_ns must be given.", "after")


class RefusalSchema(Schema):
    """A refusal (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    reason = fields.String(required=True)
    limit = fields.Integer()
    where = fields.String()


def _slice(data: Mapping[str, Any]) -> Slice:
    return Slice(data["limit"], data["offset"], data["sort"], data["order"])


def load(schema: Type[Query], given: Mapping[str, str]) -> Dict[str, Any]:
    """Check the parameters of a request.

    Raises:
        BadRequest: one is unknown or makes no sense; the message names it.
    """
    try:
        loaded: Dict[str, Any] = schema().load(given)
    except ValidationError as fault:
        name, messages = _first(fault)
        raise BadRequest(f"the parameter {name[:40]!r}: {messages[0]}") from None
    return loaded


def _first(fault: ValidationError) -> Tuple[str, List[str]]:
    messages: Dict[str, List[str]] = fault.normalized_messages()  # type: ignore[no-untyped-call]
    return next(iter(messages.items()))


@functools.cache
def schema_of(cls: Any) -> Type[Schema]:
    """Make the schema of a dataclass out of its annotations."""
    hints = get_type_hints(cls)
    members: Dict[str, Any] = {field.name: _field(hints[field.name]) for field in dataclasses.fields(cls)}
    members["__doc__"] = (cls.__doc__ or "").partition("\n")[0]
    return Schema.from_dict(members, name=cls.__name__)


_PLAIN: Dict[Any, Type[fields.Field[Any]]] = {
    bool: fields.Boolean,
    int: fields.Integer,
    float: fields.Float,
    str: fields.String,
}


def _field(hint: Any) -> fields.Field[Any]:
    arguments: List[Any] = list(getattr(hint, "__args__", ()))
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return _union(arguments)
    if origin is list:
        return fields.List(_field(arguments[0]), required=True)
    if origin is dict:
        return fields.Dict(keys=fields.String(), values=_field(arguments[1]), required=True)
    if dataclasses.is_dataclass(hint):
        return fields.Nested(schema_of(hint), required=True)  # type: ignore[arg-type]
    if hint in _PLAIN:
        return _PLAIN[hint](required=True)
    # A named tuple: a JSON array whose items differ in type.
    return fields.List(fields.Raw(), required=True)


def _union(arguments: List[Any]) -> fields.Field[Any]:
    rest: List[Any] = [argument for argument in arguments if argument is not type(None)]
    found: fields.Field[Any] = _field(rest[0]) if len(rest) == 1 else fields.Raw(required=True)
    found.allow_none = len(rest) < len(arguments)
    return found
