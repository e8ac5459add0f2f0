"""When a reply's samples may be written, and how many of them have been heard.

Audio is written no faster than it plays, with a lead of at most `lead_s`: then an interruption is silent within that
lead although the stream has no "flush" message, and the samples written minus the lead are what the user has heard.
Pure arithmetic on times that the caller passes in.
"""

from __future__ import annotations


class Pacer:
    """The playing position of the client, as seen from the server. rate: samples a second; lead_s: seconds."""

    def __init__(self, rate: int, lead_s: float) -> None:
        self._rate = rate
        self._lead_s = lead_s
        self._anchor = float("-inf")  # when this reply's sample 0 plays
        self.sent = 0  # samples of this reply

    def start(self, now: float) -> None:
        """A reply begins. What is left of the one before plays first, so that together they keep to the lead."""
        self._anchor = max(now, self._anchor + self.sent / self._rate)
        self.sent = 0

    def allowed(self, now: float) -> int:
        """How many samples may be written now."""
        self._catch_up(now)
        return max(0, self._samples(now - self._anchor + self._lead_s) - self.sent)

    def wait_s(self, now: float, samples: int) -> float:
        """Seconds until so many samples may be written."""
        return max(0.0, self._anchor + (self.sent + samples) / self._rate - self._lead_s - now)

    def wrote(self, samples: int) -> None:
        """So many samples were written."""
        self.sent += samples

    def ends_at(self) -> float:
        """When the last sample that was written has been heard."""
        return self._anchor + self.sent / self._rate

    def heard(self, now: float) -> int:
        """How many samples of this reply have been heard."""
        return min(self.sent, max(0, self._samples(now - self._anchor))) if self.sent else 0

    def _samples(self, seconds: float) -> int:
        """A thousandth of a sample makes up for the rounding of floats: a whole sample counts as whole."""
        return int(seconds * self._rate + 1e-3)

    def _catch_up(self, now: float) -> None:
        """After a gap (slow TTS, a hold, a blocked write) the reply goes on from now: no burst makes up for it."""
        self._anchor = max(self._anchor, now - self.sent / self._rate)
