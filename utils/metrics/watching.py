"""Where the figures of a server go, as its options say: to a file, to a port for Prometheus, to both, or nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable

from arguments.server_arguments import ServerArguments
from utils.metrics.figures import MetricsFile, MetricsSink, MetricsSinks
from utils.system.listening import Listener

logger = logging.getLogger(__name__)


class Watching:
    """The outlets of the figures. Call `start` and then `close`. sink: takes every turn."""

    def __init__(self, options: ServerArguments, port: Listener | None = None) -> None:
        """port: bound already; None if nothing is to be scraped. Raises OSError where the file can't be written."""
        sinks: list[MetricsSink] = []
        self._port = self._exported = None
        if options.metrics_file is not None:
            sinks.append(MetricsFile(options.metrics_file))
        if port is not None:
            from utils.metrics.port import MetricsPort
            from utils.metrics.prometheus import ExportedMetrics  # only where it is asked for

            self._exported = ExportedMetrics({"stt": options.stt, "lm": options.lm, "tts": options.tts})
            self._port = MetricsPort(port, self._exported.text)
            self._address = f"http://{port.host}:{port.port}/metrics"
            sinks.append(self._exported)
        self.sink = MetricsSinks(sinks)

    def start(self, conversations: Callable[[], int]) -> None:
        """Open the port to scrapers. conversations: says how many are in progress. Raises PortUnavailable."""
        if self._port is None or self._exported is None:
            return
        self._exported.watch_conversations(conversations)
        self._port.start()
        logger.info("metrics on %s", self._address)

    def close(self) -> None:
        """Close the file and the port, and end the port's thread."""
        if self._port is not None:
            self._port.close()
        self.sink.close()
