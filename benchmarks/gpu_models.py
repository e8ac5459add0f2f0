"""Whisper and language model checkpoints of real sizes with random weights, written to folders: nothing is downloaded.

Configurations are those of the published config.json files. Tokenizers have as many tokens as the real ones; what they
stand for is made up, for random weights say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

# https://huggingface.co/Qwen/Qwen3-4B-Instruct-2507, config.json: 4.0 billion parameters
QWEN3_4B = {
    "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936, "max_position_embeddings": 262_144,
    "tie_word_embeddings": True, "rope_theta": 5_000_000,
}  # fmt: skip
TINY_LM = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 500, "max_position_embeddings": 4_096,
    "tie_word_embeddings": True,
}  # fmt: skip
# https://huggingface.co/openai/whisper-large-v3, config.json; turbo has 4 decoder layers, distil-large-v3 has 2
WHISPER_LARGE_V3 = {
    "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
    "decoder_attention_heads": 20, "decoder_ffn_dim": 5120, "num_mel_bins": 128,
}  # fmt: skip
TINY_WHISPER = {
    "d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64,
    "decoder_attention_heads": 4, "decoder_ffn_dim": 64, "num_mel_bins": 128,
}  # fmt: skip
DECODER_LAYERS = {"large-v3-turbo": 4, "distil-large-v3": 2}

SPECIAL = 5  # tokens of the language model that are no words
TEXT_TOKENS = 50_257  # of Whisper's multilingual vocabulary, before the special ones
TIMESTAMPS = 1_501
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|> {{ message.content }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


def write_lm(folder: Path, device: str, *, tiny: bool, seed: int = 0) -> str:
    """A Qwen3 of 4 billion parameters in float16 → the folder's name. Made on `device`, where that is quick."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    sizes = TINY_LM if tiny else QWEN3_4B
    tokenizer = word_tokenizer(sizes["vocab_size"])
    config = Qwen3Config(**sizes, bos_token_id=None, eos_token_id=tokenizer.eos_token_id)
    _write(Qwen3ForCausalLM, config, folder, device, seed, range(SPECIAL))
    tokenizer.save_pretrained(folder)
    return str(folder)


def write_whisper(folder: Path, device: str, model: str, *, tiny: bool, seed: int = 0) -> str:
    """A multilingual Whisper with 128 mel bins in float16 → the folder's name. model: of DECODER_LAYERS."""
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    tokenizer = whisper_tokenizer()
    sizes = TINY_WHISPER if tiny else WHISPER_LARGE_V3
    ids = tokenizer.convert_tokens_to_ids
    end, start = ids("<|endoftext|>"), ids("<|startoftranscript|>")
    config = WhisperConfig(
        **sizes, decoder_layers=DECODER_LAYERS[model], vocab_size=len(tokenizer), eos_token_id=end, bos_token_id=end,
        pad_token_id=end, decoder_start_token_id=start, begin_suppress_tokens=[220, end], suppress_tokens=[],
    )  # fmt: skip
    _write(WhisperForConditionalGeneration, config, folder, device, seed)
    GenerationConfig(
        is_multilingual=True, no_timestamps_token_id=ids("<|notimestamps|>"), max_length=448, return_timestamps=False,
        lang_to_id={f"<|{code}|>": ids(f"<|{code}|>") for code in languages()},
        task_to_id={task: ids(f"<|{task}|>") for task in ("translate", "transcribe")},
        begin_suppress_tokens=[220, end], suppress_tokens=[], eos_token_id=end, pad_token_id=end,
        decoder_start_token_id=start,
    ).save_pretrained(folder)  # fmt: skip
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=sizes["num_mel_bins"]).save_pretrained(folder)
    return str(folder)


def word_tokenizer(size: int) -> Any:
    """One token a word: w0, w1, … so many in all, with the chat template's special ones."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|end|>", "<|unknown|>", "<|user|>", "<|assistant|>", "<|system|>"]
    vocabulary = {word: number for number, word in enumerate([*special, *(f"w{n}" for n in range(size - SPECIAL))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.WordPiece(prefix="##")  # words with a space between them
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>", unk_token="<|unknown|>",
        additional_special_tokens=special[2:],
    )  # fmt: skip
    made.chat_template = CHAT_TEMPLATE
    return made


def whisper_tokenizer() -> Any:
    """A byte each, made-up tokens up to 50,257, then large-v3's special ones in their order."""
    from tokenizers import pre_tokenizers
    from transformers import WhisperTokenizer

    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    vocabulary |= {f"Ġw{number}": number for number in range(len(symbols), TEXT_TOKENS)}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[])
    special = [
        "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in languages()), "<|translate|>",
        "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
    ]  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens([f"<|{0.02 * number:.2f}|>" for number in range(TIMESTAMPS)])
    return tokenizer


def languages() -> list[str]:
    """The codes of large-v3's languages in the order of its tokens."""
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    return list(LANGUAGES)


def _write(kind: Any, config: Any, folder: Path, device: str, seed: int, never: Sequence[int] = ()) -> None:
    """Write the model. never: tokens that it does not give out, as far as its input and output share their weights."""
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device(device):
            model = kind(config)
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        model.get_input_embeddings().weight[list(never)] = 0.0
    model.save_pretrained(folder)
