"""How the models of a pipeline are loaded: which beside which, and what happens where one fails. With fakes."""

from __future__ import annotations

import threading

import pytest

from tests.waiting import DEADLINE_S, wait_until
from utils.models.load_errors import LoadError
from utils.options.server import read_server_options
from utils.server import pipeline as module
from utils.server.pipeline import Pipeline
from utils.system.engine_thread import on_shared_thread

MIXED = ["--lm", "llama_cpp", "--tts", "piper", "--device", "cpu"]  # beside Whisper, which is in PyTorch
ALL_IN_PYTORCH = ["--device", "cpu"]


class Loads:
    """Stands for the handlers of all parts: each load waits until it may end. Which ones have begun, in which order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end = {part: threading.Event() for part in ("vad", "stt", "lm", "tts")}
        self.errors: dict[str, Exception] = {}

    def handler(self, arguments_class):
        part, loads = arguments_class.part, self

        class Handler:
            @staticmethod
            def load(thread, **options):
                loads.begun.append(part)
                assert loads.may_end[part].wait(DEADLINE_S)
                if part in loads.errors:
                    raise loads.errors[part]
                return f"engine of {part}"

        return Handler


@pytest.fixture
def loads(monkeypatch):
    fakes = Loads()
    monkeypatch.setattr(module, "load_handler", fakes.handler)
    monkeypatch.setattr(module, "hub_problem", lambda names: None)
    yield fakes
    for event in fakes.may_end.values():
        event.set()


class Loading:
    """A pipeline that loads on a thread of its own."""

    def __init__(self, options: list[str], check_stop=lambda: None) -> None:
        self.pipeline = Pipeline(read_server_options(options))
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._load, args=(check_stop,))
        self.thread.start()

    def _load(self, check_stop) -> None:
        try:
            self.pipeline.load(check_stop)
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive()


def test_what_is_not_in_pytorch_is_loaded_beside_what_is(loads):
    loading = Loading(MIXED)
    wait_until(lambda: len(loads.begun) == 4, "all to begin")
    for event in loads.may_end.values():
        event.set()
    loading.end()
    assert loading.error is None
    assert [stage.name for stage in loading.pipeline._stages] == ["vad", "stt", "lm", "tts"]
    assert loading.pipeline.close()


def test_models_in_pytorch_come_one_after_another(loads):
    loading = Loading(ALL_IN_PYTORCH)
    left = {"stt", "lm", "tts"}
    wait_until(lambda: len(loads.begun) == 2, "the VAD and another one to begin")
    while left:
        (running,) = left & set(loads.begun)
        left.remove(running)
        loads.may_end[running].set()
        if left:
            wait_until(lambda: left & set(loads.begun), "the next one to begin")
    loads.may_end["vad"].set()
    loading.end()
    assert loading.error is None
    assert loading.pipeline.close()


def test_the_first_failure_ends_the_loading_while_others_go_on(loads):
    loading = Loading(MIXED)
    loads.errors["tts"] = FileNotFoundError("no such voice")
    loads.may_end["tts"].set()
    loading.end()
    assert isinstance(loading.error, LoadError)
    assert "no such voice" in str(loading.error)
    assert not loads.may_end["stt"].is_set()


def test_a_stop_ends_the_loading(loads):
    stop = threading.Event()

    def check_stop() -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    loading = Loading(MIXED, check_stop)
    wait_until(lambda: len(loads.begun) == 4, "all to begin")
    stop.set()
    loading.end()
    assert isinstance(loading.error, KeyboardInterrupt)


def test_on_mps_models_in_pytorch_share_a_thread(loads):
    mps = ["--stt_device", "mps", "--tts", "piper", "--lm_device", "mps"]
    pipeline = Pipeline(read_server_options(mps))
    threads = {part: pipeline._thread(part) for part in ("vad", "stt", "lm", "tts")}
    assert threads["stt"] is threads["lm"]
    assert threads["stt"].call(on_shared_thread)
    assert not threads["tts"].call(on_shared_thread)
    assert len({threads["vad"], threads["stt"], threads["tts"]}) == 3
    assert pipeline.close()
