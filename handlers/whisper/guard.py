"""When a transcript is not to be trusted, told by its tokens.

Whisper was trained on windows of 30 s only. A shorter window costs the encoder a fraction of the time, and now and then
makes the decoder say a phrase twice, or words that nobody said. Whatever looks like that is heard again in the whole
window. In the whole window Whisper may still fall into a loop, where it says one phrase again and again.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORTEST_PHRASE = 3  # tokens
MANY_TIMES = 3  # that a shorter one comes in a row
MOST_TOKENS_A_SECOND = 8  # quick speech has 5 or 6
TOKENS_AT_LEAST = 8  # that may be in however short a sound
# A loop: people say "no, no, no, no", too, but hardly a dozen times in a row.
LOOP_TOKENS, LOOP_TIMES = 24, 4
LOOK_BACK = 48  # tokens in which a loop is looked for while the text grows
# Who says a sentence again and again needs the time for it, and is done when the sound is. A loop goes on.
REPEATED_TOKENS_A_SECOND = 5
LONGEST_MURMUR = 4  # tokens: "yeah", "thank you". A longer phrase that ends with the sound was said so often


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


def in_a_loop(tokens: Sequence[int]) -> bool:
    """Whether a phrase comes again and again in the tokens, one time right after the other."""
    return len(tokens) >= LOOP_TOKENS and longest_run(tokens, LOOP_TIMES) >= LOOP_TOKENS


def falls_into_a_loop(tokens: Sequence[int], seconds: float) -> bool:
    """The same of the end of the tokens only, in less time: for text that grows. seconds: of the sound. Nobody can have
    said so much in them."""
    enough = max(LOOP_TOKENS, REPEATED_TOKENS_A_SECOND * seconds)
    return len(tokens) >= enough and in_a_loop(tokens[-LOOK_BACK:])


def mostly_a_murmur(tokens: Sequence[int]) -> bool:
    """Whether half of the tokens or more are one short phrase that comes three times or more. Counting is no such
    thing."""
    return 2 * longest_run(tokens, MANY_TIMES, LONGEST_MURMUR) >= len(tokens)


def longest_run(tokens: Sequence[int], times: int, longest_phrase: int | None = None) -> int:
    """How many tokens in a row are one phrase, said so many times or more; 0 where no phrase is.

    longest_phrase: the tokens that it may have; None: any number.
    """
    longest = 0
    most = len(tokens) // times
    for length in range(1, 1 + (most if longest_phrase is None else min(most, longest_phrase))):
        same = 0  # tokens in a row that are those of one phrase earlier
        for before, token in zip(tokens, tokens[length:], strict=False):
            same = same + 1 if before == token else 0
            if same >= length * (times - 1):
                longest = max(longest, same + length)
    return longest
