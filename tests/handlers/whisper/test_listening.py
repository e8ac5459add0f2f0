"""What one window cuts off or repeats is heard again in halves: tables over a recogniser that is made up."""

from __future__ import annotations

import logging
import math
from concurrent.futures import CancelledError

import numpy as np
import pytest

from handlers.whisper.decoder import Decoded
from handlers.whisper.draft import Draft
from handlers.whisper.listening import Demands, Listener, quietest_place
from utils.system.engine_thread import always

RATE = 16_000
LIMIT = 10  # tokens
DEMANDS = Demands(least=-1.0, no_speech_threshold=0.6)
UNCLEAR = "elk fox gnu hen ibis jay kite lark mole newt owl pig quail rat"  # 14 words


class Windows:
    """Hears words that lie in the sound: a sample of n is word n, zeros are pauses. A word is a token."""

    def __init__(self, limit: int = LIMIT, **given: float) -> None:
        self.vocabulary: list[str] = ["."]
        self.heard: list[str] = []
        self.drafts: list[tuple[int, ...]] = []
        self.limit = limit
        self.given = {"mean_logprob": -0.1, "no_speech": 0.0, **given}
        self.listener = Listener(self.decode, list, self.text)

    def sound(self, text: str, seconds: float) -> np.ndarray:
        """The words, at equal distances."""
        audio = np.zeros(int(seconds * RATE), dtype=np.float32)
        words = text.split()
        for place, word in enumerate(words):
            if word not in self.vocabulary:
                self.vocabulary.append(word)
            audio[int((place + 0.5) * len(audio) / len(words))] = self.vocabulary.index(word)
        return audio

    def text(self, tokens) -> str:
        return " ".join(self.vocabulary[token] for token in tokens)

    def decode(self, audio, live, draft) -> Decoded:
        words = audio[audio > 0].astype(int).tolist()
        self.heard.append(self.text(words))
        self.drafts.append(draft.tokens)
        draft.tokens = tuple(words[: self.limit])
        ended = len(words) < self.limit
        return Decoded(draft.tokens, self.given["mean_logprob"], self.given["no_speech"], ended, False)

    def hear(self, text: str, seconds: float, demands: Demands = DEMANDS, draft: Draft | None = None) -> str:
        return self.listener.hear(self.sound(text, seconds), always, demands, draft or Draft())


ALPHABET = " ".join("abcdefghijklmnopqrstuvwxyz")
TWENTY_EIGHT = " ".join(f"word{number}" for number in range(64))


def test_what_fits_is_heard_once():
    windows = Windows()
    assert windows.hear("a b c", 20.0) == "a b c"
    assert len(windows.heard) == 1


@pytest.mark.parametrize(("text", "seconds"), [(ALPHABET, 10.0), (TWENTY_EIGHT, 28.0), ("a b c d e f g h i j", 4.0)])
def test_what_reaches_the_limit_is_heard_in_parts_and_nothing_is_lost(text, seconds):
    windows = Windows()
    assert windows.hear(text, seconds) == text


def test_the_first_half_is_read_off_what_the_whole_began_with():
    windows = Windows()
    draft = Draft()
    windows.hear(ALPHABET, 10.0, draft=draft)
    assert windows.drafts[0] == ()
    assert windows.text(windows.drafts[1]) == "a b c d e f g h i j"
    assert windows.drafts[-1] == ()
    windows.drafts.clear()
    windows.hear(ALPHABET, 10.0, draft=draft)
    assert all(windows.drafts)


def test_what_is_too_short_to_divide_is_kept_and_the_log_says_that_it_is_cut_off(caplog):
    caplog.set_level(logging.INFO)
    assert Windows().hear(ALPHABET, 3.0) == "a b c d e f g h i j"
    [line] = [record.message for record in caplog.records]
    assert line == "3.0 s of sound: cut off at --stt_gen_max_new_tokens 10: 'a b c d e f g h i j'"


def test_a_recogniser_that_never_ends_is_asked_a_few_times_only():
    windows = Windows(limit=1)
    windows.hear(" ".join("ab" * 200), 30.0)
    assert len(windows.heard) < 50


def test_a_loop_is_heard_again_in_quarters_at_most_and_refused_in_one_line(caplog):
    caplog.set_level(logging.INFO)
    windows = Windows(limit=1000)
    assert windows.hear("yeah " * 240, 28.0) == ""
    assert len(windows.heard) == 7
    [line] = [record.message for record in caplog.records]
    assert line.startswith("28.0 s of sound: not taken for speech, Whisper only repeats itself: 'yeah yeah yeah")
    assert len(line) < 200


def test_a_loop_in_the_whole_is_none_where_the_halves_have_words():
    windows = Windows(limit=1000)
    said = "no " * 24
    assert windows.hear(said, 8.0) == said.strip()  # six in a quarter: somebody says no
    assert len(windows.heard) == 7


@pytest.mark.parametrize(
    "said",
    [
        "no no no", "very very good", "A B C D E F G", "five five five one two three four five six seven",
        "double you double you double you dot example dot com", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
        "one hundred and one one hundred and two one hundred and three one hundred and four one hundred and five",
        "ha ha ha ha ha",
    ],
)  # fmt: skip
@pytest.mark.parametrize("seconds", [1.5, 12.0])
def test_what_people_repeat_stays(said, seconds):
    assert Windows(limit=1000).hear(said, seconds) == said


def test_counting_that_compresses_well_stays():
    """Each number is other words, though most of them are the same."""
    numbers = ["one", "two", "three", "four", "five", "six"] * 4
    said = " ".join(f"one hundred thousand and twenty {number}" for number in numbers)
    assert Windows(limit=1000).hear(said, 25.0) == said


@pytest.mark.parametrize("given", [{"mean_logprob": math.nan}, {"no_speech": math.nan}])
@pytest.mark.parametrize("limit", [3, 1000])
def test_a_score_that_is_no_number_is_refused_in_one_line(given, limit, caplog):
    caplog.set_level(logging.INFO)
    windows = Windows(limit=limit, **given)
    assert windows.hear("yes of course please", 20.0, Demands(-math.inf, 1.0)) == ""
    assert len(windows.heard) == 1
    assert [record.message for record in caplog.records] == [
        "20.0 s of sound: nothing is understood: the model's scores are no numbers (NaN)"
    ]


@pytest.mark.parametrize(
    ("text", "mean", "no_speech", "one_language", "kept", "line"),
    [
        (UNCLEAR, -0.9, 0.0, True, False, "not understood (confidence -0.90): "),
        (UNCLEAR, -0.9, 0.0, False, True, None),
        (UNCLEAR, -0.7, 0.0, True, True, None),
        (UNCLEAR, -1.1, 0.0, False, False, "not understood (confidence -1.10): "),
        ("elk fox gnu", -0.9, 0.0, True, True, None),
        ("elk fox gnu", -1.1, 0.0, True, False, "not understood (confidence -1.10): 'elk fox gnu'; this checkpoint"),
        ("elk fox gnu", -0.1, 0.9, True, False, None),  # no speech at all
        ("oh", -1.5, 0.0, True, False, None),
    ],
)  # fmt: skip
def test_invented_words_are_one_line_in_the_log(text, mean, no_speech, one_language, kept, line, caplog):
    caplog.set_level(logging.INFO)
    windows = Windows(limit=1000, mean_logprob=mean, no_speech=no_speech)
    assert windows.hear(text, 4.0, Demands(-1.0, 0.6, one_language)) == (text if kept else "")
    lines = [record.message for record in caplog.records]
    assert [found.partition("sound: ")[2].startswith(line or "-") for found in lines] == [True] * (line is not None)


def test_the_log_says_it_once_for_a_speech_that_is_heard_again_and_again(caplog):
    caplog.set_level(logging.INFO)
    windows, draft = Windows(limit=1000, mean_logprob=-2.0), Draft()
    for _ in range(3):
        windows.hear("elk fox gnu", 4.0, draft=draft)
    assert len(caplog.records) == 1


def test_what_was_broken_off_is_not_heard_in_halves():
    windows = Windows()
    with pytest.raises(CancelledError):
        windows.listener.hear(windows.sound(ALPHABET, 10.0), lambda: False, DEMANDS, Draft())
    assert len(windows.heard) == 1


def test_a_sound_is_divided_in_its_quietest_moment():
    audio = np.random.default_rng(0).normal(0, 0.1, 9 * RATE).astype(np.float32)
    audio[0:RATE] = 0  # outside the middle third
    audio[5 * RATE : 5 * RATE + RATE // 2] *= 0.1
    assert 5.1 * RATE < quietest_place(audio) < 5.4 * RATE


def test_an_even_sound_is_divided_in_the_middle():
    assert abs(quietest_place(np.zeros(8 * RATE, dtype=np.float32)) - 4 * RATE) < RATE // 10
