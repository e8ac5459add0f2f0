"""G.711's two scales: literal values, and what any decoder of them does."""

from __future__ import annotations

import numpy as np
import pytest

from utils.audio.companding import from_a_law, from_mu_law

CODES = bytes(range(256))


@pytest.mark.parametrize(
    ("code", "value"),
    [(0x00, -32_124), (0x80, 32_124), (0xFF, 0), (0x7F, 0), (0xFE, 8), (0x8F, 16_764), (0xF0, 120), (0xEF, 132)],
)
def test_mu_law(code, value):
    assert from_mu_law(bytes([code]))[0] == np.float32(value / 32_768)


@pytest.mark.parametrize(
    ("code", "value"), [(0x55, -8), (0xD5, 8), (0x2A, -32_256), (0xAA, 32_256), (0xD4, 24), (0xC5, 264), (0x80, 5_504)]
)
def test_a_law(code, value):
    assert from_a_law(bytes([code]))[0] == np.float32(value / 32_768)


@pytest.mark.parametrize("decode", [from_mu_law, from_a_law])
def test_the_scale_is_symmetric_and_its_steps_grow(decode):
    values = decode(CODES)
    assert values.dtype == np.float32
    assert np.allclose(np.sort(values), -np.sort(values)[::-1])
    steps = np.diff(np.unique(np.abs(values)))
    assert (np.diff(steps[1:]) >= -1e-7).all()
