"""Each published model, in tiny widths but of its own structure, through the real engine and handler."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.parler_configs import PUBLISHED, TINY, config_json, generation_json, tiny
from benchmarks.parler_reference.client import Case
from benchmarks.parler_writer import NEW_NORM, OLD_NORM, Form
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.config import parse_config
from handlers.parler.handler import ParlerTTSHandler
from handlers.parler.loader import text_encoder
from handlers.parler.modules import Parler
from handlers.parler.speech import ParlerSpeech
from tests.handlers.parler.conftest import DESCRIPTION, TEXT
from tests.parler_checkpoint import SHORT_FRAMES, build
from utils.system.engine_thread import always

KINDS = {
    "greedy": {"do_sample": False},
    "sampled": {},
    "narrow": {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
}
CASES = [Case(TEXT, DESCRIPTION, 3, {"max_new_tokens": 60, **options}) for options in KINDS.values()]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    """model_folder(name) → the folder of a tiny model of this structure."""

    @functools.cache
    def built(name):
        structure = tiny(name)
        form = Form(norm=OLD_NORM if name == "jenny" else NEW_NORM) if structure.descript else None
        return build(tmp_path_factory.mktemp(name), structure=structure, restless=True, form=form)

    return built


@pytest.mark.parametrize("name", PUBLISHED)
def test_codes_and_audio_are_those_of_generate(reference, model_folder, name):
    speech = ParlerSpeech(Checkpoint.load(str(model_folder(name)), torch.float32, "cpu"))
    for case, (expected, audio) in zip(CASES, reference.generate(model_folder(name), CASES), strict=True):
        codes = speech.codes(case.text, case.description, seed=case.seed, **case.options)
        assert torch.equal(codes, expected)
        torch.testing.assert_close(speech.audio(codes), audio, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_two_sentences_are_spoken(load_parler, open_stage, audio_of, model_folder, name):
    engine = load_parler(model_folder(name))
    first, second = open_stage(ParlerTTSHandler, engine).reply("Hello there.", "And once more.")
    for sentence in (first, second):
        assert len(audio_of(sentence)) == SHORT_FRAMES * engine.speech.codec.hop
        assert 1_000 < np.std(audio_of(sentence)) < 20_000


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_utterance_that_is_left_changes_nothing_of_the_next(load_parler, speak, model_folder, name):
    engine = load_parler(model_folder(name), play_steps_s=0.02)
    expected = speak(engine)
    with contextlib.closing(engine.stream("Something else.", always)) as stream:
        assert len(next(stream))
    again = speak(engine)
    # How long the chunks are depends on the time that they take, and the last bit of a sample on where a chunk begins.
    assert len(again) == len(expected)
    assert np.abs(again.astype(int) - expected).max() <= 1


def test_the_structures_differ_as_the_published_ones_do():
    """Which of them project their descriptions, have fused heads, descript's codec."""
    projected, fused = {"large-v1", "jenny"}, {"mini-multilingual-v1.1", "indic"}
    descript = {"mini-v1", "large-v1", "jenny"}
    for name in PUBLISHED:
        for structure in (PUBLISHED[name], tiny(name)):
            assert (structure.text["d_model"] != structure.decoder["hidden_size"]) == (name in projected)
            assert structure.decoder.get("use_fused_lm_heads", False) == (name in fused)
            assert structure.descript == (name in descript)


def test_mini_v1_has_as_many_weights_as_its_published_file():
    """The file is 3,511,490,560 bytes long. Its codec is normed, and its head names each tensor."""
    config = parse_config(config_json(PUBLISHED["mini-v1"]), generation_json())
    with torch.device("meta"):
        model = Parler(config, text_encoder(config), torch.nn.Identity())
    codec = 76.65e6
    weights = sum(weight.numel() for weight in model.parameters()) + codec
    assert 4 * weights == pytest.approx(3_511_490_560, rel=2e-4)


BERT = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
TEXT_ENCODERS = {
    "mt5": {**TINY.text, "model_type": "mt5"},
    "umt5": {**TINY.text, "model_type": "umt5"},
    "bert": {**BERT, "model_type": "bert"},
    "roberta": {**BERT, "model_type": "roberta", "pad_token_id": 1},
}


@pytest.mark.parametrize("name", TEXT_ENCODERS)
def test_descriptions_are_read_by_the_text_encoder_that_is_named(reference, tmp_path, name):
    """Some have buffers that no file has: positions, for instance."""
    folder = build(tmp_path, structure=replace(TINY, text=TEXT_ENCODERS[name]), restless=True)
    speech = ParlerSpeech(Checkpoint.load(str(folder), torch.float32, "cpu"))
    for case, (expected, _) in zip(CASES, reference.generate(folder, CASES), strict=True):
        assert torch.equal(speech.codes(case.text, case.description, seed=3, **case.options), expected)


@pytest.mark.more
def test_the_real_codec_sounds_as_the_library_makes_it(reference, tmp_path):
    """In its real widths, 76.65 M parameters, behind a tiny decoder."""
    structure = replace(TINY, codec=PUBLISHED["mini-v1"].codec, descript=True)
    folder = build(tmp_path, structure=structure, restless=True, form=Form(norm=NEW_NORM))
    speech = ParlerSpeech(Checkpoint.load(str(folder), torch.float32, "cpu"))
    [(expected, audio)] = reference.generate(folder, CASES[:1])
    codes = speech.codes(TEXT, DESCRIPTION, seed=3, **CASES[0].options)
    assert torch.equal(codes, expected)
    torch.testing.assert_close(speech.audio(codes), audio, atol=1e-5, rtol=0)
