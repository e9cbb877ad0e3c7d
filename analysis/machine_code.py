"""Disassemble the machine code of a trace, where capstone is installed.

The one module of analysis that needs a package: without it, or for a processor it
isn't set up for, there are no instructions and everything else works.
"""

from __future__ import annotations

import base64
import binascii
from importlib import import_module
from importlib.util import find_spec
from typing import Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import MachineCode
from tracebin.errors import MalformedBundle

# PyPy's longest traces (trace_limit 6000 ops) take some hundred kB.
MAX_CODE_BYTES = 1 << 20

# PyPy's name of a backend -> capstone's names of architecture and mode.
_BACKENDS: Dict[str, Tuple[str, str]] = {
    "x86_64": ("CS_ARCH_X86", "CS_MODE_64"),
    "x86": ("CS_ARCH_X86", "CS_MODE_32"),
    "arm64": ("CS_ARCH_ARM64", "CS_MODE_ARM"),
    "aarch64": ("CS_ARCH_ARM64", "CS_MODE_ARM"),
}


class Instruction(NamedTuple):
    """One instruction; ``offset`` counts from the start of the trace's code."""

    offset: int
    code: str
    mnemonic: str
    operands: str


def can_disassemble(backend: str) -> bool:
    """Say whether code of ``backend`` can be shown as instructions here."""
    return _normal(backend) in _BACKENDS and find_spec("capstone") is not None


def disassemble(asm: MachineCode) -> Optional[List[Instruction]]:
    """Give the instructions from the entry to the end, None where that can't be done here.

    Bytes that are no instruction become ``.byte``.  What stands before the entry
    is the table of constants, not code.  Past MAX_CODE_BYTES the rest is left out.

    Raises:
        MalformedBundle: the code isn't base64.
    """
    if asm.code is None or not can_disassemble(asm.backend):
        return None
    code = _decode(asm.code)
    entry = min(max(asm.entry, 0), len(code))
    return _instructions(asm.backend, code[entry : entry + MAX_CODE_BYTES], entry, asm.address)


def _normal(backend: str) -> str:
    return backend.lower().replace("-", "_")


def _decode(code: str) -> bytes:
    try:
        return base64.b64decode(code, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedBundle("the machine code is not base64", where="asm.code") from None


def _instructions(backend: str, code: bytes, entry: int, address: int) -> List[Instruction]:
    capstone = import_module("capstone")  # optional, and slow to import
    arch, mode = _BACKENDS[_normal(backend)]
    engine = capstone.Cs(getattr(capstone, arch), getattr(capstone, mode))
    engine.skipdata = True
    start = address + entry
    found = []
    for where, size, mnemonic, operands in engine.disasm_lite(code, start):
        offset = where - start
        found.append(Instruction(entry + offset, code[offset : offset + size].hex(), mnemonic, operands))
    return found + _as_bytes(code, sum(len(i.code) // 2 for i in found), entry)


def _as_bytes(code: bytes, start: int, entry: int) -> List[Instruction]:
    """Show what capstone leaves at the end: less than one ARM instruction."""
    return [
        Instruction(entry + at, code[at : at + 1].hex(), ".byte", f"{code[at]:#04x}")
        for at in range(start, len(code))
    ]
