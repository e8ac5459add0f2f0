"""A language model through llama.cpp."""

from __future__ import annotations

from handlers.llama_cpp.engine import LlamaCppEngine
from handlers.lm import LMHandler


class LlamaCppHandler(LMHandler):
    """Answers with an instruct model in a GGUF file."""

    engine_type = LlamaCppEngine
