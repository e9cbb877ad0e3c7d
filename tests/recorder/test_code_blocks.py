from __future__ import annotations

import pytest

from tracebin.recorder.code_blocks import CodeBlock, CodeBlocks


def addr(start: int, end: int, *, entry: str = "function", at: int = 0) -> list[str]:
    return [
        "Loop 1 (f) has address 0x10 to 0x20 (bootstrap 0x8)",
        f"  gc table: {start:#x}",
        f"  {entry}: {start + 4:#x}",
        f"  resops: {(at or start + 6):#x}",
        f"  failures: {end - 2:#x}",
        f"  end: {end:#x}",
    ]


def dump(address: int, code: str, offset: int = 0) -> list[str]:
    return ["BACKEND x86_64", "SYS_EXECUTABLE pypy3", f"CODE_DUMP @{address:x} +{offset}  {code}"]


def made(blocks: CodeBlocks, start: int, code: str) -> CodeBlock:
    """Compile a trace as the backend's sections tell it."""
    blocks.dump(dump(start, code))
    block = blocks.announce(addr(start, start + len(code) // 2))
    blocks.finish()
    assert block is not None
    return block


def test_a_block_has_its_parts_as_offsets() -> None:
    block = made(CodeBlocks(), 0x1000, "00112233445566778899")
    assert (block.address, block.end, block.entry, block.body, block.failures) == (0x1000, 0x100A, 4, 6, 8)
    assert block.code.hex() == "00112233445566778899"
    assert block.patches == 0


def test_a_bridge_is_entered_at_its_jump_target() -> None:
    block = CodeBlocks().announce(addr(0x1000, 0x1010, entry="jump target"))
    assert block is not None
    assert block.entry == 4


def test_what_is_written_while_the_block_is_made_is_no_patch() -> None:
    blocks = CodeBlocks()
    blocks.dump(dump(0x1000, "00" * 16))
    block = blocks.announce(addr(0x1000, 0x1010))
    blocks.dump(dump(0x1000, "ff", offset=3))
    blocks.finish()
    assert block is not None
    assert (block.code[3], block.patches) == (0xFF, 0)


def test_a_later_write_is_a_patch_of_the_block_it_falls_into() -> None:
    blocks = CodeBlocks()
    first, second = made(blocks, 0x1000, "00" * 16), made(blocks, 0x1010, "11" * 16)
    blocks.dump(dump(0x1000, "abcd", offset=0x10))
    blocks.dump(dump(0x100E, "ee"))
    blocks.finish()
    assert (first.patches, second.patches) == (1, 1)
    assert first.code.hex() == "00" * 14 + "ee" + "00"
    assert second.code.hex() == "abcd" + "11" * 14


def test_a_write_over_a_blocks_end_stops_there() -> None:
    blocks = CodeBlocks()
    first = made(blocks, 0x1000, "00" * 16)
    blocks.dump(dump(0x100F, "aabb"))
    blocks.finish()
    assert first.code.hex() == "00" * 15 + "aa"


def test_a_reused_address_leaves_the_old_code_alone() -> None:
    blocks = CodeBlocks()
    old, other = made(blocks, 0x1000, "00" * 16), made(blocks, 0x2000, "22" * 16)
    new = made(blocks, 0x1000, "11" * 16)
    blocks.dump(dump(0x1002, "ff"))
    blocks.finish()
    assert (old.code.hex(), old.patches) == ("00" * 16, 0)
    assert (new.code.hex(), new.patches) == ("1111ff" + "11" * 13, 1)
    assert other.code.hex() == "22" * 16


@pytest.mark.parametrize("start", [0xFF8, 0x1004, 0x1008])
def test_a_block_retires_every_block_it_overlaps(start: int) -> None:
    blocks = CodeBlocks()
    old, behind = made(blocks, 0x1000, "00" * 16), made(blocks, 0x1010, "22" * 16)
    new = made(blocks, start, "11" * 32)
    blocks.dump(dump(0x100C, "ff"))
    blocks.dump(dump(0x1017, "ee"))
    blocks.finish()
    assert (old.patches, behind.patches, new.patches) == (0, 0, 2)
    assert new.code[0x100C - start] == 0xFF


def test_of_stubs_of_pypys_own_only_the_place_is_known() -> None:
    blocks = CodeBlocks()
    blocks.dump(dump(0x500, "00" * 16))
    blocks.dump(dump(0x600, "00" * 8))
    blocks.finish()
    block = made(blocks, 0x1000, "11" * 16)
    assert block.code.hex() == "11" * 16
    assert blocks.stubs == [(0x500, 16), (0x600, 8)]
    assert blocks.backend == "x86_64"


def test_an_announcement_without_addresses_is_no_block() -> None:
    assert CodeBlocks().announce(["Loop 1 (f) has address 0x10 to 0x20 (bootstrap 0x8)"]) is None
    assert CodeBlocks().announce(addr(0x1000, 0x800)) is None


def test_a_block_of_no_possible_size_is_refused() -> None:
    with pytest.raises(ValueError, match="machine code of"):
        CodeBlocks().announce(addr(0x1000, 0x7FFF_FFFF_FFFF))
