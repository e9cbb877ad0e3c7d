"""Turn records into JSON values and back, by their type annotations.

The annotations in records.py are the schema: this module compiles each into an
encoder and a decoder once.  The decoder is strict (a bool is no int, every int
fits 64 bits) and names the place of a fault.  Standard library only.
"""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import chain
from typing import Any, Callable, Dict, List, Optional, Sequence, Type, TypeVar, Union, get_type_hints

from tracebin.errors import MalformedBundle

R = TypeVar("R")
Decode = Callable[[Any], Any]
Encode = Callable[[Any], Any]
AllFit = Callable[[Sequence[Any]], bool]

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1


class Mismatch(Exception):
    """A value isn't of the type its place asks for; ``path`` grows on the way up."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: List[str] = []

    def under(self, part: str) -> Mismatch:
        """Put ``part`` in front of the path."""
        self.path.insert(0, part)
        return self


def to_json(record: Any) -> Any:
    """Give ``record`` as dicts, lists and scalars; named tuples become lists in ``json.dumps``."""
    return _encoder(type(record))(record)


def encode_line(record: Any) -> bytes:
    """Give ``record`` as one line of JSON, without the line's end.

    Lone surrogates (from file names that aren't UTF-8) become U+FFFD: JSON in
    UTF-8 has no place for them.
    """
    text = json.dumps(to_json(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def decode_line(cls: Type[R], line: bytes) -> R:
    """Read one line of JSON as a ``cls``.

    Raises:
        MalformedBundle: the line is no JSON, or not of that type; ``where`` names the field.
    """
    return from_json(cls, parse_json(line))


def parse_json(line: bytes) -> Any:
    """Parse JSON as the format asks: UTF-8, no NaN, no infinity, no lone surrogates."""
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise MalformedBundle(f"not JSON: {_short(fault)}") from None
    if b"\\u" in line:
        _refuse_surrogates(value)
    return value


def from_json(cls: Type[R], value: Any) -> R:
    """Build a ``cls`` from a JSON value; unknown keys are ignored (a later 1.x may add some)."""
    try:
        result: R = _decoder(cls)(value)
    except Mismatch as fault:
        raise MalformedBundle(str(fault), where="".join(fault.path).lstrip(".") or None) from None
    return result


def _short(fault: BaseException) -> str:
    return "nested too deeply" if isinstance(fault, RecursionError) else str(fault)[:200]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedBundle("a string holds half of a surrogate pair") from None
    except RecursionError as fault:
        # Writing needs a little more of the stack than reading did.
        raise MalformedBundle(f"not JSON: {_short(fault)}") from None


# --- encoding -----------------------------------------------------------------


_encoders: Dict[Any, Encode] = {}
_decoders: Dict[Any, Decode] = {}


def _encoder(cls: Any) -> Encode:
    found = _encoders.get(cls)
    if found is None:
        found = _encoders[cls] = _make_encoder(cls)
    return found


def _make_encoder(cls: Any) -> Encode:
    if dataclasses.is_dataclass(cls):
        return _record_encoder(cls)
    if getattr(cls, "__origin__", None) is list:
        return _list_encoder(_encoder(cls.__args__[0]))
    if getattr(cls, "__origin__", None) is dict:
        return _dict_encoder(_encoder(cls.__args__[1]))
    if _optional_of(cls) is not None:
        return _optional_encoder(_encoder(_optional_of(cls)))
    return _same


def _same(value: Any) -> Any:
    return value


def _record_encoder(cls: Any) -> Encode:
    hints = get_type_hints(cls)
    plan = [(f.name, _encoder(hints[f.name])) for f in dataclasses.fields(cls)]

    def encode(record: Any) -> Dict[str, Any]:
        return {name: inner(getattr(record, name)) for name, inner in plan}

    return encode


def _list_encoder(inner: Encode) -> Encode:
    return _same if inner is _same else lambda values: [inner(value) for value in values]


def _dict_encoder(inner: Encode) -> Encode:
    return _same if inner is _same else lambda values: {k: inner(v) for k, v in values.items()}


def _optional_encoder(inner: Encode) -> Encode:
    return _same if inner is _same else lambda value: None if value is None else inner(value)


def _optional_of(cls: Any) -> Any:
    """Give X for ``Optional[X]``, else None."""
    if getattr(cls, "__origin__", None) is not Union:
        return None
    rest = [arg for arg in cls.__args__ if arg is not type(None)]
    return rest[0] if len(rest) == 1 and len(cls.__args__) == 2 else None


# --- decoding -----------------------------------------------------------------


def _decoder(cls: Any) -> Decode:
    found = _decoders.get(cls)
    if found is None:
        found = _decoders[cls] = _make_decoder(cls)
    return found


def _make_decoder(cls: Any) -> Decode:
    if dataclasses.is_dataclass(cls):
        return _record_decoder(cls)
    if _is_row(cls):
        return _row_decoder(cls)
    origin = getattr(cls, "__origin__", None)
    if origin is list:
        return _list_decoder(cls.__args__[0])
    if origin is dict:
        return _dict_decoder(_decoder(cls.__args__[1]))
    if origin is Union:
        return _union_decoder(cls)
    return _SCALARS[cls]


def _wanted(what: str, value: Any) -> Mismatch:
    return Mismatch(f"{what} wanted, {_kind(value)} found")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", int: "a number", float: "a fraction", str: "a text", list: "a list"}.get(
        type(value), "an object"
    )


def _int(value: Any) -> int:
    if type(value) is not int:
        raise _wanted("a whole number", value)
    if not INT_MIN <= value <= INT_MAX:
        raise Mismatch("a number of at most 64 bits wanted, a larger one found")
    return value


def _float(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise _wanted("a finite number", value)
    return value


def _str(value: Any) -> str:
    if type(value) is not str:
        raise _wanted("a text", value)
    return value


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise _wanted("true or false", value)
    return value


def _null(value: Any) -> None:
    if value is not None:
        raise _wanted("null", value)


_SCALARS: Dict[Any, Decode] = {int: _int, float: _float, str: _str, bool: _bool, type(None): _null}
_NAMES = {
    int: "a whole number",
    float: "a fraction",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def _at(inner: Decode, value: Any, part: str) -> Any:
    try:
        return inner(value)
    except Mismatch as fault:
        raise fault.under(part) from None


def _list_decoder(item_type: Any) -> Decode:
    """Decode lists: what fits as it is in one go, the rest item by item, which names the fault."""
    inner, all_fit = _decoder(item_type), _all_fit(item_type)
    make = item_type._make if _is_row(item_type) else None

    def decode(value: Any) -> List[Any]:
        if type(value) is not list:
            raise _wanted("a list", value)
        if all_fit is None or not all_fit(value):
            return [_at(inner, item, f"[{index}]") for index, item in enumerate(value)]
        return value if make is None else list(map(make, value))

    return decode


def _dict_decoder(inner: Decode) -> Decode:
    def decode(value: Any) -> Dict[str, Any]:
        if type(value) is not dict:
            raise _wanted("an object", value)
        return {key: _at(inner, item, f".{key[:40]}") for key, item in value.items()}

    return decode


def _union_decoder(cls: Any) -> Decode:
    optional = _optional_of(cls)
    if optional is not None:
        inner = _decoder(optional)
        return lambda value: None if value is None else inner(value)
    by_type = {arg: _SCALARS[arg] for arg in cls.__args__}
    what = " or ".join(_NAMES[arg] for arg in cls.__args__)

    def decode(value: Any) -> Any:
        inner: Optional[Decode] = by_type.get(type(value))
        if inner is None:
            raise _wanted(what, value)
        return inner(value)

    return decode


def _row_decoder(cls: Any) -> Decode:
    hints = get_type_hints(cls)
    names = cls._fields
    inners = [_decoder(hints[name]) for name in names]
    width = len(names)

    def decode(value: Any) -> Any:
        if type(value) is not list or len(value) < width:
            raise _wanted(f"a list of {width} ({', '.join(names)})", value)
        try:
            return cls(*[inner(item) for inner, item in zip(inners, value)])
        except Mismatch:
            return cls(*[_at(i, item, f".{n}") for i, item, n in zip(inners, value, names)])

    return decode


def _record_decoder(cls: Any) -> Decode:
    hints = get_type_hints(cls)
    plan = [(f.name, _decoder(hints[f.name]), _is_required(f)) for f in dataclasses.fields(cls)]

    def decode(value: Any) -> Any:
        if type(value) is not dict:
            raise _wanted("an object", value)
        given = {}
        for name, inner, required in plan:
            if name in value:
                given[name] = _at(inner, value[name], f".{name}")
            elif required:
                raise Mismatch(f"the key {name!r} is missing")
        return cls(**given)

    return decode


def _is_row(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def _is_required(item: Any) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


# --- many values at once ------------------------------------------------------
#
# A bundle is columns of numbers and rows of ops, hundreds of thousands of each. These
# checks loop in C: item by item, 25 MB of traces take half as long again.


def _all_fit(cls: Any) -> Optional[AllFit]:
    """Give the check that values of type ``cls`` may stay as they are; None if there is none."""
    if cls in (str, bool):
        return lambda values: _are(values, cls)
    if cls is int:
        return _all_ints
    if _is_row(cls):
        return _all_rows(cls)
    if getattr(cls, "__origin__", None) is list:
        return _all_lists(_all_fit(cls.__args__[0]))
    return _all_optional(_all_fit(_optional_of(cls))) if _optional_of(cls) is not None else None


def _are(values: Sequence[Any], cls: Any) -> bool:
    return set(map(type, values)) <= {cls}


def _all_ints(values: Sequence[Any]) -> bool:
    return not values or (_are(values, int) and min(values) >= INT_MIN and max(values) <= INT_MAX)


def _all_optional(inner: Optional[AllFit]) -> Optional[AllFit]:
    return inner and (lambda values: inner([value for value in values if value is not None]))


def _all_lists(inner: Optional[AllFit]) -> Optional[AllFit]:
    return inner and (lambda values: _are(values, list) and inner(list(chain.from_iterable(values))))


def _all_rows(cls: Any) -> Optional[AllFit]:
    hints = get_type_hints(cls)
    columns = [_all_fit(hints[name]) for name in cls._fields]

    def fit(rows: Sequence[Any]) -> bool:
        if not _are(rows, list) or not set(map(len, rows)) <= {len(columns)}:
            return False
        return all(check is not None and check(column) for check, column in zip(columns, zip(*rows)))

    return fit
