"""When our own greedy decoding takes `generate`'s place: what a checkpoint asks for counts as well."""

from __future__ import annotations

import pytest
from transformers import GenerationConfig

from handlers.language_model.decoding import is_plain_greedy
from handlers.language_model.steps import sampling_options

GREEDY = sampling_options({"max_new_tokens": 40})


class Model:
    """So much of a model as is asked for."""

    def __init__(self, **settings) -> None:
        self.generation_config = GenerationConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"eos_token_id": [1, 2], "pad_token_id": 0, "bos_token_id": 1, "max_length": 4096},
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.05},
        {"num_beams": 1, "repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "renormalize_logits": False},
        {"cache_implementation": "static"},
    ],
)
def test_what_changes_no_greedy_token(settings):
    """In Transformers 5 whatever is not set is None, and None stands for the usual value."""
    assert is_plain_greedy(Model(**settings), GREEDY)


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.05},
        {"no_repeat_ngram_size": 3},
        {"suppress_tokens": [5]},
        {"num_beams": 2},
        {"forced_eos_token_id": 3},
        {"min_new_tokens": 3},
        {"min_length": 3},
        {"guidance_scale": 1.5},
    ],
)
def test_what_is_left_to_generate(settings):
    assert not is_plain_greedy(Model(**settings), GREEDY)


def test_options_win_over_the_checkpoint_s_settings():
    assert is_plain_greedy(Model(repetition_penalty=1.05), GREEDY | {"repetition_penalty": 1.0})
    assert not is_plain_greedy(Model(), GREEDY | {"min_new_tokens": 2})
    assert not is_plain_greedy(Model(), sampling_options({"max_new_tokens": 40, "do_sample": True}))
    assert not is_plain_greedy(Model(), sampling_options({}))
