"""Which device and number format: a table of machines."""

from __future__ import annotations

import pytest
import torch

from utils.models.devices import DeviceUnavailable, prepare_device, resolve_device, resolve_dtype


@pytest.fixture
def machine(monkeypatch):
    def make(gpus: int, mps: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return make


@pytest.mark.parametrize(
    ("gpus", "mps", "asked", "device"),
    [
        (2, False, "auto", "cuda"),
        (1, True, "auto", "cuda"),
        (0, True, "auto", "mps"),
        (0, False, "auto", "cpu"),
        (2, True, "cpu", "cpu"),
        (2, False, "cuda", "cuda"),
        (2, False, "cuda:1", "cuda:1"),
        (0, True, "mps", "mps"),
    ],
)
def test_a_device_that_is_there(machine, gpus, mps, asked, device):
    machine(gpus, mps)
    assert resolve_device(asked) == device


@pytest.mark.parametrize(
    ("gpus", "asked", "words"),
    [
        (0, "cuda", "no such GPU: cuda (this PyTorch sees 0)"),
        (2, "cuda:2", "no such GPU: cuda:2 (this PyTorch sees 2)"),
        (2, "mps", "this PyTorch sees no Apple GPU (mps)"),
    ],
)
def test_a_device_that_is_not_there(machine, gpus, asked, words):
    machine(gpus, False)
    with pytest.raises(DeviceUnavailable) as error:
        resolve_device(asked)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("name", "device", "dtype"),
    [
        ("auto", "cpu", torch.float32),
        ("auto", "cuda", torch.float16),
        ("auto", "cuda:1", torch.float16),
        ("auto", "mps", torch.float16),
        ("float32", "cuda", torch.float32),
        ("bfloat16", "cpu", torch.bfloat16),
    ],
)
def test_the_number_format(name, device, dtype):
    assert resolve_dtype(name, device) is dtype


@pytest.mark.parametrize(("device", "chosen"), [("cuda", [False]), ("cuda:1", [False]), ("cpu", []), ("mps", [])])
def test_attention_that_plans_for_every_length_is_left_out_on_cuda(monkeypatch, device, chosen):
    asked = []
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", asked.append)
    prepare_device(device)
    assert asked == chosen
