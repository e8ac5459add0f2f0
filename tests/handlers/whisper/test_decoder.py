"""Whisper's encoder and decoder of our own: the states and tokens of Transformers', with and without drafts."""

from __future__ import annotations

from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration, WhisperProcessor

from handlers.whisper.decoder import GreedyDecoder, Prompt
from handlers.whisper.encoder import LEVELS_KEPT, WindowEncoder
from handlers.whisper.options import is_plain, languages
from utils.models.bundled import resolve_model
from utils.system.engine_thread import always

RATE = 16_000
LIMIT = 40
SENTENCES = [
    "What is the capital of France?",
    "My name is Anna and I live in Berlin with my two cats.",
    "The train was late again, so I missed the beginning of the film.",
    "Yes.",
]
END, START, TRANSCRIBE, NO_SPEECH, NO_TIMESTAMPS = 90, 91, 94, 95, 96
LANGUAGES = {"<|en|>": 92, "<|de|>": 93}


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def tiny_en(request):
    folder = resolve_model("bundled:whisper-tiny.en")
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=request.param).eval()
    config = model.generation_config
    prompt = Prompt(
        (config.decoder_start_token_id, config.no_timestamps_token_id),
        (),
        tuple(config.suppress_tokens),
        tuple(config.begin_suppress_tokens),
        config.eos_token_id,
        config.no_timestamps_token_id - 1,
    )
    processor = WhisperProcessor.from_pretrained(folder)
    return SimpleNamespace(model=model, prompt=prompt, processor=processor, decoder=GreedyDecoder(model, prompt))


def features_of(tiny_en, audio):
    inputs = tiny_en.processor(audio, sampling_rate=RATE, return_tensors="pt")
    return inputs.input_features.to(tiny_en.model.dtype)


def never(tokens):
    return False


@pytest.fixture(scope="module")
def spoken(tiny_en, say):
    """Encoder states of the sentences, as Transformers makes them."""
    with torch.inference_mode():
        return [tiny_en.model.model.encoder(features_of(tiny_en, say(text)))[0] for text in SENTENCES]


@torch.inference_mode()
def test_the_whole_window_is_heard_as_transformers_hears_it(tiny_en, say, spoken):
    states = WindowEncoder(tiny_en.model.model.encoder).encode(features_of(tiny_en, say(SENTENCES[0])), always)
    assert torch.equal(states, spoken[0])


@torch.inference_mode()
def test_a_short_window_goes_on_in_silence(tiny_en):
    """In silence nothing is lost by it, up to the rounding: the silence there has heard what it would have heard."""
    encoder = WindowEncoder(tiny_en.model.model.encoder)
    features = torch.full((1, 80, 3000), -1.5, dtype=tiny_en.model.dtype)
    whole, short = encoder.encode(features, always), encoder.encode(features[:, :, :600], always)
    assert short.shape == whole.shape
    tolerance = 0.01 if tiny_en.model.dtype == torch.float32 else 0.3
    torch.testing.assert_close(short, whole, atol=tolerance, rtol=0.1)


@torch.inference_mode()
def test_no_more_silences_are_kept_than_a_few(tiny_en):
    encoder = WindowEncoder(tiny_en.model.model.encoder)
    for level in np.linspace(-1.5, 0, LEVELS_KEPT + 1):
        encoder.encode(torch.full((1, 80, 100), level, dtype=tiny_en.model.dtype), always)
    assert len(encoder._silences) == LEVELS_KEPT


@torch.inference_mode()
def test_the_encoder_stops_between_layers(tiny_en):
    asked = iter([True, True, False])
    features = torch.zeros(1, 80, 3000, dtype=tiny_en.model.dtype)
    with pytest.raises(CancelledError):
        WindowEncoder(tiny_en.model.model.encoder).encode(features, lambda: next(asked))


@torch.inference_mode()
def test_the_tokens_are_those_of_generate(tiny_en, say, spoken):
    for text, states in zip(SENTENCES, spoken, strict=True):
        decoded = tiny_en.decoder.decode(states, LIMIT, always, (), never)
        features = features_of(tiny_en, say(text))
        mask = torch.ones(features.shape[::2], dtype=torch.long)
        expected = tiny_en.model.generate(features, attention_mask=mask, max_new_tokens=LIMIT)[0].tolist()
        assert list(decoded.tokens) == [token for token in expected if token != tiny_en.prompt.end]
        assert decoded.ended
        assert -0.8 < decoded.mean_logprob < 0
        assert 0 < decoded.no_speech < 0.5


@torch.inference_mode()
def test_a_draft_changes_nothing(tiny_en, spoken):
    rng = np.random.default_rng(3)
    for states in spoken:
        plain = tiny_en.decoder.decode(states, LIMIT, always, (), never)
        own = list(plain.tokens)
        drafts = [own, own[:-2], [*own, *own], [*own, tiny_en.prompt.end, 7], [tiny_en.prompt.end], [*range(60)]]
        for _ in range(12):
            changed = rng.random(len(own)) < rng.random()
            guess = np.where(changed, rng.integers(0, 51_864, len(own)), own)
            drafts.append(guess[: rng.integers(0, len(own) + 1)].tolist())
        for draft in drafts:
            decoded = tiny_en.decoder.decode(states, LIMIT, always, draft, never)
            assert (decoded.tokens, decoded.ended) == (plain.tokens, plain.ended)
            assert decoded.mean_logprob == pytest.approx(plain.mean_logprob, abs=0.05)
            assert decoded.no_speech == pytest.approx(plain.no_speech, abs=0.05)


@torch.inference_mode()
def test_a_right_draft_saves_the_steps(tiny_en, spoken):
    def steps(draft):
        asked = []
        tiny_en.decoder.decode(spoken[2], LIMIT, lambda: asked.append(1) is None, draft, never)
        return len(asked)

    plain = tiny_en.decoder.decode(spoken[2], LIMIT, always, (), never)
    assert steps(plain.tokens) == 1 < len(plain.tokens) == steps(()) - 1


@torch.inference_mode()
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_is_kept_with_a_draft_and_without(tiny_en, spoken, limit):
    whole = tiny_en.decoder.decode(spoken[1], LIMIT, always, (), never)
    for draft in ((), whole.tokens):
        decoded = tiny_en.decoder.decode(spoken[1], limit, always, draft, never)
        assert decoded.tokens == whole.tokens[:limit]
        assert not decoded.ended


@torch.inference_mode()
def test_what_is_stale_ends_within_a_token_and_what_is_halted_says_so(tiny_en, spoken):
    asked = iter([True] * 4 + [False])
    with pytest.raises(CancelledError):
        tiny_en.decoder.decode(spoken[1], LIMIT, lambda: next(asked), (), never)
    halted = tiny_en.decoder.decode(spoken[1], LIMIT, always, (), lambda tokens: len(tokens) == 3)
    assert halted.halted
    assert len(halted.tokens) == 3


def multilingual(**settings):
    """A small one with random weights."""
    torch.manual_seed(3)
    config = WhisperConfig(
        vocab_size=200, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=8, max_target_positions=64,
        pad_token_id=END, bos_token_id=END, eos_token_id=END, decoder_start_token_id=START, init_std=0.3,
        begin_suppress_tokens=None,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).eval()
    settings = {
        "lang_to_id": LANGUAGES, "task_to_id": {"transcribe": TRANSCRIBE, "translate": 97}, "is_multilingual": True,
        "no_timestamps_token_id": NO_TIMESTAMPS, "suppress_tokens": [1, 2, 3], "begin_suppress_tokens": [4, END],
        "return_timestamps": False, **settings,
    }  # fmt: skip
    for name, value in settings.items():
        setattr(model.generation_config, name, value)
    return model


@torch.inference_mode()
@pytest.mark.parametrize("language", ["en", "de", None])
def test_language_and_task_are_those_of_generate(language):
    model = multilingual()
    options = {"task": "transcribe", "max_new_tokens": 20} | ({"language": language} if language else {})
    assert is_plain(options, model.generation_config)
    first = LANGUAGES[f"<|{language or 'en'}|>"]
    prompt = Prompt(
        (START, first, TRANSCRIBE, NO_TIMESTAMPS),
        languages(options, model.generation_config),
        (1, 2, 3),
        (4, END),
        END,
        NO_SPEECH,
    )
    decoder = GreedyDecoder(model, prompt)
    for seed in range(6):
        features = torch.randn(1, 8, 3000, generator=torch.Generator().manual_seed(seed))
        mask = torch.ones(1, 3000, dtype=torch.long)
        output = model.generate(
            features, attention_mask=mask, return_dict_in_generate=True, force_unique_generate_call=True, **options
        )
        states = model.model.encoder(features)[0]
        decoded = decoder.decode(states, 20, always, (), never)
        said = [token for token in output.sequences[0, 4:].tolist() if token != END]
        assert list(decoded.tokens) == said
        assert len(said) >= 16
        assert decoder.decode(states, 20, always, decoded.tokens[:9], never).tokens == decoded.tokens


@pytest.mark.parametrize(
    ("options", "settings", "plain"),
    [
        ({}, {}, True),
        ({"num_beams": 1, "return_timestamps": False, "max_new_tokens": 9}, {}, True),
        ({"num_beams": 2}, {}, False),
        ({"return_timestamps": True}, {}, False),
        ({"repetition_penalty": 1.1}, {}, False),
        ({"do_sample": True}, {}, False),
        ({}, {"no_repeat_ngram_size": 3}, False),
        ({}, {"num_beams": 5}, False),
        ({}, {"num_beams": 1, "do_sample": False, "use_cache": True, "repetition_penalty": 1.0}, True),
        ({}, {"eos_token_id": [END, 7]}, False),
    ],
)
def test_what_is_left_to_generate(options, settings, plain):
    assert is_plain({"task": "transcribe", **options}, multilingual(**settings).generation_config) is plain
