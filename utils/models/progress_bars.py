"""Keeps the progress bars of Transformers out of the log: it draws one whenever it loads weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def hide_loading_bars() -> None:
    """From now on, in this process. What is fetched from the hub has bars of its own, and keeps them."""
    from transformers.utils.logging import set_tqdm_hook

    set_tqdm_hook(_hidden)


def _hidden(bar: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return bar(*args, **{**options, "disable": True})
