"""What a checkpoint asks for and the engine can't do is refused by name, before any weight is read."""

from __future__ import annotations

import json

import pytest

from benchmarks.parler_configs import PUBLISHED, TINY, config_json, generation_json
from handlers.parler.config import parse_config, read_config


def changed(**values):
    """A valid config.json but for these values, `part__field`; None takes the field away."""
    config = config_json(TINY)
    for key, value in values.items():
        *parents, last = key.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        place[last] = value
        if value is None:
            del place[last]
    return config


def test_sizes_of_a_published_model():
    config = parse_config(config_json(PUBLISHED["large-v1"]), generation_json())
    decoder, ids = config.decoder, config.ids
    assert (decoder.hidden_size, decoder.head_size, decoder.num_hidden_layers, decoder.ffn_dim) == (1536, 64, 30, 6144)
    assert (ids.codebooks, ids.codes, ids.end, ids.begin) == (9, 1024, 1024, 1025)
    assert config.projected
    assert not parse_config(config_json(PUBLISHED["mini-v1"]), generation_json()).projected
    assert config.text_encoder_name == "google/flan-t5-large"


def test_what_is_left_out_has_the_librarys_defaults():
    config = changed(decoder__max_position_embeddings=None, decoder__num_attention_heads=4)
    decoder = parse_config(config, generation_json()).decoder
    assert (decoder.max_position_embeddings, decoder.activation_function) == (2048, "gelu")
    assert (decoder.num_key_value_heads, decoder.num_cross_attention_key_value_heads) == (4, 4)
    grouped = parse_config(changed(decoder__num_key_value_heads=2), generation_json()).decoder
    assert grouped.num_cross_attention_key_value_heads == 2


def test_without_a_generation_config_the_signs_are_those_of_the_configuration():
    ids = parse_config(changed()).ids
    assert (ids.end, ids.begin) == (1024, 1025)


def test_an_end_that_is_listed_alone_is_one_end():
    assert parse_config(changed(), generation_json() | {"eos_token_id": [1024]}).ids.end == 1024


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "musicgen"}, "no Parler-TTS checkpoint: its config.json has model_type 'musicgen'"),
        ({"model_type": None}, "no Parler-TTS checkpoint: its config.json has model_type None"),
        ({"decoder": None}, "config.json has no part 'decoder'"),
        ({"text_encoder": None}, "config.json has no part 'text_encoder'"),
        ({"text_encoder__model_type": "t55"}, "does not know the text encoder's model type 't55'"),
        ({"text_encoder__num_layers": "two"}, "a text encoder that Transformers refuses"),
        ({"decoder__audio_channels": 2}, "makes 2 audio channels; one is supported"),
        ({"text_encoder__d_model": 48, "decoder__cross_attention_hidden_size": 32}, "does not project .* 48 to 32"),
        ({"decoder__cross_attention_hidden_size": 48}, "does not project its text encoder's width 32 to 32"),
        ({"decoder__hidden_size": "wide"}, "decoder.hidden_size 'wide'; it has to be a number of at least 1"),
        ({"decoder__num_hidden_layers": 0}, "decoder.num_hidden_layers 0"),
        ({"decoder__num_attention_heads": 5}, "decoder.num_attention_heads 5, which does not divide evenly"),
        ({"decoder__num_key_value_heads": 3}, "decoder.num_key_value_heads 3, which does not divide evenly"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_config(changed(**values), generation_json())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("eos_token_id", [1024, 1025], "these ids for one sign"),
        ("pad_token_id", 1025, "pad_token_id is not its eos_token_id"),
        ("bos_token_id", 1024, "bos_token_id is not its decoder_start_token_id"),
        ("decoder_start_token_id", None, "these ids for one sign"),
    ],
)
def test_signs_that_are_not_those_of_all_others(name, value, message):
    with pytest.raises(ValueError, match=message):
        parse_config(changed(), generation_json() | {name: value})


def test_signs_that_the_decoder_has_no_room_for():
    generation = generation_json() | {"eos_token_id": 1026, "pad_token_id": 1026}
    with pytest.raises(ValueError, match="no room for its ids 1026 and 1025"):
        parse_config(changed(), generation)


def test_a_folder_without_a_configuration(tmp_path):
    with pytest.raises(OSError, match=r"has no config\.json"):
        read_config(tmp_path)


@pytest.mark.parametrize("content", [b'{"model_type": "parler', b"[]", b"\xff\xfe"], ids=["cut", "a list", "binary"])
def test_a_damaged_configuration(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        read_config(tmp_path)


def test_a_damaged_generation_configuration(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(changed()))
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"generation_config\.json is damaged"):
        read_config(tmp_path)
