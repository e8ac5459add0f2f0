"""The server, whose voice breaks at the first sentence after it has been warmed up; then it is well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from handlers.piper_tts import PiperEngine
from s2s_pipeline import main

spoken = PiperEngine.stream
broken: list[str] = []


def break_once(self, text, live):
    if not broken:
        broken.append(text)
        raise RuntimeError("the voice breaks")
    return spoken(self, text, live)


PiperEngine.stream = break_once  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
