from __future__ import annotations

from tracebin.recorder.alignment import MOST_LOST, align


def test_as_many_stamps_as_samples_are_pairs() -> None:
    assert align(3, 3, lambda sample, stamp: False) == [0, 1, 2]
    assert align(0, 0, lambda sample, stamp: False) == []


def test_what_cant_be_told_is_not_made_up() -> None:
    assert align(3, 2, lambda sample, stamp: True) is None
    assert align(3, 4 + MOST_LOST, lambda sample, stamp: True) is None


def test_lost_samples_are_found_where_the_rest_fits() -> None:
    # GIVEN samples and stamps that carry letters, and three samples lost
    stamps, samples = "aabbbbcccdda", "abbbcccda"
    found = align(len(samples), len(stamps), lambda sample, stamp: samples[sample] == stamps[stamp])
    assert found is not None
    assert [stamps[place] for place in found] == list(samples)
    assert found == sorted(set(found))


def test_without_any_hint_the_last_are_lost() -> None:
    assert align(3, 5, lambda sample, stamp: True) == [0, 1, 2]
