"""The server, each of whose models breaks once after it has been warmed up; then it is well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from handlers.llama_cpp.engine import LlamaCppEngine
from handlers.piper.handler import PiperEngine
from handlers.whisper.engine import WhisperEngine
from s2s_pipeline import main


def break_once(engine, method, name):
    works, broken = getattr(engine, method), []

    def work(self, *arguments):
        if not broken:
            broken.append(name)
            raise RuntimeError(f"the {name} breaks")
        return works(self, *arguments)

    setattr(engine, method, work)


break_once(WhisperEngine, "transcribe", "ear")
break_once(LlamaCppEngine, "stream", "mind")
break_once(PiperEngine, "stream", "voice")

if __name__ == "__main__":
    sys.exit(main())
