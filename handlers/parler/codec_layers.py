"""The layers of DAC's decoder as steps over a stream: each keeps what it still needs of the samples before.

A layer gives out only what no later sample can change, so its output is behind its input by its padding. A state is a
tuple of tensors [batch, channels, samples] that a step replaces and never writes to, so a stream can be copied.
Every convolution pads with zeros what it reads itself, that is after the snake before it; so zeros stand at the left
edge from the start, and at the right edge once the last sample is in.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, ...]

# Up to so many samples, a convolution on a CPU is done as one matrix product: oneDNN first rearranges the weights, at
# every call, which in the wide layers of few samples takes up to six times as long as the product.
FEW = 256


class Layer(Protocol):
    """A part of the decoder. stride: samples out for one in; padding: how many samples out may yet be changed."""

    stride: int
    padding: int

    def start(self, batch: int) -> State:
        """The state before the first sample."""

    def step(self, x: Tensor, state: State, last: bool) -> tuple[Tensor, State]:
        """[batch, channels in, n ≥ 0] → [batch, channels out, m ≥ 0], and the state after it."""


class Snake:
    """x + sin²(ax) / a with one `a` a channel, as the model's own does it, in four passes and without a temporary."""

    def __init__(self, module: nn.Module) -> None:
        alpha: Tensor = module.alpha.detach()  # type: ignore[operator]  # [1, channels, 1]
        self._alpha = alpha
        # Of an `a` near 0, the inverse is infinite in float16, and that times sin² = 0 is no number.
        most = torch.finfo(alpha.dtype).max
        self._inverse = (alpha.to(torch.promote_types(alpha.dtype, torch.float32)) + 1e-9).reciprocal()
        self._inverse = self._inverse.clamp(-most, most).to(alpha.dtype)

    def write(self, x: Tensor, out: Tensor) -> None:
        """Write the result to `out`, of x's shape and not x itself."""
        torch.mul(x, self._alpha, out=out)
        out.sin_().square_()
        torch.addcmul(x, out, self._inverse, out=out)


class Convolution:
    """A convolution that keeps the number of samples, after a snake where there is one. State: the inputs to its left.

    Raises ValueError where the module is not such a convolution.
    """

    stride = 1

    def __init__(self, module: nn.Conv1d, snake: Snake | None = None) -> None:
        self._context = module.dilation[0] * (module.kernel_size[0] - 1)
        if (
            isinstance(module.padding, str)
            or (module.padding_mode, module.groups, module.stride[0]) != ("zeros", 1, 1)
            or 2 * module.padding[0] != self._context
        ):
            raise refusal(module)
        self.padding = int(module.padding[0])
        self._module = module
        self._snake = snake

    def start(self, batch: int) -> State:
        return (self._module.weight.new_zeros(batch, self._module.in_channels, self.padding),)

    def step(self, x: Tensor, state: State, last: bool) -> tuple[Tensor, State]:
        padded = self._padded(x, state[0], last)
        samples = max(0, padded.shape[-1] - self._context)
        state = (padded[..., samples:].clone(),)
        if not samples:
            return x.new_empty(x.shape[0], self._module.out_channels, 0), state
        return self._convolved(padded, samples), state

    def _padded(self, x: Tensor, left: Tensor, last: bool) -> Tensor:
        """The inputs in one piece, the snake's result written straight into it."""
        samples, begin = x.shape[-1], left.shape[-1]
        end = begin + samples
        padded = x.new_empty(*x.shape[:2], end + (self.padding if last else 0))
        padded[..., :begin] = left
        padded[..., end:] = 0
        if self._snake is None:
            padded[..., begin:end] = x
        else:
            self._snake.write(x, padded[..., begin:end])
        return padded

    def _convolved(self, padded: Tensor, samples: int) -> Tensor:
        module = self._module
        if not _few(padded, samples):
            return F.conv1d(padded, module.weight, module.bias, dilation=module.dilation)
        windows = padded.unfold(-1, samples, module.dilation[0])  # [batch, channels, kernel, samples]
        windows = windows.permute(0, 3, 1, 2).flatten(2)
        return F.linear(windows, module.weight.flatten(1), module.bias).transpose(1, 2)


class Upsampling:
    """A snake, then a transposed convolution over two strides. State: the end of the output, still without a bias.

    That end is one stride long, and the next input adds to it; it is empty before the first sample. Raises ValueError
    where the module is not such a convolution.
    """

    def __init__(self, module: nn.ConvTranspose1d, snake: Snake) -> None:
        self.stride = module.stride[0]
        self.padding = int(module.padding[0])
        expected = (2 * self.stride, self.stride // 2, 0, 1, 1)
        found = (module.kernel_size[0], self.padding, module.output_padding[0], module.dilation[0], module.groups)
        if found != expected or self.stride % 2:
            raise refusal(module)
        self._module = module
        self._snake = snake
        self._bias = 0.0 if module.bias is None else module.bias.detach()[:, None]

    def start(self, batch: int) -> State:
        return (self._module.weight.new_empty(batch, self._module.out_channels, 0),)

    def step(self, x: Tensor, state: State, last: bool) -> tuple[Tensor, State]:
        tail = state[0]
        if x.shape[-1]:
            activated = torch.empty_like(x)
            self._snake.write(x, activated)
            y = self._upsampled(activated)
            y[..., : tail.shape[-1]] += tail
        else:
            y = tail + self._bias
        end = x.shape[-1] * self.stride
        begin = 0 if tail.shape[-1] else self.padding
        state = (y[..., end:] - self._bias,)
        return y[..., begin : y.shape[-1] - self.padding if last else end], state

    def _upsampled(self, x: Tensor) -> Tensor:
        """[batch, channels in, n] → [batch, channels out, (n + 1) * stride], nothing cut off."""
        module = self._module
        batch, _, samples = x.shape
        if not _few(x, samples):
            return F.conv_transpose1d(x, module.weight, module.bias, stride=self.stride)
        parts = torch.matmul(x.transpose(1, 2), module.weight.flatten(1))
        parts = parts.view(batch, samples, -1, 2, self.stride).permute(3, 0, 2, 1, 4)
        y = x.new_empty(batch, module.out_channels, samples + 1, self.stride)
        y[:, :, :samples] = parts[0]
        y[:, :, samples:] = 0
        y[:, :, 1:] += parts[1]
        return y.flatten(2).add_(self._bias)


class Residual:
    """Two convolutions, each after a snake, added to their input. State: theirs, and the inputs not yet added."""

    stride = 1

    def __init__(self, first: Convolution, second: Convolution) -> None:
        self.padding = first.padding + second.padding
        self._first = first
        self._second = second

    def start(self, batch: int) -> State:
        first = self._first.start(batch)
        return (*first, *self._second.start(batch), first[0][..., :0])

    def step(self, x: Tensor, state: State, last: bool) -> tuple[Tensor, State]:
        first, second, inputs = state
        y, (first,) = self._first.step(x, (first,), last)
        y, (second,) = self._second.step(y, (second,), last)
        old = min(inputs.shape[-1], y.shape[-1])
        new = y.shape[-1] - old
        y[..., :old] += inputs[..., :old]
        y[..., old:] += x[..., :new]
        return y, (first, second, torch.cat((inputs[..., old:], x[..., new:]), -1))


class Tanh:
    """The end of the decoder. It has no state."""

    stride = 1
    padding = 0

    def start(self, batch: int) -> State:
        return ()

    def step(self, x: Tensor, state: State, last: bool) -> tuple[Tensor, State]:
        return x.tanh(), state


def refusal(module: nn.Module) -> ValueError:
    """Says which layer can't be streamed exactly: one with its sizes, a group of them by its class alone."""
    return ValueError(f"can't stream {type(module).__name__ if list(module.children()) else module}")


def _few(x: Tensor, samples: int) -> bool:
    return x.device.type == "cpu" and samples <= FEW
