"""A text-to-speech stage in its real loop, between real queues, and the tiny Parler-TTS checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from utils.conversation.context import Context
from utils.conversation.messages import Message, ReplyAudio, ReplyEnd, Sentence
from utils.conversation.queue import StageQueue
from utils.system.engine_thread import EngineThread
from utils.turns.turns import Turns

ROOM = 1000  # messages: more than any test makes, so that no stage waits for a test to read


class Records:
    """Keeps what the stages report."""

    def __init__(self) -> None:
        self.observed: list[Message] = []

    def observe(self, message: Message) -> None:
        self.observed.append(message)

    def taken(self, message: Message) -> None:
        pass


class Stage:
    """One stage on a thread of its own."""

    def __init__(self, handler_class: type, engine: Any) -> None:
        self.turns = Turns()
        self.records = Records()
        self._inbox, self._outbox = (StageQueue(ROOM, self.turns.live) for _ in range(2))
        for queue in (self._inbox, self._outbox):
            self.turns.subscribe(queue.drop_stale)
        context = Context(self.turns, self.records, None, None, None)  # type: ignore[arg-type]
        handler = handler_class(context, self._inbox, self._outbox)
        handler.setup(engine)
        self._thread = threading.Thread(target=handler.run, daemon=True)
        self._thread.start()

    def attempt(self) -> int:
        """A live attempt; it ends the one before."""
        attempt = self.turns.begin()
        self.turns.commit(attempt)
        return attempt

    def put(self, *messages: Message) -> None:
        for message in messages:
            self._inbox.put(message)

    def take(self, last: Callable[[Message], bool]) -> list[Message]:
        """What the stage gives out, up to the first message that is the `last`."""
        messages = [self._outbox.get()]
        while not last(messages[-1]):
            messages.append(self._outbox.get())
        return messages

    def reply(self, *spoken: str) -> list[list[ReplyAudio]]:
        """What a reply of these sentences becomes, one list a sentence, each checked for its form."""
        attempt = self.attempt()
        sentences = [Sentence(attempt, f" {text}\n", text) for text in spoken]
        self.put(*sentences, ReplyEnd(attempt))
        messages = self.take(lambda message: isinstance(message, ReplyEnd))
        assert messages.pop() == ReplyEnd(attempt)
        assert all(isinstance(message, ReplyAudio) and message.attempt == attempt for message in messages)
        ends = [n + 1 for n, message in enumerate(messages) if message.ends_sentence]
        parts = [messages[start:end] for start, end in zip([0, *ends], [*ends, len(messages)], strict=True)]
        assert parts.pop() == []
        assert [[message.text for message in part if message.text] for part in parts] == [[s.text] for s in sentences]
        assert all(part[0].text for part in parts)
        return parts

    def close(self) -> None:
        self.turns.close()
        for queue in (self._inbox, self._outbox):
            queue.shut_down()
        self._thread.join(10)
        assert not self._thread.is_alive()


def samples(messages: list[ReplyAudio]) -> np.ndarray:
    """int16 [n]: the audio of these messages."""
    return np.concatenate([message.samples for message in messages])


@pytest.fixture
def open_stage() -> Iterator[Callable[[type, Any], Stage]]:
    """open_stage(handler class, engine) → `Stage`, closed at the end of the test."""
    stages: list[Stage] = []

    def open_one(handler_class: type, engine: Any) -> Stage:
        stages.append(Stage(handler_class, engine))
        return stages[-1]

    yield open_one
    for stage in stages:
        stage.close()


@pytest.fixture(scope="session")
def audio_of() -> Callable[[list[ReplyAudio]], np.ndarray]:
    return samples


@pytest.fixture(scope="module")
def engine_thread() -> Iterator[EngineThread]:
    thread = EngineThread("test")
    yield thread
    assert thread.close(timeout=30)


@pytest.fixture(scope="session")
def parler_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny Parler-TTS checkpoint; see `tests/parler_checkpoint.py`."""
    from tests.parler_checkpoint import build

    return build(tmp_path_factory.mktemp("parler"))


@pytest.fixture(scope="module")
def load_parler(engine_thread: EngineThread, parler_checkpoint: Path) -> Callable[..., Any]:
    """load_parler(folder, **options) → a `ParlerEngine`; what is not given is as in most tests: a short sentence."""
    from handlers.parler.handler import ParlerTTSHandler
    from tests.parler_checkpoint import SHORT_STEPS, steps_of

    def load(folder: Path = parler_checkpoint, **options: Any) -> Any:
        options = {
            "device": "cpu",
            "torch_dtype": "auto",
            "compile_mode": None,
            "description": "A calm voice.",
            "language": "en",
            "play_steps_s": 0.2,
            "max_prompt_pad_length": 8,
            "gen_kwargs": steps_of(SHORT_STEPS),
        } | options
        return engine_thread.call(lambda: ParlerTTSHandler.load(engine_thread, model_name=str(folder), **options))

    return load


@pytest.fixture
def speak(engine_thread: EngineThread) -> Callable[..., np.ndarray]:
    """speak(engine, text) → int16 [n]: what the voice makes of it, sampled from the same seed each time."""
    import torch

    def speak_one(engine: Any, text: str = "Hello there.", live: Callable[[], bool] = lambda: True) -> np.ndarray:
        engine_thread.call(lambda: torch.manual_seed(3))
        return np.concatenate([*engine.stream(text, live), np.zeros(0, np.int16)])

    return speak_one
