"""The wire's bytes, literally."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.audio.wire import PcmDecoder, encode, padding, to_pcm


def test_bytes_are_little_endian_16_bit():
    assert encode(np.array([0, 1, -1, 32767, -32768, 258], dtype=np.int16)) == (
        b"\x00\x00\x01\x00\xff\xff\xff\x7f\x00\x80\x02\x01"
    )
    assert PcmDecoder().feed(b"\x00\x00\x00\x40\x00\x80\xff\x7f").tolist() == [0.0, 0.5, -1.0, 32767 / 32768]


@given(st.binary(max_size=200), st.lists(st.integers(0, 9)))
def test_bytes_may_be_cut_anywhere(data, cuts):
    decoder, pieces, position = PcmDecoder(), [], 0
    for cut in [*cuts, len(data)]:
        pieces.append(decoder.feed(data[position : position + cut]))
        position += cut
    pieces.append(decoder.feed(data[position:]))
    joined = np.concatenate(pieces)
    assert joined.dtype == np.float32
    assert joined.tolist() == PcmDecoder().feed(data).tolist()
    assert len(joined) == len(data) // 2


@given(st.lists(st.integers(-32768, 32767)))
def test_a_sample_survives_the_way_there_and_back(samples):
    pcm = np.array(samples, dtype=np.int16)
    assert to_pcm(PcmDecoder().feed(encode(pcm))).tolist() == samples


def test_too_loud_is_clipped_and_no_number_is_silence():
    audio = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], dtype=np.float32)
    assert to_pcm(audio).tolist() == [32767, -32768, 0, 32767, -32768, 16384]


@pytest.mark.parametrize(("sent", "missing"), [(0, 0), (1, 2047), (2047, 1), (2048, 0), (2050, 2046)])
def test_a_reply_is_padded_to_whole_chunks(sent, missing):
    assert padding(sent) == b"\x00" * missing
