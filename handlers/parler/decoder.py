"""The decoder of Parler-TTS: a prompt is read at once, then one step makes one token of each codebook.

The step's shapes never change, so that it can be compiled and recorded as a CUDA graph; run eagerly it looks at the
filled part of the cache alone. Computes what the library's `generate()` does: sinusoidal or rotary positions
(Su et al. 2021, https://arxiv.org/abs/2104.09864), grouped-query attention (Ainslie et al. 2023,
https://arxiv.org/abs/2305.13245), prompts that are prepended or cross-attended to.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from handlers.parler.modules import rotations
from handlers.parler.weights import Layer, Norm, Weights

KeysValues = tuple[Tensor, Tensor]


class SelfCache:
    """Keys and values of what a batch has read and said: of each layer [rows, 2, self heads, length, head].

    One tensor a layer: with one for all, inductor would copy the whole of it at each layer's write.
    """

    def __init__(self, weights: Weights, rows: int, length: int) -> None:
        shape = weights.shape
        self._size = (rows, 2, shape.self_heads, length, shape.head)
        self.layers = [torch.zeros(self._size, device=weights.device, dtype=weights.dtype) for _ in range(shape.layers)]

    @property
    def rows(self) -> int:
        """How many utterances it holds."""
        return self._size[0]

    @property
    def length(self) -> int:
        """How many positions it holds."""
        return self._size[3]

    def make_room(self, length: int) -> None:
        """Room for so many positions, and where that takes more, for twice as many as before; what is in it stays."""
        if length <= self.length:
            return
        extra = max(length, 2 * self.length) - self.length
        self._size = (*self._size[:3], self.length + extra, self._size[4])
        self.layers = [F.pad(layer, (0, 0, 0, extra)) for layer in self.layers]

    def clear(self, length: int) -> None:
        """Forget the first so many positions. Masked positions have no weight, but zero times NaN is NaN."""
        for layer in self.layers:
            layer[:, :, :, :length].zero_()


@dataclass(frozen=True)
class Cross:
    """What a batch listens to: of each layer keys and values [rows, cross heads, tokens, head].

    mask: bool [rows, 1, 1, tokens], where rows have a token; None where all have all.
    """

    layers: list[KeysValues]
    mask: Tensor | None = None


class Decoder:
    """Stateless but for the table of positions: the caches are handed in."""

    def __init__(self, weights: Weights, positions: int) -> None:
        """positions: how many there may be, of a prompt and what is said."""
        self.weights = weights
        self.positions = positions
        self._table = self._sinusoids(positions)
        self._cosines, self._sines = self._rotations(positions)
        self._indices = torch.arange(positions, device=weights.device)

    def cross(self, hidden: Tensor) -> list[KeysValues]:
        """Of each layer, the keys and values of float [rows, tokens, width]: once a voice, not once an utterance."""
        heads, size = self.weights.shape.cross_heads, self.weights.shape.head

        def split(matrix: Tensor) -> Tensor:
            return F.linear(hidden, matrix).view(*hidden.shape[:2], heads, size).transpose(1, 2).contiguous()

        return [(split(layer.cross_keys), split(layer.cross_values)) for layer in self.weights.layers]

    def prefill(self, prompt: Tensor, begin: Tensor, cache: SelfCache, row: int, cross: Cross) -> Tensor:
        """Read one row's prompt, float [tokens, width], and first ids, int64 [codebooks], into the row's cache.

        cross: of this row alone. Returns logits, float [codebooks, vocabulary].
        """
        x = torch.cat([prompt, self._embed(begin[None])])
        length = x.shape[0]
        cache.make_room(length)
        x = self._positioned(x, self._indices[:length])
        cosines, sines = self._cosines[:length], self._sines[:length]
        causal = self._indices[:length] <= self._indices[:length, None]
        for layer, kept, (keys, values) in zip(self.weights.layers, cache.layers, cross.layers, strict=True):
            queries, own = self._project(_norm(x, layer.self_norm), layer, cosines, sines)
            kept[row, :, :, :length] = own.permute(1, 2, 0, 3)
            x = _added(x, self._attend_all(queries, kept[row : row + 1, :, :, :length], causal), layer.self_out)
            queries = self._cross_queries(_norm(x, layer.cross_norm), layer, cosines, sines)
            heard = self._attend_all(queries, torch.stack((keys, values), 1), None)
            x = _added(x, heard, layer.cross_out)
            x = self._feed(x, layer)
        return self._logits(x[-1:])[0]

    def step(
        self, ids: Tensor, positions: Tensor, cache: SelfCache, cross: Cross, span: int, full: bool = False
    ) -> Tensor:
        """One token of each codebook, of each row.

        ids: int64 [rows, codebooks]. positions: int64 [rows], where each row stands. span: how much of the cache is
        looked at. full: all of that is filled, in all rows, the positions are equal and the last of it.
        Returns logits, float [rows, codebooks, vocabulary].
        """
        x = self._positioned(self._embed(ids), positions)
        rows = x.shape[0]
        cosines, sines = self._rotation(positions)
        mask = None if full else (self._indices[:span] <= positions[:, None])[:, None, None]
        each = None if full else self._indices[:rows]
        for layer, kept, (keys, values) in zip(self.weights.layers, cache.layers, cross.layers, strict=True):
            queries, own = self._project(_norm(x, layer.self_norm), layer, cosines, sines)
            if each is None:
                kept[:, :, :, span - 1] = own
            else:
                kept[each, :, :, positions] = own
            seen_keys, seen_values = kept[:, :, :, :span].unbind(1)
            x = _added(x, _attend(queries, seen_keys, seen_values, mask), layer.self_out)
            queries = self._cross_queries(_norm(x, layer.cross_norm), layer, cosines, sines)
            x = _added(x, _attend(queries, keys, values, cross.mask), layer.cross_out)
            x = self._feed(x, layer)
        return self._logits(x)

    def _embed(self, ids: Tensor) -> Tensor:
        """int64 [n, codebooks] → float [n, width]."""
        return F.embedding(ids + self.weights.token_offsets, self.weights.tokens).sum(1)

    def _positioned(self, x: Tensor, positions: Tensor) -> Tensor:
        return x if self._table is None else x + self._table[positions]

    def _rotation(self, positions: Tensor) -> KeysValues:
        if not self.weights.rotary:
            return self._cosines, self._sines
        return self._cosines[positions], self._sines[positions]

    def _project(self, x: Tensor, layer: Layer, cosines: Tensor, sines: Tensor) -> KeysValues:
        """[n, width] → queries [n, heads, head]; keys and values [n, 2, self heads, head]."""
        shape = self.weights.shape
        projected = torch.mm(x, layer.queries_keys_values)
        if not self.weights.rotary:
            queries, own = projected.split((shape.width, 2 * shape.self_heads * shape.head), 1)
            return queries.view(-1, shape.heads, shape.head), own.view(-1, 2, shape.self_heads, shape.head)
        split = projected.view(x.shape[0], -1, shape.head)
        turned = shape.heads + shape.self_heads
        rotated = _rotate(split[:, :turned], cosines, sines)
        return rotated[:, : shape.heads], torch.stack((rotated[:, shape.heads :], split[:, turned:]), 1)

    def _cross_queries(self, x: Tensor, layer: Layer, cosines: Tensor, sines: Tensor) -> Tensor:
        """Parler-TTS rotates these too, though not what they are compared with."""
        queries = torch.mm(x, layer.cross_queries).view(-1, self.weights.shape.heads, self.weights.shape.head)
        return queries if not self.weights.rotary else _rotate(queries, cosines, sines)

    def _attend_all(self, queries: Tensor, keys_values: Tensor, mask: Tensor | None) -> Tensor:
        """Of one row: queries [n, heads, head], keys and values [1, 2, kept heads, m, head] → [n, width]."""
        groups = self.weights.shape.heads // keys_values.shape[2]
        keys, values = keys_values.repeat_interleave(groups, 2).unbind(1)
        heard = F.scaled_dot_product_attention(queries.transpose(0, 1)[None], keys, values, attn_mask=mask)
        return heard[0].transpose(0, 1).reshape(-1, self.weights.shape.width)

    def _feed(self, x: Tensor, layer: Layer) -> Tensor:
        inner = self.weights.activation(torch.mm(_norm(x, layer.feed_norm), layer.feed_in))
        return torch.addmm(x, inner, layer.feed_out)

    def _logits(self, x: Tensor) -> Tensor:
        shape = self.weights.shape
        return torch.mm(_norm(x, self.weights.final_norm), self.weights.heads).view(
            -1, shape.codebooks, shape.vocabulary
        )

    def _sinusoids(self, positions: int) -> Tensor | None:
        """float [positions, width]: the checkpoint's own as far as they go."""
        table = self.weights.sinusoids
        return None if table is None else table.first(positions)

    def _rotations(self, positions: int) -> KeysValues:
        """Cosines and sines, float [positions, 1, head]; empty where there are none. Computed as the library does."""
        weights = self.weights
        if not weights.rotary:
            nothing = torch.empty(0, device=weights.device)
            return nothing, nothing
        cosines, sines = rotations(torch.arange(positions, device=weights.device), weights.config)
        return cosines[:, None].to(weights.dtype), sines[:, None].to(weights.dtype)


def _norm(x: Tensor, norm: Norm) -> Tensor:
    return F.layer_norm(x, norm.shape, norm.weight, norm.bias, norm.epsilon)


def _added(x: Tensor, heard: Tensor, out: Tensor) -> Tensor:
    """The residual [n, width] and what attention adds to it."""
    return torch.addmm(x, heard, out)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """A query each: queries [rows, heads, head], keys and values [rows, kept heads, n, head] → [rows, width].

    Heads that share keys and values are as many queries of one head: nothing is repeated.
    """
    rows, kept = keys.shape[:2]
    grouped = queries.reshape(rows, kept, -1, queries.shape[-1])
    return F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask).reshape(rows, -1)


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """[n, heads, head], each half turned against the other."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines
