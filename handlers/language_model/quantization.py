"""Weight-only quantization of a model's linear layers on a CPU (`--lm_quantize`): a step reads fewer bytes.

Making one token reads every weight once and computes little with it. Microseconds for one row on one thread of a CPU
with AVX-512, SmolLM2's matrices:

    outputs × inputs    float32   bfloat16   int8    int4
    960 × 576                47         63     30      32
    3,072 × 576             141        143     95      99
    49,152 × 576         10,232      6,377  3,595   1,593

What it does to the answers of SmolLM2-135M, which was in 4 bits before: twenty questions, 24 tokens each, held to
float32's. bfloat16: 13 answers are the same, 13.4 of 16.8 tokens before the first that differs, perplexity 1.909 (1.902
in float32). int8: 11, 12.6, 1.900. int4: 14, 14.2, 1.904.

For many rows (a prompt) these kernels are slower than a dense product: 64 rows of 3,072 × 576 take 1.1 ms in bfloat16,
3.1 ms in int8, 2.7 ms in int4. Those rows take the dense weights: int8 ones are widened for it (0.3 ms more), int4
ones are kept beside the packed ones.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

logger = logging.getLogger(__name__)

INT8, INT4 = "int8", "int4"
FEW_ROWS = 16  # through the kernels at most: 8, 16, 32 of SmolLM2 take 36, 59, 115 ms in int4, dense 49, 65, 85
GROUP = 32  # inputs that share a scale and a zero: those of the GGUF formats Q4_0 and Q4_1, and the kernel's smallest
PACKED_ROWS = 64  # outputs that the int4 layout packs together
LEVELS = 15  # from a group's smallest weight to its largest
TINY = 1e-30  # instead of a division by zero


class Int8Linear(nn.Module):
    """y = x·Wᵀ with W in int8 and one bfloat16 scale an output."""

    codes: torch.Tensor
    scales: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        """weight: [outputs, inputs], of any floating type."""
        super().__init__()
        values = weight.detach().float()
        scales = (values.abs().amax(1) / 127).bfloat16()
        rounded = (values / scales.float().clamp_min(TINY)[:, None]).round().clamp(-127, 127)
        self.register_buffer("codes", rounded.to(torch.int8))
        self.register_buffer("scales", scales)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= FEW_ROWS:
            product = torch._weight_int8pack_mm(rows.to(torch.bfloat16), self.codes, self.scales).to(x.dtype)
        else:
            product = nn.functional.linear(rows, self.codes.to(x.dtype)) * self.scales.to(x.dtype)
        return product.view(*x.shape[:-1], -1)


class Int4Linear(nn.Module):
    """y = x·Wᵀ with W in 4 bits, scale and zero for every 32 inputs of an output: w = scale·(code - 8) + zero.

    A group's codes span its smallest weight to its largest. Weights that come from a GGUF file of type Q4_0 or Q4_1
    lie on such a grid, and are met within bfloat16's rounding of the two numbers: SmolLM2's within 0.24 % (root mean
    square), where rounding them to bfloat16 costs 0.14 %, and int8 with one scale a row 0.9 %.
    """

    dense: torch.Tensor

    def __init__(self, weight: torch.Tensor, *, eight_bits: bool = False) -> None:
        """weight: [outputs, inputs], of any floating type, inputs a multiple of 32, outputs of 64; kept as it is.

        eight_bits: as the sum of two such matrices, for 8 bits and one scale for every 32 inputs: the grid of Q8_0,
        SmolLM2's embeddings within 0.2 %. For a large matrix still faster than int8 (see the table above).
        """
        super().__init__()
        self.register_buffer("dense", weight.detach())
        groups = weight.detach().float().unflatten(1, (-1, GROUP))
        grids = _two_grids(groups) if eight_bits else [_one_grid(groups)]
        self._halves = len(grids)
        for half, (codes, grid) in enumerate(grids):
            flat = codes.flatten(1).to(torch.int32)
            self.register_buffer(f"packed{half}", torch.ops.aten._convert_weight_to_int4pack_for_cpu(flat, 1))
            self.register_buffer(f"grid{half}", grid.transpose(0, 1).contiguous().bfloat16())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) > FEW_ROWS:
            return nn.functional.linear(x, self.dense)
        kernel, rows = torch.ops.aten._weight_int4pack_mm_for_cpu, rows.to(torch.bfloat16)
        product = kernel(rows, self.packed0, GROUP, self.grid0)
        if self._halves == 2:
            product = product.float() + kernel(rows, self.packed1, GROUP, self.grid1)
        return product.to(x.dtype).view(*x.shape[:-1], -1)


Grid = tuple[torch.Tensor, torch.Tensor]  # codes [outputs, groups, 32], 0 to 15, and [outputs, groups, (scale, zero)]


def _one_grid(groups: torch.Tensor) -> Grid:
    """groups: [outputs, groups, 32], float32."""
    low, high = groups.amin(2), groups.amax(2)
    scale = (high - low) / LEVELS
    codes = ((groups - low[..., None]) / scale.clamp_min(TINY)[..., None]).round().clamp(0, LEVELS)
    return codes, torch.stack((scale, low + 8 * scale), 2)


def _two_grids(groups: torch.Tensor) -> list[Grid]:
    """For the upper and the lower four bits of a code that is 128 where the weight is 0."""
    scale = groups.abs().amax(2) / 127
    codes = (groups / scale.clamp_min(TINY)[..., None]).round() + 128
    upper = codes.div(16, rounding_mode="floor")
    grids = torch.stack((16 * scale, 0 * scale), 2), torch.stack((scale, 8 * scale), 2)
    return [(upper, grids[0]), (codes - 16 * upper, grids[1])]


def quantize_linears(model: Any, kind: str | None, device: str) -> bool:
    """Replace the linear layers of a language model; False, with one line in the log, where that can't be done.

    kind: int8, int4 or None, which does nothing. int4: the head, which decides between words that are nearly as
    likely, has eight bits. Layers with a bias, or sizes that the kernels do not take, stay. So do tied embeddings.
    """
    if kind is None:
        return False
    if not device.startswith("cpu"):
        logger.warning("--lm_quantize %s is for a CPU: on %s the model runs unquantized", kind, device)
        return False
    if not _kernel_works(kind):
        logger.warning("--lm_quantize %s: torch has no kernel for it on this processor: unquantized", kind)
        return False
    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and layer.bias is None and _fits(layer.weight):
                setattr(parent, name, _quantized(layer.weight, kind, layer is head))
    return True


def fuse(layers: Sequence[nn.Module]) -> nn.Module | None:
    """One layer that gives the outputs of several, one after the other; they go on working, on the same memory.

    None for layers that are neither dense without bias nor quantized here, or not all of one kind.
    """
    first, kinds = layers[0], {type(layer) for layer in layers}
    if kinds not in ({nn.Linear}, {Int8Linear}, {Int4Linear}):
        return None
    if isinstance(first, nn.Linear):
        if any(layer.bias is not None for layer in layers):
            return None
        fused: nn.Module = nn.Linear(1, 1, bias=False, device="meta")
        fused.weight = nn.Parameter(_joined(layers, "weight"), requires_grad=False)
        return fused
    fused = copy.copy(first)
    fused._buffers = {
        name: torch.cat([layer.get_buffer(name) for layer in layers], 1)
        if name.startswith("grid")
        else _joined(layers, name)
        for name in first._buffers
    }
    return fused


def _joined(layers: Sequence[nn.Module], name: str) -> torch.Tensor:
    """The tensors of this name as one, of which each becomes a view."""
    tensors = [getattr(layer, name).data for layer in layers]
    joined = torch.cat(tensors)
    for layer, part in zip(layers, joined.split([len(tensor) for tensor in tensors]), strict=True):
        getattr(layer, name).data = part
    return joined


def _fits(weight: torch.Tensor) -> bool:
    return weight.shape[1] % GROUP == 0 and weight.shape[0] % PACKED_ROWS == 0


def _quantized(weight: torch.Tensor, kind: str, is_head: bool) -> nn.Module:
    return Int4Linear(weight, eight_bits=is_head) if kind == INT4 else Int8Linear(weight)


def _kernel_works(kind: str) -> bool:
    """Whether it is there, and more than a plain loop: int4's is written for AVX2 and AVX-512."""
    if kind == INT4 and not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return False
    try:
        with torch.inference_mode():
            _quantized(torch.ones(PACKED_ROWS, GROUP), kind, False)(torch.ones(1, GROUP))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return True
