"""GGUF files that can't be used: one line each; and the texts of tokens."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from handlers.llama_cpp import context, model
from handlers.llama_cpp.context import Context
from handlers.llama_cpp.files import find_gguf
from handlers.llama_cpp.model import Model
from handlers.llama_cpp.tokenizer import GgufTokenizer
from tests.chat_templates import CHATML, Template
from tests.gguf_checkpoint import CONTEXT_LENGTH, HEADS, LAYERS, WIDTH, write_gguf
from utils.models.load_errors import UnusableModel, load_error

TEXTS = ["Hello, world!", "naïve 日本語 😀", "  two  spaces\n\nand lines", "", "a" * 300]


@pytest.fixture(scope="module")
def bundled() -> Model:
    return Model(find_gguf("bundled:smollm2-135m-instruct"), 0)


def refusal(make) -> str:
    """The whole line that the user reads."""
    with pytest.raises(UnusableModel) as error:
        make()
    line = str(load_error("lm", "x.gguf", error.value))
    assert "\n" not in line
    return line


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_the_text_s(bundled, text, tmp_path):
    tiny = Model(write_gguf(tmp_path / "tiny.gguf"), 0)
    for loaded in (bundled, tiny):
        assert b"".join(map(loaded.piece, loaded.tokens(text))).decode() == text


def test_special_tokens_are_one_token_and_no_text(bundled):
    (token,) = bundled.tokens("<|im_end|>")
    assert bundled.special_tokens()[token] == "<|im_end|>"
    assert bundled.piece(token) == b""
    assert bundled.is_end(token)
    assert not bundled.is_end(bundled.tokens("Hello")[0])
    assert (bundled.named("bos"), bundled.named("eos")) == ("<|im_start|>", "<|im_end|>")


def test_what_a_file_says_of_itself(tmp_path):
    tiny = Model(write_gguf(tmp_path / "tiny.gguf"), 0)
    assert (tiny.described(".block_count"), tiny.described("general.architecture")) == (str(LAYERS), "llama")
    assert tiny.described("no.such.key") is None
    assert tiny.context_length == CONTEXT_LENGTH
    assert tiny.cache_size(10) == 10 * 2 * LAYERS * HEADS * (WIDTH // HEADS) * 2
    assert tiny.chat_template == CHATML.text


def test_an_architecture_of_tomorrow(tmp_path):
    path = write_gguf(tmp_path / "new.gguf", "of-tomorrow")
    line = refusal(lambda: Model(path, 0))
    assert "this llama.cpp does not know its kind (unknown model architecture: 'of-tomorrow')" in line


def test_a_file_that_is_cut_short(tmp_path):
    path = write_gguf(tmp_path / "cut.gguf")
    for length in (100, path.stat().st_size // 2):
        cut = tmp_path / f"cut-{length}.gguf"
        cut.write_bytes(path.read_bytes()[:length])
        assert "llama.cpp refuses the file: " in refusal(lambda cut=cut: Model(cut, 0))


@pytest.mark.parametrize("described", [{"pooling_type": 1}, {"pooling_type": 3}, {"attention__causal": False}])
def test_an_embedding_model(tmp_path, described):
    path = write_gguf(tmp_path / "embed.gguf", **described)
    assert "it makes embeddings and does not answer: choose an instruct model" in refusal(lambda: Model(path, 0))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{% for m in messages %}", "its chat template can't be parsed: "),
        ("{{ messages | nosuchfilter }}", "its chat template can't be parsed: "),
        ("{{ raise_exception('never') }}", "its chat template refuses the role 'user' of --user_role"),
    ],
)
def test_a_template_that_is_no_use(load, tmp_path, text, line):
    path = write_gguf(tmp_path / "t.gguf", template=Template(text, ("<e>",), "<e>"))
    assert line in refusal(lambda: load(model_name=str(path)))


def test_a_base_model(load, tmp_path):
    path = write_gguf(tmp_path / "base.gguf", template=None)
    assert "it has no chat template: choose an instruct model" in refusal(lambda: load(model_name=str(path)))


def test_a_file_larger_than_the_memory(tmp_path, monkeypatch):
    path = write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr(model, "available_memory", lambda: 1_000)
    line = refusal(lambda: Model(path, 0))
    assert "too little memory: the file has 0.0 GB, and 0.0 GB are available; choose a smaller model" in line


def test_a_context_larger_than_the_memory(tmp_path, monkeypatch):
    tiny = Model(write_gguf(tmp_path / "tiny.gguf"), 0)
    monkeypatch.setattr(context, "available_memory", lambda: tiny.cache_size(100))
    Context(tiny, 100, 1, 1)
    line = refusal(lambda: Context(tiny, 101, 1, 1))
    assert "too little memory: the context takes" in line
    assert line.endswith("choose a smaller --lm_n_ctx")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit")
def test_a_context_that_can_not_be_had(tmp_path, monkeypatch):
    """What the memory's figures do not tell: a limit of the process."""
    import resource

    tiny = Model(write_gguf(tmp_path / "tiny.gguf"), 0)
    monkeypatch.setattr(context, "available_memory", lambda: None)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30), limits[1]))
    try:
        line = refusal(lambda: Context(tiny, 1 << 22, 1, 1))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    assert "llama.cpp can't make a context of 4194304 tokens" in line
    assert line.endswith("try a smaller --lm_n_ctx")


def test_a_template_has_the_names_and_tools_of_transformers(tmp_path):
    text = (
        "{{ bos_token }}{{ eos_token }}{% generation %}{{ messages[0].content }}{% endgeneration %}"
        "{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}"
        "{{ {'a': '<é>'} | tojson }}{{ strftime_now('%%') }}"
    )
    tokenizer = GgufTokenizer(Model(write_gguf(tmp_path / "t.gguf", template=Template(text, ("<e>",), "<e>")), 0))
    messages = [{"role": "user", "content": "Hi"}]
    made = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert made == '<s></s>Hi13{"a": "<é>"}%'
