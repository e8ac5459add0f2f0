"""Keeps torchao from the log. Transformers imports it where it is installed (`--lm_quantize int8` needs it)."""

from __future__ import annotations

import logging

# They name each of its CUDA kernels that does not fit this machine, and each of its classes that torch knows by now.
NOISY = ("torchao", "torch.utils._pytree")


def quiet_torchao() -> None:
    """From now on, in this process. Called before Transformers is imported."""
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
