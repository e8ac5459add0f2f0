"""What the model writes, as text: in pieces, as soon as they are whole characters, and without its thoughts."""

from __future__ import annotations

from typing import Any

import torch
from transformers.generation.streamers import TextStreamer

from utils.system.engine_thread import Emit

NO_TOKEN = -1


class PieceStreamer(TextStreamer):
    """Emits text as it is generated, and keeps account of the tokens. `generate` takes it, and so does our own loop."""

    def __init__(
        self, tokenizer: Any, prompt: list[int], emit: Emit[str], thought_tokens: tuple[int, int] | None
    ) -> None:
        """thought_tokens: what begins and ends a thought, which is not emitted."""
        super().__init__(tokenizer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        self.tokens = list(prompt)
        self._emit = emit
        self._prompt_seen = False
        self._begin, self._end = thought_tokens or (NO_TOKEN, NO_TOKEN)
        self._thinks = False

    def put(self, value: torch.Tensor) -> None:
        """From `generate`, which gives the prompt at first."""
        if self._prompt_seen:
            for token in value.reshape(-1).tolist():
                self.put_token(token)
        self._prompt_seen = True

    def put_token(self, token: int) -> None:
        """One that follows the prompt."""
        self.tokens.append(token)
        if token == self._begin:
            self._thinks = True
        elif token == self._end:
            self._thinks = False
        elif not self._thinks:
            super().put(torch.tensor([token]))

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._emit(text)
