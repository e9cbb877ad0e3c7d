"""Hypothesis strategies for every record, made of its annotations."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, Union, get_type_hints

from hypothesis import strategies as st

from tracebin.bundle.codec import INT_MAX, INT_MIN
from tracebin.bundle.records import SECTIONS, Bundle, Run

# Surrogates (category Cs) have no place in UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS: Dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(INT_MIN, INT_MAX),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXT,
    bool: st.booleans(),
    type(None): st.none(),
}


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Give the strategy for an annotation: a record, a row, a list, a scalar."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return st.one_of([of(inner) for inner in hint.__args__])
    if origin is list:
        return st.lists(of(hint.__args__[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXT, of(hint.__args__[1]), max_size=2)
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        return st.builds(hint, **{name: of(inner) for name, inner in get_type_hints(hint).items()})
    return SCALARS[hint]


def bundles() -> st.SearchStrategy[Bundle]:
    """Give bundles whose parts know nothing of each other."""
    lists = {key: st.lists(of(cls), max_size=2) for key, cls in SECTIONS.items()}
    lists["coverage"] = st.none() | st.lists(of(SECTIONS["coverage"]), min_size=1, max_size=2)
    return st.builds(Bundle, run=of(Run), **lists)
