"""A Piper voice whose decoder runs over a sentence part by part, so that its beginning is heard while the rest is made.

Piper's models (VITS, Kim et al. 2021, https://arxiv.org/abs/2106.06103) are one ONNX graph: text → frames of sound, 192
numbers each, 86 a second → samples. The second half, a HiFi-GAN, looks only a few frames around each frame, so the
graph is cut there. en_US-joe-medium on two cores: first audio of 1.9 s of speech after 43 ms, not 87; of 5.4 s after
100, not 260. The parts joined differ from the whole by 2e-6 with 10 frames on either side, by 1e-3 with 8. A voice for
which they differ, or that can't be cut, speaks whole sentences.

Piper's program raises each sentence's peak to full scale. A part can't know that, and a clause is not to be louder than
the sentence it belongs to: here a voice has one gain.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handlers.piper.onnx_halves import NotDivisible, divide
from utils.audio.samples import FloatAudio

logger = logging.getLogger(__name__)

DECODER = "/dec/"  # what the names of the decoder's nodes begin with
CONTEXT = (
    16  # frames on either side: 12 for Piper's "low" and "medium" decoders, 14 for "high", whose kernels are wider
)
FIRST = 24  # frames of the first part, 0.28 s, of which a tenth is silence before the first sound
GROWTH = 2  # each part is so many times as long as the one before; a part takes a tenth of the time that it plays
LONGEST = 256  # frames, 3 s: a longer part would take more memory, and a reply that is cancelled ends with its part
WARM_UP = "The quick brown fox jumps over the lazy dog."
PEAK = 0.6  # of full scale, what the peak of that becomes: ten other texts had peaks up to 1.5 times as high
SAME = 1e-3  # of full scale, -60 dB: parts that differ by more are not the whole


@dataclass(frozen=True)
class Part:
    """Frames start to end of a sentence, decoded from those between low and high."""

    low: int
    start: int
    end: int
    high: int


def in_parts(frames: int) -> Iterator[Part]:
    """A sentence of so many frames, divided."""
    start, length = 0, FIRST
    while start < frames:
        end = start + length if start + length + FIRST <= frames else frames  # a short rest would be all context
        yield Part(max(0, start - CONTEXT), start, end, min(frames, end + CONTEXT))
        start, length = end, min(length * GROWTH, LONGEST)


def as_a_whole(frames: int) -> Iterator[Part]:
    """The same sentence, not divided."""
    yield Part(0, 0, frames, frames)


class Voice:
    """file: the voice's .onnx, its .onnx.json beside it. speaker_id: of a voice with several; None is its default.

    sample_rate: of what it says, Hz; speakers: how many it has; language: its ISO 639 code, None where its files don't
    say. Raises what reading the files raises.
    """

    def __init__(self, piper: Any, file: Path, length_scale: float, speaker_id: int | None) -> None:
        description = json.loads(Path(f"{file}.json").read_text(encoding="utf-8"))
        config = piper.PiperConfig.from_dict(description)
        self.language = _language(description)
        self.sample_rate, self.speakers = int(config.sample_rate), int(config.num_speakers)
        self._scales = np.array([config.noise_scale, length_scale, config.noise_w_scale], dtype=np.float32)
        self._speaker = config.default_speaker_id if speaker_id is None else speaker_id
        self._gain = 1.0
        self._divided = in_parts
        try:
            halves = divide(file, DECODER)
            self._first, self._second = _session_of(halves.first), _session_of(halves.second)
            self._between = halves.between
        except NotDivisible as error:
            logger.info("the voice speaks whole sentences: %s", error)
            self._first, self._between = _session(file), ()
        self._letters = piper.PiperVoice(session=self._first, config=config)  # knows how they sound, and never speaks

    def speak(self, text: str) -> Iterator[FloatAudio]:
        """float32 [n], mono, at `sample_rate`, as it is made; nothing where there is nothing to say."""
        for phonemes in self._letters.phonemize(text):
            if phonemes:
                middle = self._middle(phonemes)
                yield from (self._gain * audio for audio in self._decoded(middle, self._divided))

    def warm_up(self) -> None:
        """Speak, so that the first sentence is not slower; find the gain, and whether the parts make up the whole."""
        middle = self._middle(self._letters.phonemize(WARM_UP)[0])
        whole, joined = (np.concatenate(list(self._decoded(middle, way))) for way in (as_a_whole, in_parts))
        if len(joined) != len(whole) or np.abs(joined - whole).max() > SAME:
            logger.info("the voice speaks whole sentences: what it makes in parts is not the same")
            self._divided = as_a_whole
        self._gain = PEAK / max(float(np.abs(whole).max()), SAME)

    def _middle(self, phonemes: list[str]) -> list[Any]:
        """What the first half makes of them; all the audio where there is one model."""
        ids = np.array([self._letters.phonemes_to_ids(phonemes)], dtype=np.int64)
        inputs = {"input": ids, "input_lengths": np.array([ids.shape[1]], dtype=np.int64), "scales": self._scales}
        if self.speakers > 1:
            inputs["sid"] = np.array([self._speaker], dtype=np.int64)
        return list(self._first.run(None, inputs))

    def _decoded(self, middle: list[Any], divided: Callable[[int], Iterator[Part]]) -> Iterator[FloatAudio]:
        if not self._between:
            yield middle[0].reshape(-1)
            return
        frames = max(tensor.shape[-1] for tensor in middle)
        for part in divided(frames):
            inputs = {
                name: tensor[..., part.low : part.high] if tensor.shape[-1] == frames else tensor
                for name, tensor in zip(self._between, middle, strict=True)
            }
            audio = self._second.run(None, inputs)[0].reshape(-1)
            frame = len(audio) // (part.high - part.low)
            yield audio[(part.start - part.low) * frame : (part.end - part.low) * frame]


def _language(description: dict[str, Any]) -> str | None:
    """What the voice's own description says, or the name of its espeak voice, such as "en-us"."""
    language, espeak = description.get("language") or {}, description.get("espeak") or {}
    name = str(language.get("family") or language.get("code") or espeak.get("voice") or "")
    code = re.match("[a-z]{2,3}(?![a-z])", name.lower())
    return code[0] if code else None


def _session_of(model: bytes) -> Any:
    """From a file, since a session keeps the bytes that it was made of, beside the weights that it took from them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "half.onnx")
        file.write_bytes(model)
        return _session(file)


def _session(file: Path) -> Any:
    """Its threads sleep while they have nothing to do.

    Sentences of 15 and 140 letters on two cores that nothing else uses: 73 and 396 ms, not 71 and 421. Beside other
    work, as of the language model: 133 and 726 ms, not 188 and 1,027.

    Without an arena: it would keep what the longest sentence needed. A voice that had said 360 letters at once held
    222 MiB, not 669; the first audio comes as soon, a whole sentence takes a tenth longer.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(file), sess_options=options, providers=["CPUExecutionProvider"])
