from __future__ import annotations

import pytest

from tracebin.analysis.op_kinds import OP_KINDS, op_kind

EXAMPLES = {
    "guard": """
        guard_true guard_not_forced_2 guard_nonnull_class guard_always_fails guard_gc_type
        vec_guard_true
    """,
    "call": """
        call_i call_assembler_r call_may_force_n call_release_gil_f call_pure_i cond_call
        cond_call_value_r call_loopinvariant_r
    """,
    "allocation": """
        new new_with_vtable new_array new_array_clear newstr newunicode call_malloc_nursery
        call_malloc_nursery_varsize call_malloc_nursery_varsize_frame nursery_ptr_increment
    """,
    "memory": """
        getfield_gc_r setfield_raw getarrayitem_gc_pure_i setarrayitem_gc getinteriorfield_gc_f
        gc_load_i gc_load_indexed_r gc_store gc_store_indexed raw_load_f raw_store arraylen_gc
        strlen strgetitem strsetitem unicodelen copystrcontent zero_array cond_call_gc_wb
        cond_call_gc_wb_array load_from_gc_table
    """,
    "arithmetic": """
        int_add int_add_ovf uint_mul_high float_truediv ptr_eq instance_ptr_ne int_is_true
        cast_int_to_float convert_longlong_bytes_to_float int_force_ge_zero vec_int_add
    """,
    "control": """
        label jump finish
    """,
    "other": """
        force_token enter_portal_frame leave_portal_frame same_as_i keepalive virtual_ref
        assert_not_none increment_debug_counter quasiimmut_field save_exception
        restore_exception escape_i debug_merge_point
    """,
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in EXAMPLES.items() for name in names.split()]
)
def test_every_resop_has_its_kind(kind, name):
    assert op_kind(name) == kind


def test_a_name_nobody_knows_is_other():
    assert op_kind("teleport") == op_kind("") == "other"


def test_the_examples_cover_all_kinds():
    assert set(EXAMPLES) == set(OP_KINDS)
