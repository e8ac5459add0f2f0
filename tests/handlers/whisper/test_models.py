"""Every kind of Whisper checkpoint that is published, through the real engine and stage.

The checkpoints are tiny and their weights are random, but their structure is the published one. What they hear is
compared with what Transformers' own `generate` makes of the same folder.
"""

from __future__ import annotations

import itertools
from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

from handlers.whisper.draft import Draft
from handlers.whisper.engine import WhisperEngine
from handlers.whisper.handler import WhisperSTTHandler
from handlers.whisper.options import UnknownLanguage
from tests.fakes import Surroundings
from tests.spoken import words
from tests.whisper_checkpoint import PUBLISHED, build
from utils.conversation.messages import InterimAudio, InterimTranscript, Transcript, Utterance
from utils.system.engine_thread import EngineThread, always

RATE = 16_000
LIMIT = 10  # tokens
EVERYTHING = {  # whatever the random weights make of it is a transcript
    "device": "cpu", "torch_dtype": "float32", "compile_mode": None, "no_speech_threshold": 1.0,
    "logprob_threshold": -1000.0, "window_s": 30.0,
}  # fmt: skip
OPTIONS = {"max_new_tokens": LIMIT, "num_beams": 1, "return_timestamps": False, "task": "transcribe", "language": "en"}
ALL = list(PUBLISHED)
MULTILINGUAL = [  # large-v2 has base's tokens, and takes as long as all the others
    pytest.param(name, marks=[pytest.mark.more] if name == "large-v2" else [])
    for name, published in PUBLISHED.items()
    if published.multilingual
]
PUBLISHED_AS = {"old-fine-tune": "base", "without-preprocessor": "base"}  # the same weights with all files


@pytest.fixture(scope="module")
def thread():
    made = EngineThread("stt")
    yield made
    assert made.close(30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """folder(name) → the checkpoint's, built once."""
    built = {}

    def find(name):
        if name not in built:
            built[name] = build(tmp_path_factory.mktemp(name), PUBLISHED[name])
        return built[name]

    return find


@pytest.fixture(scope="module")
def load(thread, folder):
    """load(name, **generation options) → its engine, made once."""
    made = {}

    def find(name, **changes):
        key = (name, *sorted(changes.items()))
        if key not in made:
            options = {**EVERYTHING, "model_name": str(folder(name)), "gen_kwargs": {**OPTIONS, **changes}}
            made[key] = thread.call(lambda: WhisperEngine(thread, **options))
        return made[key]

    return find


@pytest.fixture(scope="module")
def reference(folder):
    """reference(name, audio, **options of generate) → the tokens that Transformers makes, of the whole files."""
    models = {}

    def generate(name, audio, **options):
        name = PUBLISHED_AS.get(name, name)
        if name not in models:
            models[name] = WhisperForConditionalGeneration.from_pretrained(folder(name), dtype=torch.float32).eval()
        model, end = models[name], models[name].generation_config.eos_token_id
        extractor = WhisperFeatureExtractor(feature_size=PUBLISHED[name].mel_bins)
        features = extractor(audio, sampling_rate=RATE, return_tensors="pt").input_features
        mask = torch.ones(features.shape[::2], dtype=torch.long)
        with torch.inference_mode():
            heard = model.generate(
                features, attention_mask=mask, max_new_tokens=LIMIT, force_unique_generate_call=True,
                return_dict_in_generate=True, **options,
            )  # fmt: skip
        control = PUBLISHED[name].control().values()
        said = itertools.dropwhile(lambda token: token in control, heard.sequences[0].tolist())
        return [token for token in said if token != end]

    return generate


def sound(seed=3, seconds=1.5):
    """Noise whose level changes: every seed is heard otherwise."""
    rng = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    return (rng.normal(0, 0.1, samples) * np.linspace(rng.random(), rng.random(), samples)).astype(np.float32)


def tokens_of(engine, audio, draft=()):
    """What the engine makes of it, in tokens, and the words that it makes of those."""
    left = Draft(tuple(draft))
    text = engine.transcribe(audio, always, False, left)
    assert text == engine._checkpoint.text(left.tokens)
    return list(left.tokens)


def begins(engine):
    return list(engine._decoder._prompt.tokens)


@pytest.mark.parametrize("name", ALL)
def test_a_checkpoint_is_heard_as_generate_hears_it(load, reference, name):
    published = PUBLISHED[name]
    engine = load(name)
    control = published.control()
    prompt = ["startoftranscript", *(["en", "transcribe"] if published.multilingual else []), "notimestamps"]
    assert begins(engine) == [control[f"<|{word}|>"] for word in prompt]
    assert engine._checkpoint.no_speech == control[published.no_speech]
    options = {"language": "en", "task": "transcribe"} if published.multilingual else {}
    heard = tokens_of(engine, sound())
    assert heard == reference(name, sound(), **options)
    assert len(heard) == LIMIT
    assert len(set(heard)) > LIMIT // 3
    assert tokens_of(engine, sound(), [*heard[:5], 7, *heard[6:]]) == heard
    assert tokens_of(engine, sound(4)) != heard


@pytest.mark.parametrize("name", MULTILINGUAL)
def test_the_language_is_found_as_generate_finds_it(load, reference, name):
    """Also where a fine-tune has stored a language."""
    engine = load(name, language="auto")
    control = PUBLISHED[name].control()
    assert begins(engine)[2:] == [control["<|transcribe|>"], control["<|notimestamps|>"]]
    model, features = engine._checkpoint.model, engine._checkpoint.features(sound())
    with torch.inference_mode():
        detected = int(model.detect_language(features, generation_config=model.generation_config)[0])
    [language] = [token for token, number in control.items() if number == detected]
    assert tokens_of(engine, sound()) == reference(name, sound(), language=language, task="transcribe")
    others = [token for token in ("<|fr|>", "<|ja|>") if token != language]
    assert reference(name, sound(), language=others[0], task="transcribe") != tokens_of(engine, sound())


@pytest.mark.parametrize("name", MULTILINGUAL)
def test_it_translates_as_generate_translates(load, reference, name):
    engine = load(name, language="german", task="translate")
    control = PUBLISHED[name].control()
    words = ("startoftranscript", "de", "translate", "notimestamps")
    assert begins(engine) == [control[f"<|{word}|>"] for word in words]
    assert tokens_of(engine, sound()) == reference(name, sound(), language="de", task="translate")


@pytest.mark.parametrize("name", ["base", "large-v3"])
def test_a_language_that_the_checkpoint_does_not_know_is_one_line(load, name):
    with pytest.raises(UnknownLanguage, match=r"--stt_gen_language tlh: this checkpoint has \d+ languages") as refused:
        load(name, language="tlh")
    assert "\n" not in str(refused.value)


def test_cantonese_came_with_large_v3(load):
    assert load("large-v3-turbo", language="yue")
    with pytest.raises(UnknownLanguage, match="has 99 languages"):
        load("base", language="yue")


@pytest.mark.parametrize("name", ALL)
def test_the_stage_gives_its_words_on(load, name):
    engine = load(name)
    world = Surroundings()
    stage = world.stage(WhisperSTTHandler, engine)
    attempt = world.transcribed()
    text = engine._checkpoint.text(tokens_of(engine, sound()))
    assert text
    assert world.process(stage, [Utterance(attempt, 1, sound(), 0.0)]) == [Transcript(attempt, 1, text)]


@pytest.mark.parametrize("name", ALL)
def test_what_nobody_wants_any_more_ends_within_a_token(load, name):
    engine = load(name)
    heard, asked, draft = tokens_of(engine, sound()), [], Draft()

    def live():
        """Until the decoder has made a few tokens."""
        asked.append(len(draft.tokens))
        return len(draft.tokens) < 4

    def hear():
        with pytest.raises(CancelledError):
            engine._transcribe(sound(), live, draft=draft)

    engine._thread.call(hear)
    assert list(draft.tokens) == heard[:4]
    assert asked[-1] == 4
    assert tokens_of(engine, sound()) == heard


@pytest.mark.parametrize("name", ALL)
def test_a_draft_spares_the_steps(load, name):
    """Each step asks once whether it is still wanted."""
    engine = load(name)

    def steps(draft):
        asked = []
        engine._thread.call(lambda: engine._transcribe(sound(), lambda: asked.append(1) is None, draft=draft))
        return len(asked)

    plain, draft = Draft(), Draft(tuple(tokens_of(engine, sound())))
    assert steps(plain) - steps(draft) >= LIMIT // 2
    assert plain == draft


@pytest.mark.parametrize("mode", [{"num_beams": 3}, {"return_timestamps": True}, {"no_repeat_ngram_size": 2}])
@pytest.mark.parametrize("name", ["tiny.en", "base", pytest.param("large-v3", marks=pytest.mark.more)])
def test_what_only_generate_can_do_is_left_to_it(load, reference, name, mode):
    engine = load(name, **mode)
    assert engine._decoder is None
    options = {"language": "en", "task": "transcribe"} if PUBLISHED[name].multilingual else {}
    features = engine._checkpoint.features(sound())
    with torch.inference_mode():
        decoded = engine._generator.decode(features, always)
    assert reference(name, sound(), **options, **mode)[-len(decoded.tokens) :] == list(decoded.tokens)
    assert decoded.no_speech == pytest.approx(_greedily(load(name), sound()).no_speech, abs=1e-6)
    assert engine.transcribe(sound(), always) == engine._checkpoint.text(decoded.tokens)


def _greedily(engine, audio):
    with torch.inference_mode():
        states = engine._encoder.encode(engine._checkpoint.features(audio), always)
        return engine._decoder.decode(states, LIMIT, always, (), lambda tokens: False)


@pytest.mark.more
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ALL)
def test_half_precision_hears_something(thread, folder, name, dtype):
    """Random weights leave no token a lead, so the tokens are others; the drafts change nothing all the same."""
    made = {**EVERYTHING, "torch_dtype": dtype, "model_name": str(folder(name)), "gen_kwargs": OPTIONS}
    engine = thread.call(lambda: WhisperEngine(thread, **made))
    heard = tokens_of(engine, sound())
    assert len(heard) == LIMIT
    assert tokens_of(engine, sound(), heard) == heard


def test_the_bundled_checkpoint_hears_a_question_ahead_and_whole(thread, say):
    """The real tiny.en: what was heard ahead of a pause is a draft of the whole, and the whole is right."""
    options = {**EVERYTHING, "model_name": "bundled:whisper-tiny.en", "logprob_threshold": -1.0, "gen_kwargs": OPTIONS}
    options["gen_kwargs"] = {**OPTIONS, "max_new_tokens": 64}
    engine = thread.call(lambda: WhisperEngine(thread, **options))
    said = "What is the capital of France?"
    world = Surroundings()
    stage = world.stage(WhisperSTTHandler, engine)
    attempt, audio = world.transcribed(), say(said)
    number = world.context.interim.begin()
    ahead = world.process(stage, [InterimAudio(number, 1, audio[: len(audio) * 2 // 3])])
    assert [type(message) for message in ahead] == [InterimTranscript]
    [transcript] = world.process(stage, [Utterance(attempt, 1, audio, 0.0)])
    assert words(transcript.text) == words(said)
