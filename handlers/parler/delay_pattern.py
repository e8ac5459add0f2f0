"""The delay pattern of one utterance's codebooks: which tokens go in, which frames are complete, when it is over.

Each codebook is a step behind the one before it (Copet et al. 2023, https://arxiv.org/abs/2306.05284, section 2.1):
frame f has codebook k's code from step f + k + 1, so it is complete after step f + K. Host integers only, no tensors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

Frame = list[int]  # one code of each codebook


@dataclass(frozen=True)
class Ids:
    """The ids of a checkpoint's decoder: `codes` codes from 0 on, then an end; a beginning, which only goes in."""

    codebooks: int
    codes: int
    end: int
    begin: int


class DelayPattern:
    """One utterance of at most `longest` steps.

    The end goes through the codebooks in order: codebook k may end only when codebook k - 1 has, a step later at the
    earliest. So all frames before codebook 0's end are complete K - 2 steps after it, and the steps that `generate()`
    makes from there on are saved.
    """

    def __init__(self, ids: Ids, longest: int) -> None:
        self._ids = ids
        self._longest = longest
        self._steps = 0
        self._recent: deque[Sequence[int]] = deque(maxlen=ids.codebooks)
        self._ended = [False] * ids.codebooks
        self._first_end: int | None = None
        self.may_end = 0  # the codebook that may end next, and those before it have ended
        self.over = longest < 1

    @property
    def cut_off(self) -> bool:
        """It is over because it was too long, not because the model had come to the end."""
        return self.over and self._first_end is None

    def take(self, tokens: Sequence[int]) -> Frame | None:
        """One step's tokens, a codebook each → the frame that they complete, if it is there and belongs to the speech.

        To be called until `over`.
        """
        ids = self._ids
        tokens = [ids.end if ended else token for token, ended in zip(tokens, self._ended, strict=True)]
        self._steps += 1
        self._recent.append(tokens)
        self._note_ends(tokens)
        frame = self._frame()
        last_needed = None if self._first_end is None else self._first_end + ids.codebooks - 2
        self.over = self._steps >= self._longest or (last_needed is not None and self._steps >= last_needed)
        return frame

    def next_inputs(self) -> list[int]:
        """What the last step's tokens become on their way in: codebooks that have not begun get the beginning.

        An utterance that is about to be cut off ends as those in training did: one codebook after the other.
        """
        ids, steps = self._ids, self._steps
        inputs = list(self._recent[-1])
        inputs[steps:] = [ids.begin] * len(inputs[steps:])
        ending = min(max(0, steps - (self._longest + 1 - ids.codebooks)), ids.codebooks)
        inputs[:ending] = [ids.end] * ending
        return inputs

    def _note_ends(self, tokens: Sequence[int]) -> None:
        for codebook, token in enumerate(tokens):
            self._ended[codebook] |= token == self._ids.end
        if self._ended[0] and self._first_end is None:
            self._first_end = self._steps
        if self._ended[self.may_end] and self.may_end < self._ids.codebooks - 1:
            self.may_end += 1

    def _frame(self) -> Frame | None:
        number = self._steps - self._ids.codebooks
        if number < 0 or (self._first_end is not None and number + 1 >= self._first_end):
            return None
        return [tokens[codebook] for codebook, tokens in enumerate(self._recent)]
