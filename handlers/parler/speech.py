"""Speech from a Parler-TTS checkpoint (Lyth and King 2024, https://arxiv.org/abs/2402.01912): codes, audio, a stream.

    speech = ParlerSpeech(Checkpoint.load(folder, torch.float32, "cpu"))
    codes = speech.codes("Hello there.", "A calm voice.", seed=0, max_new_tokens=500)
    audio = speech.audio(codes)

The codes are those of `ParlerTTSForConditionalGeneration.generate()` with the same options after
`torch.manual_seed(seed)`, and the audio is that of its codec: to compare with it, that is all there is to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from handlers.compilation import forget_broken_recording
from handlers.parler.batch import Utterance, UtteranceBatch
from handlers.parler.checkpoint import Checkpoint
from handlers.parler.codec import Codec
from handlers.parler.decoder import Cross, Decoder
from handlers.parler.delay_pattern import Frame
from handlers.parler.sampling import unsupported
from handlers.parler.steps import EagerSteps, FixedSteps
from handlers.parler.voice import Voices
from handlers.parler.weights import Weights

logger = logging.getLogger(__name__)

LONGEST = 2580  # steps; 30 s, which is what the models were trained on and their checkpoints' `max_length`
LONGEST_PROMPT = 1020  # tokens; of text, some 4,000 letters


class ParlerSpeech:
    """All methods on one thread, which for a compiled checkpoint is the one that compiled it.

    longest: steps that an utterance may have at most.
    """

    def __init__(self, checkpoint: Checkpoint, longest: int = LONGEST) -> None:
        self.checkpoint = checkpoint
        self.codec = Codec(checkpoint.model.audio_encoder)
        self.frame_s = self.codec.hop / self.codec.rate
        self._longest = longest
        self.decoder = Decoder(Weights(checkpoint.model), LONGEST_PROMPT + longest + 1)
        self._voices = Voices(checkpoint.model, self.decoder)
        self._eager = EagerSteps(self.decoder)
        self._steps: EagerSteps | FixedSteps = self._eager

    @torch.inference_mode()
    def compile(self, mode: str, listened: int, rows: int = 1) -> None:
        """Compile the step of so many rows; see `FixedSteps`. Raises what the compiler raises, and all is as before."""
        steps = FixedSteps(self.decoder, mode, rows=rows, listened=listened)
        steps.warm_up()
        self._steps = steps

    def run_uncompiled(self) -> None:
        """As before `compile`."""
        self._steps = self._eager

    def try_to_compile(self, mode: str, listened: int) -> bool:
        """As `compile`; where it fails, one line says so, and the model runs uncompiled."""
        try:
            self.compile(mode, listened)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            logger.warning(
                "--tts_compile_mode %s failed, the model runs uncompiled: %s: %s", mode, type(error).__name__, reason
            )
            logger.debug("compilation failed", exc_info=True)
            forget_broken_recording()
            return False
        return True

    def codes(self, text: str, description: str, *, seed: int | None = None, **options: Any) -> Tensor:
        """int64 [codebooks, frames]: what is said for `text` by the voice of `description`.

        seed: None draws from torch's own generator. options: those of `generate()`; what is not given is the
        checkpoint's. Raises ValueError for an option that is not supported.
        """
        return self.batch_codes([text], [description], seeds=None if seed is None else [seed], **options)[0]

    @torch.inference_mode()
    def batch_codes(
        self, texts: Sequence[str], descriptions: Sequence[str], *, seeds: Sequence[int] | None = None, **options: Any
    ) -> list[Tensor]:
        """As `codes`, for several that are made together: each as it would be alone."""
        options = self.options(options)
        own_seeds: Sequence[int | None] = seeds if seeds is not None else [None] * len(texts)
        utterances = [
            self.utterance(text, self.voice(description), options, own)
            for text, description, own in zip(texts, descriptions, own_seeds, strict=True)
        ]
        batch = self.begin(utterances, options)
        rows: list[list[Frame]] = [[] for _ in texts]
        try:
            while not batch.over:
                for row, frame in zip(rows, batch.advance(), strict=True):
                    if frame is not None:
                        row.append(frame)
        finally:
            batch.close()
        return [self.tensor(row) for row in rows]

    @torch.inference_mode()
    def audio(self, codes: Tensor) -> Tensor:
        """int64 [codebooks, frames] → float32 [samples] at `codec.rate`."""
        return self.codec.decode(codes[None])[0] if codes.shape[1] else torch.zeros(0)

    @torch.inference_mode()
    def voice(self, description: str) -> Cross:
        """The voice of this description, kept for the next time. Raises ValueError where it can't be read."""
        return self._voices.of(self.checkpoint.read_description(description))

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Options of `generate()`, those that are not given or None being the checkpoint's own.

        Raises ValueError with the names of those that this engine does not support.
        """
        own = self.checkpoint.model.config.generation
        options = {**own, **{name: value for name, value in given.items() if value is not None}}
        if names := unsupported({name: given.get(name) for name in given}):
            raise ValueError(f"not supported when Parler-TTS streams: {', '.join(names)}")
        if options.get("temperature") == 0.0:
            options |= {"do_sample": False, "temperature": None}
        options.setdefault("top_k", 50)  # what `generate()` takes where nothing is said
        options["max_new_tokens"] = min(options.get("max_new_tokens", self._longest), self._longest)
        options["min_new_tokens"] = min(options.get("min_new_tokens") or 0, options["max_new_tokens"])
        return options

    @torch.inference_mode()
    def utterance(self, text: str, voice: Cross, options: dict[str, Any], seed: int | None = None) -> Utterance:
        """What one row is to say. A prompt of more than LONGEST_PROMPT tokens is cut, with a warning."""
        prompt = self.checkpoint.read_prompt(text)
        if len(prompt) > LONGEST_PROMPT:
            logger.warning("a text of %d tokens is too long for one utterance: its end is cut", len(prompt))
            prompt = prompt[:LONGEST_PROMPT]
        heard, read = self._voices.with_prompt(voice, prompt)
        return Utterance(read, heard, options["max_new_tokens"], options["min_new_tokens"], seed)

    def begin(self, utterances: Sequence[Utterance], options: dict[str, Any]) -> UtteranceBatch:
        """These utterances on their way; one batch at a time. options: as `options` returns them."""
        return UtteranceBatch(self._steps, self.checkpoint.ids, utterances, options)

    def tensor(self, frames: Sequence[Frame]) -> Tensor:
        """int64 [codebooks, frames]."""
        codes = torch.tensor(frames, dtype=torch.long, device=self.checkpoint.device)
        return codes.reshape(-1, self.checkpoint.ids.codebooks).T
