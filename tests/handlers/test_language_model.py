"""The language model: the real SmolLM2, and chat templates of other kinds."""

from __future__ import annotations

import copy
import threading

import pytest
import torch

from handlers.chat_template import ChatTemplate, NoChatTemplate
from handlers.generation import StepThreads, sampling_options
from handlers.language_model import LanguageModelHandler
from handlers.language_model_engine import LanguageModelEngine
from tests.fakes import Surroundings
from utils.engine_thread import EngineThread
from utils.messages import ReplyEnd, Sentence, Transcript

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


@pytest.fixture
def forwards(engine):
    """How many tokens each forward pass read."""
    lengths: list[int] = []
    hook = engine._model.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    yield lengths
    hook.remove()


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


def test_history_that_does_not_fit_is_dropped(engine, monkeypatch):
    monkeypatch.setattr(engine, "_context_length", 150)
    chat = engine.new_chat()
    for turn in range(8):
        chat.record(f"Question {turn}?", "An answer of some length, to fill the context with words.")
    prompt = engine._prompt(chat, FRANCE)
    assert len(prompt) <= 150 - 40
    assert FRANCE in engine._tokenizer.decode(prompt)
    assert len(engine._prompt(engine.new_chat(), "word " * 500)) == 110


def test_beams_answer_without_streaming(thread):
    engine = thread.call(
        lambda: LanguageModelEngine(thread, **OPTIONS, gen_kwargs={**GENERATION, "num_beams": 2, "max_new_tokens": 8})
    )
    assert "Paris" in reply(engine, engine.new_session(), engine.new_chat(), FRANCE)


class _CountsThreads(torch.nn.Module):
    """A model that notes how many threads each of its passes has."""

    def __init__(self):
        super().__init__()
        self.threads: list[int] = []

    def forward(self, input_ids):
        self.threads.append(torch.get_num_threads())


@pytest.mark.parametrize(("device", "expected"), [("cpu", [4, 2, 2, 4, 2]), ("cuda", [4, 4, 4, 4, 4])])
def test_a_step_has_half_the_threads_of_a_prompt(thread, device, expected):
    def generate() -> list[int]:
        before = torch.get_num_threads()
        torch.set_num_threads(4)
        try:
            model = _CountsThreads()
            threads = StepThreads(model, device)
            for passes in ((7, 1, 1), (3, 1)):
                with threads:
                    for tokens in passes:
                        model(input_ids=torch.zeros(1, tokens))
                assert torch.get_num_threads() == 4
            return model.threads
        finally:
            torch.set_num_threads(before)

    assert thread.call(generate) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}),
        (
            {"do_sample": True, "temperature": 0.0, "top_k": 5},
            {"do_sample": False, "temperature": None, "top_p": None, "top_k": None},
        ),
        ({"do_sample": True, "temperature": 0.7, "top_k": 5}, {"do_sample": True, "temperature": 0.7, "top_k": 5}),
        ({"do_sample": True, "temperature": 0.7, "min_length": None}, {"do_sample": True, "temperature": 0.7}),
    ],
)
def test_sampling_options(options, expected):
    assert sampling_options(options) == expected


GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
SILENT = (
    "{% for m in messages %}{% if m['role'] != 'system' %}<|im_start|>{{ m['content'] }}<|im_end|>{% endif %}"
    "{% endfor %}"
)


def template(engine, text: str | None, system: str | None = "system", user: str = "user") -> ChatTemplate:
    tokenizer = copy.deepcopy(engine._tokenizer)
    tokenizer.chat_template = text
    return ChatTemplate(tokenizer, system, user)


MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One."},
    {"role": "user", "content": "Two."},
]


def test_a_template_that_refuses_a_system_role_gets_the_prompt_in_the_first_message(engine):
    made = template(engine, GEMMA)
    text = engine._tokenizer.decode(made.tokens(MESSAGES))
    assert text == "<|im_start|>user\nBe brief.\n\nOne.\nTwo.<|im_end|>\n<|im_start|>model\n"


def test_a_template_that_drops_the_system_prompt_in_silence_gets_it_too(engine):
    assert "Be brief." in engine._tokenizer.decode(template(engine, SILENT).tokens(MESSAGES))


def test_a_model_without_a_template_or_a_role_is_refused(engine):
    with pytest.raises(NoChatTemplate, match="choose an instruct model"):
        template(engine, None)
    with pytest.raises(NoChatTemplate, match="--user_role"):
        template(engine, GEMMA, user="human")


def test_the_token_that_ends_the_assistant_s_words_is_found(engine):
    end = engine._tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert template(engine, GEMMA.replace("'user'", "'user'")).end_tokens() == [end]
    assert template(engine, "{% for m in messages %}{{ m['content'] }} {% endfor %}").end_tokens() == []
    assert end in engine._end_tokens()
