"""A checkpoint's texts: prompts, descriptions, and tokenizers of several kinds."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from benchmarks.parler_configs import TINY
from benchmarks.parler_models import byte_tokenizer, random_model
from benchmarks.parler_writer import write_tokenizer
from handlers.parler.checkpoint import Checkpoint, _tokenizer
from handlers.parler.speech import ParlerSpeech
from tests.parler_checkpoint import DELAY

TEXTS = [
    "Hello there, how are you?",
    "It's  two   spaces\nand a line; 12,345.67 €, naïve café — “quoted”…",
    "<pad> and </s> in a text, <s> too",
    " a space before it",
    "",
    "नमस्ते ಕನ್ನಡ 你好 🙂",
]
CORPUS = ["A female speaker delivers a slightly expressive speech.", "Hello there, how are you today?"] * 20


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    return Checkpoint(random_model(TINY), byte_tokenizer())


def test_a_model_in_memory_speaks(checkpoint):
    codes = ParlerSpeech(checkpoint).codes("Hello.", "A voice.", seed=0, max_new_tokens=20, min_new_tokens=20)
    assert codes.shape == (9, 20 - DELAY)


def test_a_long_prompt_is_cut_with_a_warning(checkpoint, caplog):
    codes = ParlerSpeech(checkpoint).codes("a" * 2_000, "A voice.", seed=0, max_new_tokens=12, min_new_tokens=12)
    assert codes.shape == (9, 12 - DELAY)
    assert "a text of 2001 tokens is too long for one utterance: its end is cut" in caplog.text


def test_a_prompt_that_the_model_has_no_embeddings_for_is_refused(checkpoint):
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens(["<far>"])
    with pytest.raises(ValueError, match="tokenizer does not fit its table of prompts"):
        Checkpoint(checkpoint.model, tokenizer).read_prompt("<far> away")


def pieces_with_bytes():
    """As the multilingual models' prompts are read: pieces of words, ▁ for a space, bytes for the rest."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=special))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<unk>"
    )  # fmt: skip


def likeliest_pieces():
    """As T5 reads descriptions, and mini v1 its prompts."""
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>")
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


@pytest.mark.parametrize(
    ("make", "kind", "options"),
    [
        (pieces_with_bytes, "LlamaTokenizerFast", {"add_bos_token": False, "add_eos_token": True, "legacy": True}),
        (likeliest_pieces, "T5TokenizerFast", {"extra_ids": 0}),
        (byte_tokenizer, "PreTrainedTokenizerFast", {}),
    ],
    ids=["llama", "t5", "bytes"],
)
def test_texts_have_the_ids_that_the_library_gives_them(reference, tmp_path, make, kind, options):
    write_tokenizer(make(), tmp_path, kind, **options)
    tokenizer = _tokenizer(str(tmp_path))
    assert [tokenizer(text).input_ids for text in TEXTS] == reference.tokens(tmp_path, TEXTS)
