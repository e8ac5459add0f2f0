"""Language models of today's families, tiny and of random weights, through the real engine and the real stage.

A reply is what `generate` gives for the same prompt from an empty cache, whatever was kept of the conversation so far.
"""

from __future__ import annotations

import threading

import pytest
import torch

from handlers import lm
from handlers.language_model.checkpoint import load_model
from handlers.language_model.engine import LanguageModelEngine
from handlers.language_model.handler import LanguageModelHandler
from handlers.language_model.prompt_cache import GrowingCaches
from tests import chat_templates as templates
from tests.fakes import Surroundings
from tests.lm_checkpoint import build_checkpoint
from tests.lm_families import FAMILIES, MORE, Family
from utils.conversation.messages import InterimTranscript, ReplyEnd, Sentence, SpeechStarted, Transcript
from utils.models.load_errors import load_error
from utils.system.engine_thread import EngineThread, always

OPTIONS = {
    "device": "cpu", "torch_dtype": "float32", "compile_mode": None, "quantize": None, "trust_remote_code": False,
    "user_role": "user", "init_chat_role": "system", "init_chat_prompt": "Be brief.", "chat_size": 10,
}  # fmt: skip
NEW_TOKENS = 24
QUESTIONS = ("Hello, who are you?", "And what is that?", "Why?")
ALL = [*FAMILIES, *(pytest.param(name, marks=pytest.mark.more) for name in MORE)]
EACH_KIND = ["llama", "gemma3", "gpt_oss", "qwen3_next", "lfm2"]  # of caches and of layers


@pytest.fixture(scope="module")
def thread():
    made, before = EngineThread("lm"), torch.get_num_threads()
    made.call(lambda: torch.set_num_threads(1))
    yield made
    made.call(lambda: torch.set_num_threads(before))
    assert made.close(30)


@pytest.fixture(scope="module")
def engine(request, thread, tmp_path_factory):
    """One for each family: pytest runs a family's tests one after another."""
    return load(thread, tmp_path_factory.mktemp("model"), {**FAMILIES, **MORE}[request.param])


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    """No voice begins here, so the model does not wait for one."""
    monkeypatch.setattr(lm, "LONGEST_REST_S", 0.0)


def load(thread, folder, family: Family, **options) -> LanguageModelEngine:
    folder = build_checkpoint(folder, family.model_type, family.template, initializer_range=0.2, **family.config)
    values = {**OPTIONS, "model_name": str(folder), "gen_kwargs": {"max_new_tokens": NEW_TOKENS}, **options}
    return thread.call(lambda: LanguageModelEngine(thread, **values))


def generated(engine, prompt: list[int]) -> str:
    """What `generate` answers with a cache of its own, without thoughts."""

    @torch.inference_mode()
    def generate() -> list[int]:
        ids, ends = torch.tensor([prompt]), engine._end_tokens()
        options = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "pad_token_id": 0, "eos_token_id": ends}
        return engine._model.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, len(prompt) :].tolist()

    tokens = engine._thread.call(generate)
    begin, end = engine._template.thought_tokens or (None, None)
    while begin in tokens:
        start = tokens.index(begin)
        stop = tokens.index(end, start) + 1 if end in tokens[start:] else len(tokens)
        tokens = tokens[:start] + tokens[stop:]
    return engine._tokenizer.decode(tokens, skip_special_tokens=True)


class Passes:
    """How many tokens each forward pass reads, while this is entered."""

    def __init__(self, engine) -> None:
        self._model = engine._model
        self.lengths: list[int] = []

    def __enter__(self) -> list[int]:
        self._hook = self._model.register_forward_pre_hook(
            lambda module, args, kwargs: self.lengths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
        )
        return self.lengths

    def __exit__(self, *error: object) -> None:
        self._hook.remove()


class Talk:
    """A conversation with the real stage."""

    def __init__(self, engine) -> None:
        self._engine = engine
        self.world = Surroundings(chat=engine.new_chat())
        self.chat = self.world.chat
        self.stage = self.world.stage(LanguageModelHandler, engine)

    def ask(self, question: str, *guesses: str) -> str:
        """The reply. guesses: what was heard so far, while the user still spoke."""
        attempt = self.world.transcribed()
        assert self.world.process(self.stage, [SpeechStarted(attempt)]) == []
        for guess in guesses:
            number = self.world.context.interim.begin()
            assert self.world.process(self.stage, [InterimTranscript(number, 1, guess)]) == []
        *sentences, end = self.world.process(self.stage, [Transcript(attempt, 1, question)])
        assert end == ReplyEnd(attempt)
        assert all(isinstance(sentence, Sentence) for sentence in sentences)
        return "".join(sentence.text for sentence in sentences)

    def expected(self, question: str) -> str:
        return generated(self._engine, self._engine._prompts.whole(self.chat, question))


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_replies_are_those_of_generate_and_the_prompt_is_kept(engine, request):
    family = {**FAMILIES, **MORE}[request.node.callspec.params["engine"]]
    assert isinstance(engine._caches, family.caches)
    talk = Talk(engine)
    for turn, question in enumerate(QUESTIONS):
        prompt, expected = engine._prompts.whole(talk.chat, question), talk.expected(question)
        with Passes(engine) as read:
            assert talk.ask(question) == expected
        assert sum(read) < len(prompt) + NEW_TOKENS + 2  # nothing is read twice
        if turn:
            assert sum(read) - NEW_TOKENS < 0.85 * len(prompt)
        talk.chat.record(question, expected)


@pytest.mark.parametrize("engine", ALL, indirect=True)
def test_a_reply_that_nobody_wants_stops_within_a_token(engine):
    live, session, chat = threading.Event(), engine.new_session(), engine.new_chat()
    live.set()
    with Passes(engine) as read:
        stream = engine.stream(session, chat, QUESTIONS[0], lambda: live.is_set() and len(read) < 5)
        heard = "".join(stream)
        live.clear()
        engine._thread.call(lambda: None)
        assert len(read) <= 6
    chat.record(QUESTIONS[0], heard, interrupted=True)
    assert "".join(engine.stream(session, chat, "Go on.", always)) == generated(
        engine, engine._prompts.whole(chat, "Go on.")
    )


@pytest.mark.parametrize("engine", EACH_KIND, indirect=True)
def test_words_read_ahead_may_prove_right_or_wrong(engine):
    talk = Talk(engine)
    for question, guesses in zip(QUESTIONS, ((QUESTIONS[0],), ("And what", "And what was"), ("Whale?",)), strict=True):
        expected = talk.expected(question)
        assert talk.ask(question, *guesses) == expected
        talk.chat.record(question, expected)


@pytest.mark.parametrize("engine", EACH_KIND, indirect=True)
def test_an_interrupted_reply_is_history_as_far_as_it_was_heard(engine):
    talk = Talk(engine)
    for question in QUESTIONS:
        expected = talk.expected(question)
        assert talk.ask(question) == expected
        talk.chat.record(question, expected[:5], interrupted=True)


@pytest.mark.parametrize("engine", EACH_KIND, indirect=True)
def test_conversations_that_take_turns_do_not_share_what_is_kept(engine):
    talks = [Talk(engine) for _ in range(2)]
    talks[0].chat.record("My name is Bob.", "Hello Bob.")
    for question in QUESTIONS:
        for talk in talks:
            expected = talk.expected(question)
            assert talk.ask(question) == expected
            talk.chat.record(question, expected)


SAMPLED = {"max_new_tokens": NEW_TOKENS, "do_sample": True, "temperature": 0.8, "top_k": 20}


@pytest.mark.parametrize("name", EACH_KIND)
@pytest.mark.parametrize("options", [SAMPLED, {"max_new_tokens": NEW_TOKENS, "repetition_penalty": 1.2}])
def test_what_is_left_to_generate_says_the_same_whatever_is_kept(name, options, thread, tmp_path):
    engine = load(thread, tmp_path, FAMILIES[name], gen_kwargs=options)
    chat, session = engine.new_chat(), engine.new_session()
    for question in QUESTIONS:
        replies = []
        for used in (engine.new_session(), session):
            engine.prefill(used, chat, always)
            thread.call(lambda: torch.manual_seed(1))
            replies.append("".join(engine.stream(used, chat, question, always)))
        assert replies[0] == replies[1]
        chat.record(question, replies[0])


def test_drafts_from_the_prompt_begin_with_an_empty_cache(thread, tmp_path):
    options = {"max_new_tokens": NEW_TOKENS, "prompt_lookup_num_tokens": 3}
    engine = load(thread, tmp_path, FAMILIES["llama"], gen_kwargs=options)
    assert engine._caches is None
    talk = Talk(engine)
    for question in QUESTIONS:
        expected = talk.expected(question)
        assert talk.ask(question) == expected
        talk.chat.record(question, expected)


def test_a_cache_that_goes_wrong_is_not_kept(thread, tmp_path, monkeypatch):
    """A model whose layers say that they can be cropped, and are not."""
    monkeypatch.setattr(GrowingCaches, "prepare", _forgets_to_crop)
    engine = load(thread, tmp_path, FAMILIES["gemma3"])
    assert engine._caches is None
    monkeypatch.undo()
    talk = Talk(engine)
    expected = talk.expected(QUESTIONS[0])
    assert talk.ask(QUESTIONS[0]) == expected


def _forgets_to_crop(self, session, prompt, new_tokens):
    session.cache = session.cache or self._make()
    return session.cache


def test_a_model_that_transformers_does_not_know_is_one_line(thread, tmp_path):
    folder = build_checkpoint(tmp_path, "llama", templates.LLAMA3)
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"llama"', '"of-tomorrow"'))
    options = {**OPTIONS, "model_name": str(folder), "gen_kwargs": {}}
    with pytest.raises(ValueError, match="of-tomorrow") as error:
        thread.call(lambda: LanguageModelEngine(thread, **options))
    line = str(load_error("lm", str(folder), error.value))
    assert line.endswith("this Transformers does not know its model type; choose another --lm_model_name")


def test_loading_draws_no_bars(thread, tmp_path, capfd):
    folder = build_checkpoint(tmp_path, "llama", templates.LLAMA3)
    capfd.readouterr()
    thread.call(lambda: load_model(str(folder), torch.float32, "cpu", False))
    assert capfd.readouterr() == ("", "")
