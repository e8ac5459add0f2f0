"""Plays replies to the client: when a reply is heard, how fast it is written, and how much of it was heard.

A reply is written no faster than it plays, with the transport's lead: then an interruption is silent within that lead
although not every wire can take back what was written. A reply's end is padded to whole chunks.
"""

from __future__ import annotations

import logging

from utils.audio.wire import REPLY_RATE, SAMPLE_BYTES, encode, padding
from utils.conversation.context import Context
from utils.conversation.messages import ReplyAudio, ReplyEnd
from utils.transports.base import Transport, Wanted
from utils.transports.playout import ROUNDING

logger = logging.getLogger(__name__)

BLOCK = REPLY_RATE // 50  # samples written at once: 20 ms
GAP_S = 0.005  # shorter ones are the rounding of clocks, and inaudible


class _Reply:
    """One reply that is being heard, and how much of it has been. Its padding is left out."""

    def __init__(self, attempt: int, transport: Transport, now: float) -> None:
        self.attempt = attempt
        self._transport = transport
        self._begins_at = transport.written  # samples: what is left of the reply before plays first
        self._sent = 0  # samples
        self._ends_at = max(now, transport.ends_at())

    def wrote(self, samples: int) -> None:
        """So many samples more of this reply were written."""
        self._sent += samples
        self._ends_at = self._transport.ends_at()

    def heard(self, now: float) -> int:
        """How many samples of it have been heard. now: seconds on the clock."""
        return min(self._sent, max(0, self._transport.heard(now) - self._begins_at))

    def ends_at(self) -> float:
        """When all that was written of it has been heard: seconds on the clock."""
        return self._ends_at


class ReplyPlayer:
    """Plays the replies of one conversation, one after another. One thread calls it.

    It asks `Turns` when a reply may be heard, shows its words when they are, and keeps the records' account of it.
    Both methods raise WriteError where the client has gone.
    """

    def __init__(self, transport: Transport, context: Context) -> None:
        """Raises ValueError where the transport takes another rate than the replies'."""
        if transport.output_rate != REPLY_RATE:
            raise ValueError(f"replies are at {REPLY_RATE} Hz, and the transport takes {transport.output_rate} Hz")
        self._transport = transport
        self._context = context
        self._lead = int(transport.lead_s * REPLY_RATE + ROUNDING)  # samples
        self._block = max(1, min(BLOCK, self._lead))
        self._reply: _Reply | None = None  # the last one that was begun
        self._reply_bytes = 0  # written of a reply, and not yet padded

    def play(self, message: ReplyAudio) -> None:
        """Write this audio as it is to be heard: wait while its reply is held, stop where it is cancelled."""
        reply = self._reply
        if reply is not None and message.attempt == reply.attempt:
            self._look_for_gap(reply, message)
        elif (reply := self._start(message.attempt)) is None:
            return
        records = self._context.records
        if message.text:
            records.sentence_starts(reply.attempt, message.text, message.goes_on)
        if len(message.samples):
            self._write_audio(reply, message)
        elif message.ends_sentence:
            records.sent(reply.attempt, 0, True)

    def finish(self, message: ReplyEnd) -> None:
        """The reply is complete: pad it, and tell `Turns` how long it is still heard."""
        turns, reply = self._context.turns, self._reply
        if reply is not None and message.attempt == reply.attempt:
            self._pad(lambda: turns.live(message.attempt))
        elif not turns.wait_committed(message.attempt):
            return  # it was empty, or failed, and nobody has missed it
        if message.failed:
            logger.warning("turn %d ended early: a stage failed", turns.turn_of(message.attempt))
        turns.finish(message.attempt, float("-inf") if reply is None else reply.ends_at())

    def _start(self, attempt: int) -> _Reply | None:
        """Wait until this reply may be heard. None: it ended instead."""
        if not self._context.turns.play(attempt):
            return None
        self._break_off()
        self._reply = reply = _Reply(attempt, self._transport, self._context.clock())
        self._context.records.reply_starts(attempt, reply)
        return reply

    def _look_for_gap(self, reply: _Reply, message: ReplyAudio) -> None:
        """An underrun: the client has heard everything before this audio is there. A reply that is held has none."""
        ran_dry_at = max(reply.ends_at(), self._context.turns.playing_since(reply.attempt))
        if len(message.samples) and self._context.clock() - ran_dry_at > GAP_S:
            self._context.records.underrun(reply.attempt)

    def _write_audio(self, reply: _Reply, message: ReplyAudio) -> None:
        turns, attempt, samples, done = self._context.turns, reply.attempt, message.samples, 0
        while done < len(samples):
            if not turns.wait_audible(attempt):
                self._break_off()
                return
            block = samples[done : done + self._block]
            if (wait_s := self._wait_s(len(block))) > 0:
                turns.wait_while_playing(attempt, wait_s)
                continue
            count = self._write(encode(block), lambda: turns.live(attempt)) // SAMPLE_BYTES
            done += count
            reply.wrote(count)
            self._context.records.sent(attempt, count, message.ends_sentence and done == len(samples))

    def _wait_s(self, samples: int) -> float:
        """Seconds until so many samples may be written; 0 or less: they may be now."""
        unheard = self._transport.written - self._transport.heard(self._context.clock())
        return (unheard + samples - self._lead) / REPLY_RATE

    def _break_off(self) -> None:
        """The last reply, where it was not heard to its end: what the wire can take back is not heard any more."""
        if self._reply_bytes:
            self._transport.clear()
            self._pad(lambda: not self._context.turns.closed)

    def _pad(self, wanted: Wanted) -> None:
        silence = padding(self._reply_bytes)
        if self._write(silence, wanted) == len(silence):
            self._reply_bytes = 0

    def _write(self, data: bytes, wanted: Wanted) -> int:
        count = self._transport.write(data, wanted)
        self._reply_bytes += count
        return count
