"""Which device and number format a model runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class DeviceUnavailable(RuntimeError):
    """The device asked for is not in this machine."""


def resolve_device(name: str) -> str:
    """`auto` is cuda where there is one, else mps, else cpu. Raises DeviceUnavailable for one that is not there."""
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    if name.startswith("cuda"):
        index = int(name.partition(":")[2] or 0)
        if not cuda or index >= torch.cuda.device_count():
            raise DeviceUnavailable(f"no such GPU: {name} (this PyTorch sees {torch.cuda.device_count()})")
    if name.startswith("mps") and not mps:
        raise DeviceUnavailable("this PyTorch sees no Apple GPU (mps)")
    return name


def prepare_device(device: str) -> None:
    """Choose what PyTorch computes attention with on this device. It holds for the whole process.

    On CUDA, PyTorch may choose cuDNN's attention, which makes a plan for every length of keys that it has not met. A
    cache that grows has a new length at every step: a step of parler-tts-mini-v1 took 44 ms on an H100 and 6 ms without
    cuDNN (PyTorch 2.11, float16).
    """
    if device.startswith("cuda"):
        import torch

        torch.backends.cuda.enable_cudnn_sdp(False)


def resolve_dtype(name: str, device: str, bfloat16_on_cpu: bool = False) -> torch.dtype:
    """`auto` is float16 on cuda and mps and float32 on cpu; any other name is torch's own.

    bfloat16_on_cpu: this model may use bfloat16 there, where the processor computes in it. Transformers do well in it,
    and half the bytes are read: on two cores with AVX512-BF16 SmolLM2-135M made 25 tokens a second, not 17, and Whisper
    tiny.en heard a question in 0.32 s, not 0.47. Elsewhere it is emulated, which is slower than float32.
    """
    import torch

    if name == "auto":
        if not device.startswith("cpu"):
            return torch.float16
        return torch.bfloat16 if bfloat16_on_cpu and computes_in_bfloat16() else torch.float32
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def computes_in_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices natively: AVX512-BF16, or AMX."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
