"""Voice activity detection and the ends of turns: from the microphone's audio to whole utterances.

`segmentation.py` decides what the probabilities mean, and `smart_turn.py` helps to decide whether a turn is over
(endpointing). A sound over a reply holds it at once; `utils.turns.turns` settles what follows. An attempt at answering
begins in the first short pause (speculation, `speculation.py`), so the reply is under way when the turn is found to be
over. Where the sound is gone, what was said is transcribed before it is sure that this is a pause (`interim.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from handlers.base import BaseHandler
from handlers.vad.engine import LONGEST_PART_S, VADEngine
from handlers.vad.hearing import Hearing
from handlers.vad.interim import InterimRequests
from handlers.vad.loudness import Loudness, decibels
from handlers.vad.segmentation import Dismissed, Onset, Paused, Resumed, SpeechEvent, Split, Started, Stopped
from handlers.vad.silero import FRAME_MS
from handlers.vad.smart_turn import WINDOW_S
from handlers.vad.speculation import SpeculativeAttempt
from handlers.vad.stalls import LONGEST_STALL_S, Gap, Stalls
from handlers.vad.turn_audio import STT_RATE, TurnAudio
from handlers.vad.verdict import Verdict
from utils.audio.samples import FloatAudio
from utils.conversation.dialogue import may_interrupt, surely_interrupts, surely_more
from utils.conversation.messages import (
    InputAudio,
    InputEnded,
    InputGap,
    Message,
    ReplyHeard,
    SpeechPart,
    SpeechStarted,
    Utterance,
)
from utils.system.engine_thread import Live
from utils.turns.turns import Speech

logger = logging.getLogger(__name__)


class VADHandler(BaseHandler):
    """Cuts the input into utterances, decides when a turn begins and ends, and tells `Turns`."""

    handles = (InputAudio, InputGap, InputEnded)
    engine_type = VADEngine

    def setup(self, engine: VADEngine) -> None:
        self._engine = engine
        self._model = engine.model
        self._hearing = Hearing(engine.model)
        self._segmenter = engine.segmenter()
        self._audio = TurnAudio(engine.model.rate, engine.model.frame, engine.speech_pad_ms)
        self._loudness = Loudness(FRAME_MS)
        self._stalls = Stalls()
        self._reply_heard = False
        self._heard_until = float("-inf")  # clock: audio or silence is known up to here
        self._stretch_from: int | None = None  # sample: where the speech after the turn's last pause began
        self._verdict = Verdict(engine)
        self._speculative: SpeculativeAttempt | None = None  # it was begun in the pause now
        self._speculation = engine.speculation()
        self._more_from: float | None = None  # voiced_ms: since then the user makes a sound that may hold no words
        self._interim: InterimRequests | None = None
        if engine.speculative_silence_ms:
            self._interim = InterimRequests(self.context, self._audio, self._segmenter, engine.min_silence_ms)

    def process(self, message: InputAudio | InputGap | InputEnded, live: Live) -> Iterator[Message]:
        if isinstance(message, InputAudio):
            seconds = len(message.samples) / self._model.rate
            yield from self._hear(message.samples, self._stalls.audio(seconds, message.received_at))
        elif isinstance(message, InputGap):
            yield from self._miss(message.until)
        else:
            yield from self._end()
            yield message
        before, self._reply_heard = self._reply_heard, self.context.turns.reply_is_heard()
        if before and not self._reply_heard:
            yield ReplyHeard()

    def recover(self) -> None:
        """What is being said is lost; the next sound is heard as after a silence."""
        self._verdict.forget()
        if self._interim is not None:
            self._interim.forget()
        self._speculative = self._more_from = None
        self._ignore()
        self.context.turns.forget_sound()

    def _hear(self, samples: FloatAudio, received_at: float) -> Iterator[Message]:
        self._audio.timeline.append(samples, received_at)
        self._heard_until = max(self._heard_until, received_at)
        while (frame := self._audio.next_frame()) is not None:
            if self._is_deaf():
                continue
            self._look()
            for event in self._listen(frame):
                yield from self._follow(event)
            if self._interim is not None:
                yield from self._interim.messages()
            self._weigh()
        self._audio.forget(self._segmenter.start)

    def _listen(self, frame: FloatAudio) -> list[SpeechEvent]:
        level, segmenter = decibels(frame), self._segmenter
        probability = self._hearing.step(frame, level, segmenter.in_utterance, segmenter.sure)
        quiet = self._loudness.is_quiet(level)
        if self._interim is not None:
            self._interim.hear(quiet)
        return segmenter.feed(probability, quiet, self._hearing.doubtful)

    def _weigh(self) -> None:
        """Act on a sound that has lasted so long that it has words in it."""
        voiced_ms = self._segmenter.voiced_ms
        if surely_interrupts(voiced_ms) and self.context.turns.reply_is_held():
            self.context.turns.interrupt()
        if self._more_from is not None and surely_more(voiced_ms - self._more_from):
            self._more_from = None
            self.context.turns.user_speaks()

    def _is_deaf(self) -> bool:
        """Where interruptions are not allowed, the user is not heard while a reply is: it may be the reply itself."""
        if self._engine.allow_interruptions or not self.context.turns.reply_is_heard():
            return False
        self._ignore()
        self.context.turns.doubt(False)
        return True

    def _ignore(self) -> None:
        self._segmenter.skip()
        self._hearing.renew()
        self._audio.ignore()

    def _miss(self, until: float) -> Iterator[Message]:
        """No audio arrives. A sound in doubt over a reply is not waited for: that would hold the reply in vain."""
        segmenter = self._segmenter
        surely = segmenter.sure or (segmenter.in_utterance and not self.context.turns.reply_is_held())
        found = self._stalls.gap(until, surely and segmenter.silence_ms < self._engine.min_silence_ms)
        if found is Gap.LOST:
            logger.info("no audio has arrived for %.0f s in mid-speech: the turn ends", LONGEST_STALL_S)
            yield from self._stop_speech()
        elif segmenter.in_utterance and found is not Gap.WAIT and until > self._heard_until:
            missing = int((until - self._heard_until) * self._model.rate)
            yield from self._hear(np.zeros(missing, dtype=np.float32), until)

    def _end(self) -> Iterator[Message]:
        if self._audio.timeline.end:
            yield from self._hear(np.zeros(self._audio.missing(), dtype=np.float32), self._heard_until)
        yield from self._stop_speech()

    def _stop_speech(self) -> Iterator[Message]:
        for event in self._segmenter.flush():
            yield from self._follow(event)

    def _follow(self, event: SpeechEvent) -> Iterator[Message]:
        if isinstance(event, Onset):
            self.context.turns.doubt(True)
        elif isinstance(event, Dismissed):
            self.context.turns.doubt(False)
            logger.debug("a sound that was no speech")
        elif isinstance(event, Started):
            yield from self._start(event)
        elif isinstance(event, Split):
            yield from self._part(event)
        elif isinstance(event, Paused):
            yield from self._pause(event)
        elif isinstance(event, Resumed):
            self._resume()
        elif isinstance(event, Stopped):
            yield from self._stop(event)

    def _start(self, event: Started) -> Iterator[Message]:
        if self._interim is not None:
            self._interim.forget()
        speech = self.context.turns.user_speaks(words=False)
        extends = speech is Speech.EXTENDS
        self._audio.begin(extends)
        self._more_from = 0.0 if extends else None
        self._stretch_from = event.frame * self._model.frame - self._audio.pad if extends else None
        logger.debug("speech: %s", speech.value)
        if speech is Speech.NEW_TURN:
            yield SpeechStarted(self.context.turns.next_turn())

    def _pause(self, event: Paused) -> Iterator[Message]:
        """The turn may be over: ask, and begin to answer. Over a reply, its words tell whether it is over."""
        marks, over_reply = event.marks, self.context.turns.reply_is_held()
        if marks & self._engine.marks_to_judge(event.voiced_ms, over_reply):
            self._ask(event)
        if self._speculative is not None:
            return
        if not over_reply:
            usual_ms = self.context.interim.usual_ms()
            wanted = self._engine.speculative_silence_ms in marks and self._speculation.pause(usual_ms)
        else:
            wanted = self._engine.doubt_ms(event.voiced_ms) in marks and self._may_interrupt(event.voiced_ms)
        audio = self._audio.so_far(event) if wanted else None
        if audio is not None and len(audio) <= LONGEST_PART_S * STT_RATE:
            self._more_from = None
            attempt = self.context.turns.begin()
            self._speculative = SpeculativeAttempt(attempt, event.voiced_ms, over_reply)
            yield self._utterance(attempt, event, audio, speculative=True)

    def _ask(self, event: Paused) -> None:
        """Have it judged whether the turn is over, unless that is under way, or was found already."""
        if not self._verdict.wanted:
            return
        audio = self._audio.so_far(event)
        stretch = 0 if self._stretch_from is None else self._audio.stt_samples(self._audio.judged - self._stretch_from)
        turns = self.context.turns
        if self._verdict.ask(audio[-WINDOW_S * STT_RATE :].copy(), stretch, lambda: not turns.closed):
            self._segmenter.wait_for(self._engine.max_pause_ms)

    def _resume(self) -> None:
        """The user goes on: it was a pause for thought, or this is a breath."""
        self._verdict.forget()
        self._stretch_from = self._audio.judged - self._model.frame - self._audio.pad
        self._speculation.settle(right=False)
        if self._speculative is not None:
            self._more_from, self._speculative = self._speculative.voiced_ms, None
            self.context.turns.user_speaks(words=False)

    def _look(self) -> None:
        """What has become known since the last frame."""
        if self._verdict.came():
            over = self._verdict.over
            self._segmenter.wait_for(self._engine.min_silence_ms if over else self._engine.max_pause_ms)
        if self._speculative is not None and not self.context.turns.live(self._speculative.number):
            over_reply, self._speculative = self._speculative.over_reply, None
            self._speculation.forget()
            if over_reply:  # nothing was said
                self._verdict.forget()
                self._segmenter.forget()

    def _part(self, event: Split) -> Iterator[Message]:
        """The speech has become long: what there is of it is transcribed as a part, and the turn goes on."""
        self.context.turns.user_speaks()
        self.context.turns.interrupt()
        self._more_from = None
        yield from self._seal(turn := self.context.turns.next_turn())
        audio = self._audio.split(event)
        logger.debug("a long turn: a part of %.1f s is transcribed", len(audio) / STT_RATE)
        yield SpeechPart(turn, audio)

    def _stop(self, event: Stopped) -> Iterator[Message]:
        """The user is done: what was said since the last answer is one turn."""
        turns, speculative, score = self.context.turns, self._speculative, self._verdict.score
        self._speculative = self._more_from = None
        self._verdict.forget()
        self._speculation.settle(right=True)
        if self._interim is not None:
            self._interim.stop()
        if speculative is not None and turns.commit(speculative.number):
            self._log_end(self._audio.take(event), event)
            self.context.records.turn_over(turns.number_of(speculative.number), score)
            return
        if speculative is not None and speculative.over_reply:
            turns.doubt(False)  # nothing was said
            return
        if turns.reply_is_held() and not self._may_interrupt(event.voiced_ms):
            turns.doubt(False)
            logger.debug("a sound of %.0f ms over the reply: too short to be an interruption", event.voiced_ms)
            return
        if len(self._audio.so_far(event)) > LONGEST_PART_S * STT_RATE:
            yield from self._seal(turns.next_turn())
        audio = self._audio.take(event)
        attempt = turns.begin()
        turns.commit(attempt)
        utterance = self._utterance(attempt, event, audio)
        self._log_end(audio, event)
        yield utterance
        self.context.records.turn_over(attempt, score)

    def _log_end(self, audio: FloatAudio, event: Stopped) -> None:
        seconds, silent_s = len(audio) / STT_RATE, self.context.clock() - self._audio.last_voiced_at(event)
        logger.debug("end of turn: %.2f s of audio, %.3f s after the last sound of it", seconds, silent_s)

    def _may_interrupt(self, voiced_ms: float) -> bool:
        return may_interrupt(voiced_ms, self._engine.min_interruption_ms, self._audio.extending)

    def _utterance(
        self, attempt: int, event: Paused | Stopped, audio: FloatAudio, speculative: bool = False
    ) -> Utterance:
        return Utterance(
            attempt,
            self.context.turns.turn_of(attempt),
            audio,
            last_voiced_at=self._audio.last_voiced_at(event),
            speculative=speculative,
            first_voiced_at=self._audio.first_voiced_at(event),
            interim=None if self._interim is None else self._interim.number(),
        )

    def _seal(self, turn: int) -> Iterator[Message]:
        if (audio := self._audio.seal()) is not None:
            yield SpeechPart(turn, audio)
