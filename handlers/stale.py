"""Stops Transformers' `generate` within a token when nobody wants its output any more."""

from __future__ import annotations

from typing import Any

import torch
from transformers import StoppingCriteria

from utils.system.engine_thread import Live


class StaleCriteria(StoppingCriteria):
    """Stops generating, within one token, when the attempt is no longer live."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), not self._live(), device=input_ids.device)
