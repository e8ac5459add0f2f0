"""The audio of the turn that is being spoken: which of the stream's samples belong to it. None is lost or used twice.

Positions are sample numbers since the stream began, at its own rate. What is given out is float32 [n], mono, 16 kHz.
"""

from __future__ import annotations

import numpy as np

from handlers.vad.segmentation import Paused, Split, Stopped
from handlers.vad.timeline import AudioTimeline
from utils.audio.resampling import resample
from utils.audio.samples import FloatAudio

STT_RATE = 16_000  # Hz: what Whisper and smart-turn hear
LONGEST_GAP_S = 1.0  # of the silence between the pieces of one turn, so much is kept


class TurnAudio:
    """rate: of the stream, Hz; frame: samples of one judgement of the VAD; pad_ms: kept before and after the speech."""

    def __init__(self, rate: int, frame: int, pad_ms: float) -> None:
        self.timeline = AudioTimeline(rate)
        self.judged = 0  # samples that the network has seen
        self._rate = rate
        self._frame = frame
        self.pad = int(pad_ms / 1000 * rate)
        self._gap = int(LONGEST_GAP_S * rate)
        self._taken = 0  # samples up to here are in utterances or parts already
        self._spoken = 0  # samples up to here hold the words of those, without the padding
        self._extending = False  # the speech now continues a turn: its audio joins on to what was taken
        self._unanswered: FloatAudio | None = None  # 16 kHz: said, but nobody has heard an answer yet
        self._first_voiced_at: float | None = None  # clock; None until it is asked for

    @property
    def extending(self) -> bool:
        """The present speech goes on with a turn of which something stands in utterances or parts already."""
        return self._extending

    def next_frame(self) -> FloatAudio | None:
        """The next frame for the network, at the stream's rate; None where it is not complete yet."""
        if self.timeline.end - self.judged < self._frame:
            return None
        self.judged += self._frame
        return self.timeline.audio(self.judged - self._frame, self.judged)

    def missing(self) -> int:
        """So many samples complete the last frame."""
        return -(self.timeline.end - self.judged) % self._frame

    def forget(self, speech_start: int | None) -> None:
        """Drop what no turn can need any more. speech_start: the frame in which the present speech began."""
        needed = self.judged if speech_start is None else speech_start * self._frame
        self.timeline.drop_before(needed - self.pad - self._gap)

    def ignore(self) -> None:
        """What was judged so far belongs to no turn."""
        self._spoken = self.judged

    def begin(self, extends: bool) -> None:
        """Speech begins; extends: it goes on with a turn that nobody has heard an answer to."""
        self._extending = extends
        if not extends:
            self._unanswered = None
            self._first_voiced_at = None

    def so_far(self, speech: Paused | Stopped) -> FloatAudio:
        """All that was said in this turn since its last part."""
        return self._with_unanswered(speech.start, self._ends(speech)[0])

    def up_to_now(self, start: int) -> FloatAudio:
        """The same, of speech that goes on. start: the frame in which it began."""
        return self._with_unanswered(start, self.judged)

    def last_voiced_at(self, speech: Paused | Stopped) -> float:
        """When the speaker was last heard, seconds on the conversation's clock. That the network notices it late is
        taken into account."""
        return self.timeline.time_of(self._ends(speech)[1] - speech.late * self._frame)

    def first_voiced_at(self, speech: Paused | Split | Stopped) -> float:
        """When the first voiced frame of the turn began: seconds on the conversation's clock."""
        if self._first_voiced_at is None:
            self._first_voiced_at = self.timeline.time_of(speech.start * self._frame)
        return self._first_voiced_at

    def take(self, speech: Stopped) -> FloatAudio:
        """The same as `so_far`. It now stands in an utterance, which nobody has answered yet."""
        self._unanswered = self.so_far(speech)
        self._taken, self._spoken = self._ends(speech)
        return self._unanswered

    def seal(self) -> FloatAudio | None:
        """What was said before and is not answered becomes a part of its own. None: there is nothing."""
        audio, self._unanswered = self._unanswered, None
        return audio

    def split(self, speech: Split) -> FloatAudio:
        """The first part of a long speech; the rest of it extends the turn."""
        audio = self._cut(speech.start * self._frame, speech.end * self._frame)
        self.first_voiced_at(speech)  # what follows begins later
        self._taken = self._spoken = speech.end * self._frame
        self._extending = True
        return audio

    def stt_samples(self, samples: int) -> int:
        """A number of samples at the stream's rate, in samples at 16 kHz."""
        return samples * STT_RATE // self._rate

    def _with_unanswered(self, start: int, end: int) -> FloatAudio:
        audio = self._cut(start * self._frame, end)
        return audio if self._unanswered is None else np.concatenate([self._unanswered, audio])

    def _ends(self, speech: Paused | Stopped) -> tuple[int, int]:
        """(where the audio of this speech ends, where its words do)."""
        words = (max(speech.last_voiced, speech.start) + 1) * self._frame
        return min(words + self.pad, self.judged), words

    def _cut(self, start: int, end: int) -> FloatAudio:
        """With its pre-roll; where the turn goes on, joined without a seam to what was taken before."""
        earliest = self._taken if self._extending else self._spoken  # no word stands in two turns
        begin = max(earliest, start - (max(self._gap, self.pad) if self._extending else self.pad))
        return resample(self.timeline.audio(max(0, begin), end), self._rate, STT_RATE)
