"""How many threads a step has, and what sampling options become."""

from __future__ import annotations

import pytest
import torch

from handlers.language_model.steps import StepThreads, sampling_options
from utils.system.engine_thread import EngineThread


class _CountsThreads(torch.nn.Module):
    """A model that notes how many threads each of its passes has."""

    def __init__(self):
        super().__init__()
        self.threads: list[int] = []

    def forward(self, input_ids):
        self.threads.append(torch.get_num_threads())


@pytest.mark.parametrize(("device", "expected"), [("cpu", [4, 2, 2, 4, 2]), ("cuda", [4, 4, 4, 4, 4])])
def test_a_step_has_half_the_threads_of_a_prompt(device, expected):
    def generate() -> list[int]:
        before = torch.get_num_threads()
        torch.set_num_threads(4)
        try:
            model = _CountsThreads()
            threads = StepThreads(model, device)
            for passes in ((7, 1, 1), (3, 1)):
                with threads:
                    for tokens in passes:
                        model(input_ids=torch.zeros(1, tokens))
                assert torch.get_num_threads() == 4
            return model.threads
        finally:
            torch.set_num_threads(before)

    thread = EngineThread("steps")
    assert thread.call(generate) == expected
    assert thread.close(30)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}),
        (
            {"do_sample": True, "temperature": 0.0, "top_k": 5},
            {"do_sample": False, "temperature": None, "top_p": None, "top_k": None},
        ),
        ({"do_sample": True, "temperature": 0.7, "top_k": 5}, {"do_sample": True, "temperature": 0.7, "top_k": 5}),
        ({"do_sample": True, "temperature": 0.7, "min_length": None}, {"do_sample": True, "temperature": 0.7}),
    ],
)
def test_sampling_options(options, expected):
    assert sampling_options(options) == expected
