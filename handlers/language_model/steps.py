"""How the language model generates on this machine: threads of a step, options of sampling."""

from __future__ import annotations

from typing import Any

import torch

from handlers.lm import samples


class StepThreads:
    """A context manager for generating on a CPU: a step, which reads one token, gets half the threads of a prompt.

    A step's operations are too short to share well, and the voice wants a core while the text goes on. A step of a
    small model on two quiet cores took 17 ms on one thread and 12 ms on two; with one of the cores busy, 17 and 43 ms.
    """

    def __init__(self, model: torch.nn.Module, device: str) -> None:
        self._all = torch.get_num_threads() if device.startswith("cpu") else 0
        if self._all:
            model.register_forward_pre_hook(self._choose, with_kwargs=True)

    def __enter__(self) -> None:
        """Nothing to do before the first pass."""

    def __exit__(self, *error: object) -> None:
        if self._all:
            torch.set_num_threads(self._all)  # threads that begin later take the number they find

    def _choose(self, model: torch.nn.Module, inputs: Any, arguments: dict[str, Any]) -> None:
        a_step = arguments["input_ids"].shape[1] == 1
        torch.set_num_threads(max(1, self._all // 2) if a_step else self._all)


def sampling_options(gen_kwargs: dict[str, Any]) -> dict[str, Any]:
    """Greedy decoding where no sampling is asked for.

    A checkpoint's own sampling defaults (temperature, top_p, top_k) are then switched off: Transformers warns of them.
    """
    options = {name: value for name, value in gen_kwargs.items() if value is not None}
    options["do_sample"] = samples(options)
    if not options["do_sample"]:
        options.update(temperature=None, top_p=None, top_k=None)
    return options
