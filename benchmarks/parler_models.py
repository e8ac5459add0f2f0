"""Parler-TTS models with random weights, made in memory: the real architectures, and tiny ones. Nothing is downloaded.

Random weights cost what trained ones cost. Those of the codec keep the variance from layer to layer, or its output
would be silence and comparing it would prove nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import DacConfig, DacModel, PreTrainedTokenizerFast, T5Config, T5EncoderModel

from handlers.parler.library import import_parler_tts

CODEBOOKS = 9
CODES = 1024  # of a codebook; the ids that follow are the end and, in the input only, the beginning
EOS, BOS = CODES, CODES + 1
HOP = 512  # samples a frame
LOUDNESS = 0.2  # standard deviation of the codec's output before its tanh: audible, not saturated
BYTES = 256

TINY_TEXT = {"vocab_size": 320, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
FLAN_T5_LARGE = {"vocab_size": 32_128, "d_model": 1024, "d_kv": 64, "d_ff": 2816, "num_layers": 24, "num_heads": 16}
TINY_DECODER = {
    "vocab_size": CODES + 1,
    "max_position_embeddings": 2048,
    "num_hidden_layers": 2,
    "ffn_dim": 64,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "initializer_factor": 0.3,  # wide enough for logits that differ
}
# parler-tts-mini-v1 (https://huggingface.co/parler-tts/parler-tts-mini-v1): config.json and helpers/model_init_scripts
MINI_DECODER = {
    "vocab_size": 1088,
    "max_position_embeddings": 4096,
    "num_hidden_layers": 24,
    "ffn_dim": 4096,
    "num_attention_heads": 16,
    "hidden_size": 1024,
}


def mini() -> Any:
    """The architecture of parler-tts-mini-v1, 877.8 M parameters."""
    return random_model(T5EncoderModel(text_config(**FLAN_T5_LARGE)), real_codec(), MINI_DECODER, prompts=32_128)


def deep_tiny() -> Any:
    """As many layers as the mini architecture, but so narrow that a step costs what calling it costs."""
    return random_model(
        T5EncoderModel(text_config(**TINY_TEXT)), tiny_codec(), TINY_DECODER | {"num_hidden_layers": 24}
    )


def codec_alone() -> Any:
    """The real codec behind a decoder that is not to be used."""
    return random_model(T5EncoderModel(text_config(**TINY_TEXT)), real_codec(), TINY_DECODER)


def random_model(
    text_encoder: Any, codec: Any, decoder: dict[str, Any], *, prompts: int = 3 + BYTES, **config: Any
) -> Any:
    """A `ParlerTTSForConditionalGeneration`. decoder: options of `ParlerTTSDecoderConfig`. prompts: ids of a prompt."""
    parler_tts = import_parler_tts()
    language_model = parler_tts.ParlerTTSForCausalLM(
        parler_tts.ParlerTTSDecoderConfig(
            num_codebooks=CODEBOOKS,
            dropout=0.0,
            pad_token_id=EOS,
            eos_token_id=EOS,
            bos_token_id=BOS,
            **decoder,
        )
    )
    whole = parler_tts.ParlerTTSConfig.from_sub_models_config(
        text_encoder.config,
        codec.config,
        language_model.config,
        vocab_size=prompts,
        pad_token_id=EOS,
        decoder_start_token_id=BOS,
        **config,
    )
    model = parler_tts.ParlerTTSForConditionalGeneration(whole, text_encoder, codec, language_model)
    model.generation_config.update(
        decoder_start_token_id=BOS,
        bos_token_id=BOS,
        pad_token_id=EOS,
        eos_token_id=EOS,
        max_length=2580,
        do_sample=True,
    )
    return model.eval()


def text_config(**sizes: Any) -> T5Config:
    """Of a T5 encoder."""
    return T5Config(feed_forward_proj="gated-gelu", is_encoder_decoder=False, use_cache=False, **sizes)


def tiny_codec(sampling_rate: int = 44_100) -> DacModel:
    """Transformers' `DacModel` with the topology of the real one (hop 512, 9 × 1,024 codes) and narrow layers."""
    config = DacConfig(
        encoder_hidden_size=4,
        decoder_hidden_size=32,
        n_codebooks=CODEBOOKS,
        codebook_size=CODES,
        codebook_dim=8,
        sampling_rate=sampling_rate,
    )
    codec = DacModel(config).eval()
    _condition(codec, codec.decoder, lambda codes: codec.quantizer.from_codes(codes)[0])
    return codec


def real_codec() -> Any:
    """The 44.1 kHz DAC in the library's wrapper, 76.65 M parameters."""
    dac_wrapper = import_parler_tts().dac_wrapper
    with warnings.catch_warnings():
        # dac makes its layers with a weight norm that torch has deprecated: one warning for each of its 80 layers.
        warnings.filterwarnings("ignore", "`torch.nn.utils.weight_norm` is deprecated", FutureWarning)
        codec = dac_wrapper.DACModel(dac_wrapper.DACConfig()).eval()
    _condition(codec, codec.model.decoder, lambda codes: codec.model.quantizer.from_codes(codes)[0])
    return codec


def byte_tokenizer() -> PreTrainedTokenizerFast:
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


@torch.no_grad()
def _condition(codec: Any, decoder: torch.nn.Module, from_codes: Any) -> None:
    """Give the codec's convolutions weights that keep the variance, and its output LOUDNESS.

    What residual units add (they end in convolutions of size 1) is a tenth of what is there, as after training: with
    more, the values grow from layer to layer until the sine of them is noise.
    """
    for module in codec.modules():
        if isinstance(module, torch.nn.Conv1d):
            scale = 0.3 if module.kernel_size == (1,) and module.in_channels == module.out_channels else 1.0
            module.weight = _like(module, torch.randn_like(module.weight) * scale * module.weight[0].numel() ** -0.5)
        elif isinstance(module, torch.nn.ConvTranspose1d):
            module.weight = _like(module, torch.randn_like(module.weight) * (2 * module.weight.shape[0]) ** -0.5)
    last = [module for module in decoder.modules() if isinstance(module, torch.nn.Conv1d)][-1]
    before_tanh: list[torch.Tensor] = []
    hook = last.register_forward_hook(lambda module, inputs, output: before_tanh.append(output))
    decoder(from_codes(torch.randint(0, CODES, (1, CODEBOOKS, 50))))
    hook.remove()
    last.weight = _like(last, last.weight * (LOUDNESS / before_tanh[0].std()))


def _like(module: torch.nn.Module, weight: torch.Tensor) -> torch.Tensor:
    """A weight that is normed takes a tensor, a plain one a parameter."""
    return weight if torch.nn.utils.parametrize.is_parametrized(module, "weight") else torch.nn.Parameter(weight)
