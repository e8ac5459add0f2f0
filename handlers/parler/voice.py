"""A voice: all that depends on the description alone, computed once and kept.

T5 over a description took 171 to 225 ms, its cross-attention's keys and values 26 to 33 ms (the mini architecture on
two CPU cores): without a cache, each sentence would pay for both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from handlers.parler.decoder import Cross, Decoder
from handlers.parler.modules import Parler

MOST_VOICES = 8  # of the mini architecture 9 MB each, for 45 tokens in 32 bits


class Voices:
    """The voices of a checkpoint."""

    def __init__(self, model: Parler, decoder: Decoder) -> None:
        self._model = model
        self._decoder = decoder
        self._voices: OrderedDict[tuple[int, ...], Cross] = OrderedDict()

    def of(self, description: Tensor) -> Cross:
        """What is listened to, by one row: of the description's ids, int64 [tokens]."""
        key = tuple(description.tolist())
        if key not in self._voices:
            self._voices[key] = Cross(self._decoder.cross(self._encode(description)))
            if len(self._voices) > MOST_VOICES:
                self._voices.popitem(last=False)
        self._voices.move_to_end(key)
        return self._voices[key]

    def with_prompt(self, voice: Cross, prompt: Tensor) -> tuple[Cross, Tensor]:
        """What is listened to, and what is read, float [tokens, width], for the prompt's ids, int64 [tokens].

        A checkpoint with `prompt_cross_attention` listens to its prompt too, and reads nothing.
        """
        embedded = self._model.embed_prompts(prompt)
        if not self._model.config.prompt_cross_attention:
            return voice, embedded
        positioned = embedded + self._model.embed_positions.first(len(embedded))
        heard = self._decoder.cross(positioned[None])
        layers = [
            (torch.cat((keys, more_keys), 2), torch.cat((values, more_values), 2))
            for (keys, values), (more_keys, more_values) in zip(voice.layers, heard, strict=True)
        ]
        return Cross(layers), embedded[:0]

    def _encode(self, description: Tensor) -> Tensor:
        """float [1, tokens, width]."""
        model = self._model
        hidden = model.text_encoder(input_ids=description[None]).last_hidden_state
        return model.enc_to_dec_proj(hidden) if model.config.projected else hidden


def stacked(rows: Sequence[Cross]) -> Cross:
    """Rows that each listen to something of their own, as one batch: padded to the longest, and masked."""
    if len(rows) == 1:
        return rows[0]
    lengths = [row.layers[0][0].shape[2] for row in rows]
    longest = max(lengths)
    layers = [
        (_padded([row.layers[i][0] for row in rows], longest), _padded([row.layers[i][1] for row in rows], longest))
        for i in range(len(rows[0].layers))
    ]
    if min(lengths) == longest:
        return Cross(layers)
    device = layers[0][0].device
    indices, own = torch.arange(longest, device=device), torch.tensor(lengths, device=device)
    return Cross(layers, (indices < own[:, None])[:, None, None])


def _padded(tensors: list[Tensor], length: int) -> Tensor:
    """[1, heads, n, head] each → [rows, heads, length, head]."""
    return torch.cat([torch.nn.functional.pad(tensor, (0, 0, 0, length - tensor.shape[2])) for tensor in tensors])
