"""Whisper's encoder over a part of its window of 30 s: what follows the speech is silence, heard beforehand.

Whisper has only ever seen windows of 30 s. Where its encoder gets fewer frames, the decoder says phrases twice and
mishears words at the edge. Here the encoder reads the first seconds, and attends to the layers' keys and values of
silence in the other places; the decoder finds all 1,500 states. Only one thing differs from the whole window: that
silence has not heard the speech. Its level, the floor of the log-mel features, goes by the loudest frame of the speech.

Speech that is heard again with more at its end is not read again from its beginning: see `Beginning`.
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


# The states of places that have heard so much of what follows them change little with more of it: of 37 recordings of
# 2.5 to 27 s, heard as they grew, tiny.en understood 36 in the same words (19 of 782 words wrong, and 20 in one go).
LOOK_AHEAD_S = 2.0
PLACES_A_SECOND = 50
STEP_PLACES = 25  # half a second: of a beginning that is kept, so that there are few lengths of what is read


KeysAndValues = tuple[torch.Tensor, torch.Tensor]
"""Of some places in one layer, each [1, heads, places, width / heads]."""


@dataclass(frozen=True)
class Beginning:
    """What was made of the beginning of a speech, up to `LOOK_AHEAD_S` before the end that it had then."""

    features: torch.Tensor
    """Its log-mel features, [1, bins, 2 * places]: the speech is the same where it has the same."""

    layers: list[KeysAndValues]
    """Of each layer."""

    states: torch.Tensor
    """What the encoder gives out, [1, places, width]."""


@dataclass(frozen=True)
class Silence:
    """A whole window of it."""

    layers: list[KeysAndValues]
    """Of each layer."""

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
        return self.encode_more(features, live, None, 0.0)[0]

    def encode_more(
        self, features: torch.Tensor, live: Live, beginning: Beginning | None, speech_s: float
    ) -> tuple[torch.Tensor, Beginning | None]:
        """The same, and what of it need not be read again where more follows.

        beginning: of the same speech, perhaps; what it has is not read again. speech_s: seconds up to the silence.
        """
        length = features.shape[2] // 2
        if length == self._places:
            states = self._places_of(features)
            for layer in self._encoder.layers:
                stop_unless(live)
                states = layer(states, None)
            return self._encoder.layer_norm(states), None
        level = float(features.min())
        silence = self._silence(level)
        if beginning is None or not _begins_with(features, beginning):
            beginning = self._nothing(features)
        known = beginning.states.shape[1]
        states = self._places_of(pad(features, (0, 2), value=level), known)[:, : length - known]
        keep = max(known, int((speech_s - LOOK_AHEAD_S) * PLACES_A_SECOND) // STEP_PLACES * STEP_PLACES)
        layers = []
        for layer, before, (keys, values) in zip(self._encoder.layers, beginning.layers, silence.layers, strict=True):
            stop_unless(live)
            after = keys[:, :, length:], values[:, :, length:]
            states, *own = _through(layer, states, before, after)
            layers.append(_joined(before, (own[0][:, :, : keep - known], own[1][:, :, : keep - known])))
        states = torch.cat([beginning.states, self._encoder.layer_norm(states)], 1)
        kept = Beginning(features[:, :, : 2 * keep].clone(), layers, states[:, :keep].clone())
        return torch.cat([states, silence.states[:, length:]], 1), kept if keep else None

    def _places_of(self, features: torch.Tensor, start: int = 0) -> torch.Tensor:
        """What the layers begin with, from place number `start` on."""
        context = min(start, 2)  # the convolutions see two frames before a place
        part = features[:, :, 2 * (start - context) :]
        states = gelu(self._encoder.conv2(gelu(self._encoder.conv1(part)))).permute(0, 2, 1)[:, context:]
        states = states[:, : self._places - start]
        return states + self._encoder.embed_positions.weight[start : start + states.shape[1]]

    def _nothing(self, features: torch.Tensor) -> Beginning:
        """A beginning without a place."""
        config = self._encoder.config
        shape = (1, config.encoder_attention_heads, 0, config.d_model // config.encoder_attention_heads)
        empty = features.new_empty(shape)
        layers = [(empty, empty) for _ in self._encoder.layers]
        return Beginning(features[:, :, :0], layers, features.new_empty((1, 0, config.d_model)))

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
            states, keys, values = _through(layer, states)
            layers.append((keys, values))
        return Silence(layers, self._encoder.layer_norm(states))


def _joined(*parts: KeysAndValues) -> KeysAndValues:
    """Of all their places."""
    keys, values = zip(*parts, strict=True)
    return torch.cat(keys, 2), torch.cat(values, 2)


def _begins_with(features: torch.Tensor, beginning: Beginning) -> bool:
    """Whether these are features of the same speech. One that has become louder has another floor."""
    before = beginning.features
    if before.shape[2] > features.shape[2]:
        return False
    return float((features[:, :, : before.shape[2]] - before).abs().max()) <= LEVEL_STEP


def _through(
    layer: Any, states: torch.Tensor, *others: KeysAndValues
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(states, keys, values) after a layer of the encoder. others: of other places, to be attended to besides."""
    attention, normal = layer.self_attn, layer.self_attn_layer_norm(states)
    queries, keys, values = (
        heads(attention, project(normal)) for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    found = scaled_dot_product_attention(queries, *_joined((keys, values), *others))
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
