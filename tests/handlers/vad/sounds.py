"""Sounds that are no speech, synthesised: float32 [n], 16 kHz."""

from __future__ import annotations

import numpy as np

from utils.audio.samples import FloatAudio

RATE = 16_000
NOTES = (196.0, 293.7, 440.0, 587.3)  # Hz


def room(seconds: float, level: float = -78.0, seed: int = 0) -> FloatAudio:
    """The noise of a quiet room; level: dBFS."""
    return np.random.default_rng(seed).normal(0, 10 ** (level / 20), int(seconds * RATE)).astype(np.float32)


def hum(seconds: float) -> FloatAudio:
    """Of the mains, with harmonics: -20 dBFS."""
    return _scaled(_harmonics(np.full(int(seconds * RATE), 50.0), 6), -20.0)


def violin(seconds: float) -> FloatAudio:
    """Long notes with vibrato, one after the other without a break: -23 dBFS."""
    time = np.arange(int(seconds * RATE)) / RATE
    notes = np.array(NOTES)[(time / 0.75).astype(int) % len(NOTES)]
    bow = 0.6 + 0.4 * np.minimum(1.0, (time % 0.75) / 0.1)
    return _scaled(bow * _harmonics(notes * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * time)), 8), -23.0)


def applause(seconds: float) -> FloatAudio:
    """Very many claps: bursts of noise, -20 dBFS."""
    rng = np.random.default_rng(3)
    audio = np.zeros(int(seconds * RATE) + 800)
    for start in rng.integers(0, len(audio) - 800, int(seconds * 120)):
        audio[start : start + 800] += rng.normal(0, 1, 800) * np.exp(-np.arange(800) / 120)
    return _scaled(audio[:-800], -20.0)


def telephone(audio: FloatAudio) -> FloatAudio:
    """What a telephone leaves of float32 [n], 16 kHz: 300 to 3,400 Hz."""
    frequencies = np.maximum(np.fft.rfftfreq(len(audio), 1 / RATE), 1.0)
    gain = 1 / np.sqrt((1 + (300 / frequencies) ** 8) * (1 + (frequencies / 3_400) ** 12))
    return np.fft.irfft(np.fft.rfft(audio) * gain, len(audio)).astype(np.float32)


def louder(audio: FloatAudio, decibels: float) -> FloatAudio:
    """The same, louder by so much, and clipped where it has to be."""
    return np.clip(audio * 10 ** (decibels / 20), -1, 1).astype(np.float32)


def _harmonics(frequencies: np.ndarray, count: int) -> np.ndarray:
    phase = 2 * np.pi * np.cumsum(frequencies) / RATE
    return sum((np.sin(number * phase) / number for number in range(1, count + 1)), np.zeros(len(phase)))


def _scaled(audio: np.ndarray, level: float) -> FloatAudio:
    scaled = audio * 10 ** (level / 20) / np.sqrt(np.mean(np.square(audio)))
    return np.clip(scaled, -1, 1).astype(np.float32)
