"""A language model through Transformers."""

from __future__ import annotations

from handlers.language_model.engine import LanguageModelEngine
from handlers.lm import LMHandler


class LanguageModelHandler(LMHandler):
    """Answers with an instruct model from the hub or a folder."""

    engine_type = LanguageModelEngine
