"""Cut names and paths as PyPy's sampler does, which writes 110 bytes of each at most.

Source: ``_safe`` of pypy/module/_vmprof/interp_vmprof.py, PyPy 7.3.11 to 8.0.1.
"""

from __future__ import annotations

_MOST_BYTES = 110
# So many characters are never cut, whatever they are.
SHORT = _MOST_BYTES // 4
_END = b"..."


def cut(text: str) -> str:
    """Give what the sampler calls that: its own fields are parted by colons."""
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > _MOST_BYTES:
        data = data[: _MOST_BYTES - len(_END)] + _END
    return data.replace(b":", b";").decode("utf-8", "surrogateescape")


def may_be_cut(text: str) -> bool:
    """Say whether the sampler may mean another text by this."""
    if ";" in text:
        return True
    return text.endswith("...") and len(text.encode("utf-8", "surrogateescape")) == _MOST_BYTES
