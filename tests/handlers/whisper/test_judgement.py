"""What Whisper has heard, and whether it was said."""

from __future__ import annotations

import math

import pytest

from handlers.whisper.decoder import Decoded
from handlers.whisper.judgement import compression_ratio, confidence, is_speech, least_confidence

AGAIN = "and again " * 30


def decoded(mean: float, no_speech: float) -> Decoded:
    return Decoded((1, 2), mean, no_speech, True, False)


def test_confidence_joins_both_measures():
    assert confidence(decoded(-0.4, 0.0)) == pytest.approx(-0.4)
    assert confidence(decoded(-0.4, 0.95)) == pytest.approx(-0.4 + math.log(0.05))
    assert math.isfinite(confidence(decoded(-0.4, 1.0)))


@pytest.mark.parametrize(
    ("seconds", "doubtful", "threshold", "least"),
    [
        (1.0, False, -1.0, -1.0),
        (1.0, True, -1.0, -0.9),
        (1.0, True, -0.5, -0.5),
        (2.0, True, -1.0, -1.15),
        (2.0, True, -2.0, -2.0),
    ],
)
def test_how_sure_it_has_to_be(seconds, doubtful, threshold, least):
    assert least_confidence(threshold, seconds, doubtful) == least


@pytest.mark.parametrize(
    ("text", "mean", "no_speech", "speech"),
    [
        ("Yes.", -0.9, 0.05, True),
        ("you", -0.4, 0.95, False),
        ("Yes.", -1.1, 0.0, False),
        (AGAIN, -0.05, 0.59, True),  # somebody may say so
        (AGAIN, -0.05, 0.61, False),
        ("Yes.", -0.05, 0.61, True),
    ],
)
def test_what_is_speech(text, mean, no_speech, speech):
    assert is_speech(text, decoded(mean, no_speech), -1.0, 0.6) is speech


def test_text_that_repeats_itself_compresses_well():
    assert compression_ratio("") == 0.0
    assert compression_ratio("The train was late again.") < 1.2
    assert compression_ratio(AGAIN) > 2.4
