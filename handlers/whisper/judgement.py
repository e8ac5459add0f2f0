"""Whether what Whisper has made of a sound is speech at all.

Whisper has two measures of its own (Radford et al. 2022, section 4.5): the probability of <|nospeech|> and the mean
log-probability of the text. The paper drops text where the first is over 0.6 and the second under -1.0. That lets
through the "you" that tiny.en is fairly sure (-0.4) to hear in silence (no-speech 0.95). So here the two are joined:
text is kept where its mean log-probability plus log(1 - no-speech) reaches `--stt_logprob_threshold`. Measured with
tiny.en: single words such as "yes", "no", "thank you", also quiet or in noise, have -0.9 or more; silence, noise,
breath, keys, music and coughs have -1.2 or less.
"""

from __future__ import annotations

import logging
import math
import zlib

from handlers.whisper.decoder import Decoded

logger = logging.getLogger(__name__)

# Section 4.5 of the paper: text that compresses better than this repeats itself.
COMPRESSION_RATIO_THRESHOLD = 2.4
# Text of so many tokens is judged more strictly where the checkpoint knows English only: of other languages it makes
# English words. Of 17 such sentences in 11 languages, tiny.en was as sure as -0.8 of 4 and as -1.0 of 12. Of English in
# noise and echo, only what it got mostly wrong had less than -0.8.
FOREIGN_TOKENS, FOREIGN_MARGIN = 12, 0.2
# tiny.en makes words of "mm-hm", -0.94 and less ("MMA CHEM"); "Stop!", "No.", "Wait!", "Hold on." have -0.84 and more.
DOUBTFUL_LOGPROB = -0.9
# What lasts for longer than that is no such sound. Of 54 questions and calls over a reply, in three rooms with an echo
# canceller, three had less than -0.9 and none less than -1.1; a voice that is garbled means to interrupt all the same.
LONG_S, GARBLED_LOGPROB = 1.4, -1.15  # with the silence around it


def confidence(decoded: Decoded) -> float:
    """How sure Whisper is that it heard these words: mean log-probability plus log(1 - no-speech).

    NaN where the model's scores are no numbers.
    """
    return decoded.mean_logprob + math.log(max(1.0 - decoded.no_speech, 1e-9))


def least_confidence(threshold: float, seconds: float, doubtful: bool) -> float:
    """The confidence from which on a sound of so many seconds is speech.

    threshold: in general. doubtful: it was said over a reply. Where it is short, it may well be none, and Whisper has
    to be surer; where it is long, the reply has garbled it, and Whisper may be less sure.
    """
    if not doubtful:
        return threshold
    return max(threshold, DOUBTFUL_LOGPROB) if seconds < LONG_S else min(threshold, GARBLED_LOGPROB)


def least_for(least: float, tokens: int, one_language: bool) -> float:
    """The confidence asked for a text of so many tokens. one_language: the checkpoint knows no other than English."""
    return least + FOREIGN_MARGIN if one_language and tokens >= FOREIGN_TOKENS else least


def is_speech(text: str, decoded: Decoded, least: float, no_speech_threshold: float) -> bool:
    """Whether the text, made of what was decoded, was said.

    least: the confidence that is asked for. no_speech_threshold: text that repeats itself is none where the probability
    of no speech is higher.
    """
    logger.debug("%r: no-speech %.2f, mean log-probability %.2f", text, decoded.no_speech, decoded.mean_logprob)
    return confidence(decoded) >= least and not (compresses(text) and decoded.no_speech > no_speech_threshold)


def compresses(text: str) -> bool:
    """Whether the text repeats itself, by Whisper's own measure."""
    return compression_ratio(text) > COMPRESSION_RATIO_THRESHOLD


def compression_ratio(text: str) -> float:
    """The text's bytes against those of it compressed: high where it repeats itself, 0 where there is none."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
