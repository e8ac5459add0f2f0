"""What the JSON files of a Parler-TTS checkpoint say, checked for what the decode engine supports.

`config.json` has a part for each of the three models (text_encoder, decoder, audio_encoder). Checkpoints may leave out
fields that have the library's default value; `DecoderConfig` has the same defaults.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.parler.delay_pattern import Ids
from utils.text.one_line import one_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

MODEL_TYPE = "parler_tts"
PARTS = ("text_encoder", "decoder", "audio_encoder")
SIGNS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder, with the names and default values of config.json."""

    vocab_size: int = 2049
    """Ids that a codebook's head gives out. One id more can go in."""
    max_position_embeddings: int = 2048
    """Positions of the stored table of sinusoids; longer ones are computed."""
    num_hidden_layers: int = 24
    """Layers."""
    ffn_dim: int = 4096
    """Width inside a feed-forward block."""
    num_attention_heads: int = 16
    """Heads of queries; they share `hidden_size` evenly."""
    num_key_value_heads: int = 0
    """Heads of keys and values in self-attention. 0 stands for as many as there are heads of queries."""
    num_cross_attention_key_value_heads: int = 0
    """The same in cross-attention. 0 stands for as many as in self-attention."""
    activation_function: str = "gelu"
    """Transformers' name of the activation in a feed-forward block."""
    hidden_size: int = 1024
    """Width of a layer."""
    num_codebooks: int = 4
    """Tokens made in a step, one of each codebook."""
    rope_embeddings: bool = False
    """Rotary positions instead of sinusoidal ones."""
    rope_theta: float = 10_000.0
    """Base of the rotary positions' frequencies."""
    use_fused_lm_heads: bool = False
    """The codebooks' heads are one matrix."""
    cross_attention_hidden_size: int | None = None
    """Width of what is listened to, where it is not projected. Only `hidden_size` is supported."""
    audio_channels: int = 1
    """Channels of sound. Only one is supported."""

    def __post_init__(self) -> None:
        keys = self.num_key_value_heads or self.num_attention_heads
        object.__setattr__(self, "num_key_value_heads", keys)
        cross = self.num_cross_attention_key_value_heads or keys
        object.__setattr__(self, "num_cross_attention_key_value_heads", cross)
        _check_sizes(self)

    @property
    def head_size(self) -> int:
        """Width of one head."""
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class ParlerConfig:
    """All of it. `parse_config` makes one of the files' contents, `read_config` of a folder."""

    text_encoder: PreTrainedConfig
    """Transformers' own configuration of the text encoder."""
    text_encoder_name: str
    """Where the checkpoint's makers had the text encoder and its tokenizer: a hub id or a folder; "" if not said."""
    decoder: DecoderConfig
    """The decoder's sizes and kinds."""
    audio_encoder: dict[str, Any]
    """The codec's part of config.json as it stands: which sizes it gives depends on who wrote the codec's weights."""
    vocab_size: int
    """Ids of a prompt."""
    prompt_cross_attention: bool
    """The prompt is listened to, like the description. Otherwise it is read, before what is said."""
    generation: dict[str, Any]
    """The checkpoint's own options of `generate()`; an option without a value is left out."""
    ids: Ids
    """The ids of the decoder that mean something."""

    @property
    def projected(self) -> bool:
        """Descriptions have another width than the decoder and are projected to it."""
        return bool(self.text_encoder.hidden_size != self.decoder.hidden_size)


def read_config(folder: Path) -> ParlerConfig:
    """The configuration of a checkpoint folder.

    Raises OSError where `config.json` can't be read, and ValueError where it is not that of a Parler-TTS checkpoint or
    asks for what is not supported. The message is one line.
    """
    generation = folder / "generation_config.json"
    return parse_config(_read_json(folder / "config.json"), _read_json(generation) if generation.is_file() else None)


def parse_config(raw: dict[str, Any], generation: dict[str, Any] | None = None) -> ParlerConfig:
    """The configuration of these contents of `config.json` and of `generation_config.json`, where there is one.

    Raises ValueError as `read_config` does.
    """
    if raw.get("model_type") != MODEL_TYPE:
        raise ValueError(f"no Parler-TTS checkpoint: its config.json has model_type {raw.get('model_type')!r}")
    for part in PARTS:
        if not isinstance(raw.get(part), dict):
            raise ValueError(f"config.json has no part {part!r}")
    decoder = _decoder(raw["decoder"])
    options = _generation(raw, generation)
    config = ParlerConfig(
        text_encoder=_text_encoder(raw["text_encoder"]),
        text_encoder_name=str(raw["text_encoder"].get("_name_or_path") or ""),
        decoder=decoder,
        audio_encoder=raw["audio_encoder"],
        vocab_size=int(raw.get("vocab_size", 1024)),
        prompt_cross_attention=bool(raw.get("prompt_cross_attention", False)),
        generation=options,
        ids=_ids(decoder, int(raw["audio_encoder"].get("codebook_size", 1024)), options),
    )
    _check_widths(config)
    return config


def _read_json(file: Path) -> dict[str, Any]:
    try:
        raw = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise OSError(f"{file.parent} has no {file.name}") from None
    except ValueError as error:  # of JSON and of UTF-8
        raise ValueError(f"{file} is damaged: {error}") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{file} is damaged: it holds no object")
    return raw


def _decoder(raw: dict[str, Any]) -> DecoderConfig:
    known = {field.name for field in fields(DecoderConfig)}
    return DecoderConfig(**{name: value for name, value in raw.items() if name in known and value is not None})


def _check_sizes(config: DecoderConfig) -> None:
    for field in fields(config):
        value = getattr(config, field.name)
        if field.type == "int" and (not isinstance(value, int) or value < 1):
            raise ValueError(f"config.json has decoder.{field.name} {value!r}; it has to be a number of at least 1")
    heads = config.num_attention_heads
    for name, shared in (
        ("num_attention_heads", config.hidden_size / heads),
        ("num_key_value_heads", heads / config.num_key_value_heads),
        ("num_cross_attention_key_value_heads", heads / config.num_cross_attention_key_value_heads),
    ):
        if not shared.is_integer():
            raise ValueError(f"config.json has decoder.{name} {getattr(config, name)}, which does not divide evenly")
    if config.audio_channels != 1:
        raise ValueError(f"this Parler-TTS checkpoint makes {config.audio_channels} audio channels; one is supported")


def _text_encoder(raw: dict[str, Any]) -> PreTrainedConfig:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    kind = raw.get("model_type")
    try:
        return AutoConfig.for_model(kind, **{name: value for name, value in raw.items() if name != "model_type"})
    except (KeyError, ValueError, TypeError, StrictDataclassError) as error:
        if "Unrecognized model identifier" in str(error):  # the message goes on with all that are known
            raise ValueError(f"this Transformers does not know the text encoder's model type {kind!r}") from None
        raise ValueError(f"config.json has a text encoder that Transformers refuses: {one_line(str(error))}") from None


def _generation(raw: dict[str, Any], generation: dict[str, Any] | None) -> dict[str, Any]:
    """The options of generation_config.json; without that file the signs of config.json, as the library takes them."""
    if generation is None:
        own = {name: raw["decoder"].get(name) for name in SIGNS}
        generation = own | {name: raw[name] for name in (*SIGNS, "do_sample") if raw.get(name) is not None}
    return {name: value for name, value in generation.items() if value is not None}


def _ids(decoder: DecoderConfig, codes: int, generation: dict[str, Any]) -> Ids:
    signs = {name: _single(generation.get(name)) for name in SIGNS}
    for one, other in (("bos_token_id", "decoder_start_token_id"), ("pad_token_id", "eos_token_id")):
        if signs[one] != signs[other]:
            raise ValueError(f"this Parler-TTS checkpoint's {one} is not its {other}, as in all others")
    end, begin = signs["eos_token_id"], signs["decoder_start_token_id"]
    if not codes <= end < decoder.vocab_size or not codes <= begin <= decoder.vocab_size:
        raise ValueError(f"this Parler-TTS checkpoint has no room for its ids {end} and {begin}")
    return Ids(codebooks=decoder.num_codebooks, codes=codes, end=end, begin=begin)


def _single(token: Any) -> int:
    """Some checkpoints list one id."""
    tokens = list(token) if isinstance(token, (list, tuple)) else [token]
    if len(tokens) != 1 or tokens[0] is None:
        raise ValueError(f"this Parler-TTS checkpoint has these ids for one sign: {tokens}")
    return int(tokens[0])


def _check_widths(config: ParlerConfig) -> None:
    text = getattr(config.text_encoder, "hidden_size", None)
    width, given = config.decoder.hidden_size, config.decoder.cross_attention_hidden_size
    if text is None:
        raise ValueError(f"the text encoder {config.text_encoder.model_type} names no hidden_size")
    if given not in (None, width) or (given == width and text != width):
        raise ValueError(f"this Parler-TTS checkpoint does not project its text encoder's width {text} to {width}")
