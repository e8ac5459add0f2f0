"""WAV files in every format the client reads, and a file that is whole at any moment."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.audio.companding import from_a_law, from_mu_law
from utils.client.devices.wav_files import WavWriter, read_wav
from utils.client.errors import WavError

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
TONE = (0.5 * np.sin(np.arange(441) / 7)).astype(np.float64)


def wav(audio: np.ndarray, rate: int, bits: int, tag: int = PCM, extensible: bool = False, extra: bytes = b"") -> bytes:
    """The bytes of a WAV file. audio: float [n] or [n, channels]; extra: chunks before the data."""
    channels = 1 if audio.ndim == 1 else audio.shape[1]
    block = channels * bits // 8
    head = struct.pack("<HHIIHH", EXTENSIBLE if extensible else tag, channels, rate, rate * block, block, bits)
    if extensible:
        head += struct.pack("<HHIH14s", 22, bits, 0, tag, b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
    data = encode(audio.ravel(), bits, tag)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", head), (b"LIST", b"odd"), (b"data", data))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(extra + chunks)) + b"WAVE" + extra + chunks


def encode(samples: np.ndarray, bits: int, tag: int) -> bytes:
    if tag == FLOAT:
        return samples.astype(f"<f{bits // 8}").tobytes()
    if tag in (A_LAW, MU_LAW):
        decode = from_a_law if tag == A_LAW else from_mu_law
        values = decode(bytes(range(256)))
        return np.abs(samples[:, None] - values).argmin(axis=1).astype(np.uint8).tobytes()
    if bits == 8:
        return np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    whole = np.rint(samples * (2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 24:
        return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    return whole.astype("<i2" if bits == 16 else "<i4").tobytes()


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("bits", "tag", "error"),
    [
        (8, PCM, 0.01),
        (16, PCM, 1e-4),
        (24, PCM, 1e-6),
        (32, PCM, 1e-6),
        (32, FLOAT, 1e-6),
        (64, FLOAT, 1e-6),
        (8, A_LAW, 0.02),
        (8, MU_LAW, 0.02),
    ],
)
def test_every_format_is_read(tmp_path, bits, tag, error, channels, extensible):
    audio = TONE if channels == 1 else np.stack([TONE] * channels, axis=1)
    path = tmp_path / "a.wav"
    path.write_bytes(wav(audio, 11_025, bits, tag, extensible))
    got, rate = read_wav(path)
    assert (rate, got.dtype, got.shape) == (11_025, np.float32, TONE.shape)
    assert np.abs(got - TONE).max() < error


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_the_loudest_samples_keep_their_sign(tmp_path, bits):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.array([1.0, -1.0, 0.0]), 8_000, bits))
    got, _ = read_wav(path)
    assert np.allclose(got, [1, -1, 0], atol=0.02)


def test_channels_are_averaged(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.array([[0.5, 0.1], [-0.5, 0.5]]), 8_000, 16))
    assert np.allclose(read_wav(path)[0], [0.3, 0.0], atol=1e-4)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.stack([TONE, TONE], axis=1), 8_000, 16)[:-401])
    got, _ = read_wav(path)
    assert len(got) == (441 * 4 - 401) // 4
    assert np.allclose(got, TONE[: len(got)], atol=1e-4)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a WAV file"),
        (b"ID3 mp3 by another name", "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "without audio"),
        (wav(TONE, 8_000, 16)[:40], "without audio"),
        (wav(TONE, 8_000, 16, tag=7), "format 7, 16 bits"),
        (wav(TONE, 0, 16), "damaged"),
        (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0\1\0data\0\0\0\0", "damaged"),
    ],
)
def test_what_can_not_be_read_is_named(tmp_path, content, says):
    path = tmp_path / "question.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match=says) as error:
        read_wav(path)
    assert "question.wav" in str(error.value)


@given(st.binary(max_size=80), st.integers(0, 80))
def test_no_content_makes_it_fail_in_another_way(tmp_path_factory, content, position):
    whole = wav(TONE[:20], 8_000, 16)
    path = tmp_path_factory.getbasetemp() / "fuzzed.wav"
    path.write_bytes(whole[:position] + content + whole[position + len(content) :])
    try:
        audio, rate = read_wav(path)
    except WavError:
        return
    assert audio.ndim == 1
    assert rate > 0


def test_the_written_file_is_whole_after_every_write(tmp_path):
    path = tmp_path / "reply.wav"
    writer = WavWriter(path, 44_100)
    expected = b""
    for part in (b"", b"\x01\x02", b"\x03\x04\x05\x06"):
        writer.write(part)
        expected += part
        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 44_100)
            assert file.readframes(file.getnframes()) == expected
    writer.close()
    writer.close()
    with wave.open(str(path), "rb") as file:
        assert file.readframes(file.getnframes()) == expected
