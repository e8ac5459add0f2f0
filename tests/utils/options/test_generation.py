"""Further `--*_gen_X` options: known names, refused names, refused values, and the types that `generate` wants."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from utils.options.generation import (
    LIMITS,
    NOT_SETTABLE,
    NOT_SETTABLE_FOR,
    UnknownGenerationOption,
    check_generation_options,
)
from utils.options.parser import OptionError
from utils.options.server import server_options
from utils.system.local_server import ROOT

PREFIX = {"whisper": "stt_gen_", "causal": "lm_gen_", "parler": "tts_gen_"}


def check(target: str, listed: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    return check_generation_options(PREFIX[target], extra, target, listed)


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        ("causal", "top_p", 0.9),
        ("causal", "top_k", 0),
        ("causal", "suppress_tokens", [1, 2]),
        ("causal", "early_stopping", "never"),
        ("causal", "num_beams", 4),
        ("causal", "top_k", None),
        ("whisper", "condition_on_prev_tokens", True),
        ("whisper", "logprob_threshold", -0.5),
        ("whisper", "temperature", [0.0, 0.2]),
        ("parler", "repetition_penalty", 1.2),
        ("parler", "do_sample", False),
    ],
)
def test_what_generate_knows_is_accepted(target, name, value):
    assert check(target, **{name: value}) == {name: value}


@pytest.mark.parametrize(
    ("target", "name", "line"),
    [
        ("causal", "nonsense", "--lm_gen_nonsense: the model's generate() has no option 'nonsense'"),
        (
            "whisper",
            "num_beamz",
            "--stt_gen_num_beamz: the model's generate() has no option 'num_beamz' (did you mean --stt_gen_num_beams?)",
        ),
        (
            "causal",
            "condition_on_prev_tokens",
            "--lm_gen_condition_on_prev_tokens: the model's generate() has no option 'condition_on_prev_tokens' "
            "(did you mean --lm_gen_min_new_tokens?)",
        ),
        ("whisper", "self", "--stt_gen_self: the model's generate() has no option 'self'"),
        (
            "whisper",
            "input_features",
            "--stt_gen_input_features can't be set for this model from the command line",
        ),
        ("causal", "eos_token_id", "--lm_gen_eos_token_id can't be set for this model from the command line"),
        ("causal", "num_beam_groups", "--lm_gen_num_beam_groups: Transformers 5 has no beams in groups any more"),
        ("causal", "penalty_alpha", "--lm_gen_penalty_alpha: Transformers 5 has no contrastive search any more"),
        ("parler", "dola_layers", "--tts_gen_dola_layers: Transformers 5 has no DoLa any more"),
        ("causal", "disable_compile", "--lm_gen_disable_compile can't be set for this model from the command line"),
        ("causal", "stop_strings", "--lm_gen_stop_strings can't be set for this model from the command line"),
        ("parler", "num_beams", "--tts_gen_num_beams can't be set for this model from the command line"),
    ],
)
def test_a_name_that_can_not_be_used_is_refused_by_name(target, name, line):
    with pytest.raises(UnknownGenerationOption) as error:
        check(target, **{name: 3})
    assert str(error.value) == line


@pytest.mark.parametrize("target", PREFIX)
def test_a_suggestion_can_be_used(target):
    for name in NOT_SETTABLE | NOT_SETTABLE_FOR[target]:
        with pytest.raises(UnknownGenerationOption) as error:
            check(target, **{name + "x": 3})
        _, found, suggestion = str(error.value).partition("did you mean --")
        if found:
            assert suggestion.removesuffix("?)").removeprefix(PREFIX[target]) not in NOT_SETTABLE_FOR[target]
            assert suggestion.removesuffix("?)").removeprefix(PREFIX[target]) not in NOT_SETTABLE


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("top_p", "many", "--lm_gen_top_p needs a number, not 'many'"),
        ("top_p", "NaN", "--lm_gen_top_p needs a number, not 'NaN'"),
        ("top_p", True, "--lm_gen_top_p needs a value"),
        ("top_p", 1.5, "--lm_gen_top_p must be at most 1.0, not 1.5"),
        ("top_k", 1.5, "--lm_gen_top_k needs a whole number, not 1.5"),
        ("top_k", -1, "--lm_gen_top_k must be at least 0, not -1"),
        ("temperature", [0.0, 0.2], "--lm_gen_temperature needs a number, not [0.0, 0.2]"),
        ("num_beams", 0, "--lm_gen_num_beams must be at least 1, not 0"),
        ("repetition_penalty", 0, "--lm_gen_repetition_penalty must be more than 0.0, not 0.0"),
        ("typical_p", 0, "--lm_gen_typical_p must be more than 0.0, not 0.0"),
        ("epsilon_cutoff", 1, "--lm_gen_epsilon_cutoff must be less than 1.0, not 1.0"),
        ("do_sample", "perhaps", "--lm_gen_do_sample needs true or false, not 'perhaps'"),
        ("guidance_scale", "abc", "--lm_gen_guidance_scale needs a number, not 'abc'"),
        (
            "early_stopping",
            3,
            "--lm_gen_early_stopping 3 is refused: `early_stopping` must be a boolean or 'never', but is 3.",
        ),
    ],
)
def test_a_value_that_can_not_be_used_is_one_line(name, value, line):
    with pytest.raises(OptionError) as error:
        check("causal", **{name: value})
    assert str(error.value) == line


def test_values_are_checked_together_with_the_listed_options():
    with pytest.raises(UnknownGenerationOption) as error:
        check("whisper", {"num_beams": 4}, length_penalty=0.5, prompt_lookup_num_tokens=3)
    line = str(error.value)
    assert line.startswith("--stt_gen_prompt_lookup_num_tokens 3 is refused: ")
    assert "\n" not in line
    assert check("whisper", {"num_beams": 1}, prompt_lookup_num_tokens=3) == {"prompt_lookup_num_tokens": 3}


def test_temperatures_of_whisper_are_checked_one_by_one():
    assert check("whisper", temperature=["0", 1]) == {"temperature": [0.0, 1.0]}
    with pytest.raises(OptionError, match=r"^--stt_gen_temperature must be at least 0.0, not -1.0$"):
        check("whisper", temperature=[0.0, -1])


FLOATS = {
    "temperature": transformers.TemperatureLogitsWarper,
    "repetition_penalty": transformers.RepetitionPenaltyLogitsProcessor,
    "top_p": transformers.TopPLogitsWarper,
    "min_p": transformers.MinPLogitsWarper,
    "top_h": transformers.TopHLogitsWarper,
    "typical_p": transformers.TypicalLogitsWarper,
    "epsilon_cutoff": transformers.EpsilonLogitsWarper,
    "encoder_repetition_penalty": lambda value: transformers.EncoderRepetitionPenaltyLogitsProcessor(value, [[1]]),
}
WHOLE = {"top_k": transformers.TopKLogitsWarper, "no_repeat_ngram_size": transformers.NoRepeatNGramLogitsProcessor}
OFF = {
    "temperature": (0.0,),
    "typical_p": (1.0,),
    "epsilon_cutoff": (0.0,),
    "top_k": (0,),
    "no_repeat_ngram_size": (0,),
}


@given(name=st.sampled_from(sorted(FLOATS)), value=st.floats(-2, 2) | st.integers(-2, 2))
def test_ranges_are_those_of_the_processors(name, value):
    """What is accepted, the processor takes as it is returned; what is refused, it refuses too."""
    agree(FLOATS[name], name, value)


@given(name=st.sampled_from(sorted(WHOLE)), value=st.integers(-3, 100))
def test_ranges_of_whole_numbers_are_those_of_the_processors(name, value):
    agree(WHOLE[name], name, value)


def agree(processor: Any, name: str, value: float) -> None:
    try:
        accepted = check("causal", **{name: value})[name]
    except OptionError:
        with pytest.raises(ValueError, match=r"has to be|should be|must be"):
            processor(LIMITS[name][0](value))
    else:
        assert accepted == value
        if accepted not in OFF.get(name, ()):
            processor(accepted)


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_every_limit_is_of_an_option_that_exists(name):
    kind, limits = LIMITS[name]
    value = kind(limits.get("max", limits.get("min", 1)))
    assert check("whisper", {"num_beams": 4, "top_k": 4} if name != "prompt_lookup_num_tokens" else {}, **{name: value})


def test_the_server_hands_a_checked_value_on():
    options = server_options({"lm_gen_repetition_penalty": "2", "lm_gen_top_k": "5", "stt_gen_top_p": "1"})
    assert options.lm.extra_gen == {"repetition_penalty": 2.0, "top_k": 5}
    assert [type(value) for value in options.lm.extra_gen.values()] == [float, int]
    assert type(options.stt.extra_gen["top_p"]) is float


def test_the_server_checks_further_options_with_the_listed_ones():
    values = {"stt_gen_prompt_lookup_num_tokens": "3"}
    assert server_options(values).stt.extra_gen == {"prompt_lookup_num_tokens": 3}
    with pytest.raises(UnknownGenerationOption, match=r"^--stt_gen_prompt_lookup_num_tokens 3 is refused: "):
        server_options({**values, "stt_gen_num_beams": 4})


def test_transformers_is_imported_only_for_an_option_that_is_not_listed():
    code = (
        "import sys\n"
        "from utils.options.server import read_server_options\n"
        "read_server_options(['--stt_gen_num_beams', '2', '--lm_gen_temperature', '0.5'])\n"
        "assert 'transformers' not in sys.modules\n"
        "read_server_options(['--lm_gen_top_k', '5'])\n"
        "assert 'transformers' in sys.modules\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
