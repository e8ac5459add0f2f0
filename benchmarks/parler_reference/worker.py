"""Runs the Parler-TTS library for `client.py`: a line of JSON in is a question, a line out is its answer.

A question is {"ask": name of a function below that takes questions, its arguments}; the answer is {"answer": …} or
{"error": text}. Arrays go through a file: "file" is where the answer's arrays are written to (.npz).
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.parler_reference import streaming
from benchmarks.parler_reference.stand_ins import import_parler_tts

LIBRARY = import_parler_tts()

Options = dict[str, Any]


class OnlyCodes:
    """The decoder knows ids that are no codes. Random weights choose them, and the codec fails on them."""

    def __init__(self, model: Any, ends: bool = True) -> None:
        self._first = model.config.audio_encoder.codebook_size + ends

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, self._first :] = -torch.inf
        return scores


@functools.lru_cache(maxsize=4)
def load(folder: str) -> Any:
    """The library's model of a checkpoint folder."""
    config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    with NarrowCodec(config["audio_encoder"]):
        return LIBRARY.ParlerTTSForConditionalGeneration.from_pretrained(folder).eval()


@functools.lru_cache(maxsize=4)
def tokenizer(folder: str) -> Any:
    """What reads prompts and descriptions."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


class NarrowCodec:
    """descript's codec in the widths of the tests' checkpoints, which the library can't be told otherwise."""

    def __init__(self, audio_encoder: Options) -> None:
        self._module = sys.modules["parler_tts.dac_wrapper.modeling_dac"]
        self._real = self._module.DAC
        self._widths = {name: audio_encoder[name] for name in ("encoder_dim", "decoder_dim") if name in audio_encoder}

    def __enter__(self) -> None:
        self._module.DAC = functools.partial(self._real, **self._widths)  # type: ignore[attr-defined]

    def __exit__(self, *error: object) -> None:
        self._module.DAC = self._real  # type: ignore[attr-defined]


def generate(folder: str, cases: list[Options], file: str) -> None:
    """For each case, codes int64 [codebooks, frames] and audio float32 [samples] of `generate()`.

    A case is a text, a description, a seed and options of `generate()`.
    """
    model = load(folder)
    found: dict[str, Any] = {}
    for number, case in enumerate(cases):
        codes, audio = _generated(model, tokenizer(folder), **case)
        found |= {f"{number}_codes": codes.numpy(), f"{number}_audio": audio.numpy()}
    np.savez(file, **found)


def _generated(
    model: Any, reader: Any, text: str, description: str, seed: int, options: Options
) -> tuple[torch.Tensor, torch.Tensor]:
    decoded: list[torch.Tensor] = []
    decode = model.audio_encoder.decode

    def keep(audio_codes: torch.Tensor, **arguments: Any) -> Any:
        decoded.append(audio_codes)
        return decode(audio_codes=audio_codes, **arguments)

    ids = model.generation_config
    codebooks = model.decoder.num_codebooks
    model.audio_encoder.decode = keep
    torch.manual_seed(seed)
    try:
        with torch.inference_mode():
            audio = model.generate(
                **arguments_of(model, reader, text, description),
                logits_processor=[
                    LIBRARY.logits_processors.ParlerTTSLogitsProcessor(ids.eos_token_id, codebooks, 1),
                    OnlyCodes(model),
                ],
                **options,
            )
    finally:
        model.audio_encoder.decode = decode
    if not decoded:
        return torch.zeros(codebooks, 0, dtype=torch.long), torch.zeros(0)
    return decoded[-1].reshape(codebooks, -1), audio[0].float()


def arguments_of(model: Any, reader: Any, text: str, description: str) -> Options:
    """What `generate()` is given for a text and a description."""
    heard = reader(description, return_tensors="pt").input_ids
    prompt = reader(text, return_tensors="pt").input_ids
    return {"input_ids": heard, "attention_mask": torch.ones_like(heard), "prompt_input_ids": prompt}


def tokens(folder: str, texts: list[str]) -> list[list[int]]:
    """The ids of each text."""
    return [tokenizer(folder)(text).input_ids for text in texts]


def delayed(columns: list[list[int]], begin: int, end: int) -> list[list[int]]:
    """What goes in after each step, for the tokens [codebooks] of each step."""
    given = torch.tensor(columns).T
    first = torch.full((len(given), 1), begin)
    modeling = LIBRARY.modeling_parler_tts
    _, mask = modeling.build_delay_pattern_mask(first, begin, end, len(columns) + 1, len(given))
    return modeling.apply_delay_pattern_mask(torch.cat([first, given], 1), mask).T.tolist()[1:]


@torch.inference_mode()
def decode(folder: str, codes: list[list[int]], file: str) -> None:
    """The codec's full decode, float32 [samples], of codes [codebooks, frames]."""
    np.savez(file, audio=streaming.decode_all(load(folder), torch.tensor(codes)).float().numpy())


def save(folder: str, to: str, options: Options) -> None:
    """Write the model anew, with these options of `save_pretrained`."""
    load(folder).save_pretrained(to, **options)
    tokenizer(folder).save_pretrained(to)


def measure(folder: str, what: str, arguments: Options) -> Any:
    """Seconds: what a function of `streaming.py` measures."""
    model = load(folder)
    if "codes" in arguments:
        arguments = arguments | {"codes": torch.tensor(arguments["codes"])}
    if "text" in arguments:
        given = arguments_of(model, tokenizer(folder), arguments.pop("text"), arguments.pop("description"))
        given |= {"logits_processor": [OnlyCodes(model, ends=False)], "do_sample": True}
        arguments = arguments | {"arguments": given}
    return getattr(streaming, what)(model, **arguments)


QUESTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (generate, tokens, delayed, decode, save, measure)
}


def main() -> None:
    """Until its input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is no answer
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"answer": QUESTIONS[question.pop("ask")](**question)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
