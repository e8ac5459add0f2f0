"""Which kind of prompt cache fits a model: it depends on what its layers remember, and is tried before it is used."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers.cache_utils import (
    CacheLayerMixin,
    DummyLayer,
    DynamicCache,
    DynamicIndexedLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

from handlers.language_model.decoding import Reader
from handlers.language_model.prompt_cache import (
    EagerCaches,
    GrowingCaches,
    RecurrentCaches,
    Session,
    keep_read_tokens,
)

logger = logging.getLogger(__name__)

# A sliding window can be cropped as long as its layer keeps all keys, as every layer of `DynamicCache()` does.
KEEP_ALL = {DynamicLayer, DynamicSlidingWindowLayer, DummyLayer}
CAN_BE_CROPPED = {DynamicLayer, DynamicIndexedLayer, DummyLayer}
# |difference| ÷ |logits| of reading the same tokens in two ways. Correct ways differ by rounding: 0.00005 in float32,
# up to 0.13 in bfloat16, measured with SmolLM2. A cache that holds something else gives about 1.
TOLERANCE = {torch.float32: 0.05, torch.float16: 0.25, torch.bfloat16: 0.25}
BEGINNING, WRONG, RIGHT = [1, 7, 3, 9], [5, 2, 8], [4, 6, 8, 2, 5]  # tokens to try a cache with


def choose_caches(model: Any, reader: Reader) -> EagerCaches | None:
    """The caches that this model's prompts can be kept in, or None: then it reads every prompt in full.

    On the engine's thread, in inference mode.
    """
    caches = _of_layers(model)
    if caches is None or _is_plain(model):
        return caches
    try:
        difference = _difference(model, reader, caches)
    except Exception as error:  # a model's own code may fail in any way
        logger.info("the language model's cache can't be kept: %s: %s", type(error).__name__, error)
        return None
    if difference > TOLERANCE.get(model.dtype, max(TOLERANCE.values())):
        logger.info("the language model's cache can't be kept: what follows it differs by %.2f", difference)
        return None
    return caches


def attention_layers(model: Any) -> int | None:
    """How many layers the model has, if each pays attention to tokens of the past; None if others are among them."""
    layers = _layers(model)
    return len(layers) if layers and {type(layer) for layer in layers} <= KEEP_ALL else None


def _layers(model: Any) -> list[Any]:
    """What each of the model's layers remembers of the past, as Transformers' own cache would hold it."""
    if not model._supports_default_dynamic_cache():
        return []
    return list(DynamicCache(config=model.config).layers)


def _of_layers(model: Any) -> EagerCaches | None:
    layers = _layers(model)
    kinds = {type(layer) for layer in layers}
    if not any(isinstance(layer, CacheLayerMixin) for layer in layers):
        return None  # nothing says how many tokens such a cache has read
    if kinds <= KEEP_ALL:
        return GrowingCaches()
    if kinds <= CAN_BE_CROPPED:
        return GrowingCaches(lambda: DynamicCache(config=model.config))
    return RecurrentCaches(lambda: DynamicCache(config=model.config))


def _is_plain(model: Any) -> bool:
    return {type(layer) for layer in _layers(model)} == {DynamicLayer}


def _difference(model: Any, reader: Reader, caches: EagerCaches) -> float:
    """|difference| ÷ |logits| between tokens read at once, and read after others that were taken back."""
    size = int(model.config.get_text_config(decoder=True).vocab_size)
    beginning, wrong, right = ([token % size for token in part] for part in (BEGINNING, WRONG, RIGHT))
    session = Session()
    for tokens in (beginning, beginning + wrong):
        reader.read(tokens, caches.prepare(session, [*tokens, 0], 0))
        keep_read_tokens(session, tokens)
        if tokens is beginning:
            caches.mark(session)
    prompt = beginning + right
    got = reader.read(prompt, caches.prepare(session, prompt, 0)).float()
    expected = reader.read(prompt, DynamicCache(config=model.config)).float()
    return float(torch.linalg.vector_norm(got - expected) / torch.linalg.vector_norm(expected))
