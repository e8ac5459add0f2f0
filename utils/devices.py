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


def resolve_dtype(name: str, device: str) -> torch.dtype:
    """`auto` is float16 on cuda and mps and float32 on cpu; any other name is torch's own."""
    import torch

    if name == "auto":
        return torch.float32 if device.startswith("cpu") else torch.float16
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype
