"""Has what the user said so far transcribed ahead of a pause: the VAD is sure of that only a tenth of a second later.

Where the pause comes and no sound has followed, the words are known by then (`messages.SpeechSoFar`). Where the
speech goes on, they are a draft of what comes next. Cut off at the first quiet frame and at the VAD's pause, 111
recordings of the bundled voice (clean, noisy, fast, slow, short words, long turns) gave tiny.en the same words in 108
and others, neither more often right, in 3; the first was 96 ms earlier in the median.
"""

from __future__ import annotations

from collections.abc import Iterator

from handlers.vad.engine import LONGEST_PART_S
from handlers.vad.segmentation import STILL_VOICED_MS, Segmenter
from handlers.vad.silero import FRAME_MS
from handlers.vad.turn_audio import STT_RATE, TurnAudio
from utils.conversation.context import Context
from utils.conversation.messages import SpeechSoFar
from utils.turns.hearing_ahead import Moments


class AheadOfPauses:
    """One conversation's. Fed frame by frame: `hear` before the segmenter, `messages` after it."""

    def __init__(self, context: Context, audio: TurnAudio, segmenter: Segmenter) -> None:
        self._context = context
        self._audio = audio
        self._segmenter = segmenter
        self._moments = Moments(FRAME_MS)
        self._quiet = False
        self._number: int | None = None  # of the last one, while it has all the words that were said
        self._voiced_ms = 0.0  # of the speech, then

    def hear(self, quiet: bool) -> None:
        """Whether the next frame is quiet."""
        self._quiet = quiet
        if not quiet:
            self._number = None

    def forget(self) -> None:
        """Other speech begins."""
        self._number = None

    def messages(self) -> Iterator[SpeechSoFar]:
        """What is to be transcribed now, if anything is.

        Nothing of what is said over a reply: there it has to be surer that these are words.
        """
        start, voiced_ms = self._segmenter.start, self._segmenter.voiced_ms
        if voiced_ms - self._voiced_ms > STILL_VOICED_MS:
            self._number = None
        now = self._moments.feed(self._quiet, self._segmenter.speaking, self._context.ahead.every_ms())
        if not now or start is None or self._context.turns.reply_is_heard() or not self._context.ahead.pays():
            return
        audio = self._audio.up_to_now(start)
        if len(audio) <= LONGEST_PART_S * STT_RATE:
            number = self._context.ahead.begin()
            self._number, self._voiced_ms = (number if self._quiet else None), voiced_ms
            yield SpeechSoFar(number, self._context.turns.next_turn(), audio)

    def number(self) -> int | None:
        """Which of them has the words of an utterance that ends now; where none has, none is wanted any more."""
        if self._number is None:
            self._context.ahead.drop()  # it would only keep the utterance waiting
        return self._number
