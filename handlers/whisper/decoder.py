"""Whisper's greedy decoder over the checkpoint's own weights: what `generate()` gives, in less time.

`generate()` spends most of a small checkpoint's step on its own bookkeeping. Besides, here the work ends within a token
when nobody wants it any more, and a draft, the words of an earlier attempt at the beginning of the same speech, is read
in one pass.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from handlers.whisper.encoder import heads, stop_unless
from handlers.whisper.guesses import Guesses
from utils.system.engine_thread import Live

# A pass over many positions rounds otherwise than one over a single position. A token counts as another than the
# draft's where it leads by more than that can shift it, else it is decided in a pass of its own.
CLEAR_LEAD = {torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.75}  # of logits

Halt = Callable[[Sequence[int]], bool]
Read = tuple[list[int], int]
"""Tokens, and the position of the first of them."""


@dataclass(frozen=True)
class Prompt:
    """What the decoder begins with and what it may not say; all are ids of tokens."""

    tokens: tuple[int, ...]
    """<|startoftranscript|> and what follows it."""

    languages: tuple[int, ...]
    """Those to choose tokens[1] from; empty where it is fixed."""

    suppressed: tuple[int, ...]
    """Never said."""

    suppressed_first: tuple[int, ...]
    """Not said at the beginning."""

    end: int
    """<|endoftext|>."""

    no_speech: int | None
    """<|nospeech|>, if there is one."""


@dataclass(frozen=True)
class Decoded:
    """What the decoder has made of one window."""

    tokens: tuple[int, ...]
    """Without the prompt and the end token."""

    mean_logprob: float
    """Of all tokens, the end's too."""

    no_speech: float
    """The probability of it."""

    ended: bool
    """Whether the end token came."""

    halted: bool
    """`halt` said so; then the text has no end."""


class GreedyDecoder:
    """The most probable token at each step. model: a WhisperForConditionalGeneration in evaluation mode."""

    def __init__(self, model: Any, prompt: Prompt) -> None:
        self._decoder = model.model.decoder
        self._project = model.proj_out
        self._prompt = prompt
        self._longest = model.config.max_target_positions
        self._lead = CLEAR_LEAD[model.dtype]
        self._never, self._not_first, self._languages = (
            torch.tensor(tokens, dtype=torch.long, device=model.device)
            for tokens in (prompt.suppressed, prompt.suppressed_first, prompt.languages)
        )

    def decode(self, states: torch.Tensor, limit: int, live: Live, draft: Sequence[int], halt: Halt) -> Decoded:
        """What was said in the encoder's states [1, n, width], in up to `limit` tokens.

        draft: a guess at them. It saves time, and is kept where another token is as likely. halt: asked at each token
        whether what there is should go no further. Raises CancelledError when `live` turns false.
        """
        prompt = list(self._prompt.tokens)
        limit = min(limit, self._longest - len(prompt))
        run = _Run(self._decoder, states, len(prompt) + limit)
        if self._prompt.languages:
            prompt[1] = self._language(run)
        search, guesses = _Search(self._prompt.end), Guesses(draft)
        stop_unless(live)
        no_speech = self._begin(run, prompt, limit, guesses, search)
        with _fewer_threads(states.device):
            halted = self._go_on(run, len(prompt), limit, live, guesses, search, halt)
        return Decoded(tuple(search.tokens), search.total / search.steps, no_speech, search.ended, halted)

    def _go_on(
        self, run: _Run, start: int, limit: int, live: Live, guesses: Guesses, search: _Search, halt: Halt
    ) -> bool:
        """To the end, token by token but for what is guessed. True: `halt` stopped it. Where the scores are no numbers,
        there is no end."""
        while not search.ended and len(search.tokens) < limit and not math.isnan(search.total):
            if halt(search.tokens):
                return True
            stop_unless(live)
            guess = guesses.next(search.tokens)[: limit - len(search.tokens) - 1]
            read, at = [search.tokens[-1], *guess], start + len(search.tokens) - 1
            hidden = run.read(read, at)
            reads = [([token], at + place) for place, token in enumerate(read)]
            guesses.took(self._take(run, self._scores(hidden), reads, guess, search), len(guess))
        return halt(search.tokens)

    def _language(self, run: _Run) -> int:
        """The likeliest after the start token."""
        scores = self._project(run.read(self._prompt.tokens[:1], 0))[0, 0]
        return int(self._languages[scores[self._languages].argmax()])

    def _begin(self, run: _Run, prompt: list[int], limit: int, guesses: Guesses, search: _Search) -> float:
        """Read the prompt and the first guess; take what of it is right, and the token after that.

        Returns the probability of <|nospeech|>, which is that of the start token's place.
        """
        guess = guesses.next([])[: limit - 1]
        hidden = run.read(prompt + guess, 0)
        scores = self._scores(hidden[:, len(prompt) - 1 :], first=True)
        reads = [(prompt, 0), *(([token], len(prompt) + place) for place, token in enumerate(guess))]
        guesses.took(self._take(run, scores, reads, guess, search), len(guess))
        if self._prompt.no_speech is None:
            return 0.0
        return float(self._project(hidden[:, 0])[0].float().softmax(-1)[self._prompt.no_speech])

    def _take(
        self, run: _Run, scores: torch.Tensor, reads: Sequence[Read], guess: Sequence[int], search: _Search
    ) -> int:
        """Add to the text the tokens of the guess that are right, and the token after them. Returns how many were.

        scores: [1 + length of the guess, tokens]. reads: what to read again for each row of them.
        """
        first = not search.tokens
        for place, (token, logprob, lead) in enumerate(self._best(scores)):
            if guess and lead < self._lead and list(guess[place : place + 1]) != [token]:
                again = self._scores(run.read(*reads[place])[:, -1:], first=first and not place)
                token, logprob, _ = self._best(again)[0]
            search.take(token, logprob)
            if search.ended or list(guess[place : place + 1]) != [token]:
                return place
        raise AssertionError("a row more than guesses")

    def _scores(self, hidden: torch.Tensor, first: bool = False) -> torch.Tensor:
        """Logits [n, tokens] in float32 after the hidden states [1, n, width]; first: the text begins with them."""
        scores = self._project(hidden)[0].float().index_fill_(1, self._never, -math.inf)
        if first:
            scores[0, self._not_first] = -math.inf
        return scores

    def _best(self, scores: torch.Tensor) -> list[tuple[int, float, float]]:
        """[(the token, its log-probability, its lead before the next)] of scores [n, tokens]."""
        values, tokens = scores.topk(2, dim=-1)
        logprobs, leads = values[:, 0] - scores.logsumexp(-1), values[:, 0] - values[:, 1]
        return list(zip(tokens[:, 0].tolist(), logprobs.tolist(), leads.tolist(), strict=True))


class _Search:
    """What has been decoded."""

    def __init__(self, end: int) -> None:
        self._end = end
        self.tokens: list[int] = []
        self.total = 0.0  # of the log-probabilities
        self.steps = 0
        self.ended = False

    def take(self, token: int, logprob: float) -> None:
        self.total += logprob
        self.steps += 1
        if token == self._end:
            self.ended = True
        else:
            self.tokens.append(token)


class _Run:
    """The decoder over one utterance: keys and values of the sound, and of the tokens read so far.

    On a CPU they are float32: attention from one place to 1,500 took 1.0 ms a layer in bfloat16 and 0.16 in float32.
    """

    def __init__(self, decoder: Any, states: torch.Tensor, room: int) -> None:
        self._decoder = decoder
        self._dtype = torch.float32 if states.device.type == "cpu" else states.dtype
        self._sound, self._text = [], []
        for layer in decoder.layers:
            sound, text = layer.encoder_attn, layer.self_attn
            projected = (heads(sound, project(states)) for project in (sound.k_proj, sound.v_proj))
            self._sound.append([each.to(self._dtype).contiguous() for each in projected])
            shape = (2, 1, text.num_heads, room, text.head_dim)
            self._text.append(torch.empty(shape, dtype=self._dtype, device=states.device))

    def read(self, tokens: Sequence[int], at: int) -> torch.Tensor:
        """The hidden states [1, n, width] of n tokens at position `at`; what was read from there on is forgotten."""
        ids = torch.tensor([list(tokens)], device=self._text[0].device)
        end = at + len(tokens)
        hidden = self._decoder.embed_tokens(ids) + self._decoder.embed_positions.weight[at:end]
        mask = None
        if len(tokens) > 1:
            mask = torch.ones(len(tokens), end, dtype=torch.bool, device=ids.device).tril(at)
        for layer, sound, text in zip(self._decoder.layers, self._sound, self._text, strict=True):
            normal = layer.self_attn_layer_norm(hidden)
            text[0, :, :, at:end] = heads(layer.self_attn, layer.self_attn.k_proj(normal))
            text[1, :, :, at:end] = heads(layer.self_attn, layer.self_attn.v_proj(normal))
            hidden = hidden + _attend(layer.self_attn, normal, text[0, :, :, :end], text[1, :, :, :end], mask)
            hidden = hidden + _attend(
                layer.encoder_attn, layer.encoder_attn_layer_norm(hidden), sound[0], sound[1], None
            )
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden))))
        return self._decoder.layer_norm(hidden)


def _attend(
    attention: Any, states: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """What the states [1, n, width] find among the keys."""
    queries = heads(attention, attention.q_proj(states)).to(keys.dtype)
    found = scaled_dot_product_attention(queries, keys, values, attn_mask=mask).to(states.dtype)
    return attention.out_proj(found.transpose(1, 2).reshape(states.shape))


@contextlib.contextmanager
def _fewer_threads(device: torch.device) -> Iterator[None]:
    """Half of them for steps of one token on a CPU, as for the language model's: see `handlers.language_model.steps`.

    tiny.en in bfloat16 on two cores: 10 ms a step on one thread, 6 on two; with the cores busy, 10 and 25.
    """
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(max(1, threads // 2))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
