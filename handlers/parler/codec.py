"""Decodes the codes of Parler-TTS's codec, DAC, as they come: exactly, and nothing twice.

DAC (Kumar et al. 2023, "High-Fidelity Audio Compression with Improved RVQGAN", https://arxiv.org/abs/2306.06546) turns
a frame of codes into `hop` samples. Its decoder looks at frames on both sides, so decoding a piece on its own gives
other samples at the edges. Here each layer keeps its own context from call to call (see codec_layers.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from handlers.parler.codec_layers import Convolution, Layer, Residual, Snake, State, Tanh, Upsampling, refusal

# The parts of Transformers' decoder whose children run in the order in which they are listed.
CONTAINERS = ("DacDecoder", "DacDecoderBlock", "ModuleList")
RESIDUAL_UNIT = "DacResidualUnit"
SNAKE = "Snake1d"


class Codec:
    """The codec of a loaded checkpoint, on the device and of the dtype that it keeps.

    audio_encoder: Transformers' `DacModel`; its weights are plain ones, without weight norm.
    Raises ValueError, with the name, for another codec or a layer that can't be streamed exactly.

    hop: samples a frame; rate: samples a second; codes: of each of the `codebooks`; held: how many samples at the right
    edge the frames still to come may change.
    """

    def __init__(self, audio_encoder: Any) -> None:
        self._module = audio_encoder
        try:
            quantizers = self._module.quantizer.quantizers
            self._layers = _layers(list(_flat(self._module.decoder)))
        except (AttributeError, ValueError) as error:
            raise ValueError(f"the codec {type(audio_encoder).__name__} is not supported: {error}") from error
        self.rate = int(audio_encoder.config.sampling_rate)
        self.codebooks = len(quantizers)
        self.codes = int(quantizers[0].codebook.num_embeddings)
        self.hop, self.held = 1, 0
        for layer in self._layers:
            self.hop *= layer.stride
            self.held = self.held * layer.stride + layer.padding

    def settled(self, frames: int) -> int:
        """How many samples are final after so many frames, unless these are all."""
        return max(0, frames * self.hop - self.held)

    def frames_for(self, samples: int) -> int:
        """The least number of frames after which so many samples are final."""
        return math.ceil((samples + self.held) / self.hop) if samples > 0 else 0

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """All at once, by the model's own modules: int64 [batch, codebooks, n] → float32 [batch, n * hop]."""
        self.check(codes, codes.shape[0])
        if not codes.shape[-1]:
            return torch.empty(codes.shape[0], 0, device=codes.device)
        return self._module.decoder(self.latents(codes))[:, 0].float()

    def stream(self, batch: int = 1) -> CodecStream:
        """A new stream of so many utterances, which advance in lock step."""
        return CodecStream(self, self._layers, [layer.start(batch) for layer in self._layers])

    def latents(self, codes: Tensor) -> Tensor:
        """What the decoder reads: int64 [batch, codebooks, n ≥ 1] → [batch, channels, n] of the model's dtype."""
        return self._module.quantizer.from_codes(codes)[0]

    def check(self, codes: Tensor, batch: int) -> None:
        """Raises ValueError where the codes are not [batch, codebooks, n]."""
        if codes.dim() != 3 or codes.shape[:2] != (batch, self.codebooks):
            raise ValueError(f"expected codes [{batch}, {self.codebooks}, frames], got {list(codes.shape)}")


class CodecStream:
    """Utterances that are being decoded, one a row. What all feeds give out, put together, is their full decode."""

    def __init__(self, codec: Codec, layers: Sequence[Layer], states: Sequence[State]) -> None:
        self._codec = codec
        self._layers = layers
        self._states = list(states)
        self._ended = False

    @torch.no_grad()
    def feed(self, codes: Tensor, last: bool = False) -> Tensor:
        """The samples that these codes make final: int64 [batch, codebooks, n ≥ 0] → float32 [batch, m ≥ 0].

        codes: on the model's device. last: no frame follows, so all the rest is final; afterwards feed raises
        RuntimeError. On a GPU nothing here waits for it.
        """
        if self._ended:
            raise RuntimeError("the stream has ended")
        first = self._states[0][0]
        self._codec.check(codes, first.shape[0])
        x = self._codec.latents(codes) if codes.shape[-1] else first[..., :0]
        for number, layer in enumerate(self._layers):
            x, self._states[number] = layer.step(x, self._states[number], last)
        self._ended = last
        return x[:, 0].float()

    def select(self, rows: Sequence[int]) -> CodecStream:
        """An independent stream of copies of these rows: to finish one that ends before the others, for instance."""
        if self._ended:
            raise RuntimeError("the stream has ended")
        states = [tuple(torch.stack([part[row] for row in rows]) for part in state) for state in self._states]
        return CodecStream(self._codec, self._layers, states)


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """The decoder's layers in the order in which they run; a residual unit counts as one."""
    if type(module).__name__ not in CONTAINERS:
        yield module
        return
    for child in module.children():
        yield from _flat(child)


def _layers(modules: Iterable[nn.Module]) -> list[Layer]:
    """The same as layers of a stream; each snake becomes part of the convolution that follows it."""
    layers: list[Layer] = []
    snake: Snake | None = None
    for module in modules:
        name = type(module).__name__
        if name == SNAKE and snake is None:
            snake = Snake(module)
            continue
        if isinstance(module, nn.Conv1d):
            layers.append(Convolution(module, snake))
        elif isinstance(module, nn.ConvTranspose1d) and snake is not None:
            layers.append(Upsampling(module, snake))
        elif name == RESIDUAL_UNIT and snake is None:
            layers.append(_residual(module))
        elif isinstance(module, nn.Tanh) and snake is None:
            layers.append(Tanh())
        else:
            raise refusal(module)
        snake = None
    return layers


def _residual(unit: nn.Module) -> Residual:
    match _layers(part for child in unit.children() for part in _flat(child)):
        case [Convolution() as first, Convolution() as second]:
            return Residual(first, second)
    raise refusal(unit)
