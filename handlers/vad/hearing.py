"""The probability that a frame is voiced, with the same sensitivity whatever was heard before.

silero's state remembers for minutes: after loud music, a hum or a loud question, and after 10 s of a noisy room, it
takes a quiet or narrow-band voice for silence. So the state is renewed while nobody speaks. The successor listens
beside the old state until it knows the room: for 1 s in a steady room, and for 0.26 s after a loud sound has gone. The
padding before an utterance (`--speech_pad_ms`) has what is said in the meantime. In the middle of music nothing is
renewed, for a new state takes parts of it for a voice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from handlers.vad.loudness import decibels
from handlers.vad.second_opinion import SecondOpinion
from handlers.vad.silero import FRAME_MS, SileroModel, State
from utils.audio.samples import FloatAudio

# A voice so much quieter than the loudest sound that the state has heard may be lost to it. With less, the pauses
# between the notes of a guitar would renew the state, and the next note would be a voice.
DROP_DB = 25.0
AFTER_DROP_FRAMES = 8  # a state knows the room after so many; 0.26 s are less than the padding before an utterance
AGED_FRAMES = 3_000 // FRAME_MS  # with 5 s of noise at -50 dBFS, the state loses a sentence at -55 dBFS
STEADY_FRAMES = 1_000 // FRAME_MS  # longer than the breaks within music or speech
# The treble of a room varies by 1 to 2 dB in a second, however it rumbles; that of music and speech by more than 3.
STEADY_DB = 2.5
QUIET_DB = -40.0  # a louder room makes the state no more deaf with time, and may be music
SILENCE_DB = -90.0  # quieter is digital silence


@dataclass
class _Successor:
    """A state that is to replace the present one."""

    state: State
    """What it has heard."""

    dropped: bool
    """It began when a loud sound had gone; else, because the present state has become old."""

    frames: int = 0
    """It has heard so many."""

    loudest: float = -math.inf
    """The level of the loudest of them, dBFS."""

    treble: tuple[float, float] = (math.inf, -math.inf)
    """The lowest and the highest level of them, the differences of neighbouring samples taken, dB."""

    def listen(self, model: SileroModel, frame: FloatAudio, level: float) -> None:
        """Take the next frame."""
        _, self.state = model.step(frame, self.state)
        self.frames += 1
        treble = max(decibels(np.diff(frame)), SILENCE_DB)
        self.treble = min(self.treble[0], treble), max(self.treble[1], treble)
        self.loudest = max(self.loudest, level)

    def goes_on(self, dropped: bool, level: float, in_utterance: bool) -> bool:
        """Whether the next frame is of the kind that it is to know. dropped: the loud sound is gone."""
        if self.dropped or dropped:
            return self.dropped and dropped
        return self._is_steady() and level <= QUIET_DB and not in_utterance

    def is_ready(self) -> bool:
        """It knows the room."""
        if self.dropped:
            return self.frames >= AFTER_DROP_FRAMES
        return self.frames >= STEADY_FRAMES and self._is_steady()

    def _is_steady(self) -> bool:
        return self.treble[1] - self.treble[0] <= STEADY_DB


class Hearing:
    """One conversation's. It is fed frame by frame."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self._opinion = SecondOpinion(model)
        self.renew()

    def renew(self) -> None:
        """Forget all that was heard."""
        self._state = self._model.initial_state()
        self._age = 0  # frames
        self._loudest = SILENCE_DB  # that the state has heard, dBFS
        self._successor: _Successor | None = None
        self._opinion.forget()

    @property
    def doubtful(self) -> bool:
        """What sounds like a voice now may be the onset of any sound: see `second_opinion.py`."""
        return self._opinion.doubtful

    def step(self, frame: FloatAudio, level: float, in_utterance: bool, sure: bool) -> float:
        """The probability that the next frame, float32 [n], is voiced.

        level: its own, dBFS. in_utterance: speech, sure or in doubt, goes on. sure: it surely is speech.
        """
        before, level = self._state, max(level, SILENCE_DB)
        probability, self._state = self._model.step(frame, before)
        self._opinion.hear(frame, level, probability, None if sure else before, in_utterance)
        self._prepare(before, level, in_utterance)
        self._age += 1
        self._loudest = max(self._loudest, level)
        if self._successor is not None:
            self._successor.listen(self._model, frame, level)
            if self._successor.is_ready() and not in_utterance:
                self._succeed(self._successor)
        return probability

    def _prepare(self, before: State, level: float, in_utterance: bool) -> None:
        """Begin with a successor, or drop one that would not know the room."""
        dropped = level <= self._loudest - DROP_DB
        aged = self._age >= AGED_FRAMES and level <= QUIET_DB and not in_utterance
        if self._successor is not None and not self._successor.goes_on(dropped, level, in_utterance):
            self._successor = None
        if self._successor is None and (dropped or aged):
            self._successor = _Successor(self._model.initial_state(before), dropped)

    def _succeed(self, successor: _Successor) -> None:
        self._state, self._age, self._loudest = successor.state, successor.frames, successor.loudest
        self._successor = None
