"""Compiling a model's steps of fixed shape (`--stt_compile_mode`, `--lm_compile_mode`).

Prompts differ in length from turn to turn, and each new length would be compiled anew. So a prompt is read eagerly, and
only what has one shape for ever is compiled: the step that makes one token, over a cache of fixed length, and
Whisper's encoder, over 30 s of sound. `reduce-overhead` and `max-autotune` record CUDA graphs, which belong to the
thread that recorded them: compile, warm up and run on the engine's thread.
"""

from __future__ import annotations

import functools
import importlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch

logger = logging.getLogger(__name__)

WITHOUT_GRAPHS = "default"  # the other modes record CUDA graphs
UNRECORDED = {"reduce-overhead": WITHOUT_GRAPHS, "max-autotune": "max-autotune-no-cudagraphs"}
COMPILERS = ("c++", "g++", "clang++")  # what inductor looks for, on a CPU

Forward = Callable[..., Any]
IsStep = Callable[[dict[str, Any]], bool]


def usable_mode(part: str, mode: str | None, device: str) -> str | None:
    """The torch.compile mode to use on this device, or None to run uncompiled; one log line where it is not `mode`."""
    if mode is None or device.startswith("cuda"):
        return mode
    option = f"--{part}_compile_mode"
    if not device.startswith("cpu"):
        logger.warning("%s %s has no effect on %s: the model runs uncompiled", option, mode, device)
        return None
    if sys.platform != "win32" and not any(map(shutil.which, COMPILERS)):
        logger.warning("%s %s needs a C++ compiler (apt install g++): the model runs uncompiled", option, mode)
        return None
    if mode != WITHOUT_GRAPHS:
        logger.warning("%s %s needs a GPU for its CUDA graphs: %s is used instead", option, mode, WITHOUT_GRAPHS)
    return WITHOUT_GRAPHS


class CompiledForward:
    """Replaces `module.forward` by one that is compiled where `is_step` says that the arguments have the fixed shape.

    is_step: asked with the keyword arguments of each call. result: the attribute of forward's output that is a tensor
    made by the compiled code; from a CUDA graph it is copied, for the graph's next replay overwrites it.
    """

    def __init__(self, module: torch.nn.Module, mode: str, is_step: IsStep, result: str) -> None:
        self._module = module
        self._eager: Forward = module.forward
        self._result = result
        self._graphs = mode not in (WITHOUT_GRAPHS, *UNRECORDED.values())
        self._compiled: Forward = torch.compile(self._eager, mode=mode, fullgraph=True, dynamic=False)

        @functools.wraps(self._eager)  # generate() reads the signature
        def forward(*args: Any, **kwargs: Any) -> Any:
            return self._step(*args, **kwargs) if is_step(kwargs) else self._eager(*args, **kwargs)

        module.forward = forward

    def undo(self) -> None:
        """The module runs uncompiled again."""
        self._module.forward = self._eager

    def _step(self, *args: Any, **kwargs: Any) -> Any:
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()
        output = self._compiled(*args, **{name: _plain(value) for name, value in kwargs.items()})
        tensor = output[self._result]
        if self._graphs:
            output[self._result] = tensor.clone()
        return output


class Compilation:
    """What an engine has compiled, and what it does if that turns out not to work here."""

    def __init__(self, part: str, mode: str) -> None:
        self._option = f"--{part}_compile_mode {mode}"
        self._mode = mode
        self._forwards: list[CompiledForward] = []
        _let_transformers_log()

    def add(self, module: torch.nn.Module, is_step: IsStep, result: str, graphs: bool = True) -> None:
        """Compile `module.forward`; see CompiledForward. graphs: CUDA graphs may be recorded of it."""
        mode = self._mode if graphs else UNRECORDED.get(self._mode, self._mode)
        self._forwards.append(CompiledForward(module, mode, is_step, result))

    def warmed_up(self, runs: Iterable[Callable[[], None]]) -> bool:
        """Compile now, by runs in which every shape occurs. False: it does not work, and all is uncompiled again."""
        try:
            for run in runs:
                run()
        except Exception as error:
            for forward in self._forwards:
                forward.undo()
            forget_broken_recording()
            reason = " ".join(str(error).split())[:200]
            logger.warning("%s failed, the model runs uncompiled: %s: %s", self._option, type(error).__name__, reason)
            logger.debug("compilation failed", exc_info=True)
            return False
        return True


def forget_broken_recording() -> None:
    """After a CUDA graph that could not be recorded to its end.

    PyTorch's generator of random numbers then counts for that recording for ever, and raises where anything is drawn.
    The end of a recording that succeeds tells it that it is over.
    """
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return
    try:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            torch.zeros(1, device="cuda")
    except RuntimeError:
        logger.debug("the recording that broke off could not be ended", exc_info=True)


def _plain(value: Any) -> Any:
    """A tensor of one element keeps the stride of what it was cut from, a new one each step: compiled anew for each."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return value.clone(memory_format=torch.contiguous_format)
    return value


def _let_transformers_log() -> None:
    """Dynamo can't trace the logger's methods that Transformers adds; it may leave them out of the graph."""
    config = importlib.import_module("torch._dynamo").config  # no stub says that it is there
    names = ("warning_once", "warning", "info")
    methods = {getattr(logging.Logger, name) for name in names if hasattr(logging.Logger, name)}
    config.ignore_logging_functions = {*config.ignore_logging_functions, *methods}
