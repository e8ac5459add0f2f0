"""A checkpoint's tokenizer splits text as its tokenizer.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer

from utils.models.bundled import resolve_model
from utils.models.tokenizer import load_tokenizer

TEXTS = ("Hello there", "ＨＥＬＬＯ  there ", "ﬁne", "Hello</s>there", "<s>[A] Hello")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A checkpoint as SentencePiece's are converted: the normalizer unifies characters and marks words' beginnings."""
    pieces = ["<unk>", "<s>", "</s>", "▁", *"helotrfinａＨＥＬＯﬁHELO[A]", "he", "ll", "hell", "hello", "▁hello", "th"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("▁", "hello"), ("t", "h")]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    made.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": "{{ messages }}"}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return tmp_path


def ids(tokenizer: Any) -> list[list[int]]:
    return [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]


def by_the_file(folder: Path) -> list[list[int]]:
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [made.encode(text, add_special_tokens=False).ids for text in TEXTS]


def test_the_trap_is_there(folder):
    """If this fails, Transformers has mended it, and `load_tokenizer` may go."""
    assert ids(AutoTokenizer.from_pretrained(folder)) != by_the_file(folder)


def test_the_file_is_followed(folder):
    tokenizer = load_tokenizer(str(folder))
    assert ids(tokenizer) == by_the_file(folder)
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.chat_template) == ("<s>", "</s>", "{{ messages }}")


def test_a_tokenizer_without_the_file_is_made_from_its_vocabulary(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"<|endoftext|>": 0, "a": 1, "b": 2, "ab": 3}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    assert load_tokenizer(str(tmp_path))("ab")["input_ids"] == [3]


def test_the_bundled_model_s_tokens_are_those_of_its_file():
    folder = Path(resolve_model("bundled:smollm2-135m-instruct"))
    assert ids(load_tokenizer(str(folder))) == by_the_file(folder)


OWN_CODE = """
from transformers import PreTrainedTokenizerFast
class Mine(PreTrainedTokenizerFast):
    own = True
"""


@pytest.mark.parametrize("trusted", [True, False])
def test_code_in_the_repository_is_run_only_for_those_trusted(folder, trusted, monkeypatch, tmp_path_factory):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("code")))
    (folder / "mine.py").write_text(OWN_CODE)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["auto_map"] = {"AutoTokenizer": [None, "mine.Mine"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert hasattr(load_tokenizer(str(folder), trust_remote_code=trusted), "own") == trusted
