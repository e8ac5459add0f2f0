"""An instruct model in llama.cpp on its engine thread: prompts, generation, what is kept of each conversation."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

from handlers.llama_cpp.context import BLOCK, Context
from handlers.llama_cpp.files import find_gguf
from handlers.llama_cpp.model import Model
from handlers.llama_cpp.pieces import ReplyText
from handlers.llama_cpp.sampling import Sampler, Sampling
from handlers.llama_cpp.sequences import Sequences, Session
from handlers.llama_cpp.tokenizer import GgufTokenizer
from handlers.lm import samples
from handlers.prompts import Prompts, common_prefix
from utils.models.chat_template import ChatTemplate, NoChatTemplate
from utils.models.load_errors import UnusableModel
from utils.system.engine_thread import Emit, EngineThread, Live, always
from utils.turns.chat import Chat

logger = logging.getLogger(__name__)

# Tokens of a prompt that are read between two looks at whether it is still wanted. On one core of an AVX2 processor, 16
# tokens of SmolLM2 take 0.1 s, and a token costs a fifth more than in blocks of 512.
CPU_BLOCK = 16
CONVERSATIONS = 16  # whose prompts are kept at a time, where there is room for them
RECURRENT_CONVERSATIONS = 4  # the same, where each takes a state of fixed size, and another one for its mark
WARM_UP_TOKENS = 4


class LlamaCppEngine:
    """The weights, shared by all conversations. Options: see `arguments/llama_cpp_arguments.py`."""

    def __init__(
        self,
        thread: EngineThread,
        *,
        model_name: str,
        n_ctx: int,
        threads: int | None,
        gpu_layers: int,
        user_role: str,
        init_chat_role: str | None,
        init_chat_prompt: str,
        chat_size: int,
        gen_kwargs: dict[str, Any],
    ) -> None:
        """Raises UnusableModel, its message one line, and what the hub's library raises."""
        self._thread = thread
        options = dict(gen_kwargs)
        new_tokens = int(options.pop("max_new_tokens"))
        self._sampling = Sampling(**{**options, "do_sample": samples(options)})
        self._model = Model(find_gguf(model_name), gpu_layers)
        self._tokenizer = GgufTokenizer(self._model)
        try:
            template = ChatTemplate(self._tokenizer, init_chat_role, user_role)
        except NoChatTemplate as error:
            raise UnusableModel(str(error)) from error
        self._ends, self._thought_tokens = set(template.end_tokens()), template.thought_tokens
        self._room = min(n_ctx, self._model.context_length or n_ctx)
        self._prompts = Prompts(
            template, new_tokens=new_tokens, user_role=user_role, init_chat_role=init_chat_role,
            init_chat_prompt=init_chat_prompt, chat_size=chat_size,
        )  # fmt: skip
        self._prompts.context_length = self._room
        self._block = BLOCK if self._model.on_gpu else CPU_BLOCK
        self._context, self._sequences = self._make_context(usual_threads() if threads is None else threads)
        self._warm_up()

    def new_chat(self) -> Chat:
        """The history of a new conversation."""
        return self._prompts.new_chat()

    def new_session(self) -> Session:
        """What is kept of a new conversation."""
        return Session()

    def stream(self, session: Session, chat: Chat, user_text: str, live: Live) -> Iterator[str]:
        """The reply's text in pieces, as it is generated; ends early when `live` turns false."""
        return self._thread.stream(lambda emit, wanted: self._reply(session, chat, user_text, wanted, emit), live)

    def prefill(self, session: Session, chat: Chat, live: Live, words: str | None = None) -> None:
        """Read what of the next prompt is known before the user's words are, into this conversation's sequence; or the
        prompt of these words, which may prove to be all of them.

        Returns when it is read, or soon after `live` turns false; what was read until then is kept.
        """
        with contextlib.suppress(CancelledError):
            self._thread.call(lambda: self._read_ahead(session, chat, live, words), live)

    def _make_context(self, threads: int) -> tuple[Context, Sequences]:
        rewinds = self._model.rewinds
        count = CONVERSATIONS if rewinds else RECURRENT_CONVERSATIONS
        context = Context(self._model, self._room, count if rewinds else 2 * count, threads)
        return context, Sequences(context, self._room, count, rewinds)

    def _reply(self, session: Session, chat: Chat, user_text: str, live: Live, emit: Emit[str]) -> None:
        prompt = self._prompts.whole(chat, user_text)
        logger.debug("the model is asked: %r", user_text)
        self._generate(session, prompt, live, emit, self._prompts.new_tokens(prompt))

    def _generate(self, session: Session, prompt: list[int], live: Live, emit: Emit[str], new_tokens: int) -> None:
        """Emit the text of the tokens that follow, until one of them is an end, so many are made, or `live` is false.

        The session then holds the prompt and all of them but the last.
        """
        self._sequences.prepare(session, prompt)
        if not self._read(session, prompt, live):
            return
        sampler = Sampler(self._model, self._sampling, prompt)
        text = ReplyText(self._model.piece, emit, self._thought_tokens)
        for made in range(1, new_tokens + 1):
            token = sampler.choose(self._context)
            if self._model.is_end(token) or token in self._ends:
                break
            text.put(token)
            if made < new_tokens:
                if not live():
                    return
                self._sequences.read(session, [token])
        text.end()

    def _read(self, session: Session, tokens: Sequence[int], live: Live) -> bool:
        """Read those of `tokens` that the session does not hold yet. False: `live` turned false first."""
        while (held := len(session.tokens)) < len(tokens):
            if not live():
                return False
            self._sequences.read(session, tokens[held : held + self._block])
        return live()

    def _read_ahead(self, session: Session, chat: Chat, live: Live, words: str | None) -> None:
        # A model that can't go back leaves a token to be read with the prompt: its logits are needed then.
        known = self._prompts.known(chat, words, rereads=0 if self._model.rewinds else 1)
        if common_prefix(session.tokens, known) == len(known):
            return  # held already, perhaps with words and a reply that may yet come into the history
        self._sequences.prepare(session, [*known, self._model.size])
        if self._read(session, known, live) and words is None:
            self._sequences.mark(session)

    def _warm_up(self) -> None:
        """Answer something in a few tokens: the weights are read from the disk, and the first user does not wait."""
        self._generate(
            Session(), self._prompts.whole(self.new_chat(), "Hello."), always, lambda _: None, WARM_UP_TOKENS
        )


def usual_threads() -> int:
    """How many threads a pass gets: half the cores.

    The voice and speech to text want cores too, and threads that wait for each other lose time where others are busy.
    SmolLM2 on two cores with much else to do: 16 ms of a processor for each token on one thread, 42 on two.
    """
    return max(1, (os.cpu_count() or 1) // 2)
