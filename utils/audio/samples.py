"""The types of sound between the stages: arrays of samples, mono."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatAudio: TypeAlias = NDArray[np.float32]
"""Samples between -1 and 1, [n]."""

PcmAudio: TypeAlias = NDArray[np.int16]
"""Samples as the wire carries them, [n]."""
