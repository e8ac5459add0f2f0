"""Imports `parler_tts` where torchaudio can't load.

`parler_tts` imports dac, that imports audiotools, and that imports torchaudio, for reading files and for effects which
Parler-TTS never uses. Under a CPU-only PyTorch the torchaudio of PyPI, a CUDA build on Linux, raises OSError. So the
real one is tried first, and where it loads nothing else happens. Where it does not, a stand-in is in `sys.modules`
while `parler_tts` is imported, and is taken out again. Only the modules that asked for torchaudio meanwhile (those of
audiotools) keep a reference to it: any use of it there raises ImportError with the reason.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import logging
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

NAME = "torchaudio"


class _StandIn(types.ModuleType):
    """A module of which only the name can be had."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(NAME, "Stands in for a torchaudio that can't load.")
        # Transformers asks importlib for a module's spec, which raises ValueError where a loaded module has none.
        self.__spec__ = importlib.machinery.ModuleSpec(NAME, loader=None, is_package=True)
        self.__path__: list[str] = []
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # Python's own protocols ask for these and take no for an answer
        raise ImportError(f"torchaudio.{name} is used, but torchaudio can't load here: {self._reason}", name=NAME)


def import_parler_tts() -> types.ModuleType:
    """The module `parler_tts`. Raises ImportError where it is not installed."""
    with _quiet(), _torchaudio_or_stand_in():
        return importlib.import_module("parler_tts")


@contextlib.contextmanager
def _torchaudio_or_stand_in() -> Iterator[None]:
    try:
        importlib.import_module(NAME)
    except (ImportError, OSError, RuntimeError) as error:  # absent; can't load its library; of another CUDA version
        _forget()  # the submodules of the failed import
        sys.modules[NAME] = _StandIn(error.with_traceback(None))
    else:
        yield
        return
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]:
        del sys.modules[name]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what the import says that nobody here can act on.

    dac uses `torch.jit.script` and parler_tts `Logger.warn`, both deprecated; the latter says "Flash attention 2 is not
    installed", which is no fault. Python warns of old string escapes in the packages when it compiles them.
    """
    logger = logging.getLogger("parler_tts.modeling_parler_tts")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for category in (DeprecationWarning, SyntaxWarning):
                warnings.simplefilter("ignore", category)
            yield
    finally:
        logger.setLevel(level)
