"""The bytes on the wire: signed 16-bit little-endian PCM, mono, no framing.

Port 12345 carries the microphone to the server (16 kHz or 8 kHz). Port 12346 carries the reply to the client (44.1
kHz). A write may have any size, so it may end in the middle of a sample. The end of a reply is padded with silence to a
multiple of 2,048 bytes, for clients that only read whole chunks of that size.
"""

from __future__ import annotations

import numpy as np

from utils.audio.samples import FloatAudio, PcmAudio

SAMPLE_BYTES = 2
REPLY_RATE = 44_100  # Hz, whatever the TTS makes
REPLY_CHUNK_BYTES = 2_048
FULL_SCALE = 32_768.0

_WIRE = np.dtype("<i2")


class PcmDecoder:
    """Turns bytes into samples. A block of bytes may end in the middle of a sample."""

    def __init__(self) -> None:
        self._half = b""  # the first byte of a sample whose second has not come

    def feed(self, data: bytes) -> FloatAudio:
        """The samples that are complete, float32 [n], -1..1."""
        data = self._half + data
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._half = data[whole:]
        return np.frombuffer(data[:whole], dtype=_WIRE).astype(np.float32) / np.float32(FULL_SCALE)


def encode(samples: PcmAudio) -> bytes:
    """The bytes of samples, int16 [n]."""
    return samples.astype(_WIRE, copy=False).tobytes()


def to_pcm(audio: FloatAudio) -> PcmAudio:
    """Convert float32 [n] (-1..1) to int16 [n]. Louder samples are clipped, and NaN becomes silence."""
    scaled = np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0) * FULL_SCALE
    return np.clip(np.rint(scaled), -32_768, 32_767).astype(np.int16)


def padding(sent_bytes: int) -> bytes:
    """The silence that fills up a reply of `sent_bytes` to whole chunks."""
    return bytes(-sent_bytes % REPLY_CHUNK_BYTES)
