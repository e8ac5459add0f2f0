"""Asks for interim transcripts: what the user has said so far is transcribed before a pause is certain.

The VAD is sure of a pause a tenth of a second after the sound is gone. Where no sound has followed by then, the interim
transcript has the words of the utterance. Where the speech goes on, it speeds up the next transcription. Cut off at the
first quiet frame and at the VAD's pause, 111 recordings of the bundled voice (clean, noisy, fast, slow, short words,
long turns) gave tiny.en the same words in 108 and others, neither more often right, in 3; the first was 96 ms earlier
in the median.
"""

from __future__ import annotations

from collections.abc import Iterator

from handlers.vad.engine import LONGEST_PART_S
from handlers.vad.segmentation import STILL_VOICED_MS, Segmenter
from handlers.vad.silero import FRAME_MS
from handlers.vad.turn_audio import STT_RATE, TurnAudio
from utils.conversation.context import Context
from utils.conversation.messages import InterimAudio
from utils.turns.interim import InterimTiming


class InterimRequests:
    """One conversation's. Fed frame by frame: `hear` before the segmenter, `messages` after it."""

    def __init__(self, context: Context, audio: TurnAudio, segmenter: Segmenter, window_ms: float) -> None:
        """window_ms: the silence at the end of a turn."""
        self._window_ms = window_ms
        self._context = context
        self._audio = audio
        self._segmenter = segmenter
        self._timing = InterimTiming(FRAME_MS)
        self._quiet = False
        self._number: int | None = None  # of the newest request, while it has all the words that were said
        self._waits = False  # for the end of a quiet moment: a request then has all the words, or would have had them
        self._voiced_ms = 0.0  # of the speech, when a request was or would have been made last

    def hear(self, quiet: bool) -> None:
        """The next frame comes. quiet: its level is that of silence."""
        self._quiet = quiet
        if not quiet:
            self._miss()

    def forget(self) -> None:
        """Other speech begins."""
        self._number, self._waits = None, False

    def messages(self) -> Iterator[InterimAudio]:
        """What is to be transcribed now, if anything is.

        Of what is said over a reply only what has fallen quiet: the reply is silent until it is known what that was.
        """
        start, voiced_ms = self._segmenter.start, self._segmenter.voiced_ms
        if voiced_ms - self._voiced_ms > STILL_VOICED_MS:
            self._miss()
        interim, turns = self._context.interim, self._context.turns
        now = self._timing.feed(self._quiet, self._segmenter.speaking, interim.every_ms())
        if not now or start is None:
            return
        self._waits, self._voiced_ms = self._quiet, voiced_ms
        if not (interim.has_room() and interim.pays(self._window_ms)):
            return
        over_reply = turns.reply_is_heard()
        if over_reply and not (self._quiet and turns.reply_is_held()):
            return
        audio = self._audio.up_to_now(start)
        if len(audio) <= LONGEST_PART_S * STT_RATE:
            number = interim.begin()
            self._number = number if self._quiet else None
            yield InterimAudio(number, turns.next_turn(), audio, over_reply)

    def number(self) -> int | None:
        """The request that has the words of an utterance that ends now; None where none has, and then no request is
        wanted any more."""
        if self._number is None:
            self._context.interim.drop()  # it would only keep the utterance waiting
        return self._number

    def stop(self) -> None:
        """The speech is over."""
        self._settle(right=True)

    def _miss(self) -> None:
        """More is said."""
        self._settle(right=False)
        self._number = None

    def _settle(self, right: bool) -> None:
        if self._waits:
            self._context.interim.settle(right)
        self._waits = False
