"""A GGUF file, loaded: its vocabulary, its description, its weights."""

from __future__ import annotations

import ctypes
import os
import weakref
from pathlib import Path

from handlers.llama_cpp.files import all_parts
from handlers.llama_cpp.library import Library, load_library
from utils.models.load_errors import UnusableModel
from utils.system.memory import available_memory, gigabytes

CONTROL, USER_DEFINED = 1 << 3, 1 << 4  # of llama_token_attr: written <|so|> and never part of a text; like a word
LONGEST_VALUE = 256  # bytes of a value of the description that is asked for
LONGEST_PIECE = 64  # bytes of a token at first
CACHE_BYTES = 2  # of a number in the cache: float16
UNKNOWN = ("unknown model architecture", "unknown pre-tokenizer type", "unsupported")


class Model:
    """The weights, and the texts of its tokens. Raises UnusableModel where the file can't be used.

    path: a GGUF file, the first of a divided model. gpu_layers: so many layers run on a GPU, -1: all; 0: none.
    """

    def __init__(self, path: Path, gpu_layers: int) -> None:
        self.library = load_library()
        self._c = self.library.c
        self.on_gpu = gpu_layers != 0 and bool(self._c.llama_supports_gpu_offload())
        if not self.on_gpu:
            check_size(path)
        self.pointer = _load(self.library, path, gpu_layers)
        weakref.finalize(self, self._c.llama_model_free, self.pointer).atexit = False
        self._vocabulary = self._c.llama_model_get_vocab(self.pointer)
        self._refuse_other_kinds()
        self.size = int(self._c.llama_vocab_n_tokens(self._vocabulary))
        """How many tokens there are."""
        self.context_length = int(self._c.llama_model_n_ctx_train(self.pointer))
        """The longest text that it was trained on, in tokens."""
        recurrent = self._c.llama_model_is_recurrent(self.pointer) or self._c.llama_model_is_hybrid(self.pointer)
        self.rewinds = not recurrent
        """Whether what it has read can be forgotten from any token on. Recurrent layers only go forward."""

    @property
    def chat_template(self) -> str | None:
        """The file's own, Jinja; None where it has none."""
        text = self._c.llama_model_chat_template(self.pointer, None)
        return text.decode(errors="replace") if text else None

    def described(self, key: str) -> str | None:
        """A value of the file's description. key: its name; one of the architecture begins with a dot."""
        if key.startswith("."):
            key = f"{self.described('general.architecture')}{key}"
        buffer = ctypes.create_string_buffer(LONGEST_VALUE)
        length = self._c.llama_model_meta_val_str(self.pointer, key.encode(), buffer, LONGEST_VALUE)
        return buffer.value.decode(errors="replace") if length >= 0 else None

    def tokens(self, text: str) -> list[int]:
        """Of a text, in which special tokens are written as they are. None is added."""
        data = text.encode()
        room = len(data) + 8
        while True:
            buffer = (ctypes.c_int32 * room)()
            count = self._c.llama_tokenize(self._vocabulary, data, len(data), buffer, room, False, True)
            if count >= 0:
                return buffer[:count]
            room = -count

    def piece(self, token: int) -> bytes:
        """What a token stands for, perhaps a part of a character; b"" for a special token."""
        room = LONGEST_PIECE
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = self._c.llama_token_to_piece(self._vocabulary, token, buffer, room, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            room = -length

    def is_end(self, token: int) -> bool:
        """Whether a text, or an answer, ends with it."""
        return bool(self._c.llama_vocab_is_eog(self._vocabulary, token))

    def special_tokens(self) -> dict[int, str]:
        """Those with a name of their own, such as <|im_end|>, and their names."""
        get_kind, vocabulary = self._c.llama_vocab_get_attr, self._vocabulary
        found = (n for n in range(self.size) if get_kind(vocabulary, n) & (CONTROL | USER_DEFINED))
        return {token: self._name(token) for token in found}

    def named(self, which: str) -> str:
        """The name of the token that begins ("bos") or ends ("eos") a text; "" where there is none."""
        token = getattr(self._c, f"llama_vocab_{which}")(self._vocabulary)
        return self._name(token) if token >= 0 else ""

    def cache_size(self, tokens: int) -> int:
        """Bytes that the keys and values of so many tokens take, if every layer keeps all of them."""
        layers, heads = self._c.llama_model_n_layer(self.pointer), self._c.llama_model_n_head_kv(self.pointer)
        usual = self._c.llama_model_n_embd(self.pointer) // max(1, self._c.llama_model_n_head(self.pointer))
        lengths = (self.described(f".attention.{which}_length") for which in ("key", "value"))
        return sum(int(length or usual) for length in lengths) * int(layers * heads) * CACHE_BYTES * tokens

    def _name(self, token: int) -> str:
        return str(self._c.llama_vocab_get_text(self._vocabulary, token).decode(errors="replace"))

    def _refuse_other_kinds(self) -> None:
        pooling = self.described(".pooling_type") or "0"
        if self.described(".attention.causal") == "false" or pooling not in ("0", "-1"):
            raise UnusableModel("it makes embeddings and does not answer: choose an instruct model")
        if self._c.llama_model_has_encoder(self.pointer) or self._c.llama_model_is_diffusion(self.pointer):
            raise UnusableModel("it does not write one token after the other: choose another instruct model")


def _load(library: Library, path: Path, gpu_layers: int) -> int:
    library.take_errors()
    params = library.c.llama_model_default_params()
    params.n_gpu_layers = gpu_layers
    pointer = library.c.llama_model_load_from_file(os.fsencode(path), params)
    if pointer:
        return int(pointer)
    errors = library.take_errors()
    newer = next((line for line in errors if any(sign in line for sign in UNKNOWN)), None)
    if newer is not None:
        raise UnusableModel(f"this llama.cpp does not know its kind ({_reason(newer)}); choose another model")
    raise UnusableModel(f"llama.cpp refuses the file: {_reason(errors[0]) if errors else 'it gives no reason'}")


def _reason(line: str) -> str:
    """What a log line says, without the functions that passed it on."""
    parts = line.split(": ")
    while len(parts) > 1 and " " not in parts[0]:
        del parts[0]
    return ": ".join(parts).removeprefix("error loading model: ")


def check_size(path: Path) -> None:
    """Raises UnusableModel where a file is larger than the memory that is there for it."""
    names = all_parts(path.name, [file.name for file in path.parent.iterdir()])
    size, available = sum((path.parent / name).stat().st_size for name in names), available_memory()
    if available is not None and size > available:
        raise UnusableModel(
            f"too little memory: the file has {gigabytes(size)}, and {gigabytes(available)} are available; "
            "choose a smaller model"
        )
