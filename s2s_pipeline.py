"""The speech-to-speech server: hears, thinks and answers aloud.

python s2s_pipeline.py [config.json] [--option value …]

    microphone ──12345──▶ SocketReceiver ▶ VAD ▶ STT ▶ LM ▶ TTS ▶ SocketSender ──12346──▶ speaker
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Sequence

from utils.models.load_errors import LoadError
from utils.options.server import ServerOptions, read_server_options
from utils.system.cpu_threads import let_waiting_threads_sleep
from utils.system.listening import Listener, PortUnavailable
from utils.system.logging_setup import configure_logging
from utils.system.privacy import report_nothing
from utils.system.stop_signals import Stopped, StopSignals

logger = logging.getLogger("s2s")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the process's exit status: 0 after a stop that was asked for, 1 where it could not run."""
    started = time.monotonic()
    options = read_server_options(sys.argv[1:] if argv is None else argv)
    configure_logging(options.server.log_level)
    for note in options.notes:
        logger.info(note)
    let_waiting_threads_sleep()
    report_nothing()
    with StopSignals() as stop, contextlib.ExitStack() as opened:
        try:
            serve(options, bind(options, opened), stop, started)
        except Stopped:
            logger.info("stopped while loading")
            end_process(0)  # a load in progress can't be interrupted: its thread goes with the process
        except (LoadError, PortUnavailable, OSError) as error:
            print(f"s2s_pipeline.py: error: {error}", file=sys.stderr)
            end_process(1)
    return 0


def bind(options: ServerOptions, opened: contextlib.ExitStack) -> list[Listener]:
    """Take the ports before anything slow: one that is in use is said at once. Microphone, speaker, perhaps metrics."""
    sockets, server = options.sockets, options.server
    wanted = [(sockets.recv_host, sockets.recv_port), (sockets.send_host, sockets.send_port)]
    if server.metrics_port is not None:
        wanted.append((server.metrics_host, server.metrics_port))
    listeners = [opened.enter_context(contextlib.closing(Listener(host, port))) for host, port in wanted]
    if any(listener.public for listener in listeners):
        logger.warning("other machines can reach this server, and nothing authenticates them: use a trusted network")
    return listeners


def serve(options: ServerOptions, ports: Sequence[Listener], stop: StopSignals, started: float) -> None:
    """Load the models, then serve clients until a stop is asked for."""
    from utils.metrics.watching import Watching
    from utils.server.pipeline import Pipeline
    from utils.server.server import Server

    microphone, speaker, *metrics = ports
    with contextlib.closing(Watching(options.server, *metrics)) as watching:
        pipeline = Pipeline(options, watching.sink)
        pipeline.load(stop.raise_if_requested)
        server = Server(microphone, speaker, pipeline.tcp_pair, pipeline.conversation)
        server.listen()
        watching.start(lambda: server.conversations)
        logger.info(
            "ready after %.1f s: microphone on %s:%d, speaker on %s:%d",
            time.monotonic() - started, microphone.host, microphone.port, speaker.host, speaker.port,
        )  # fmt: skip
        server.serve(stop)
    if not pipeline.close():
        logger.warning("an engine was still busy")
        end_process(0)
    logger.info("stopped")


def end_process(status: int) -> None:
    """Leave at once: an engine's thread that is still inside a library would crash an orderly end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
