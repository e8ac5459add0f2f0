"""What of a prompt is kept, with caches that count tokens and hold nothing else."""

from __future__ import annotations

import pytest
import torch

from handlers.language_model.prompt_cache import (
    FixedCaches,
    GrowingCaches,
    RecurrentCaches,
    Session,
    common_prefix,
    keep_read_tokens,
)


class Counting:
    """A cache that holds so many tokens."""

    def __init__(self) -> None:
        self.tokens = 0

    def get_seq_length(self) -> int:
        return self.tokens

    def crop(self, tokens_to_remove: int) -> None:
        assert tokens_to_remove <= 0
        self.tokens += tokens_to_remove


def read(caches, session, prompt, new: int = 1, mark: bool = False) -> int:
    """Read a prompt, and `new` tokens that follow it → how many of the prompt's were held already."""
    cache = caches.prepare(session, prompt, new)
    held = cache.get_seq_length()
    assert session.tokens == prompt[:held]
    cache.tokens = len(prompt) + new
    keep_read_tokens(session, [*prompt, *range(100, 100 + new)])
    if mark:
        caches.mark(session)
    return held


@pytest.mark.parametrize(
    ("first", "second", "prefix"), [([], [], 0), ([1], [2], 0), ([1, 2, 3], [1, 2, 4], 2), ([1, 2], [1, 2, 3], 2)]
)
def test_the_common_prefix(first, second, prefix):
    assert common_prefix(first, second) == common_prefix(second, first) == prefix


def test_a_growing_cache_keeps_what_prompts_share_and_never_all():
    caches, session = GrowingCaches(Counting), Session()
    assert read(caches, session, [1, 2, 3, 4]) == 0
    assert read(caches, session, [1, 2, 3, 4, 100, 5]) == 5
    assert read(caches, session, [1, 2, 9]) == 2
    assert read(caches, session, [1, 2, 9]) == 2
    assert read(caches, session, [8, 2, 9]) == 0


def test_a_recurrent_cache_goes_on_where_the_prompt_goes_on():
    caches, session = RecurrentCaches(Counting), Session()
    assert read(caches, session, [1, 2, 3]) == 0
    assert read(caches, session, [1, 2, 3, 100, 4]) == 4
    assert read(caches, session, [1, 2, 3, 100, 4, 100], new=0) == 0  # it held all of that: the last must be read
    assert read(caches, session, [1, 2, 7]) == 0


def test_a_recurrent_cache_goes_back_to_its_mark():
    caches, session = RecurrentCaches(Counting), Session()
    assert read(caches, session, [1, 2, 3], new=0, mark=True) == 0
    for prompt in ([1, 2, 3, 4, 5], [1, 2, 3, 6], [1, 2, 3, 7, 8]):
        assert read(caches, session, prompt, new=9) == 3
    assert read(caches, session, [1, 2, 3, 7, 8, *range(100, 109), 4], new=0) == 14
    assert read(caches, session, [1, 2, 4]) == 0


def test_a_recurrent_cache_that_has_read_more_than_is_known_is_not_used():
    caches, session = RecurrentCaches(Counting), Session()
    read(caches, session, [1, 2, 3], new=0)
    session.cache.tokens += 1
    assert read(caches, session, [1, 2, 3, 4]) == 0


@torch.inference_mode()
def store(cache, number: int) -> None:
    """One token, whose keys and values are this number."""
    states = torch.full((1, 1, 1, 2), float(number))
    for layer in range(2):
        cache.update(states, states, layer)


@torch.inference_mode()
def held(cache) -> list[int]:
    assert len(set(map(int, (layer.get_seq_length() for layer in cache.layers)))) == 1
    return cache.layers[1].values[0, 0, : int(cache.get_seq_length()), 0].int().tolist()


@torch.inference_mode()
def test_a_fixed_cache_is_one_session_s_and_is_followed_by_a_longer_one():
    caches, sessions = FixedCaches(2, [4, 8]), [Session(), Session()]
    for length in (8, 4):
        store(caches.prepare(Session(), [1] * (length - 1), 1), 0)

    def prepared(session: Session, prompt: list[int]) -> tuple[int, list[int]]:
        cache = caches.prepare(session, prompt, 1)
        kept = held(cache)
        for number in prompt[len(kept) :]:
            store(cache, number)
        keep_read_tokens(session, prompt)
        return cache.get_max_length(), kept

    assert prepared(sessions[0], [1, 2, 3]) == (4, [])
    assert prepared(sessions[0], [1, 2, 3, 4, 5]) == (8, [1, 2, 3])
    assert prepared(sessions[0], [1, 2, 3, 9, 5]) == (8, [1, 2, 3])
    assert prepared(sessions[1], [1, 2, 3]) == (4, [])
    assert prepared(sessions[0], [1, 2, 3]) == (4, [])
