"""A conversation through loudspeaker and microphone: what is asked into the room, and what came of it at the server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.client_process import Client
from tests.server_process import ServerProcess
from tests.sound_card import RATE, SoundCard
from tests.waiting import wait_until

TURN_S = 30.0  # of a busy machine; a quiet one needs a tenth
STORY = "Tell me a long story about a dog and a cat."


class Loudspeaker:
    """A person with a client and a server, in the same room as the client's speaker.

    metrics: the server's --metrics_file. asked: how many questions were put, an interruption being one.
    """

    def __init__(self, card: SoundCard, server: ServerProcess, client: Client, metrics: Path) -> None:
        self._card, self._server, self._client, self._metrics = card, server, client, metrics
        self._first_line, self._first_turn = len(server.lines), len(self._all_turns())
        self.asked = 0

    def ask(self, audio: np.ndarray) -> str:
        """Say it, and wait until a turn has ended and the speaker is quiet. Returns what was understood first."""
        mark, said, ended = len(self._server.lines), len(self._client.lines), len(self.turns)
        self.asked += 1
        self._card.speak(audio)
        wait_until(lambda: len(self.turns) > ended, "the turn to end")
        self._client.wait_until(lambda lines: "speaking\n" in lines[said:] and lines[-1] == "listening\n", TURN_S)
        return self._server.wait_line("USER:", mark)

    def interrupt(self, story: np.ndarray, audio: np.ndarray, heard_s: float = 2.0) -> str:
        """Ask for a story, and something else when so much of it was heard. → what was understood of the latter."""
        mark, said = len(self._server.lines), len(self._client.lines)
        self.asked += 2
        self._card.speak(story)
        self._client.wait_until(lambda lines: "speaking\n" in lines[said:], TURN_S)
        recording = self._card.record()
        wait_until(lambda: len(recording) > heard_s * RATE, "the story to be heard")
        self._card.speak(audio)
        recording.end()
        self._server.wait_for(self._server.lines, lambda lines: len(_users(lines[mark:])) >= 2, TURN_S)
        self._client.wait_until(lambda lines: lines[-1] == "listening\n", TURN_S)
        return _users(self._server.lines[mark:])[1]

    @property
    def users(self) -> list[str]:
        """What the server took the user to have said, a text a turn."""
        return _users(self._server.lines[self._first_line :])

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The figures of the turns that have ended."""
        return self._all_turns()[self._first_turn :]

    @property
    def false_interruptions(self) -> int:
        """How often a reply was held for something that was no interruption."""
        return sum(turn["false_interruptions"] for turn in self.turns)

    @property
    def interrupted(self) -> int:
        """Replies that were ended by what the server took for the user."""
        return sum(bool(turn["interrupted"]) for turn in self.turns)

    def _all_turns(self) -> list[dict[str, Any]]:
        text = self._metrics.read_text() if self._metrics.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


def _users(lines: Sequence[str]) -> list[str]:
    return [line.removeprefix("USER:").strip() for line in lines if line.startswith("USER:")]
