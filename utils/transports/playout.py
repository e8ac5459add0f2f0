"""How much a client has heard of what was written to it, where its wire does not tell.

Such a client is taken to play in real time, and to begin when the first sample is written. After a gap in what was
written, the next samples play from the moment they are written. Pure arithmetic on times that the caller passes in.
"""

from __future__ import annotations

ROUNDING = 1e-3  # of a sample: makes up for the rounding of floats, so that a whole sample counts as whole


class PlayoutClock:
    """The client's playing position, as seen from the server. Any thread may ask while another one writes."""

    def __init__(self, rate: int) -> None:
        """rate: samples a second."""
        self._rate = rate
        self._account = (float("-inf"), 0)  # when sample 0 would have played, without gaps; samples written

    @property
    def written(self) -> int:
        """How many samples were written, less those that were taken back."""
        return self._account[1]

    def wrote(self, samples: int, now: float) -> None:
        """So many samples more were written."""
        if samples:
            began_at, written = self._account
            self._account = max(began_at, now - written / self._rate), written + samples

    def take_back(self, now: float) -> None:
        """What has not been heard by now will never be."""
        self._account = self._account[0], self.heard(now)

    def heard(self, now: float) -> int:
        """How many of the samples that were written have been heard."""
        began_at, written = self._account
        return min(written, max(0, int((now - began_at) * self._rate + ROUNDING))) if written else 0

    def ends_at(self) -> float:
        """When the last sample that was written has been heard: seconds, as `now`. -inf before the first."""
        began_at, written = self._account
        return began_at + written / self._rate
