"""The language model: the real SmolLM2."""

from __future__ import annotations

import contextlib
import threading

import pytest
import torch

from handlers.language_model.decoding import is_plain_greedy
from handlers.language_model.engine import LanguageModelEngine
from handlers.language_model.handler import LanguageModelHandler
from handlers.language_model.steps import sampling_options
from tests.fakes import Surroundings
from tests.lm_checkpoint import build_checkpoint
from utils.conversation.messages import InterimTranscript, ReplyEnd, Sentence, SpeechStarted, Transcript
from utils.system.engine_thread import EngineThread

OPTIONS = {
    "model_name": "bundled:smollm2-135m-instruct", "device": "cpu", "torch_dtype": "auto", "compile_mode": None,
    "quantize": None, "trust_remote_code": False, "user_role": "user", "init_chat_role": None,
    "init_chat_prompt": "Be brief.", "chat_size": 10,
}  # fmt: skip
GENERATION = {"max_new_tokens": 40, "temperature": 0.0, "do_sample": False}
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def thread():
    made = EngineThread("lm")
    yield made
    assert made.close(30)


@pytest.fixture(scope="module")
def engine(thread):
    return thread.call(lambda: LanguageModelEngine(thread, **OPTIONS, gen_kwargs=GENERATION))


@pytest.fixture(scope="module")
def exact_engine(thread):
    """In float32: how many tokens a pass reads changes no answer. In bfloat16 it decides between equals."""
    options = {**OPTIONS, "torch_dtype": "float32"}
    return thread.call(lambda: LanguageModelEngine(thread, **options, gen_kwargs=GENERATION))


@contextlib.contextmanager
def counted(engine):
    """How many tokens each forward pass reads."""
    lengths: list[int] = []
    hook = engine._model.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    yield lengths
    hook.remove()


@pytest.fixture
def forwards(engine):
    with counted(engine) as lengths:
        yield lengths


def always() -> bool:
    return True


def reply(engine, session, chat, text, live=always) -> str:
    return "".join(engine.stream(session, chat, text, live))


def test_it_answers_in_sentences_that_are_the_model_s_own_text(engine):
    world = Surroundings(chat=engine.new_chat())
    stage = world.stage(LanguageModelHandler, engine)
    attempt = world.transcribed()
    *sentences, end = world.process(stage, [Transcript(attempt, 1, FRANCE)])
    assert end == ReplyEnd(attempt)
    assert all(isinstance(sentence, Sentence) for sentence in sentences)
    text = "".join(sentence.text for sentence in sentences)
    assert "Paris" in text
    assert text == generated(engine, FRANCE)
    spoken = [s.spoken.removesuffix(",") if s.goes_on else s.spoken for s in sentences]
    assert " ".join(spoken).replace(",", "").split() == text.replace(",", "").split()


class _Writes:
    """An engine whose model writes what it is told to, two letters at a time."""

    def __init__(self, text: str) -> None:
        self._text = text

    def new_session(self) -> None:
        return None

    def stream(self, session, chat, text, live):
        yield from (self._text[at : at + 2] for at in range(0, len(self._text), 2))


def test_the_first_clause_is_given_out_before_its_sentence_and_is_read_with_a_comma():
    text = "Italy is a country with history and **food**. It is big, too."
    world = Surroundings()
    stage = world.stage(LanguageModelHandler, _Writes(text))
    attempt = world.transcribed()
    *sentences, end = world.process(stage, [Transcript(attempt, 1, "What is Italy?")])
    assert end == ReplyEnd(attempt)
    assert sentences == [
        Sentence(attempt, "Italy is a country with history ", "Italy is a country with history,", True),
        Sentence(attempt, "and **food**. ", "and food.", False),
        Sentence(attempt, "It is big, too.", "It is big, too.", False),
    ]


def generated(engine, question: str) -> str:
    """The same, by a plain generate() without cache or streamer."""
    prompt = engine._template.tokens(engine.new_chat().messages(question))
    ids = torch.tensor([prompt])
    out = engine._model.generate(ids, attention_mask=torch.ones_like(ids), **engine._gen_kwargs)
    return engine._tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True)


def test_only_the_new_part_of_the_prompt_is_read(engine, forwards):
    chat, session = engine.new_chat(), engine.new_session()
    first = reply(engine, session, chat, FRANCE)
    chat.record(FRANCE, first)
    del forwards[:]
    second = reply(engine, session, chat, "And of Italy?")
    prompt = engine._template.tokens(chat.messages("And of Italy?"))
    assert forwards[0] < len(prompt) / 2
    assert set(forwards[1:]) == {1}
    assert second == reply(engine, engine.new_session(), chat, "And of Italy?")


def test_time_to_first_token_does_not_grow_with_the_conversation(engine, forwards):
    chat, session, read = engine.new_chat(), engine.new_session(), []
    for turn in range(5):
        del forwards[:]
        question = f"Tell me about the number {turn}."
        chat.record(question, reply(engine, session, chat, question))
        read.append(forwards[0])
    assert max(read[1:]) <= read[0]


def test_a_stale_reply_stops_within_a_token(engine, forwards):
    live = threading.Event()
    live.set()
    stream = engine.stream(engine.new_session(), engine.new_chat(), "Tell me a long story.", live.is_set)
    next(stream)
    live.clear()
    at_stop = len(forwards)
    assert list(stream) == []
    engine._thread.call(lambda: None)
    assert len(forwards) <= at_stop + 2


def test_an_abandoned_reply_stops_and_its_cache_is_right(engine, forwards):
    chat, session = engine.new_chat(), engine.new_session()
    stream = engine.stream(session, chat, "Tell me a long story.", always)
    heard = next(stream)
    stream.close()
    engine._thread.call(lambda: None)
    assert len(forwards) < 40
    assert session.tokens
    assert len(session.tokens) == session.cache.get_seq_length()
    chat.record("Tell me a long story.", heard, interrupted=True)
    assert reply(engine, session, chat, FRANCE) == reply(engine, engine.new_session(), chat, FRANCE)


def test_two_conversations_do_not_share_a_cache(engine):
    chats, sessions = [engine.new_chat() for _ in range(2)], [engine.new_session() for _ in range(2)]
    chats[0].record("My name is Bob.", "Hello Bob.")
    alone = [reply(engine, engine.new_session(), chat, FRANCE) for chat in chats]
    mixed = [reply(engine, session, chat, FRANCE) for session, chat in zip(sessions, chats, strict=True)]
    assert mixed == alone
    assert sessions[0].tokens != sessions[1].tokens


STORY = "Tell me a long story."


@pytest.mark.parametrize("model_type", ["llama", "phi3", "gpt_neox"])
def test_our_loop_gives_the_tokens_of_generate(tmp_path, thread, model_type, monkeypatch):
    changes = {"num_key_value_heads": 4, "initializer_range": 0.3}
    options = {
        **OPTIONS,
        "model_name": str(build_checkpoint(tmp_path, model_type, **changes)),
        "torch_dtype": "float32",
    }
    engine = thread.call(lambda: LanguageModelEngine(thread, **options, gen_kwargs=GENERATION))
    runs = []
    for plain in (True, False):
        monkeypatch.setattr(engine, "_plain", plain)
        session, chat = engine.new_session(), engine.new_chat()
        for question in (STORY, FRANCE):
            chat.record(question, text := reply(engine, session, chat, question))
            runs.append((question, text, list(session.tokens)))
    assert runs[:2] == runs[2:]


def test_our_loop_ends_where_generate_does(engine, monkeypatch):
    runs = []
    for plain in (True, False):
        monkeypatch.setattr(engine, "_plain", plain)
        session = engine.new_session()
        text = reply(engine, session, engine.new_chat(), "Say yes or no: is water wet?")
        runs.append((text, session.tokens))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("options", "plain"),
    [
        ({}, True),
        ({"num_beams": 1, "top_k": None, "repetition_penalty": 1.0}, True),
        ({"num_beams": 2}, False),
        ({"do_sample": True, "temperature": 0.7}, False),
        ({"repetition_penalty": 1.2}, False),
        ({"no_repeat_ngram_size": 3}, False),
        ({"suppress_tokens": [5]}, False),
        ({"max_new_tokens": None}, False),
    ],
)
def test_what_is_left_to_generate(engine, options, plain):
    assert is_plain_greedy(engine._model, sampling_options({**GENERATION, **options})) == plain


def test_sampling_and_penalties_are_left_to_generate(thread):
    for options in ({"do_sample": True, "temperature": 0.5}, {"repetition_penalty": 1.1}):
        generation = {**GENERATION, **options, "max_new_tokens": 8}
        engine = thread.call(
            lambda generation=generation: LanguageModelEngine(thread, **OPTIONS, gen_kwargs=generation)
        )
        session = engine.new_session()
        assert reply(engine, session, engine.new_chat(), FRANCE)
        assert session.cache.get_seq_length() == len(session.tokens)


def test_a_quantized_model_answers(thread):
    options = {**OPTIONS, "quantize": "int8"}
    engine = thread.call(lambda: LanguageModelEngine(thread, **options, gen_kwargs=GENERATION))
    chat, session = engine.new_chat(), engine.new_session()
    first = reply(engine, session, chat, FRANCE)
    assert "Paris" in first
    chat.record(FRANCE, first)
    assert reply(engine, session, chat, "And of Italy?")


def test_what_is_known_is_read_before_the_words(engine, forwards):
    chat, session = engine.new_chat(), engine.new_session()
    chat.record(FRANCE, "The capital of France is Paris. " * 12)
    expected = reply(engine, engine.new_session(), chat, "And of Italy?")
    del forwards[:]
    engine.prefill(session, chat, always)
    assert len(forwards) > 1
    assert sum(forwards) == len(session.tokens) == session.cache.get_seq_length()
    known, prompt = len(session.tokens), engine._template.tokens(chat.messages("And of Italy?"))
    assert session.tokens == prompt[:known]
    del forwards[:]
    engine.prefill(session, chat, always)
    assert forwards == []
    assert reply(engine, session, chat, "And of Italy?") == expected
    assert forwards[0] == len(prompt) - known < 15


@pytest.mark.parametrize(
    ("words", "first_pass"),
    [(FRANCE, {1}), (FRANCE.replace("France", "a country"), range(2, 12)), ("Why?", range(8, 20))],
)
def test_words_are_read_before_they_are_known_to_be_all(exact_engine, words, first_pass):
    """Whatever of them was right, the reply is the same."""
    engine = exact_engine
    chat, session = engine.new_chat(), engine.new_session()
    expected = reply(engine, engine.new_session(), chat, FRANCE)
    engine.prefill(session, chat, always, words)
    assert session.tokens == engine._template.tokens(chat.messages(words))
    with counted(engine) as forwards:
        assert reply(engine, session, chat, FRANCE) == expected
    assert forwards[0] in first_pass


def test_words_that_are_not_wanted_any_more_are_not_read(engine, forwards):
    world = Surroundings(chat=engine.new_chat())
    stage = world.stage(LanguageModelHandler, engine)
    old, new = world.context.interim.begin(), world.context.interim.begin()
    assert world.process(stage, [InterimTranscript(old, 1, FRANCE)]) == []
    engine._thread.call(lambda: None)
    assert forwards == []
    assert world.process(stage, [InterimTranscript(new, 1, FRANCE)]) == []
    assert sum(forwards) == len(stage._session.tokens)


def test_reading_ahead_stops_and_keeps_what_it_has_read(engine, forwards):
    chat, session = engine.new_chat(), engine.new_session()
    chat.record(FRANCE, "The capital of France is Paris. " * 30)
    expected = reply(engine, engine.new_session(), chat, "And of Italy?")
    del forwards[:]
    engine.prefill(session, chat, lambda: len(forwards) < 2)
    engine._thread.call(lambda: None)
    assert len(forwards) == 2
    assert sum(forwards) == len(session.tokens) == session.cache.get_seq_length()
    assert reply(engine, session, chat, "And of Italy?") == expected


def test_reading_ahead_keeps_a_reply_that_is_not_yet_history(engine, forwards):
    chat, session = engine.new_chat(), engine.new_session()
    first = reply(engine, session, chat, FRANCE)
    held = list(session.tokens)
    engine.prefill(session, chat, always)
    assert session.tokens == held
    chat.record(FRANCE, first)
    engine.prefill(session, chat, always)
    assert len(session.tokens) > len(held) - 5


def test_nothing_is_read_ahead_for_a_conversation_that_is_over(engine, forwards):
    engine.prefill(session := engine.new_session(), engine.new_chat(), lambda: False)
    engine._thread.call(lambda: None)
    assert forwards == session.tokens == []


def test_the_stage_reads_ahead_when_the_user_begins_to_speak(engine, forwards):
    world = Surroundings(chat=engine.new_chat())
    stage = world.stage(LanguageModelHandler, engine)
    assert world.process(stage, [SpeechStarted(1)]) == []
    known = sum(forwards)
    assert known == len(stage._session.tokens) > 0
    *sentences, end = world.process(stage, [Transcript(attempt := world.transcribed(), 1, FRANCE)])
    assert end == ReplyEnd(attempt)
    assert "".join(sentence.text for sentence in sentences) == reply(
        engine, engine.new_session(), engine.new_chat(), FRANCE
    )


def test_history_that_does_not_fit_is_dropped(engine, monkeypatch):
    monkeypatch.setattr(engine._prompts, "context_length", 150)
    chat = engine.new_chat()
    for turn in range(8):
        chat.record(f"Question {turn}?", "An answer of some length, to fill the context with words.")
    prompt = engine._prompts.whole(chat, FRANCE)
    assert len(prompt) <= 150 - 40
    assert FRANCE in engine._tokenizer.decode(prompt)
    assert len(engine._prompts.whole(engine.new_chat(), "word " * 500)) == 110


def test_beams_answer_without_streaming(thread):
    engine = thread.call(
        lambda: LanguageModelEngine(thread, **OPTIONS, gen_kwargs={**GENERATION, "num_beams": 2, "max_new_tokens": 8})
    )
    engine.prefill(session := engine.new_session(), engine.new_chat(), always)
    assert session.tokens == []
    assert "Paris" in reply(engine, session, engine.new_chat(), FRANCE)


def test_the_template_s_end_ends_a_reply(engine):
    assert engine._tokenizer.convert_tokens_to_ids("<|im_end|>") in engine._end_tokens()
