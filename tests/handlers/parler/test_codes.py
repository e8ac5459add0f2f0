"""Codes and audio are those of the library's `generate()`, for every architecture and kind of sampling."""

from __future__ import annotations

import pytest
import torch

from benchmarks.parler_reference.client import Case
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from tests.handlers.parler.conftest import ARCHITECTURES, DESCRIPTION, TEXT
from tests.parler_checkpoint import CODEBOOKS, DELAY, EOS, build

OPTIONS = {
    "greedy": {"do_sample": False, "max_new_tokens": 60},
    "sampled": {"max_new_tokens": 60},
    "sampled from all": {"max_new_tokens": 60, "temperature": 2.0, "top_k": 0},
    "as short as may be": {"max_new_tokens": 17},
    "narrow": {"max_new_tokens": 40, "top_k": 5, "top_p": 0.8, "temperature": 0.7},
    "at least so long": {"max_new_tokens": 70, "min_new_tokens": 40},
}


@pytest.fixture
def equal_to_generate(reference, speech_of, folder_of):
    """equal_to_generate(architecture, cases): the codes are those of `generate()`, and so is the audio."""

    def compare(architecture, *cases):
        speech = speech_of(architecture)
        for case, (expected, audio) in zip(cases, reference.generate(folder_of(architecture), cases), strict=True):
            codes = speech.codes(case.text, case.description, seed=case.seed, **case.options)
            assert codes.shape == expected.shape
            assert torch.equal(codes, expected)
            torch.testing.assert_close(speech.audio(codes), audio, atol=1e-5, rtol=0)

    return compare


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_codes_are_those_of_generate(equal_to_generate, architecture):
    cases = [Case(TEXT, DESCRIPTION, seed, options) for seed, options in enumerate(OPTIONS.values())]
    equal_to_generate(architecture, *cases)


def test_some_of_these_runs_end_and_some_are_cut_off(speech_of):
    """Or the comparison above would be of one kind only."""
    cut_off = [
        speech_of(architecture).codes(TEXT, DESCRIPTION, seed=seed, **options).shape[1]
        == options["max_new_tokens"] - DELAY
        for architecture in ARCHITECTURES
        for seed, options in enumerate(OPTIONS.values())
    ]
    assert 0.2 < sum(cut_off) / len(cut_off) < 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 1.3, "do_sample": False},
        {"min_p": 0.05},
        {"typical_p": 0.7},
        {"epsilon_cutoff": 0.002},
        {"eta_cutoff": 0.002},
        {"temperature": 0.5, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.1},
    ],
    ids=str,
)
def test_each_option_shapes_the_codes_as_in_generate(equal_to_generate, options):
    equal_to_generate("mini", Case(TEXT, DESCRIPTION, 3, {"max_new_tokens": 50, **options}))


@pytest.mark.parametrize("frames", range(4))
def test_a_voice_that_ends_at_once_makes_what_it_must(tmp_path, frames):
    speech = ParlerSpeech(Checkpoint.load(str(build(tmp_path, favourite=EOS)), torch.float32, "cpu"))
    codes = speech.codes(TEXT, DESCRIPTION, min_new_tokens=frames, max_new_tokens=100)
    assert codes.shape == (CODEBOOKS, frames)


@pytest.mark.parametrize("text", ["", "A", "Ein längerer Text, der weiter reicht: " * 8, "word " * 150])
def test_texts_and_descriptions_of_any_length(equal_to_generate, text):
    equal_to_generate("mini", Case(text, text or "x", 1, {"max_new_tokens": 40}))


def test_a_cache_that_has_to_grow(equal_to_generate):
    """Over 512 positions, then over 1,024."""
    equal_to_generate("mini", Case("Long. " * 80, DESCRIPTION, 1, {"max_new_tokens": 620, "min_new_tokens": 620}))


def test_without_a_seed_torchs_own_is_drawn_from(speech):
    torch.manual_seed(5)
    first = speech.codes(TEXT, DESCRIPTION, max_new_tokens=40)
    torch.manual_seed(5)
    assert torch.equal(first, speech.codes(TEXT, DESCRIPTION, max_new_tokens=40))
    assert torch.equal(first, speech.codes(TEXT, DESCRIPTION, seed=5, max_new_tokens=40))
    assert not torch.equal(first, speech.codes(TEXT, DESCRIPTION, seed=6, max_new_tokens=40))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_of_a_batch_are_as_alone(speech_of, architecture):
    """Of different texts, voices and lengths; in float32 on a CPU, where a sum's order changes its seventh digit."""
    speech = speech_of(architecture)
    texts = ["Hello there.", "A", "This one is quite a bit longer than the others are."]
    voices = ["A calm voice.", "Shouting.", "A very slow and deep voice, somewhere far away."]
    for options in ({"do_sample": False, "max_new_tokens": 50}, OPTIONS["sampled from all"]):
        together = speech.batch_codes(texts, voices, seeds=[4, 5, 6], **options)
        alone = [
            speech.codes(text, voice, seed=seed, **options)
            for text, voice, seed in zip(texts, voices, (4, 5, 6), strict=True)
        ]
        for one, other in zip(together, alone, strict=True):
            assert torch.equal(one, other)


def test_a_batch_has_seeds_for_all_or_for_none(speech):
    with pytest.raises(ValueError, match="seed"):
        speech.batch_codes(["a", "b"], ["c", "d"], seeds=[1, None], max_new_tokens=20)


@pytest.mark.parametrize("option", ["no_repeat_ngram_size", "num_beams", "guidance_scale", "penalty_alpha"])
def test_options_that_are_not_supported_are_named(speech, option):
    with pytest.raises(ValueError, match=option):
        speech.codes(TEXT, DESCRIPTION, **{option: 3})
