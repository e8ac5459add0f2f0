"""When no audio arrives: whether the network stalls or the client has paused its stream, and when audio was spoken.

A network that stalls delivers the audio later, all at once (TCP loses nothing). So in mid-speech it is waited for. A
client that has paused its stream has nothing to deliver. Whether it was the one or the other shows afterwards: from the
end of the gap on, the audio of a stall comes faster than real time, until it has caught up with the clock. A client
that has paused once will do so again (it mutes its microphone while it plays), so its gaps are silence at once.

Pure logic, seconds on the clock that the caller passes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

LONGEST_STALL_S = 3.0
JITTER_S = 0.1  # audio that is so little behind the clock has caught up
SURE_S = 0.25  # of audio that comes in real time show that a client had paused, where it pauses again at once
CATCH_UP_S = 1.0  # what has not caught up in so long after the gap will not


class Gap(Enum):
    """What it means that no audio has arrived for a while."""

    SILENCE = auto()
    """Nobody speaks, by the clock."""

    WAIT = auto()
    """The audio will follow."""

    LOST = auto()
    """It was waited for long enough: the speech is over."""


@dataclass
class _OpenGap:
    """A gap of which it is not known yet what it was."""

    since: float
    """When the last audio before it arrived."""

    waited: bool = False
    """It was in mid-speech, and the audio was waited for."""

    resumed_at: float | None = None
    """When the first audio after it arrived."""

    received_s: float = 0.0
    """How much audio has arrived since then."""


class Stalls:
    """One conversation's."""

    def __init__(self) -> None:
        self.pauses = False  # this client pauses its stream at times
        self._heard_at: float | None = None
        self._gap: _OpenGap | None = None

    def gap(self, until: float, speaking: bool) -> Gap:
        """No audio has arrived until now. speaking: somebody spoke, and was not silent for long enough to be done."""
        if self._heard_at is None:
            return Gap.SILENCE
        if self._gap is None or self._was_pause(self._gap, self._heard_at):
            self._gap = _OpenGap(self._heard_at)
        self._gap.resumed_at = None
        if self.pauses or not speaking:
            return Gap.SILENCE
        self._gap.waited = True
        return Gap.LOST if until - self._heard_at >= LONGEST_STALL_S else Gap.WAIT

    def audio(self, seconds: float, now: float) -> float:
        """So much audio arrives now. Returns when its last sample was spoken."""
        self._heard_at = now
        return now if self._gap is None else self._after(self._gap, seconds, now)

    def _was_pause(self, gap: _OpenGap, heard_at: float) -> bool:
        """Whether what came since then was no faster than real time."""
        if gap.resumed_at is None or heard_at - gap.resumed_at < SURE_S:
            return False
        paused = gap.received_s <= heard_at - gap.resumed_at + JITTER_S
        self.pauses = self.pauses or paused
        return paused

    def _after(self, gap: _OpenGap, seconds: float, now: float) -> float:
        if gap.resumed_at is None:
            gap.resumed_at = now
        gap.received_s += seconds
        behind = now - gap.since - gap.received_s
        if behind <= JITTER_S:
            self._gap = None
        elif now - gap.resumed_at >= CATCH_UP_S:
            self._gap = None
            self.pauses = True
            return now
        return min(now, gap.since + gap.received_s) if gap.waited else now
