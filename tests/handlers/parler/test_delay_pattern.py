"""The delay pattern against the library's masks, and its ends by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.parler.delay_pattern import DelayPattern, Ids

IDS = Ids(codebooks=4, codes=10, end=10, begin=11)
LEAST_WITH_MASK = 2 * IDS.codebooks - 1  # columns; the library masks nothing of a shorter run


def run(pattern: DelayPattern, columns: list[list[int]]):
    """(frames, what goes in after each step) until it is over or there are no more columns."""
    frames, inputs = [], []
    for column in columns:
        if pattern.over:
            break
        frame = pattern.take(column)
        if frame is not None:
            frames.append(frame)
        inputs.append(pattern.next_inputs())
    return frames, inputs


def codes(columns: int) -> list[list[int]]:
    """Columns in which every code tells where it is from."""
    return [[(column + codebook) % 10 for codebook in range(IDS.codebooks)] for column in range(columns)]


@pytest.mark.parametrize("longest", range(LEAST_WITH_MASK - 1, 41))
def test_inputs_are_those_of_the_library(reference, longest):
    columns = codes(longest)
    _, inputs = run(DelayPattern(IDS, longest), columns)
    assert inputs == reference.delayed(columns, IDS.begin, IDS.end)


@given(st.integers(0, 40))
def test_a_run_without_an_end_is_whole_frames(longest):
    columns = codes(longest)
    pattern = DelayPattern(IDS, longest)
    frames, inputs = run(pattern, columns)
    assert len(inputs) == longest
    assert pattern.over
    assert pattern.cut_off
    expected = [[columns[number + k][k] for k in range(4)] for number in range(max(0, longest - IDS.codebooks + 1))]
    assert frames == expected


@given(st.integers(1, 30), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_an_end_goes_through_the_codebooks(first_end, gaps):
    """All frames before the end come, and no step is made that no frame needs."""
    columns = codes(60)
    ends = [first_end + sum(gaps[:k]) for k in range(4)]
    for codebook, end in enumerate(ends):
        columns[end - 1][codebook] = IDS.end
    pattern = DelayPattern(IDS, 60)
    frames, inputs = run(pattern, columns)
    assert len(frames) == max(0, first_end - 1)
    assert all(max(frame) < IDS.codes for frame in frames)
    assert len(inputs) == first_end + IDS.codebooks - 2
    assert not pattern.cut_off


def test_a_codebook_may_end_when_the_one_before_has():
    pattern = DelayPattern(IDS, 60)
    seen = []
    for column in [[1, 1, 1, 1], [10, 1, 1, 1], [1, 1, 1, 1], [1, 10, 1, 1]]:
        seen.append(pattern.may_end)
        pattern.take(column)
    assert [*seen, pattern.may_end] == [0, 0, 1, 1, 2]
    assert pattern.next_inputs()[:2] == [IDS.end, IDS.end]


def test_an_utterance_of_no_steps_is_over():
    assert DelayPattern(IDS, 0).over


def test_a_column_has_a_token_of_each_codebook():
    with pytest.raises(ValueError, match="zip"):
        DelayPattern(IDS, 5).take([1, 2, 3])
