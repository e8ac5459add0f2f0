"""What smart-turn says of a pause: whether the turn is over. It is asked, and the answer comes some frames later."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from handlers.vad.engine import VADEngine
from utils.audio.samples import FloatAudio
from utils.system.engine_thread import Live

logger = logging.getLogger(__name__)


class Verdict:
    """One conversation's, on the pause now."""

    def __init__(self, engine: VADEngine) -> None:
        self._engine = engine
        self._coming: Future[float] | None = None
        self.score: float | None = None
        """The probability that the turn is over; None while it is not known."""

    @property
    def wanted(self) -> bool:
        """It may be asked: no answer is under way, and none has said that the turn is over."""
        return self._coming is None and (self.score is None or self.score < self._engine.turn_thresh)

    def ask(self, audio: FloatAudio, stretch: int, live: Live) -> bool:
        """Have it judged; see `VADEngine.judge`. False: it is not judged at all."""
        self._coming = self._engine.judge(audio, stretch, live)
        return self._coming is not None

    def came(self) -> bool:
        """Whether the answer has just come. True once for each."""
        if self._coming is None or not self._coming.done():
            return False
        self.score, self._coming = self._result(self._coming), None
        return True

    @property
    def over(self) -> bool:
        """The turn counts as over. So it does where that could not be judged."""
        return self.score is None or self.score >= self._engine.turn_thresh

    def forget(self) -> None:
        """The pause is over, or another begins."""
        if self._coming is not None:
            self._coming.cancel()
        self._coming = self.score = None

    def _result(self, coming: Future[float]) -> float | None:
        try:
            score = coming.result()
        except Exception:
            logger.exception("the end of the turn could not be judged")
            return None
        logger.debug("the turn is over with a probability of %.2f", score)
        return score
