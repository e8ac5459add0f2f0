"""From a sound to its words: what Whisper can't say in one window, or says over and over, it hears again in halves.

A window may hold more words than a transcript may have tokens: quick speech, and languages of which a token is a part
of a letter. Then the transcript has no end. Besides, a murmur, music or a bad line can lead Whisper into a loop: the
same phrase again and again, of which it is very sure. In both cases the sound is divided at the quietest place near its
middle, and each half is heard as a sound of its own. What still repeats itself in short pieces was not said.

The log gets one line for what is refused or cut off. What is no speech at all is mentioned at the level debug only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from handlers.whisper.checkpoint import RATE
from handlers.whisper.decoder import Decoded
from handlers.whisper.draft import Draft
from handlers.whisper.encoder import stop_unless
from handlers.whisper.guard import in_a_loop, mostly_a_murmur
from handlers.whisper.judgement import compresses, confidence, is_speech, least_for
from utils.audio.samples import FloatAudio
from utils.system.engine_thread import Live

logger = logging.getLogger(__name__)

# Nobody says 128 tokens, the default limit, in less: quick Thai and Hindi have up to 30 a second.
SHORTEST_DIVIDED_S = 4.0
# A person may say "no" five times in a second. Of a loop it is enough to hear its quarters.
SHORTEST_LOOP_S, LOOKS_AT_A_LOOP = 2.0, 2
MIDDLE = (1 / 3, 2 / 3)  # of a sound: where it may be divided
FRAME_S, PAUSE_S = 0.02, 0.2  # how finely the quietest place is looked for, and how long it should be
LONGEST_QUOTE = 80  # characters of a transcript in the log

Decode = Callable[[FloatAudio, Live, Draft], Decoded]
"""Hears a sound, float32 [n], 16 kHz, in one window."""


@dataclass(frozen=True)
class Demands:
    """What is asked of a transcript, to be taken for speech."""

    least: float
    """Its confidence, see `handlers.whisper.judgement`."""

    no_speech_threshold: float
    """What repeats itself is none where the probability of no speech is higher."""

    one_language: bool = False
    """The checkpoint knows one language only: of another it makes words of its own."""


class Listener:
    """decode: hears one window. words: the tokens of a transcript that are words. text: what words say."""

    def __init__(
        self,
        decode: Decode,
        words: Callable[[Sequence[int]], list[int]],
        text: Callable[[Sequence[int]], str],
    ) -> None:
        self._decode = decode
        self._words = words
        self._text = text

    def hear(self, audio: FloatAudio, live: Live, demands: Demands, draft: Draft) -> str:
        """The words in float32 [n], 16 kHz; "" where there is no speech. Raises CancelledError when `live` turns false.

        draft: see there.
        """
        notes: dict[str, str] = {}
        texts = self._texts(audio, live, demands, draft, notes, LOOKS_AT_A_LOOP)
        for kind, note in notes.items():
            if kind not in draft.noted:
                logger.info("%.1f s of sound: %s", len(audio) / RATE, note)
        draft.noted |= set(notes)
        return " ".join(texts)

    def _texts(
        self, audio: FloatAudio, live: Live, demands: Demands, draft: Draft, notes: dict[str, str], looks: int
    ) -> list[str]:
        """looks: how often a loop may be divided yet. notes: gets a line for the log, by kind."""
        decoded = self._decode(audio, live, draft)
        stop_unless(live)
        text, words = self._text(decoded.tokens), self._words(decoded.tokens)
        if math.isnan(confidence(decoded)):
            notes["score"] = "nothing is understood: the model's scores are no numbers (NaN)"
            return []
        loops = in_a_loop(words) or compresses(text)
        least = demands.least
        if decoded.ended and not loops:
            least = least_for(least, len(words), demands.one_language)
        if not is_speech(text, decoded, least, demands.no_speech_threshold):
            self._note_refusal(text, decoded, demands, notes)
            return []
        seconds = len(audio) / RATE
        if loops and looks and seconds >= SHORTEST_LOOP_S:
            return self._in_halves(audio, live, demands, draft, notes, looks - 1)
        if loops and (not decoded.ended or mostly_a_murmur(words)):
            notes["loop"] = f"not taken for speech, Whisper only repeats itself: {_quote(text)}"
            return []
        if not decoded.ended and seconds >= SHORTEST_DIVIDED_S:
            return self._in_halves(audio, live, demands, draft, notes, looks)
        if not decoded.ended:
            notes["limit"] = f"cut off at --stt_gen_max_new_tokens {len(decoded.tokens)}: {_quote(text)}"
        return [text] if text else []

    def _in_halves(
        self, audio: FloatAudio, live: Live, demands: Demands, draft: Draft, notes: dict[str, str], looks: int
    ) -> list[str]:
        place = quietest_place(audio)
        logger.debug("%.1f s are heard in two parts, divided at %.1f s", len(audio) / RATE, place / RATE)
        first, second = draft.divided()
        return [
            *self._texts(audio[:place], live, demands, first, notes, looks),
            *self._texts(audio[place:], live, demands, second, notes, looks),
        ]

    @staticmethod
    def _note_refusal(text: str, decoded: Decoded, demands: Demands, notes: dict[str, str]) -> None:
        """Where somebody spoke, and it is not clear what was said."""
        if decoded.no_speech > demands.no_speech_threshold or len(decoded.tokens) < 3:
            return
        hint = "; this checkpoint hears English only" if demands.one_language else ""
        notes["unsure"] = f"not understood (confidence {confidence(decoded):.2f}): {_quote(text)}{hint}"


def quietest_place(audio: FloatAudio) -> int:
    """Where to divide a sound, float32 [n], 16 kHz: in the middle of its quietest moment in the middle third."""
    frame = int(FRAME_S * RATE)
    frames = len(audio) // frame
    power = np.square(audio[: frames * frame].reshape(frames, frame).astype(np.float64)).mean(1)
    smooth = np.convolve(power, np.ones(round(PAUSE_S / FRAME_S)), "same")
    first, last = (round(part * frames) for part in MIDDLE)
    away = np.abs(np.arange(first, last) - frames / 2)  # of equally quiet places the one next to the middle
    order = np.lexsort((away, smooth[first:last]))
    return int(first + order[0]) * frame + frame // 2


def _quote(text: str) -> str:
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")
