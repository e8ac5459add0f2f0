"""Speech, silence, verdicts and models of any speed, in any order: who hears what, and what is remembered of it.

The real VAD handler, STT handler, turns, records and chat, on scripted probabilities and a fake clock. The models and
the sender are steps that a test takes whenever it likes.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.stt import STTHandler
from tests.fakes import FakePosition
from tests.handlers.vad.test_handler import frames
from tests.handlers.vad.test_turn_taking import Speaker
from utils.conversation.messages import ReplyHeard, Sentence, SpeechStarted, Transcript, Utterance
from utils.turns.chat import CUT_OFF
from utils.turns.turns import State

BLOCK = 4_410  # samples: 0.1 s
BLOCKS = 3  # of a sentence
TEXTS = ("", "Mm-hm.", "Tell me more.", "And of Rome?")


class Whole:
    """A conversation whose stages act when they are told to."""

    def __init__(self, smart: bool, speculative_silence_ms: float) -> None:
        self.scores: list = []
        self.user = Speaker(self._judge if smart else None, speculative_silence_ms=speculative_silence_ms)
        self.world, self.turns = self.user.world, self.user.turns
        self.text = ""
        self.stt = self.world.stage(STTHandler, self)
        self.utterances: list = []
        self.transcripts: list[Transcript] = []
        self.replies: dict[int, list[tuple[str, int]]] = {}  # attempt → blocks to be sent
        self.said: dict[int, list[str]] = {}  # attempt → its sentences
        self.texts: dict[int, str] = {}
        self.heard: dict[int, int] = defaultdict(int)  # attempt → blocks
        self.turn_of: dict[int, int] = {}
        self.ends: list = []
        self.steps = {
            "voice": lambda frames: self.hear(0.9, frames), "silence": lambda frames: self.hear(0.0, frames),
            "verdict": self.verdict, "stt": self.transcribe_next, "lm": lambda _: self.answer_next(),
            "send": lambda times: [self.send() for _ in range(times)], "answer": self.begin_to_answer,
        }  # fmt: skip
        settle = self.turns._machine._on_end
        self.turns._machine._on_end = lambda ended: (self.ends.append(ended), settle(ended))

    def _judge(self, audio, stretch, live):
        from concurrent.futures import Future

        self.scores.append(Future())
        return self.scores[-1]

    def new_memo(self):
        return None

    def transcribe(self, audio, live, over_reply, memo):
        return self.text

    # --- steps

    def hear(self, probability: float, count: int) -> None:
        for message in self.user.hear(frames(*[probability] * count)):
            self.world.records.observe(message)
            if not isinstance(message, ReplyHeard | SpeechStarted):
                self.utterances.append(message)

    def verdict(self, score: float) -> None:
        for future in self.scores:
            if not future.done():
                future.set_result(score)

    def transcribe_next(self, text: str) -> None:
        if not self.utterances:
            return
        message = self.utterances.pop(0)
        if isinstance(message, Utterance) and not self.turns.live(message.attempt):
            return
        self.text = text
        for transcript in self.world.process(self.stt, [message]):
            self.world.records.observe(transcript)
            if isinstance(transcript, Transcript):
                self.transcripts.append(transcript)

    def answer_next(self) -> None:
        if not self.transcripts:
            return
        transcript = self.transcripts.pop(0)
        attempt = transcript.attempt
        if not self.turns.live(attempt):
            return
        self.texts[attempt], self.turn_of[attempt] = transcript.text, transcript.turn
        self.said[attempt] = [f"Answer {attempt} begins. ", f"Answer {attempt} ends."]
        for text in self.said[attempt]:
            self.world.records.observe(Sentence(attempt, text, text))
        self.replies[attempt] = [(text, block) for text in self.said[attempt] for block in range(BLOCKS)]

    def send(self) -> None:
        """As the sender does it, where it would not wait."""
        for attempt, blocks in list(self.replies.items()):
            if not self.turns.live(attempt):
                del self.replies[attempt]
            elif self.turns.may_play(attempt):
                self._send(attempt, blocks)

    def _send(self, attempt: int, blocks: list[tuple[str, int]]) -> None:
        if self.turns.state(attempt) is State.COMMITTED:
            assert self.turns.play(attempt)
            self.position = FakePosition()
            self.world.records.reply_starts(attempt, self.position)
        if not blocks:
            self.turns.finish(attempt)
            return
        text, block = blocks.pop(0)
        if block == 0:
            self.world.records.sentence_starts(attempt, text)
        self.world.records.sent(attempt, BLOCK, block == BLOCKS - 1)
        self.heard[attempt] += 1
        self.position.heard_samples += BLOCK

    def begin_to_answer(self, blocks: int) -> None:
        """The user is done, and a few blocks of the answer are sent: what is spoken now is spoken over it."""
        self.hear(0.9, 12)
        self.hear(0.0, 5)
        self.verdict(0.9)
        self.hear(0.0, 8)
        self.transcribe_next("Tell me more.")
        self.answer_next()
        for _ in range(blocks):
            self.send()

    def drain(self) -> None:
        """Everybody does what there is left to do; the user is silent."""
        for _ in range(4):
            self.hear(0.0, 60)
            self.verdict(0.9)
            self.hear(0.0, 60)
            for _ in range(10):
                self.transcribe_next("Tell me more.")
                self.answer_next()
                for _ in range(2 * BLOCKS + 2):
                    self.send()


STEPS = st.one_of(
    st.tuples(st.just("voice"), st.integers(1, 60)),
    st.tuples(st.just("voice"), st.integers(1, 20)),
    st.tuples(st.just("silence"), st.integers(1, 60)),
    st.tuples(st.just("silence"), st.integers(1, 12)),
    st.tuples(st.just("verdict"), st.sampled_from([0.1, 0.9])),
    st.tuples(st.just("stt"), st.sampled_from(TEXTS)),
    st.tuples(st.just("lm"), st.just(0)),
    st.tuples(st.just("send"), st.integers(1, 3)),
    st.tuples(st.just("answer"), st.integers(1, 5)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40), st.booleans(), st.sampled_from([0.0, 64.0, 128.0]))
def test_every_turn_has_one_outcome_and_the_chat_is_what_was_heard(steps, smart, speculative_silence_ms):
    whole = Whole(smart, speculative_silence_ms)
    for name, value in steps:
        whole.steps[name](value)
    whole.drain()
    assert whole.turns.live_attempts() == []
    outcomes = [end for end in whole.ends if not end.superseded and end.attempt in whole.texts]
    assert len({end.turn for end in outcomes}) == len(outcomes)
    discarded = {end.attempt for end in whole.ends} - {end.attempt for end in outcomes}
    assert not discarded & set(whole.heard)
    for end in outcomes:
        assert whole.heard[end.attempt] == 2 * BLOCKS or end.state is State.CANCELLED
    remembered = whole.world.chat.messages("now")[:-1]
    expected = []
    for end in outcomes[-10:]:
        expected.append({"role": "user", "content": whole.texts[end.attempt]})
        if reply := heard_of(whole.said[end.attempt], whole.heard[end.attempt], end.state):
            expected.append({"role": "assistant", "content": reply})
    assert remembered[-len(expected) or len(remembered) :] == expected


def heard_of(sentences: list[str], blocks: int, state: State) -> str:
    """What the chat keeps of a reply of which so many blocks were heard."""
    if state is State.DONE:
        return "".join(sentences)
    kept, left = "", blocks
    for sentence in sentences:
        if left >= BLOCKS:
            kept, left = kept + sentence, left - BLOCKS
        elif left:
            length = max(left * BLOCK, int(len(sentence) / 15 * 44_100))
            end = int(len(sentence) * left * BLOCK / length)
            while end and not sentence[end].isspace():
                end -= 1
            kept, left = kept + sentence[:end].rstrip(), 0
    return kept.strip() + CUT_OFF if kept.strip() else ""
