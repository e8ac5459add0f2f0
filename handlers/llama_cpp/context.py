"""What a model has read, in sequences that do not see each other, and the pass that reads more."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from handlers.llama_cpp.model import Model
from utils.models.load_errors import UnusableModel
from utils.system.memory import available_memory, gigabytes

BLOCK = 512  # the most tokens of one pass
ALL = -1  # of positions: to the end


class DecodeError(RuntimeError):
    """llama.cpp could not read tokens. What their sequence held is unknown."""


class Context:
    """The keys and values of several sequences, and the logits of the last pass. Used on one thread.

    room: tokens, of all sequences together. sequences: how many. threads: of a pass.
    Raises UnusableModel where there is too little memory for it.
    """

    def __init__(self, model: Model, room: int, sequences: int, threads: int) -> None:
        self._model, self._c = model, model.library.c
        if not model.on_gpu and model.rewinds:
            _check_room(model.cache_size(room))
        self.pointer = self._make(room, sequences, threads)
        weakref.finalize(self, self._c.llama_free, self.pointer).atexit = False
        self._memory = self._c.llama_get_memory(self.pointer)
        self._batch = self._c.llama_batch_init(BLOCK, 0, 1)
        weakref.finalize(self, self._c.llama_batch_free, self._batch).atexit = False

    def read(self, tokens: Sequence[int], sequence: int, start: int) -> None:
        """Read tokens, at most BLOCK, behind the `start` first ones of a sequence, in one pass. Raises DecodeError."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index] = token, start + index
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, sequence
            batch.logits[index] = index == len(tokens) - 1
        status = self._c.llama_decode(self.pointer, batch)
        if status:
            reasons = self._model.library.take_errors()
            raise DecodeError(f"llama.cpp can't read {len(tokens)} tokens: {reasons[-1] if reasons else status}")

    def forget(self, sequence: int, start: int = 0) -> bool:
        """Forget a sequence's tokens from `start` on. False: it can't, and nothing is changed."""
        return bool(self._c.llama_memory_seq_rm(self._memory, sequence, start, ALL))

    def copy(self, sequence: int, to: int) -> None:
        """Have the sequence `to`, which is empty, hold what another one does."""
        self._c.llama_memory_seq_cp(self._memory, sequence, to, ALL, ALL)

    def _make(self, room: int, sequences: int, threads: int) -> int:
        params = self._c.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.n_batch, params.n_ubatch = room, sequences, BLOCK, BLOCK
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True  # else each sequence would have an equal share of the room
        params.swa_full = True  # else a sliding window forgets what a shorter prompt would need again
        pointer = self._c.llama_init_from_model(self._model.pointer, params)
        if pointer:
            return int(pointer)
        reasons = self._model.library.take_errors()
        raise UnusableModel(
            f"llama.cpp can't make a context of {room} tokens ({reasons[-1] if reasons else 'it gives no reason'}); "
            "try a smaller --lm_n_ctx"
        )


def _check_room(size: int) -> None:
    available = available_memory()
    if available is not None and size > available:
        raise UnusableModel(
            f"too little memory: the context takes {gigabytes(size)}, and {gigabytes(available)} are available; "
            "choose a smaller --lm_n_ctx"
        )
