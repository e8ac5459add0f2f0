"""WAV files for the client. It reads any PCM file, and writes 16-bit mono.

Before Python 3.12 the module `wave` can't read the extensible header, which 24-bit files usually have. So the chunks
are read here. Format: "Multimedia Programming Interface and Data Specifications 1.0", RIFF WAVE.
"""

from __future__ import annotations

import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.audio.companding import from_a_law, from_mu_law
from utils.audio.samples import FloatAudio
from utils.client.errors import WavError

PCM, IEEE_FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
READABLE = {
    (PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (IEEE_FLOAT, 32), (IEEE_FLOAT, 64), (A_LAW, 8), (MU_LAW, 8)
}  # fmt: skip
SAMPLE_BYTES = 2
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Format:
    """What a `fmt ` chunk says."""

    tag: int
    """The kind of the samples: PCM, IEEE_FLOAT, A_LAW or MU_LAW."""

    channels: int
    """How many channels there are, interleaved."""

    rate: int
    """Hz."""

    bits: int
    """The bits of one sample, and of its container."""


def read_wav(path: str | Path) -> tuple[FloatAudio, int]:
    """Read a WAV file as (float32 [n], mono, -1..1; its rate in Hz).

    It may hold PCM of 8, 16, 24 or 32 bits, floats of 32 or 64 bits, or 8 bits in A-law or μ-law, with any rate and
    any number of channels. A file that was
    cut off, or whose header was never completed, is read as far as it goes. Raises WavError, OSError.
    """
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError(f"{path} is not a WAV file")
    chunks = _chunks(content)
    if b"fmt " not in chunks or b"data" not in chunks:
        raise WavError(f"{path} is a WAV file without audio")
    kind = _format(chunks[b"fmt "], path)
    samples = _samples(chunks[b"data"], kind, path)
    whole = len(samples) - len(samples) % kind.channels
    mono = samples[:whole].reshape(-1, kind.channels).mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono, dtype=np.float32), kind.rate


def _chunks(content: bytes) -> dict[bytes, memoryview]:
    """The first chunk of each name. A chunk whose size goes beyond the end of the file ends there."""
    found: dict[bytes, memoryview] = {}
    position = 12
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        body = memoryview(content)[position + 8 : position + 8 + size]
        found.setdefault(name, body)
        position += 8 + size + size % 2
    return found


def _format(chunk: memoryview, path: str | Path) -> _Format:
    if len(chunk) < 16:
        raise WavError(f"{path} has a damaged header")
    tag, channels, rate, _, align, _ = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack_from("<H", chunk, 24)[0]  # the subformat's identifier begins with the plain tag
    if not channels or not rate or align % channels:
        raise WavError(f"{path} has a damaged header")
    return _Format(tag, channels, rate, align // channels * 8)


def _samples(data: memoryview, kind: _Format, path: str | Path) -> FloatAudio:
    """The samples as float32, interleaved, -1..1. Raises WavError."""
    width = kind.bits // 8
    if (kind.tag, kind.bits) not in READABLE:
        raise WavError(
            f"{path} holds neither PCM of 8 to 32 bits, floats, A-law nor μ-law (format {kind.tag}, {kind.bits} bits)"
        )
    data = data[: len(data) - len(data) % width]
    if kind.tag == IEEE_FLOAT:
        floats = np.frombuffer(data, dtype=f"<f{width}")
        return np.nan_to_num(np.clip(floats, -LARGEST, LARGEST)).astype(np.float32)
    if kind.tag in (A_LAW, MU_LAW):
        return from_a_law(data) if kind.tag == A_LAW else from_mu_law(data)
    if kind.bits == 8:
        return (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    if kind.bits == 24:
        octets = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
        values = octets[:, 0] << 8 | octets[:, 1] << 16 | octets[:, 2] << 24  # left-aligned: the sign is in place
        return (values / 2.0**31).astype(np.float32)
    dtype = "<i2" if kind.bits == 16 else "<i4"
    return (np.frombuffer(data, dtype=dtype) / 2.0 ** (kind.bits - 1)).astype(np.float32)


class WavWriter:
    """Writes 16-bit mono PCM. After every write the file is a valid WAV file. rate: Hz. Raises OSError."""

    def __init__(self, path: str | Path, rate: int) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 - closed by `close`
        self._wave.setnchannels(1)
        self._wave.setsampwidth(SAMPLE_BYTES)
        self._wave.setframerate(rate)
        self.write(b"")

    def write(self, data: bytes) -> None:
        """Add samples. `data` must not end in the middle of one."""
        self._wave.writeframes(data)
        self._file.flush()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._wave.close()
        self._file.close()
