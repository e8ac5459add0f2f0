"""A Parler-TTS checkpoint: its model, and the tokenizers that read prompts and descriptions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from handlers.parler.delay_pattern import Ids
from handlers.parler.files import checkpoint_folder
from handlers.parler.loader import load_model
from handlers.parler.modules import Parler
from utils.models.devices import prepare_device
from utils.models.hub import hub_problem

logger = logging.getLogger(__name__)


class Checkpoint:
    """A model, and what it needs to read texts.

    model: on its device and in evaluation mode. tokenizer: of prompts; description_tokenizer: of descriptions, where it
    is another.
    """

    def __init__(self, model: Parler, tokenizer: Any, description_tokenizer: Any = None) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._description_tokenizer = description_tokenizer or tokenizer

    @classmethod
    def load(cls, name: str, dtype: torch.dtype, device: str) -> Checkpoint:
        """The checkpoint in the folder of this name, or of the hub.

        With bfloat16 the codec stays in float32: rounded to 8 bits, its sines leave noise 30 dB below the signal
        (float16: 48 dB; DAC's own 44.1 kHz topology with random weights).
        Raises OSError where files can't be had or read, and ValueError where the model is none that is supported.
        """
        prepare_device(device)
        folder = checkpoint_folder(name)
        model = load_model(folder, dtype, torch.float32 if dtype == torch.bfloat16 else dtype, device)
        return cls(model, _tokenizer(str(folder)), _description_tokenizer(model.config.text_encoder_name))

    @property
    def ids(self) -> Ids:
        """Of the decoder."""
        return self.model.config.ids

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def read_prompt(self, text: str) -> torch.Tensor:
        """int64 [tokens]. Raises ValueError where the model has no such tokens."""
        return self._read(self.tokenizer, text, self.model.config.vocab_size, "its table of prompts")

    def knows_letter(self, letter: str) -> bool:
        """Whether prompts may have this letter: a checkpoint knows those of its languages, and takes others for one."""
        unknown = self.tokenizer.unk_token_id
        return unknown is None or unknown not in self.tokenizer(letter, add_special_tokens=False)["input_ids"]

    def read_description(self, text: str) -> torch.Tensor:
        """int64 [tokens]. Raises ValueError where the text encoder has no such tokens."""
        known = self.model.config.text_encoder.vocab_size
        return self._read(self._description_tokenizer, text, known, "its text encoder, whose own is not at hand")

    def _read(self, tokenizer: Any, text: str, known: int, reader: str) -> torch.Tensor:
        tokens = torch.tensor(tokenizer(text).input_ids, dtype=torch.long)
        if len(tokens) and int(tokens.max()) >= known:
            raise ValueError(f"the checkpoint's tokenizer does not fit {reader}")
        return tokens.to(self.device)


def _tokenizer(name: str, **options: Any) -> Any:
    """The tokenizer of a folder or of the hub.

    `tokenizer.json` says all there is to say. Transformers' own classes build parts of it anew, and for some of the
    prompts' tokenizers (LlamaTokenizer) they build others, which give other ids.
    """
    if not Path(name).is_dir() or (Path(name) / "tokenizer.json").is_file():
        try:
            return PreTrainedTokenizerFast.from_pretrained(name, **options)
        except (OSError, ValueError) as error:
            logger.debug("no tokenizer.json of %s: %s", name, error)
    return AutoTokenizer.from_pretrained(name, **options)


def _description_tokenizer(name: str) -> Any:
    """The text encoder's own tokenizer, or None where its name is unknown or it can't be loaded.

    A checkpoint names it as it was called where it was trained: on the hub, or in a folder that was there.
    """
    if not name:
        return None
    try:
        return _tokenizer(name, local_files_only=hub_problem([name]) is not None)
    except (OSError, ValueError) as error:
        logger.warning("the description is read with the checkpoint's own tokenizer: %s can't be loaded", name)
        logger.debug("%s", error)
        return None
