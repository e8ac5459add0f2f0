"""A Parler-TTS checkpoint as the library loads it, checked for what the decode engine supports."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from transformers import AutoTokenizer

from handlers.parler.delay_pattern import Ids
from handlers.parler.library import import_parler_tts
from utils.models.hub import hub_problem

logger = logging.getLogger(__name__)


class Checkpoint:
    """A model, and what it needs to read texts.

    model: a `ParlerTTSForConditionalGeneration`, on its device and in evaluation mode. tokenizer: of prompts;
    description_tokenizer: of descriptions, where it is another. ids: of the decoder. Raises ValueError that names what
    the decode engine does not support.
    """

    def __init__(self, model: Any, tokenizer: Any, description_tokenizer: Any = None) -> None:
        _check(model)
        self.model = model
        self.tokenizer = tokenizer
        self._description_tokenizer = description_tokenizer or tokenizer
        config, generation = model.config, model.generation_config
        self.ids = Ids(
            codebooks=config.decoder.num_codebooks,
            codes=config.audio_encoder.codebook_size,
            end=_single(generation.eos_token_id),
            begin=_single(generation.decoder_start_token_id),
        )

    @classmethod
    def load(cls, folder: str, dtype: torch.dtype, device: str) -> Checkpoint:
        """The checkpoint of a folder, or of the hub. Raises what `from_pretrained` raises, too.

        With bfloat16 the codec stays in float32: rounded to 8 bits, its sines leave noise 30 dB below the signal
        (float16: 48 dB; DAC's own 44.1 kHz topology with random weights).
        """
        model = _load(folder, torch.float32 if dtype == torch.bfloat16 else dtype)
        for name, part in model.named_children():
            part.to(torch.float32 if name == "audio_encoder" and dtype == torch.bfloat16 else dtype)
        model.to(device).eval()
        own = _description_tokenizer(model.config.text_encoder._name_or_path)
        return cls(model, AutoTokenizer.from_pretrained(folder), own)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def read_prompt(self, text: str) -> torch.Tensor:
        """int64 [tokens]."""
        return self.tokenizer(text, return_tensors="pt").input_ids[0].to(self.device)

    def read_description(self, text: str) -> torch.Tensor:
        """int64 [tokens]. Raises ValueError where the text encoder has no such tokens."""
        tokens = self._description_tokenizer(text, return_tensors="pt").input_ids[0]
        if int(tokens.max()) >= self.model.config.text_encoder.vocab_size:
            raise ValueError("the checkpoint's tokenizer does not fit its text encoder, whose own is not at hand")
        return tokens.to(self.device)


def _load(folder: str, dtype: torch.dtype) -> Any:
    parler_tts = import_parler_tts()
    with warnings.catch_warnings():
        # dac makes its layers with a weight norm that torch has deprecated: one warning for each of its 80 layers.
        warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)
        return parler_tts.ParlerTTSForConditionalGeneration.from_pretrained(folder, torch_dtype=dtype)


def _check(model: Any) -> None:
    config = model.config.decoder
    channels = getattr(config, "audio_channels", 1)
    if channels != 1:
        raise ValueError(f"this Parler-TTS checkpoint makes {channels} audio channels; one is supported")
    text, width = model.config.text_encoder.hidden_size, config.hidden_size
    if config.cross_attention_hidden_size not in (None, width) or (
        text != width and not hasattr(model, "enc_to_dec_proj")
    ):
        raise ValueError(f"this Parler-TTS checkpoint does not project its text encoder's width {text} to {width}")
    generation = model.generation_config
    for one, other in (("bos_token_id", "decoder_start_token_id"), ("pad_token_id", "eos_token_id")):
        if _single(getattr(generation, one)) != _single(getattr(generation, other)):
            raise ValueError(f"this Parler-TTS checkpoint's {one} is not its {other}, as in all others")
    embedded = model.embed_prompts.weight.shape[1]
    if embedded != width:
        raise ValueError(f"this Parler-TTS checkpoint's prompts are {embedded} wide, its decoder {width}")


def _single(token: Any) -> int:
    """Some checkpoints list one id."""
    tokens = list(token) if isinstance(token, (list, tuple)) else [token]
    if len(tokens) != 1 or tokens[0] is None:
        raise ValueError(f"this Parler-TTS checkpoint has these ids for one sign: {tokens}")
    return int(tokens[0])


def _description_tokenizer(name: str) -> Any:
    """The text encoder's own tokenizer, or None where its name is unknown or it can't be loaded.

    A checkpoint names it as it was called where it was trained: on the hub, or in a folder that was there.
    """
    if not name:
        return None
    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=hub_problem([name]) is not None)
    except (OSError, ValueError) as error:
        logger.warning("the description is read with the checkpoint's own tokenizer: %s can't be loaded", name)
        logger.debug("%s", error)
        return None
