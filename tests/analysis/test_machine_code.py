from __future__ import annotations

import base64
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis import machine_code
from tracebin.analysis.machine_code import can_disassemble, disassemble
from tracebin.bundle.records import MachineCode
from tracebin.errors import MalformedBundle

pytestmark = pytest.mark.skipif(find_spec("capstone") is None, reason="capstone is not installed")
BACKENDS = ["x86_64", "x86", "arm64", "aarch64", "x86-64"]


def code_of(data, backend="x86_64", entry=0, address=0x7F0A20061AB0):
    text = base64.b64encode(data).decode()
    return MachineCode(backend, address, len(data), entry, entry, len(data), text, 0)


def test_instructions_stand_at_their_offset_in_the_block():
    found = disassemble(code_of(b"\xff" * 16 + bytes.fromhex("554889e5c3"), entry=16))
    assert [tuple(i) for i in found] == [
        (16, "55", "push", "rbp"),
        (17, "4889e5", "mov", "rbp, rsp"),
        (20, "c3", "ret", ""),
    ]


def test_arm64_is_read_too():
    (found,) = disassemble(code_of(bytes.fromhex("c0035fd6"), backend="arm64"))
    assert found.mnemonic == "ret"


def test_bytes_that_are_no_instruction_stay_as_bytes():
    found = disassemble(code_of(b"\x06\x90"))
    assert [i.mnemonic for i in found] == [".byte", "nop"]


@given(st.binary(max_size=300), st.sampled_from(BACKENDS), st.integers(-5, 400), st.integers(0, 2**63 - 1))
def test_any_bytes_are_cut_into_instructions_without_gap_or_overlap(data, backend, entry, address):
    found = disassemble(code_of(data, backend, entry, address))
    start = min(max(entry, 0), len(data))
    assert b"".join(bytes.fromhex(i.code) for i in found) == data[start:]
    ends = [start + len(bytes.fromhex("".join(i.code for i in found[:n]))) for n in range(len(found))]
    assert [i.offset for i in found] == ends


def test_very_long_code_is_cut(monkeypatch):
    monkeypatch.setattr(machine_code, "MAX_CODE_BYTES", 10)
    assert len(disassemble(code_of(b"\x90" * 30))) == 10


def test_code_that_was_not_recorded_has_no_instructions():
    assert disassemble(MachineCode("x86_64", 0, 10, 0, 0, 10, None, 0)) is None


def test_an_unknown_processor_has_no_instructions():
    assert disassemble(code_of(b"\x90", backend="z80")) is None
    assert not can_disassemble("z80")


def test_without_capstone_there_are_no_instructions(monkeypatch):
    monkeypatch.setattr(machine_code, "find_spec", lambda name: None)
    assert disassemble(code_of(b"\x90")) is None


@pytest.mark.parametrize("text", ["%%%", "abc", "é"])
def test_code_that_is_no_base64_is_refused(text):
    with pytest.raises(MalformedBundle, match="base64"):
        disassemble(MachineCode("x86_64", 0, 3, 0, 0, 3, text, 0))
