"""Asks the Parler-TTS library, which runs in a process of its own (see `worker.py`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.parler_reference.environment import ROOT, require
from utils.system.cpu_threads import let_waiting_threads_sleep

Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A call of `generate()`."""

    text: str
    """What is said."""
    description: str
    """How."""
    seed: int = 0
    """Of torch's generator."""
    options: Options = field(default_factory=dict)
    """Of `generate()`."""


class Reference:
    """The library. Its process is started with the first question, and importing takes it some seconds."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: of the library. Raises ReferenceMissing where it is not there."""
        self._folder = folder or require()
        self._process: subprocess.Popen[str] | None = None
        self._files = tempfile.TemporaryDirectory(prefix="parler-reference-")

    def generate(self, checkpoint: Path, cases: Sequence[Case]) -> list[tuple[Tensor, Tensor]]:
        """For each case what `generate()` makes: codes, int64 [codebooks, frames], and audio, float32 [samples]."""
        found = self._ask_for_arrays("generate", folder=str(checkpoint), cases=[asdict(case) for case in cases])
        return [(found[f"{number}_codes"], found[f"{number}_audio"]) for number in range(len(cases))]

    def decode(self, checkpoint: Path, codes: Tensor) -> Tensor:
        """The audio of codes, int64 [codebooks, frames], decoded at once: float32 [samples]."""
        return self._ask_for_arrays("decode", folder=str(checkpoint), codes=codes.tolist())["audio"]

    def tokens(self, folder: Path, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, read with the folder's tokenizer."""
        return self._ask("tokens", folder=str(folder), texts=list(texts))

    def delayed(self, columns: list[list[int]], begin: int, end: int) -> list[list[int]]:
        """What goes in after each step, for the tokens of each step: a list with a token of each codebook."""
        return self._ask("delayed", columns=columns, begin=begin, end=end)

    def save(self, checkpoint: Path, to: Path, **options: Any) -> Path:
        """Write a checkpoint anew, as the library writes it with these options of `save_pretrained`."""
        self._ask("save", folder=str(checkpoint), to=str(to), options=options)
        return to

    def measure(self, checkpoint: Path, what: str, **arguments: Any) -> Any:
        """Seconds: what the function of this name in `streaming.py` measures."""
        return self._ask("measure", folder=str(checkpoint), what=what, arguments=arguments)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()  # closes its input, which ends it
        self._files.cleanup()

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask_for_arrays(self, what: str, /, **arguments: Any) -> dict[str, Tensor]:
        file = Path(self._files.name) / "answer.npz"
        self._ask(what, **arguments, file=str(file))
        with np.load(file) as arrays:
            return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _ask(self, what: str, /, **arguments: Any) -> Any:
        process = self._process = self._process or self._started()
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"ask": what, **arguments}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the Parler-TTS library's process ended with status {process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the Parler-TTS library: {answer['error']}")
        return answer["answer"]

    def _started(self) -> subprocess.Popen[str]:
        let_waiting_threads_sleep()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(self._folder), str(ROOT)])}
        environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.parler_reference.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
