"""Whisper's encoder over a part of its window of 30 s: what follows the speech is silence, heard beforehand.

Whisper has only ever seen windows of 30 s. Where its encoder gets fewer frames, the decoder says phrases twice and
mishears words at the edge. Here the encoder reads the first seconds, and attends to the layers' keys and values of
silence in the other places; the decoder finds all 1,500 states. Only one thing differs from the whole window: that
silence has not heard the speech. Its level, the floor of the log-mel features, goes by the loudest frame of the speech.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import gelu, pad, scaled_dot_product_attention

from utils.system.engine_thread import Live

LEVEL_STEP = 0.125  # of the log-mel features; 5 dB
LEVELS_KEPT = 4  # tiny.en: 10 MB each


@dataclass(frozen=True)
class Silence:
    """A whole window of it."""

    layers: list[tuple[torch.Tensor, torch.Tensor]]
    """(keys, values) of each layer, [1, heads, places, width / heads]."""

    states: torch.Tensor
    """What the encoder gives out, [1, places, width]."""


class WindowEncoder:
    """encoder: a WhisperEncoder in evaluation mode."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._places = encoder.config.max_source_positions
        self._silences: OrderedDict[int, Silence] = OrderedDict()

    def encode(self, features: torch.Tensor, live: Live) -> torch.Tensor:
        """The states [1, places, width] of log-mel features [1, bins, n], n even, one frame 10 ms.

        Where n is less than the window, the features end in digital silence and so does the rest of the window.
        Raises CancelledError when `live` turns false.
        """
        length = features.shape[2] // 2
        if length == self._places:
            states = self._places_of(features)
            for layer in self._encoder.layers:
                stop_unless(live)
                states = layer(states, None)
            return self._encoder.layer_norm(states)
        level = float(features.min())
        silence = self._silence(level)
        states = self._places_of(pad(features, (0, 2), value=level))[:, :length]
        for layer, (keys, values) in zip(self._encoder.layers, silence.layers, strict=True):
            stop_unless(live)
            states = _through(layer, states, (keys[:, :, length:], values[:, :, length:]))[0]
        return torch.cat([self._encoder.layer_norm(states), silence.states[:, length:]], 1)

    def _places_of(self, features: torch.Tensor) -> torch.Tensor:
        states = gelu(self._encoder.conv2(gelu(self._encoder.conv1(features)))).permute(0, 2, 1)
        positions = self._encoder.embed_positions.weight[: states.shape[1]]
        return states[:, : self._places] + positions

    def _silence(self, level: float) -> Silence:
        """Of about this level, read once."""
        step = round(level / LEVEL_STEP)
        if step not in self._silences:
            self._silences[step] = self._read_silence(step * LEVEL_STEP)
        self._silences.move_to_end(step)
        if len(self._silences) > LEVELS_KEPT:
            self._silences.popitem(last=False)
        return self._silences[step]

    def _read_silence(self, level: float) -> Silence:
        weight = self._encoder.conv1.weight
        shape = (1, weight.shape[1], 2 * self._places)
        states = self._places_of(torch.full(shape, level, dtype=weight.dtype, device=weight.device))
        layers = []
        for layer in self._encoder.layers:
            states, keys, values = _through(layer, states, None)
            layers.append((keys, values))
        return Silence(layers, self._encoder.layer_norm(states))


def _through(
    layer: Any, states: torch.Tensor, others: tuple[torch.Tensor, torch.Tensor] | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(states, keys, values) after a layer of the encoder. others: keys and values that it attends to besides."""
    attention, normal = layer.self_attn, layer.self_attn_layer_norm(states)
    queries, keys, values = (
        heads(attention, project(normal)) for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    found = scaled_dot_product_attention(
        queries,
        keys if others is None else torch.cat([keys, others[0]], 2),
        values if others is None else torch.cat([values, others[1]], 2),
    )
    states = states + attention.out_proj(found.transpose(1, 2).reshape(states.shape))
    states = states + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(states))))
    if states.dtype == torch.float16:  # as Transformers does, against overflows
        limit = torch.finfo(states.dtype).max - 1000
        states = states.clamp(-limit, limit)
    return states, keys, values


def heads(attention: Any, states: torch.Tensor) -> torch.Tensor:
    """[1, n, width] → [1, heads, n, width / heads]."""
    return states.view(1, -1, attention.num_heads, attention.head_dim).transpose(1, 2)


def stop_unless(live: Live) -> None:
    """Raises CancelledError where nobody wants the work any more."""
    if not live():
        raise CancelledError
