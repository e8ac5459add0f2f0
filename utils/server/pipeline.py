"""Builds the pipeline: it loads the chosen stages once, each on a thread of its own, and makes conversations with them.

    client → SocketReceiver → VAD → STT → LM → TTS → SocketSender → client

The dataclass of a stage's options names its handler, so only the chosen stages are imported.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from utils.conversation.conversation import Conversation, LoadedStage
from utils.metrics.figures import MetricsSink
from utils.models.devices import DeviceUnavailable, prepare_device, resolve_device
from utils.models.hub import go_offline, hub_problem
from utils.models.load_errors import LoadError, load_error
from utils.options.parser import import_by_name
from utils.options.server import ServerOptions
from utils.options.stages import PARTS, load_handler, stage_options
from utils.system import garbage
from utils.system.engine_thread import EngineThread
from utils.system.progress import progress
from utils.transports.base import Transport
from utils.transports.tcp_pair import TcpPair, TcpPairOptions

logger = logging.getLogger(__name__)

RECEIVER = "handlers.sockets.receiver:SocketReceiver"
SENDER = "handlers.sockets.sender:SocketSender"
CLOSE_S = 1.5  # seconds that a busy engine is given at the end; its thread is a daemon

LOOK_S = 0.1  # how often a stop is looked for while models load

CheckStop = Callable[[], None]
Loaded = tuple[LoadedStage, float]  # and the seconds that it took


class Pipeline:
    """The loaded stages of one process. A server calls `conversation` for each client."""

    def __init__(self, options: ServerOptions, metrics: MetricsSink | None = None) -> None:
        """Load nothing yet. metrics: takes the turns of all conversations."""
        self._options = options
        self._stages: list[LoadedStage] = []
        self._threads: dict[str, EngineThread] = {}
        self._hub_problem: str | None = None
        self._pytorch = threading.Lock()
        self._metrics = metrics

    def load(self, check_stop: CheckStop) -> None:
        """Load every model on its own thread, and return when all are there.

        Those in PyTorch come one after another, since its libraries must not be imported by two threads at once. The
        others are loaded beside them. Raises LoadError for the first that fails, and whatever `check_stop` raises.
        """
        names = [str(stage_options(getattr(self._options, part)).get("model_name", "")) for part in PARTS]
        self._hub_problem = hub_problem(names)
        if self._hub_problem is not None:
            go_offline()
        with garbage.loading():
            loads = {part: self._begin_loading(part) for part in PARTS}
            for part in PARTS:
                with progress(f"loading {part.upper()}: {self._model_name(part)}"):
                    stage, seconds = _wait(part, loads, check_stop)
                logger.info("%s ready: %s (%.1f s)", part.upper(), self._model_name(part), seconds)
                self._stages.append(stage)

    def tcp_pair(self, microphone: socket.socket, speaker: socket.socket) -> TcpPair:
        """The transport of a client that has opened these two connections."""
        sockets, rate = self._options.sockets, self._options.vad.sample_rate
        return TcpPair(microphone, speaker, TcpPairOptions(rate, sockets.send_lead_ms / 1000, sockets.chunk_size))

    def conversation(self, transport: Transport, client: str, on_finished: Callable[[], None]) -> Conversation:
        """A new conversation, not started yet. client: its name. Raises ValueError where it speaks at another rate than
        the one that the VAD was loaded for."""
        if transport.input_rate != (rate := self._options.vad.sample_rate):
            raise ValueError(f"the client speaks at {transport.input_rate} Hz, and --sample_rate is {rate}")
        receiver, sender = import_by_name(RECEIVER), import_by_name(SENDER)
        return Conversation(
            transport,
            client,
            [
                LoadedStage("receiver", receiver, transport),
                *self._stages,
                LoadedStage("sender", sender, transport),
            ],
            chat=self._engine("lm").new_chat(),
            on_finished=on_finished,
            metrics=self._metrics,
        )

    def close(self) -> bool:
        """End the threads of the models. Returns False if one was still busy."""
        deadline = time.monotonic() + CLOSE_S
        ended = [thread.close(max(0.0, deadline - time.monotonic())) for thread in self._threads.values()]
        return all(ended)

    def _begin_loading(self, part: str) -> Future[Loaded]:
        arguments, thread, in_pytorch = getattr(self._options, part), self._thread(part), self._in_pytorch(part)

        def load() -> Loaded:
            with self._pytorch if in_pytorch else contextlib.nullcontext():
                started = time.monotonic()
                return self._load_on_thread(part, arguments, in_pytorch, thread), time.monotonic() - started

        return thread.submit(load)

    def _model_name(self, part: str) -> str:
        arguments = getattr(self._options, part)
        return str(stage_options(arguments).get("model_name", type(arguments).backend))

    def _load_on_thread(self, part: str, arguments: Any, in_pytorch: bool, thread: EngineThread) -> LoadedStage:
        options = stage_options(arguments)
        name = str(options.get("model_name", ""))
        try:
            if in_pytorch and "device" in options:
                options["device"] = resolve_device(options["device"] or self._options.server.device)
                prepare_device(options["device"])
            handler = load_handler(type(arguments))
            return LoadedStage(part, handler, handler.load(thread, **options))
        except DeviceUnavailable as error:
            raise LoadError(str(error)) from error
        except Exception as error:
            logger.debug("loading %s failed", part, exc_info=True)
            raise load_error(part, name, error, self._hub_problem) from error

    def _thread(self, part: str) -> EngineThread:
        """The thread of a part's model. On MPS those in PyTorch share one, since MPS must not be used from several."""
        name = "mps" if self._in_pytorch(part) and self._on_mps(part) else part
        if name not in self._threads:
            self._threads[name] = EngineThread(name, shared=name == "mps")
        return self._threads[name]

    def _in_pytorch(self, part: str) -> bool:
        return bool(getattr(getattr(self._options, part), "in_pytorch", True))

    def _on_mps(self, part: str) -> bool:
        device = getattr(getattr(self._options, part), f"{part}_device", "cpu") or self._options.server.device
        if device == "auto":
            import sys

            return sys.platform == "darwin"
        return str(device).startswith("mps")

    def _engine(self, part: str) -> Any:
        return next(stage.engine for stage in self._stages if stage.name == part)


def _wait(part: str, loads: Mapping[str, Future[Loaded]], check_stop: CheckStop) -> Loaded:
    """Until this part is loaded, or any of them has failed."""
    while True:
        check_stop()
        wait([loads[part]], timeout=LOOK_S)
        for load in loads.values():
            if load.done():
                load.result()  # raises what it failed with
        if loads[part].done():
            return loads[part].result()
