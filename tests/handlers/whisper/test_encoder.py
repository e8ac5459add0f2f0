"""Whisper's encoder on speech that grows: what was read of its beginning is not read again."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor

from handlers.whisper.encoder import LOOK_AHEAD_S, STEP_PLACES, WindowEncoder
from utils.models.bundled import resolve_model
from utils.system.engine_thread import always

RATE = 16_000
SENTENCE = "Yesterday we walked along the river until it was dark, and then the two of us took the last train home."
WINDOW_S = 8


@pytest.fixture(scope="module")
def tiny_en():
    return WhisperForConditionalGeneration.from_pretrained(resolve_model("bundled:whisper-tiny.en")).float().eval()


@pytest.fixture(scope="module")
def features(say):
    """features(audio) → of a window of 8 s."""
    extractor = WhisperProcessor.from_pretrained(resolve_model("bundled:whisper-tiny.en")).feature_extractor

    def make(audio):
        found = extractor(audio, sampling_rate=RATE, return_tensors="pt", max_length=WINDOW_S * RATE)
        return found.input_features

    return make


@pytest.fixture(scope="module")
def spoken(say):
    audio = say(SENTENCE)
    assert 4.6 < len(audio) / RATE < WINDOW_S - 1
    return audio


@torch.inference_mode()
def hear(encoder, features, audio, beginning=None):
    return encoder.encode_more(features(audio), always, beginning, len(audio) / RATE)


def test_the_beginning_is_kept_up_to_a_while_before_its_end(tiny_en, features, spoken):
    _, beginning = hear(WindowEncoder(tiny_en.model.encoder), features, spoken[: 4 * RATE])
    places = int((4 - LOOK_AHEAD_S) * 50)
    assert places % STEP_PLACES == 0
    assert beginning.states.shape == (1, places, 384)
    assert [keys.shape[2] for keys, _ in beginning.layers] == [places] * 4
    assert beginning.features.shape[2] == 2 * places


def test_of_short_speech_nothing_is_kept(tiny_en, features, spoken):
    assert hear(WindowEncoder(tiny_en.model.encoder), features, spoken[: 2 * RATE])[1] is None


def test_what_follows_is_read_as_it_would_be_in_one_go(tiny_en, features, spoken):
    """Nearly: the places that were kept have heard what follows them up to two seconds later."""
    encoder = WindowEncoder(tiny_en.model.encoder)
    _, beginning = hear(encoder, features, spoken[: 4 * RATE])
    states, longer = hear(encoder, features, spoken, beginning)
    whole, _ = hear(encoder, features, spoken)
    assert torch.equal(states[:, : beginning.states.shape[1]], beginning.states)
    assert longer.states.shape[1] > beginning.states.shape[1]
    alike = torch.nn.functional.cosine_similarity(states, whole, dim=2)[0]
    assert alike.mean() > 0.99
    assert (
        torch.nn.functional.cosine_similarity(hear(encoder, features, spoken[::-1].copy())[0], whole, dim=2).mean()
        < 0.9
    )


def test_it_is_less_work(tiny_en, features, spoken):
    read = []
    layer = tiny_en.model.encoder.layers[0].fc1
    hook = layer.register_forward_hook(lambda _, inputs, __: read.append(inputs[0].shape[1]))
    try:
        encoder = WindowEncoder(tiny_en.model.encoder)
        _, beginning = hear(encoder, features, spoken[: 4 * RATE])
        read.clear()
        hear(encoder, features, spoken, beginning)
    finally:
        hook.remove()
    assert read[-1] == WINDOW_S * 50 - beginning.states.shape[1]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda audio: np.concatenate([audio[RATE // 4 :], audio[: RATE // 4]]), id="other words"),
        pytest.param(lambda audio: np.concatenate([audio[: 4 * RATE], 30 * audio[4 * RATE :]]), id="much louder"),
    ],
)
def test_other_speech_is_read_from_its_beginning(tiny_en, features, spoken, other):
    encoder, audio = WindowEncoder(tiny_en.model.encoder), other(spoken)
    _, beginning = hear(encoder, features, spoken[: 4 * RATE])
    states, _ = hear(encoder, features, audio, beginning)
    assert torch.equal(states, hear(encoder, features, audio)[0])


@torch.inference_mode()
def test_a_whole_window_is_read_anew(tiny_en, features, spoken):
    encoder = WindowEncoder(tiny_en.model.encoder)
    _, beginning = hear(encoder, features, spoken[: 4 * RATE])
    whole = torch.zeros(1, 80, 3_000)
    states, kept = encoder.encode_more(whole, always, beginning, 5.0)
    assert kept is None
    assert torch.equal(states, encoder.encode(whole, always))


@torch.inference_mode()
def test_it_stops_between_layers(tiny_en, features, spoken):
    asked = iter([True, True, False])
    with pytest.raises(CancelledError):
        WindowEncoder(tiny_en.model.encoder).encode_more(features(spoken), lambda: next(asked), None, 5.0)


@torch.inference_mode()
@pytest.mark.parametrize("start", [0, 1, 2, 100])
def test_places_are_the_same_from_wherever_they_are_read(tiny_en, features, spoken, start):
    encoder, found = WindowEncoder(tiny_en.model.encoder), features(spoken)
    torch.testing.assert_close(encoder._places_of(found, start), encoder._places_of(found)[:, start:])


@torch.inference_mode()
def test_next_to_what_was_kept_the_states_are_as_right_as_elsewhere(tiny_en, features, spoken):
    encoder = WindowEncoder(tiny_en.model.encoder)
    _, beginning = hear(encoder, features, spoken[: 4 * RATE])
    seam = beginning.states.shape[1]
    states, whole = hear(encoder, features, spoken, beginning)[0], hear(encoder, features, spoken)[0]
    alike = torch.nn.functional.cosine_similarity(states, whole, dim=2)[0]
    assert alike[seam - 3 : seam + 3].min() > 0.95


@torch.inference_mode()
def test_a_beginning_only_grows(tiny_en, features, spoken):
    encoder = WindowEncoder(tiny_en.model.encoder)
    _, long = hear(encoder, features, spoken[: 4 * RATE])
    _, again = hear(encoder, features, spoken[: int(3.6 * RATE)], long)
    assert torch.equal(again.states, long.states)
