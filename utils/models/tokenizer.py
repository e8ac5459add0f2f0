"""Loads a tokenizer that splits text as its checkpoint's tokenizer.json says.

Transformers 5 makes the tokenizers of some classes (LlamaTokenizer) anew from their vocabulary, with a normalizer of
its own. Then other tokens come out than the model was trained on.
"""

from __future__ import annotations

from typing import Any

FILE = "tokenizer.json"


def load_tokenizer(name: str, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a folder or of a model of the hub, from its tokenizer.json where it has one.

    trust_remote_code: a tokenizer that is code in the repository is run. Raises what Transformers raises.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import get_tokenizer_config
    from transformers.utils.hub import cached_file

    own_code = trust_remote_code and "auto_map" in get_tokenizer_config(name)
    if own_code or cached_file(name, FILE, _raise_exceptions_for_missing_entries=False) is None:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code)
    return PreTrainedTokenizerFast.from_pretrained(name)
