"""End-of-speech segmentation: from voice probabilities, one a frame, to where speech starts, is split and ends.

Pure logic on frame numbers. A voiced frame is one whose probability reaches `thresh`; silence is one below `thresh`
less 0.15 (silero's own hysteresis), and what lies between belongs to whatever came before. A start is in doubt until
`min_speech_ms` of voiced frames were counted, so a click is not speech but "yes" is.

How much silence ends the speech is changed with `wait_for`, once it is known whether the speaker is done or only
thinks. The network hears a voice for 64 to 160 ms after its last sound. The durations allow for 64 ms of that. Where
the level of the frames tells that the network was later, the rest counts as silence.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

HYSTERESIS = 0.15  # silero-vad's reference implementation: neg_threshold = threshold - 0.15
DOUBT_SILENCE_MS = 160  # so much silence ends a doubtful start that was no speech
STILL_VOICED_MS = 160  # after the last sound; what is voiced for longer was only said quietly
USUALLY_LATE_MS = 64
PAUSE_MS = 96  # where a long utterance is split, the quietest stretch of this length is looked for


@dataclass(frozen=True)
class Onset:
    """A frame was voiced: perhaps speech starts here."""

    frame: int
    """Its number."""


@dataclass(frozen=True)
class Dismissed:
    """The onset was no speech."""


@dataclass(frozen=True)
class Started:
    """The onset was speech, surely."""

    frame: int
    """The number of the onset's frame."""


@dataclass(frozen=True)
class Split:
    """The speech has become too long for one utterance: it is cut, and goes on from there."""

    start: int
    """The frame in which it began."""

    end: int
    """The frame in which it goes on."""


@dataclass(frozen=True)
class Paused:
    """The speech may be over: the silence after it has reached one of the segmenter's marks, or several."""

    start: int
    """The frame in which the speech began."""

    last_voiced: int
    """Its last voiced frame."""

    voiced_ms: float
    """How much of it was voiced."""

    marks: frozenset[float]
    """The marks that the silence has reached just now, milliseconds."""

    late: int = 0
    """In so many of the last voiced frames the sound was gone already; 0 where that is not known."""


@dataclass(frozen=True)
class Resumed:
    """The speech goes on after a `Paused`."""


@dataclass(frozen=True)
class Stopped:
    """The speech is over."""

    start: int
    """The frame in which it began."""

    last_voiced: int
    """Its last voiced frame."""

    voiced_ms: float
    """How much of it was voiced."""

    late: int = 0
    """See `Paused`."""


SpeechEvent: TypeAlias = Onset | Dismissed | Started | Split | Paused | Resumed | Stopped


class Segmenter:
    """Takes one voice probability a frame. All durations in milliseconds; max_speech_ms may be infinite.

    marks: lengths of silence. `Paused` is given out for each that the silence reaches.
    """

    def __init__(
        self,
        *,
        frame_ms: float,
        thresh: float,
        min_silence_ms: float,
        min_speech_ms: float,
        max_speech_ms: float,
        marks: Collection[float] = (),
    ) -> None:
        def frames(milliseconds: float) -> int:
            return max(1, math.ceil(milliseconds / frame_ms))

        self._frame_ms = frame_ms
        self._marks: dict[int, frozenset[float]] = {}
        for mark in marks:
            self._marks[frames(mark)] = self._marks.get(frames(mark), frozenset()) | {mark}
        self._thresh = thresh
        self._silence_below = max(0.01, thresh - HYSTERESIS)
        self._min_silence = frames(min_silence_ms)
        self._min_speech = frames(min_speech_ms)
        self._doubt_silence = min(self._min_silence, frames(DOUBT_SILENCE_MS))
        self._pause = frames(PAUSE_MS)
        self._still_voiced, self._usually_late = frames(STILL_VOICED_MS), frames(USUALLY_LATE_MS)
        self._max_speech = math.inf if math.isinf(max_speech_ms) else frames(max_speech_ms)
        self._frame = 0
        self._quiet = 0  # frames up to now
        self._clear()

    def _clear(self) -> None:
        self._start: int | None = None
        self._sure = False
        self._voiced = 0
        self._silent = 0
        self._paused = False
        self._patience = self._min_silence
        self._last_voiced = 0
        self._probabilities: list[float] = []  # since _start: where to split is looked up here

    @property
    def start(self) -> int | None:
        """The frame where the present speech, sure or in doubt, began; after a split, where it was cut."""
        return self._start

    @property
    def in_utterance(self) -> bool:
        """Speech, sure or in doubt, has not ended."""
        return self._start is not None

    @property
    def sure(self) -> bool:
        """The present speech is surely speech."""
        return self._sure

    @property
    def speaking(self) -> bool:
        """Speech, surely, and no pause in it yet."""
        return self._sure and not self._paused

    @property
    def voiced_ms(self) -> float:
        """How much of the present speech was voiced."""
        return self._voiced * self._frame_ms

    @property
    def silence_ms(self) -> float:
        """How long the present speech has been silent."""
        return self._silent * self._frame_ms

    def wait_for(self, silence_ms: float) -> None:
        """From now until the speech goes on, so much silence ends it; never less than `min_silence_ms`."""
        self._patience = max(self._min_silence, math.ceil(silence_ms / self._frame_ms))

    def forget(self) -> None:
        """What was heard was no speech; what follows is judged on its own."""
        self._clear()

    def skip(self) -> None:
        """Pass over a frame that is not to be heard. Speech that went on until then is forgotten."""
        self._frame += 1
        self._quiet = 0
        self._clear()

    def feed(self, probability: float, quiet: bool = False, doubtful: bool = False) -> list[SpeechEvent]:
        """Take the next frame's probability, and return the events, in order.

        quiet: its level is that of silence. doubtful: the sound may be no voice, so a start stays in doubt.
        """
        frame, self._frame = self._frame, self._frame + 1
        self._quiet = self._quiet + 1 if quiet else 0
        events: list[SpeechEvent] = []
        if self._start is None:
            if probability < self._thresh:
                return events
            self._start = frame
            events.append(Onset(frame))
        self._probabilities.append(probability)
        self._count(frame, probability)
        events += self._judge(doubtful)
        return events

    def flush(self) -> list[SpeechEvent]:
        """The input ends, and with it the speech. An onset that is still in doubt was no speech."""
        if self._start is None:
            return []
        event: SpeechEvent = self._stopped(self._start) if self._sure else Dismissed()
        self._clear()
        return [event]

    def _stopped(self, start: int) -> Stopped:
        return Stopped(start, self._last_voiced, self.voiced_ms, self._late())

    def _count(self, frame: int, probability: float) -> None:
        if probability >= self._thresh:
            self._voiced += 1
            self._last_voiced = frame
            self._silent = 0
        elif probability < self._silence_below or self._silent or not self._sure:  # a doubt must end
            self._silent += 1

    def _judge(self, doubtful: bool) -> list[SpeechEvent]:
        start = self._start
        assert start is not None
        events: list[SpeechEvent] = []
        if not self._sure:
            if self._voiced >= self._min_speech and not doubtful:
                self._sure = True
                events.append(Started(start))
            elif self._silent >= self._doubt_silence:
                self._clear()
                return [Dismissed()]
        events += self._pauses(start)
        if self._sure and self._silent and self._silence() >= self._patience:
            events.append(self._stopped(start))
            self._clear()
        elif self._sure and len(self._probabilities) >= self._max_speech:
            events.append(self._split(start))
        return events

    def _pauses(self, start: int) -> list[SpeechEvent]:
        if not self._sure:
            return []
        if self._silent and (marks := self._marks.get(self._silent)) is not None:
            self._paused = True
            return [Paused(start, self._last_voiced, self.voiced_ms, marks, self._late())]
        if self._paused and not self._silent:
            self._paused, self._patience = False, self._min_silence
            return [Resumed()]
        return []

    def _late(self) -> int:
        """How many frames the network has heard a voice in, after the sound was gone."""
        late = self._last_voiced - (self._frame - self._quiet) + 1
        return late if 0 < late <= self._still_voiced else 0

    def _silence(self) -> int:
        """How many frames of silence there were, and those in which the network was later than usual."""
        return self._silent + max(0, self._late() - self._usually_late)

    def _split(self, start: int) -> Split:
        """Cut in the middle of the quietest stretch of the later two thirds (an early cut would leave too much)."""
        length = len(self._probabilities)
        width = min(self._pause, length)
        first = min(length // 3, length - width)
        best = min(
            range(first, length - width + 1),
            key=lambda index: (sum(self._probabilities[index : index + width]), -index),
        )
        cut = max(1, best + width // 2)
        self._start = start + cut
        self._probabilities = self._probabilities[cut:]
        return Split(start, start + cut)
