"""Sort resops into the few kinds a reader tells apart by colour.

The names are those of PyPy's rpython/jit/metainterp/resoperation.py, of the
branches for 7.3.11 to 8.0, the ops for vectors and the backend's own among them.
A name that isn't known is ``other``: a newer PyPy may have more.
"""

from __future__ import annotations

from functools import lru_cache

OP_KINDS = ("guard", "call", "allocation", "memory", "arithmetic", "control", "other")

_NAMES = {
    "label": "control",
    "jump": "control",
    "finish": "control",
    "new": "allocation",
    "newstr": "allocation",
    "newunicode": "allocation",
    "nursery_ptr_increment": "allocation",
    "cond_call_gc_wb": "memory",  # the write barrier: a call only in the rare case
    "cond_call_gc_wb_array": "memory",
    "copystrcontent": "memory",
    "copyunicodecontent": "memory",
    "strlen": "memory",
    "strgetitem": "memory",
    "strsetitem": "memory",
    "strhash": "memory",
    "unicodelen": "memory",
    "unicodegetitem": "memory",
    "unicodesetitem": "memory",
    "unicodehash": "memory",
    "zero_array": "memory",
    "load_from_gc_table": "memory",
    "load_effective_address": "arithmetic",
    "threadlocalref_get": "memory",
    "vec_load_i": "memory",
    "vec_load_f": "memory",
    "vec_store": "memory",
}

# Looked at in this order: what is more exact stands first.
_PREFIXES = (
    ("guard_", "guard"),
    ("vec_guard_", "guard"),
    ("new_", "allocation"),
    ("call_malloc_", "allocation"),
    ("call_", "call"),
    ("cond_call", "call"),
    ("getfield_", "memory"),
    ("setfield_", "memory"),
    ("getarrayitem_", "memory"),
    ("setarrayitem_", "memory"),
    ("getinteriorfield_", "memory"),
    ("setinteriorfield_", "memory"),
    ("gc_load", "memory"),
    ("gc_store", "memory"),
    ("raw_load", "memory"),
    ("raw_store", "memory"),
    ("arraylen_", "memory"),
    ("vec_getarrayitem_", "memory"),
    ("vec_setarrayitem_", "memory"),
    ("vec_raw_", "memory"),
    ("int_", "arithmetic"),
    ("uint_", "arithmetic"),
    ("float_", "arithmetic"),
    ("ptr_", "arithmetic"),
    ("instance_ptr_", "arithmetic"),
    ("cast_", "arithmetic"),
    ("convert_", "arithmetic"),
    ("vec_", "arithmetic"),
)


@lru_cache(maxsize=4096)
def op_kind(name: str) -> str:
    """Give the kind of the resop called ``name``."""
    known = _NAMES.get(name)
    if known is not None:
        return known
    return next((kind for prefix, kind in _PREFIXES if name.startswith(prefix)), "other")
