"""Builds a tiny Parler-TTS checkpoint folder: the real classes, random weights, about 4 MB, no download.

The codec is Transformers' own `DacModel`, with the topology of the one that the real checkpoints use (hop of 512
samples, 9 codebooks of 1,024 codes) and narrow layers: the wrapper of parler_tts has its 76.65 M parameters hard-coded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    DacConfig,
    DacModel,
    EncodecFeatureExtractor,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from handlers.parler_import import import_parler_tts

CODEBOOKS = 9
CODES = 1024  # of a codebook; the ids that follow are the end and, in the input only, the beginning
EOS, BOS = CODES, CODES + 1
HOP = 512  # samples a frame
LOUDNESS = 0.2  # standard deviation of the codec's output before its tanh: audible, not saturated
BYTES = 256
DELAY = CODEBOOKS - 1  # steps that the last codebook is behind the first
SHORT_STEPS = 30
SHORT_FRAMES = SHORT_STEPS - DELAY


def build(
    folder: Path,
    *,
    seed: int = 0,
    vocab_size: int = CODES + 1,
    favourite: int | None = None,
    sampling_rate: int = 44_100,
    prompt_cross_attention: bool = False,
    **decoder: Any,
) -> Path:
    """Write the checkpoint, tokenizer and feature extractor to `folder` and return it.

    vocab_size: of the decoder; the real checkpoints have 1,088, ids without a meaning among them.
    favourite: an id that the decoder always wants to give out, `EOS` for instance. decoder: further options of
    `ParlerTTSDecoderConfig`.
    """
    parler_tts = import_parler_tts()
    torch.manual_seed(seed)
    text_encoder, codec = _text_encoder(), _codec(sampling_rate)
    language_model = parler_tts.ParlerTTSForCausalLM(_decoder_config(parler_tts, vocab_size, decoder))
    config = parler_tts.ParlerTTSConfig.from_sub_models_config(
        text_encoder.config,
        codec.config,
        language_model.config,
        vocab_size=3 + BYTES,
        prompt_cross_attention=prompt_cross_attention,
        pad_token_id=EOS,
        decoder_start_token_id=BOS,
    )
    model = parler_tts.ParlerTTSForConditionalGeneration(config, text_encoder, codec, language_model)
    if favourite is not None:
        _prefer(language_model, favourite)
    _set_generation(model.generation_config)
    model.eval().save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    EncodecFeatureExtractor(sampling_rate=sampling_rate).save_pretrained(folder)
    return folder


def steps_of(number: int) -> dict[str, int]:
    """Options of `generate` for exactly so many steps."""
    return {"min_new_tokens": number, "max_new_tokens": number}


def _text_encoder() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(
            vocab_size=320,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            is_encoder_decoder=False,
            use_cache=False,
        )
    ).eval()


def _decoder_config(parler_tts: Any, vocab_size: int, options: dict[str, Any]) -> Any:
    return parler_tts.ParlerTTSDecoderConfig(
        vocab_size=vocab_size,
        max_position_embeddings=2048,
        num_hidden_layers=2,
        ffn_dim=64,
        num_attention_heads=4,
        hidden_size=32,
        num_codebooks=CODEBOOKS,
        dropout=0.0,
        pad_token_id=EOS,
        eos_token_id=EOS,
        bos_token_id=BOS,
        initializer_factor=0.3,  # wide enough for logits that differ
        **options,
    )


def _codec(sampling_rate: int) -> DacModel:
    """Weights that keep the variance from layer to layer: with the default ones the codec is silent."""
    codec = DacModel(
        DacConfig(
            encoder_hidden_size=4,
            decoder_hidden_size=32,
            n_codebooks=CODEBOOKS,
            codebook_size=CODES,
            codebook_dim=8,
            sampling_rate=sampling_rate,
        )
    ).eval()
    with torch.no_grad():
        for module in codec.modules():
            if isinstance(module, torch.nn.Conv1d):
                module.weight.normal_(0, module.weight[0].numel() ** -0.5)
            elif isinstance(module, torch.nn.ConvTranspose1d):
                module.weight.normal_(0, (2 * module.weight.shape[0]) ** -0.5)
        last = codec.decoder.conv2
        before_tanh: list[torch.Tensor] = []
        hook = last.register_forward_hook(lambda module, inputs, output: before_tanh.append(output))
        codec.decode(audio_codes=torch.randint(0, CODES, (1, CODEBOOKS, 50)))
        hook.remove()
        last.weight.mul_(LOUDNESS / before_tanh[0].std())
    return codec


def _prefer(language_model: Any, favourite: int) -> None:
    """The final layer norm gives out a constant, and only the favourite's row of each head answers to it."""
    with torch.no_grad():
        norm = language_model.model.decoder.layer_norm
        norm.weight.zero_()
        norm.bias.fill_(1.0)
        for head in language_model.lm_heads:
            head.weight[favourite].fill_(10.0)


def _set_generation(config: Any) -> None:
    """As in the real checkpoints, but for `min_new_tokens`, which is 10 there and would hide an early end."""
    config.update(
        decoder_start_token_id=BOS,
        bos_token_id=BOS,
        pad_token_id=EOS,
        eos_token_id=EOS,
        max_length=2580,
        do_sample=True,
    )


def _tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, then </s>: any text can be encoded."""
    vocabulary = {"<pad>": 0, "</s>": 1, "<unk>": 2}
    for symbol in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[symbol] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
