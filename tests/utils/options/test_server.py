"""Options of backends that are not chosen: skipped in a file, refused on the command line."""

from __future__ import annotations

import json

import pytest

from utils.options.parser import OptionError
from utils.options.server import read_server_options, server_options

BUNDLED = {
    "stt_model_name": "bundled:whisper-tiny.en", "lm_model_name": "a-folder", "lm_quantize": "int8",
    "lm_gen_num_beams": 2, "lm_gen_max_new_tokens": 96, "tts": "piper", "tts_model_name": "a-voice",
    "tts_length_scale": 2.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "part", "name", "notes"),
    [
        ({}, "lm", "a-folder", []),
        ({"lm": "transformers"}, "lm", "a-folder", []),
        ({"lm": "llama_cpp"}, "lm", "bundled:smollm2-135m-instruct", ["lm_model_name is", "lm_quantize, lm_gen_num"]),
        ({"lm": "llama_cpp", "lm_model_name": "x.gguf"}, "lm", "x.gguf", ["lm_quantize, lm_gen_num_beams: not used"]),
        ({"tts": "piper"}, "tts", "a-voice", []),
        ({"tts": "parler"}, "tts", "parler-tts/parler-tts-mini-v1", ["tts_model_name is", "chosen: tts_length_scale:"]),
        ({"tts": "parler", "tts_model_name": "mine"}, "tts", "mine", ["chosen: tts_length_scale: not used"]),
        ({"stt": "whisper"}, "stt", "bundled:whisper-tiny.en", []),
    ],
)
def test_a_backend_of_the_command_line_leaves_the_file_s_own_behind(typed, part, name, notes):
    options = server_options(typed, BUNDLED)
    assert getattr(getattr(options, part), f"{part}_model_name") == name
    assert len(options.notes) == len(notes)
    assert all(words in line for words, line in zip(notes, options.notes, strict=True))


@pytest.mark.parametrize("chosen", ["lm", "tts"])
def test_a_file_may_hold_options_of_a_backend_that_it_does_not_choose(chosen):
    file = {"lm": {"lm": "llama_cpp", "lm_quantize": "int8"}, "tts": {"tts": "piper", "play_steps_s": 1}}[chosen]
    (note,) = server_options({}, file).notes
    assert note == f"the config file has options of backends that are not chosen: {list(file)[1]}: not used"


def test_options_that_backends_share_stay():
    options = server_options({"lm": "llama_cpp"}, {**BUNDLED, "init_chat_role": "system", "lm_gen_temperature": 0.5})
    assert (options.lm.init_chat_role, options.lm.lm_gen_max_new_tokens) == ("system", 96)
    assert options.lm.lm_gen_temperature == 0.5


@pytest.mark.parametrize(
    ("typed", "file", "line"),
    [
        ({"lm_n_ctx": 512}, BUNDLED, "--lm_n_ctx belongs to --lm llama_cpp, which is not chosen"),
        ({"lm": "llama_cpp", "lm_quantize": "int8"}, BUNDLED, "--lm_quantize belongs to --lm transformers, which is "),
        ({"tts": "parler", "tts_length_scale": 1}, BUNDLED, "--tts_length_scale belongs to --tts piper, which is not "),
        ({"lm": "llama_cpp"}, {"lm_quantise": "int4"}, "unknown option --lm_quantise"),
        ({"lm": "llama_cpp"}, {"lm_n_ctx": "many"}, "--lm_n_ctx needs a whole number, not 'many'"),
        ({}, {"lm_quantize": "int4"}, "--lm_quantize int4: Transformers has no 4 bits for CPUs: use --lm llama_cpp"),
        ({"lm_quantize": "int4"}, {}, "--lm_quantize int4: Transformers has no 4 bits for CPUs: use --lm llama_cpp"),
        ({}, {"lm": "other"}, "--lm must be one of llama_cpp, transformers, not 'other'"),
    ],
)
def test_mistakes_are_still_refused(typed, file, line):
    with pytest.raises(OptionError) as error:
        server_options(typed, file)
    assert str(error.value).startswith(line)


def test_from_the_words_of_a_command_line(tmp_path, capsys):
    file = tmp_path / "c.json"
    file.write_text(json.dumps(BUNDLED))
    options = read_server_options([str(file), "--tts", "parler", "--lm", "llama_cpp", "--lm_n_ctx", "512"])
    assert (options.tts.tts_model_name, options.lm.lm_n_ctx) == ("parler-tts/parler-tts-mini-v1", 512)
    assert len(options.notes) == 2
    with pytest.raises(SystemExit) as end:
        read_server_options([str(file), "--tts", "parler", "--tts_length_scale", "1"])
    assert end.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("backend", ["transformers", "llama_cpp"])
@pytest.mark.parametrize(
    ("typed", "file", "sampled"),
    [
        ({}, {}, False),
        ({"lm_gen_temperature": "0.7"}, {}, True),
        ({}, {"lm_gen_temperature": 0.7}, True),
        ({"lm_gen_temperature": "0"}, {}, False),
        ({"lm_gen_temperature": "0.7", "lm_gen_do_sample": "false"}, {}, False),
        ({"lm_gen_temperature": "0.7"}, {"lm_gen_do_sample": False}, False),
        ({"lm_gen_do_sample": "true"}, {}, True),
    ],
)
def test_a_temperature_alone_samples(backend, typed, file, sampled):
    assert server_options({"lm": backend, **typed}, file).lm.lm_gen_do_sample is sampled
