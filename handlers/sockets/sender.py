"""Writes the reply to the client's second connection (port 12346), no faster than it plays."""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from handlers.base import BaseHandler
from handlers.sockets.pacing import Pacer
from utils.audio.wire import REPLY_RATE, SAMPLE_BYTES, encode, padding
from utils.conversation.messages import InputEnded, Message, ReplyAudio, ReplyEnd
from utils.system.engine_thread import Live

logger = logging.getLogger(__name__)

BLOCK = REPLY_RATE // 50  # samples written at once: 20 ms
GAP_S = 0.005  # shorter ones are the rounding of clocks, and inaudible
BLOCKED_S = 0.05  # how often a blocked write looks whether the reply is still wanted


@dataclass(frozen=True)
class SenderEngine:
    """The connection to write to. lead_s: how far ahead of its playing the audio is sent, seconds."""

    connection: socket.socket
    lead_s: float


class SocketSender(BaseHandler):
    """The last stage. It decides when a reply is heard, so it shows the words and keeps the account of them."""

    handles = (ReplyAudio, ReplyEnd, InputEnded)
    engine_type = SenderEngine

    def setup(self, engine: SenderEngine) -> None:
        self._connection = engine.connection
        self._connection.setblocking(False)
        self._pacer = Pacer(REPLY_RATE, engine.lead_s)
        self._attempt: int | None = None
        self._sentence_open = False
        self._reply_bytes = 0
        self._half = b""  # the second byte of a sample that was cut in two when its reply was cancelled

    def process(self, message: ReplyAudio | ReplyEnd | InputEnded, live: Live) -> Iterator[Message]:
        try:
            if isinstance(message, ReplyAudio):
                self._play(message, live)
            elif isinstance(message, ReplyEnd):
                self._finish(message, live)
            else:
                self.context.hang_up("the client has ended its input and everything is answered")
        except OSError as error:
            self.context.hang_up(f"the client can't be written to: {error}")
        yield from ()

    def _play(self, message: ReplyAudio, live: Live) -> None:
        if message.attempt == self._attempt:
            self._look_for_gap(message)
        elif not self._start(message.attempt):
            return
        if message.text:
            self.context.records.sentence_starts(message.attempt, message.text, message.goes_on)
        samples = message.samples
        position = 0
        while position < len(samples):
            if not self.context.turns.wait_audible(message.attempt):
                self._write(padding(self._reply_bytes), lambda: not self.context.turns.closed)
                return
            count = min(BLOCK, len(samples) - position)
            now = self.context.clock()
            allowed = self._pacer.allowed(now)
            if allowed < count:
                self.context.turns.wait_while_playing(message.attempt, self._pacer.wait_s(now, count))
                continue
            self._write(encode(samples[position : position + count]), live)
            position += count
            self._pacer.wrote(count)
            self.context.records.sent(message.attempt, count, message.ends_sentence and position == len(samples))
        if message.ends_sentence and not len(samples):
            self.context.records.sent(message.attempt, 0, True)

    def _start(self, attempt: int) -> bool:
        if not self.context.turns.play(attempt):
            return False
        self._write(padding(self._reply_bytes), lambda: not self.context.turns.closed)
        self._attempt, self._reply_bytes = attempt, 0
        self._pacer.start(self.context.clock())
        self.context.records.reply_starts(attempt, self._pacer)
        return True

    def _look_for_gap(self, message: ReplyAudio) -> None:
        """An underrun: the listener has heard everything before this audio is there. A reply that is held has none."""
        ran_dry_at = max(self._pacer.ends_at(), self.context.turns.playing_since(message.attempt))
        if len(message.samples) and self.context.clock() - ran_dry_at > GAP_S:
            self.context.records.underrun(message.attempt)

    def _finish(self, message: ReplyEnd, live: Live) -> None:
        if message.attempt == self._attempt:
            self._write(padding(self._reply_bytes), live)
            self._reply_bytes = 0
        elif not self.context.turns.wait_committed(message.attempt):
            return  # it was empty, or failed, and nobody has missed it
        if message.failed:
            logger.warning("turn %d ended early: a stage failed", self.context.turns.turn_of(message.attempt))
        self.context.turns.finish(message.attempt, self._pacer.ends_at())

    def _write(self, data: bytes, wanted: Live) -> None:
        """Write all of it, or stop when it is no longer wanted, but never inside a sample: that would turn all that
        follows into noise. OSError when the client has gone."""
        data = self._half + data
        self._half = b""
        view = memoryview(data)
        while view and wanted():
            try:
                written = self._connection.send(view)
            except (BlockingIOError, InterruptedError):
                select.select([], [self._connection], [], BLOCKED_S)
                continue
            self._reply_bytes += written
            view = view[written:]
        if len(view) % SAMPLE_BYTES:
            self._half = bytes(view[:1])
