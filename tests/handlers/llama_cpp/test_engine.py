"""A language model in llama.cpp: the real SmolLM2 and tiny models."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from handlers.llama_cpp.context import DecodeError
from handlers.llama_cpp.handler import LlamaCppHandler
from tests.chat_templates import QWEN3
from tests.fakes import Surroundings
from tests.gguf_checkpoint import write_gguf
from tests.handlers.llama_cpp.conftest import counted
from utils.conversation.messages import InterimTranscript, ReplyEnd, Sentence, SpeechStarted, Transcript
from utils.system.engine_thread import always
from utils.system.local_server import ROOT

FRANCE, ITALY = "What is the capital of France?", "And of Italy?"


def reply(engine, session, chat, text, live=always) -> str:
    return "".join(engine.stream(session, chat, text, live))


def alone(engine, chat, text) -> str:
    """The same, in a conversation whose prompt nobody has read yet."""
    return reply(engine, engine.new_session(), chat, text)


def tokens(engine, chat, text) -> list[int]:
    return engine._prompts.whole(chat, text)


def test_it_answers_in_sentences(engine):
    world = Surroundings(chat=engine.new_chat())
    stage = world.stage(LlamaCppHandler, engine)
    attempt = world.transcribed()
    *sentences, end = world.process(stage, [Transcript(attempt, 1, FRANCE)])
    assert end == ReplyEnd(attempt)
    assert all(isinstance(sentence, Sentence) for sentence in sentences)
    assert "Paris" in "".join(sentence.text for sentence in sentences)


def test_a_system_prompt_is_obeyed(load):
    engine = load(init_chat_role="system", init_chat_prompt="You only know the word Yes. Answer: Yes.")
    assert tokens(engine, engine.new_chat(), FRANCE) != tokens(load(), load().new_chat(), FRANCE)
    assert "You only know" in engine._tokenizer.decode(tokens(engine, engine.new_chat(), FRANCE))


def test_text_comes_in_pieces_while_it_is_made(engine, passes):
    stream = engine.stream(engine.new_session(), engine.new_chat(), "Tell me a long story.", always)
    first = next(stream)
    assert len([count for count in passes if count == 1]) < 20
    assert len(list(stream)) > 10
    assert first


def test_a_reply_has_at_most_so_many_tokens(load):
    engine = load({"max_new_tokens": 5})
    text = alone(engine, engine.new_chat(), "Tell me a long story.")
    assert 0 < len(engine._model.tokens(text)) <= 5


def test_only_the_new_part_of_the_prompt_is_read(engine, passes):
    chat, session = engine.new_chat(), engine.new_session()
    chat.record(FRANCE, reply(engine, session, chat, FRANCE))
    del passes[:]
    second = reply(engine, session, chat, ITALY)
    prompt = tokens(engine, chat, ITALY)
    new = len(prompt) - len(tokens(engine, engine.new_chat(), FRANCE))
    assert sum(count for count in passes if count > 1) <= new
    assert "Rome" in second


def test_what_is_read_ahead_is_not_read_again(engine, passes):
    chat, session = engine.new_chat(), engine.new_session()
    chat.record(FRANCE, "It is Paris.")
    engine.prefill(session, chat, always)
    ahead = sum(passes)
    prompt = tokens(engine, chat, ITALY)
    assert 0 < ahead < len(prompt)
    assert session.tokens == prompt[:ahead]
    del passes[:]
    engine.prefill(session, chat, always)
    assert passes == []
    with_read_ahead = reply(engine, session, chat, ITALY)
    assert passes[0] == len(prompt) - ahead
    assert with_read_ahead == alone(engine, chat, ITALY)


def test_after_words_that_were_read_ahead_one_token_is_left(engine, passes):
    chat, session = engine.new_chat(), engine.new_session()
    engine.prefill(session, chat, always, FRANCE)
    assert session.tokens == tokens(engine, chat, FRANCE)
    del passes[:]
    assert "Paris" in reply(engine, session, chat, FRANCE)
    assert set(passes) == {1}


def test_the_stage_reads_ahead_while_the_user_speaks(engine, passes):
    world = Surroundings(chat=engine.new_chat())
    stage = world.stage(LlamaCppHandler, engine)
    world.process(stage, [SpeechStarted(1)])
    assert sum(passes) == len(stage._session.tokens) > 0
    world.process(stage, [InterimTranscript(world.context.interim.begin(), 1, FRANCE)])
    assert stage._session.tokens == tokens(engine, world.chat, FRANCE)


def test_other_words_than_those_read_ahead_are_answered(engine):
    chat, session = engine.new_chat(), engine.new_session()
    engine.prefill(session, chat, always, "What is the capital of Italy")
    assert reply(engine, session, chat, FRANCE) == alone(engine, chat, FRANCE)


def test_a_stale_reply_stops_within_a_token(engine, passes):
    live = threading.Event()
    live.set()
    session = engine.new_session()
    stream = engine.stream(session, engine.new_chat(), "Tell me a long story.", live.is_set)
    next(stream)
    live.clear()
    at_stop = len(passes)
    assert list(stream) == []
    engine._thread.call(lambda: None)
    assert len(passes) <= at_stop + 1
    assert len(session.tokens) == sum(passes)


def test_a_closed_stream_stops_the_model(engine, passes):
    stream = engine.stream(engine.new_session(), engine.new_chat(), "Tell me a long story.", always)
    next(stream)
    stream.close()
    at_stop = len(passes)
    engine._thread.call(lambda: None)
    assert len(passes) <= at_stop + 1


def test_reading_ahead_stops_between_two_blocks_and_what_was_read_stays(engine, passes):
    chat, session = engine.new_chat(), engine.new_session()
    chat.record("Tell me of the sea. " * 10, "It is blue. " * 10)
    engine.prefill(session, chat, lambda: len(passes) < 2)
    engine._thread.call(lambda: None)
    assert passes == [engine._block] * 2
    assert session.tokens == tokens(engine, chat, "x")[: 2 * engine._block]


def test_two_conversations_do_not_mix(engine, passes):
    first, second = (engine.new_session(), engine.new_chat()), (engine.new_session(), engine.new_chat())
    first[1].record("My name is Ann.", "Hello, Ann.")
    second[1].record("My name is Bob.", "Hello, Bob.")
    expected = [alone(engine, chat, "What is my name?") for _, chat in (first, second)]
    for session, chat in (first, second):
        engine.prefill(session, chat, always)
    del passes[:]
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = reply(engine, *(first, second)[number], "What is my name?")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answers[0], answers[1]] == expected
    assert max(passes) < len(tokens(engine, first[1], "What is my name?")) / 2  # both had been read ahead


def test_history_that_has_no_room_is_dropped(load):
    engine = load(n_ctx=256, chat_size=50)
    chat = engine.new_chat()
    for number in range(20):
        chat.record(f"Tell me about the number {number}.", "It is a number that many people like.")
    prompt = tokens(engine, chat, FRANCE)
    assert len(prompt) <= 256 - 40
    assert "number 19" in engine._tokenizer.decode(prompt)
    assert len(chat.messages("x")) == 41 + 1  # until the words are in the history
    chat.record(FRANCE, "Paris.")
    assert len(chat.messages("x")) < 41
    assert alone(engine, chat, FRANCE)


def test_words_that_are_too_long_lose_their_start(load, caplog):
    engine = load(n_ctx=256)
    prompt = tokens(engine, engine.new_chat(), "long " * 400 + FRANCE)
    assert len(prompt) == 256 - 40
    assert FRANCE in engine._tokenizer.decode(prompt)
    assert "its start is cut" in caplog.text


def test_a_reply_ends_where_the_room_does(load):
    engine = load({"max_new_tokens": 1000}, n_ctx=256)
    session = engine.new_session()
    reply(engine, session, engine.new_chat(), "Tell me a very long story about every animal that you know.")
    assert len(session.tokens) < 256


def test_conversations_share_the_room_and_the_silent_ones_give_way(load):
    engine = load(n_ctx=256)
    sessions = [engine.new_session() for _ in range(12)]
    for session in sessions:
        assert "Paris" in reply(engine, session, engine.new_chat(), FRANCE)
        assert sum(len(held.tokens) for held in sessions) <= 256
    assert sessions[-1].tokens
    assert not sessions[0].tokens


def test_more_conversations_than_sequences(load, tmp_path):
    engine = load(model_name=str(write_gguf(tmp_path / "tiny.gguf")), n_ctx=512)
    sessions = [engine.new_session() for _ in range(20)]
    first = [reply(engine, session, engine.new_chat(), "Hi") for session in sessions]
    assert set(first) == {alone(engine, engine.new_chat(), "Hi")}


def test_a_failed_pass_is_raised_and_the_conversation_goes_on(load, tmp_path):
    engine = load(model_name=str(write_gguf(tmp_path / "tiny.gguf")))
    session, chat = engine.new_session(), engine.new_chat()
    expected = reply(engine, session, chat, "Hi")
    read = engine._context.read
    engine._context.read = lambda tokens, sequence, start: read([engine._model.size + 1], sequence, start)
    with pytest.raises(DecodeError, match="can't read"):
        reply(engine, session, chat, "Ho")
    engine._context.read = read
    assert session.tokens == []
    assert reply(engine, session, chat, "Hi") == expected


def test_sampling_with_a_seed_repeats_and_without_varies(load, tmp_path):
    model = str(write_gguf(tmp_path / "tiny.gguf"))
    seeded = load({"do_sample": True, "temperature": 1.0, "seed": 3}, model_name=model)
    assert len({alone(seeded, seeded.new_chat(), "Hi") for _ in range(3)}) == 1
    free = load({"do_sample": True, "temperature": 1.0}, model_name=model)
    assert len({alone(free, free.new_chat(), "Hi") for _ in range(3)}) > 1


def test_a_model_that_can_not_go_back_answers_from_its_mark(load, tmp_path):
    engine = load(model_name=str(write_gguf(tmp_path / "mamba.gguf", "mamba")))
    assert not engine._model.rewinds
    chat, session = engine.new_chat(), engine.new_session()
    chat.record("One.", "Two.")
    engine.prefill(session, chat, always)
    marked = list(session.mark)
    assert marked == session.tokens
    with counted(engine) as passes:
        engine.prefill(session, chat, always, "Three")
        assert sum(passes) == len(session.tokens) - len(marked)
        del passes[:]
        answer = reply(engine, session, chat, "Another word.")
        assert passes[0] <= len(tokens(engine, chat, "Another word.")) - len(marked)
    assert answer == alone(engine, chat, "Another word.")
    chat.record("Another word.", "So be it.")
    assert reply(engine, session, chat, "More.") == alone(engine, chat, "More.")


def test_thinking_is_switched_off_by_the_file_s_template(load, tmp_path):
    engine = load(model_name=str(write_gguf(tmp_path / "tiny.gguf", template=QWEN3)))
    assert engine._tokenizer.decode(tokens(engine, engine.new_chat(), "Hi")).endswith("\n\n\n\n")
    assert engine._thought_tokens is not None


def test_it_needs_neither_torch_nor_transformers():
    code = (
        "import sys\n"
        "from handlers.llama_cpp.handler import LlamaCppHandler\n"
        "from tests.handlers.llama_cpp.conftest import GENERATION, OPTIONS\n"
        "from utils.system.engine_thread import EngineThread, always\n"
        "thread = EngineThread('lm')\n"
        "engine = thread.call(lambda: LlamaCppHandler.load(thread, **OPTIONS, gen_kwargs=GENERATION))\n"
        "print(''.join(engine.stream(engine.new_session(), engine.new_chat(), 'What is 1 + 1?', always)))\n"
        "assert not {'torch', 'transformers', 'gguf'} & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip()
