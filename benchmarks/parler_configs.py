"""Published Parler-TTS models as their config.json describes them, and tiny ones of the same structure.

`PUBLISHED` has what differs between the models; all of them have 9 codebooks of 1,024 codes, 44.1 kHz and hop 512.
Sources: the config.json files of the models and of models that were fine-tuned from them, and the scripts that made the
untrained ones (https://github.com/huggingface/parler-tts, helpers/model_init_scripts).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CODEBOOKS = 9
CODES = 1024  # of a codebook; the ids that follow are the end and, in the input only, the beginning
EOS, BOS = CODES, CODES + 1
HOP = 512  # samples a frame
RATE = 44_100
LONGEST = 2580  # steps; 30 s

Json = dict[str, Any]

FLAN_T5_BASE = {"vocab_size": 32_128, "d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 12, "num_heads": 12}
FLAN_T5_LARGE = {"vocab_size": 32_128, "d_model": 1024, "d_kv": 64, "d_ff": 2816, "num_layers": 24, "num_heads": 16}
TINY_TEXT = {"vocab_size": 320, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}

MINI_DECODER = {
    "vocab_size": 1088,
    "max_position_embeddings": 4096,
    "num_hidden_layers": 24,
    "ffn_dim": 4096,
    "num_attention_heads": 16,
    "hidden_size": 1024,
}
LARGE_DECODER = MINI_DECODER | {
    "num_hidden_layers": 30,
    "ffn_dim": 6144,
    "num_attention_heads": 24,
    "num_key_value_heads": 24,
    "hidden_size": 1536,
}
FUSED = {"num_key_value_heads": 16, "num_cross_attention_key_value_heads": 16, "use_fused_lm_heads": True}
TINY_DECODER = {
    "vocab_size": CODES + 1,
    "max_position_embeddings": 2048,
    "num_hidden_layers": 2,
    "ffn_dim": 64,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "initializer_factor": 0.3,  # wide enough for logits that differ
}

REAL_CODEC: Json = {"decoder_hidden_size": 1536, "encoder_hidden_size": 64}
TINY_CODEC: Json = {"decoder_hidden_size": 32, "encoder_hidden_size": 4}


@dataclass(frozen=True)
class Structure:
    """A model: its sizes, and the layout of its codec's weights in the files."""

    text: Json
    """Sizes of the T5 encoder, with the names of its configuration."""
    decoder: Json
    """Fields of the decoder's part of config.json that have not the default value."""
    codec: Json
    """Widths of the codec, with the names of Transformers' `DacConfig`. The topology is always that of 44.1 kHz DAC."""
    prompts: int
    """Ids of a prompt."""
    descript: bool = False
    """The codec's weights have descript's names, not those of Transformers."""
    prompt_cross_attention: bool = False
    """The prompt is listened to."""
    rate: int = RATE
    """Samples a second."""
    text_model: str = ""
    """Where the descriptions' tokenizer comes from, a hub id; "" where the prompts' one reads them too."""
    text_options: Json = field(default_factory=dict)
    """Further options of the text encoder's configuration."""


PUBLISHED = {
    # https://huggingface.co/parler-tts/parler-tts-mini-v1
    "mini-v1": Structure(
        FLAN_T5_LARGE, MINI_DECODER, REAL_CODEC, 32_128, descript=True, text_model="google/flan-t5-large"
    ),
    # https://huggingface.co/parler-tts/parler-tts-large-v1: descriptions are projected from 1,024 to 1,536
    "large-v1": Structure(
        FLAN_T5_LARGE, LARGE_DECODER, REAL_CODEC, 32_128, descript=True, text_model="google/flan-t5-large"
    ),
    # https://huggingface.co/parler-tts/parler-tts-mini-multilingual-v1.1: prompts have a tokenizer of their own
    "mini-multilingual-v1.1": Structure(
        FLAN_T5_LARGE, MINI_DECODER | FUSED, REAL_CODEC, 90_714, text_model="google/flan-t5-large"
    ),
    # https://huggingface.co/ai4bharat/indic-parler-tts, fine-tuned from mini v1.1
    "indic": Structure(FLAN_T5_LARGE, MINI_DECODER | FUSED, REAL_CODEC, 90_714, text_model="google/flan-t5-large"),
    # https://huggingface.co/ylacombe/parler-tts-mini-jenny-30H, fine-tuned from mini v0.1: projected from 768 to 1,024
    "jenny": Structure(FLAN_T5_BASE, MINI_DECODER, REAL_CODEC, 32_128, descript=True, text_model="google/flan-t5-base"),
}

TINY = Structure(TINY_TEXT, TINY_DECODER, TINY_CODEC, prompts=259)


def tiny(name: str) -> Structure:
    """A published model's structure in tiny widths: what is equal or unequal, fused or projected stays so."""
    own = PUBLISHED[name]
    sizes = ("num_hidden_layers", "ffn_dim", "num_attention_heads", "hidden_size")
    decoder = own.decoder | {size: TINY_DECODER[size] for size in (*sizes, "initializer_factor")}
    for heads in ("num_key_value_heads", "num_cross_attention_key_value_heads"):
        if heads in decoder:
            decoder[heads] = TINY_DECODER["num_attention_heads"]
    width = TINY_TEXT["d_model"] * own.text["d_model"] / own.decoder["hidden_size"]
    text = TINY_TEXT | {"d_model": 8 * round(width / 8)}
    return Structure(
        text, decoder, TINY_CODEC, TINY.prompts, own.descript, own.prompt_cross_attention, text_options=own.text_options
    )


def config_json(structure: Structure) -> Json:
    """What config.json says of this model."""
    return {
        "architectures": ["ParlerTTSForConditionalGeneration"],
        "model_type": "parler_tts",
        "vocab_size": structure.prompts,
        "prompt_cross_attention": structure.prompt_cross_attention,
        "decoder_start_token_id": BOS,
        "pad_token_id": EOS,
        "is_encoder_decoder": True,
        "text_encoder": _text(structure),
        "audio_encoder": _codec(structure),
        "decoder": {
            "model_type": "parler_tts_decoder",
            "num_codebooks": CODEBOOKS,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
            "pad_token_id": EOS,
            "dropout": 0.0,
            **structure.decoder,
        },
        "transformers_version": "4.43.3" if structure.descript else "4.46.1",
    }


def generation_json() -> Json:
    """What generation_config.json says of every model."""
    return {
        "bos_token_id": BOS,
        "decoder_start_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": EOS,
        "do_sample": True,
        "max_length": LONGEST,
    }


def _text(structure: Structure) -> Json:
    config = {"model_type": "t5", "feed_forward_proj": "gated-gelu", "is_encoder_decoder": False, "use_cache": False}
    return config | structure.text | structure.text_options | {"_name_or_path": structure.text_model}


def _codec(structure: Structure) -> Json:
    if structure.descript:
        return {
            "model_type": "dac",
            "num_codebooks": CODEBOOKS,
            "codebook_size": CODES,
            "latent_dim": structure.codec["encoder_hidden_size"] * 16,
            "frame_rate": 86,
            "model_bitrate": 8,
            "sampling_rate": structure.rate,
            "encoder_dim": structure.codec["encoder_hidden_size"],  # these two are read by the judge alone
            "decoder_dim": structure.codec["decoder_hidden_size"],
        }
    return {
        "model_type": "dac",
        "n_codebooks": CODEBOOKS,
        "codebook_size": CODES,
        "codebook_dim": 8,
        "downsampling_ratios": [2, 4, 8, 8],
        "upsampling_ratios": [8, 8, 4, 2],
        "hidden_size": structure.codec["encoder_hidden_size"] * 16,
        "hop_length": HOP,
        "sampling_rate": structure.rate,
        **structure.codec,
    }
