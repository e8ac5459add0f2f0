"""Spoken questions to a server process, in real time, and what is known of each answer."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.live_client import LiveClient, first_audible, underruns
from utils.audio.samples import FloatAudio
from utils.audio.wire import REPLY_RATE
from utils.system.local_server import LocalServer

QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a week?",
    "Who wrote the play Hamlet?",
    "Why is the sky blue?",
    "What color is a banana?",
    "How far away is the moon?",
    "Can you explain how bread is made?",
    "What is the largest planet in our solar system?",
    "Name three animals that live in the ocean.",
    "What do bees make?",
    "How do airplanes fly?",
    "What is the opposite of hot?",
    "Tell me something about Italy.",
    "Which season comes after winter?",
    "How many legs does a spider have?",
    "What is water made of?",
    "Why do we sleep?",
    "What is the longest river in the world?",
    "Where do penguins live?",
    "What should I cook for dinner tonight?",
    "What time of day does the sun set?",
    "Who painted the Mona Lisa?",
    "What is a volcano?",
    "How does a bicycle stay upright?",
)
MODELS = ("stt_ms", "lm_first_sentence_ms", "tts_first_audio_ms")
TURN_TIMEOUT_S = 60.0
PAUSE_S = 0.5  # between the end of a reply and the next question


@dataclass(frozen=True)
class Turn:
    """One question and its answer. Times in milliseconds; server: the turn's line of the metrics file."""

    asked: str
    heard: str
    voice_to_voice_ms: float
    quiet_start_ms: float
    underruns_ms: list[float]
    server: dict[str, Any]

    @property
    def is_whole(self) -> bool:
        """Whether every stage has a figure."""
        return None not in [self.server[key] for key in ("commit_ms", *MODELS)]

    @property
    def begun_ms(self) -> float:
        """When its stages began to run, after the last voiced sample."""
        return float(self.server["begun_ms"] or 0.0)

    @property
    def window_ms(self) -> float:
        """The silence until the turn was over."""
        return float(self.server["commit_ms"])

    @property
    def stages_ms(self) -> float:
        """What the three models took, one after the other."""
        return sum(float(self.server[key]) for key in MODELS)

    @property
    def beyond_ms(self) -> float:
        """What the listener waited after the turn was over."""
        return self.voice_to_voice_ms - self.window_ms

    @property
    def outside_ms(self) -> float:
        return self.voice_to_voice_ms - float(self.server["voice_to_voice_ms"]) - self.quiet_start_ms

    @property
    def understood(self) -> bool:
        return words(self.heard) == words(self.asked)

    @property
    def first_word_kept(self) -> bool:
        return words(self.heard)[:1] == words(self.asked)[:1]


class Server:
    """The server's process: its lines and its metrics."""

    def __init__(self, arguments: Sequence[str], metrics_file: Path) -> None:
        self._metrics_file = metrics_file
        self._lock = threading.Lock()
        self._users: list[str] = []
        self.process = LocalServer(
            [*arguments, "--metrics_file", str(metrics_file)],
            self._keep,
            lambda line: print(line, file=sys.stderr),
        )

    def turns(self) -> list[dict[str, Any]]:
        """The lines of the metrics file so far."""
        return [json.loads(line) for line in self._metrics_file.read_text().splitlines()]

    def users(self) -> list[str]:
        """What was understood so far."""
        with self._lock:
            return list(self._users)

    def _keep(self, line: str) -> None:
        if line.startswith("USER: "):
            with self._lock:
                self._users.append(line.removeprefix("USER: "))


def ask(client: LiveClient, server: Server, question: str, audio: FloatAudio) -> Turn | None:
    """One question and its whole answer, in real time; None if there was none."""
    client.resume()
    lines, users = len(server.turns()), len(server.users())
    began = time.monotonic()
    spoken_at = client.say(audio)
    answered = client.be_silent_until(lambda: len(server.turns()) > lines, TURN_TIMEOUT_S)
    chunks = client.heard_since(began)
    heard_at = first_audible(chunks)
    pause = PAUSE_S + sum(len(samples) for _, samples in chunks) / REPLY_RATE
    resume = (chunks[0][0] if chunks else time.monotonic()) + pause  # the reply has been played to its end
    client.be_silent_until(lambda: time.monotonic() >= resume, pause + 1)
    if not answered or heard_at is None:
        return None
    metrics, heard = server.turns()[lines], " ".join(server.users()[users:])
    gaps = [gap * 1_000 for gap in underruns(chunks)]
    quiet_start_s = heard_at - chunks[0][0]
    return Turn(question, heard, (heard_at - spoken_at) * 1_000, quiet_start_s * 1_000, gaps, metrics)


def wrong_words(said: str, heard: str) -> int:
    """The words to change, add or remove to make one of the other."""
    import jiwer

    found = jiwer.process_words(" ".join(words(said)), " ".join(words(heard)))
    return found.substitutions + found.deletions + found.insertions


def words(text: str) -> list[str]:
    """In small letters, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())
