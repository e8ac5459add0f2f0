"""When a transcript of a short window is not to be trusted: Whisper was trained on windows of 30 s only.

A shorter window costs the encoder a fraction of the time, and now and then makes the decoder say a phrase twice, or
words that nobody said. Whatever looks like that is heard again in the whole window.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST_PHRASE = 3  # tokens
MANY_TIMES = 3  # that a shorter one comes in a row
MOST_TOKENS_A_SECOND = 8  # quick speech has 5 or 6
TOKENS_AT_LEAST = 8  # that may be in however short a sound


def repeats(tokens: Sequence[int]) -> bool:
    """Whether the end of the tokens is a phrase that has just been there."""
    for length in range(1, len(tokens) // 2 + 1):
        times = 2 if length >= SHORTEST_PHRASE else MANY_TIMES
        phrase = tokens[-length:]
        if all(tokens[-length * (n + 1) : len(tokens) - length * n] == phrase for n in range(1, times)):
            return True
    return False


def too_many(tokens: Sequence[int], seconds: float) -> bool:
    """Whether nobody can say so much in so many seconds."""
    return len(tokens) > TOKENS_AT_LEAST + MOST_TOKENS_A_SECOND * seconds
