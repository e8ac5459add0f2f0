"""A checkpoint that the engine can't speak with is refused by name when it is loaded, never in mid-sentence."""

from __future__ import annotations

import pytest
import torch
from transformers import EncodecConfig, EncodecModel, T5EncoderModel

from benchmarks.parler_models import TINY_DECODER, TINY_TEXT, byte_tokenizer, random_model, text_config, tiny_codec
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.speech import ParlerSpeech
from tests.parler_checkpoint import DELAY


@pytest.fixture
def model():
    return random_model(T5EncoderModel(text_config(**TINY_TEXT)), tiny_codec(), TINY_DECODER)


def test_what_is_not_refused_speaks(model):
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
    assert speech.codes("Hello.", "A voice.", seed=0, max_new_tokens=20, min_new_tokens=20).shape == (9, 20 - DELAY)


def test_several_audio_channels(model):
    model.config.decoder.audio_channels = 2
    with pytest.raises(ValueError, match="this Parler-TTS checkpoint makes 2 audio channels; one is supported"):
        Checkpoint(model, byte_tokenizer())


def test_a_description_that_is_not_projected(model):
    model.config.text_encoder.d_model = 48
    with pytest.raises(ValueError, match="does not project its text encoder's width 48 to 32"):
        Checkpoint(model, byte_tokenizer())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("eos_token_id", [1024, 1025], "these ids for one sign"),
        ("pad_token_id", 1025, "pad_token_id is not its eos_token_id"),
        ("bos_token_id", 1024, "bos_token_id is not its decoder_start_token_id"),
        ("decoder_start_token_id", None, "these ids for one sign"),
    ],
)
def test_signs_that_are_not_those_of_all_others(model, name, value, message):
    setattr(model.generation_config, name, value)
    with pytest.raises(ValueError, match=message):
        Checkpoint(model, byte_tokenizer())


def test_an_end_that_is_listed_alone_is_one_end(model):
    model.generation_config.eos_token_id = [1024]
    assert Checkpoint(model, byte_tokenizer()).ids.end == 1024


def test_prompts_of_another_width(model):
    model.embed_prompts = torch.nn.Embedding(300, 16)
    with pytest.raises(ValueError, match="prompts are 16 wide, its decoder 32"):
        Checkpoint(model, byte_tokenizer())


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")  # by Encodec's own code
def test_another_codec(model):
    model.audio_encoder = EncodecModel(EncodecConfig(num_filters=2, hidden_size=4, codebook_size=4, codebook_dim=4))
    with pytest.raises(ValueError, match="the codec EncodecModel is not supported"):
        ParlerSpeech(Checkpoint(model, byte_tokenizer()))


def test_a_long_prompt_is_cut_with_a_warning(model, caplog):
    speech = ParlerSpeech(Checkpoint(model, byte_tokenizer()))
    codes = speech.codes("a" * 2_000, "A voice.", seed=0, max_new_tokens=12, min_new_tokens=12)
    assert codes.shape == (9, 12 - DELAY)
    assert "a text of 2001 tokens is too long for one utterance: its end is cut" in caplog.text
