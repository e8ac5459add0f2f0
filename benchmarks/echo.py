"""What the microphone hears of the assistant through loudspeakers, with echo cancellation off and on.

python -m benchmarks.echo [--conditions 20:6,200:20] [--live 20:6,200:6] [--turns 5]

Conditions are DELAY_MS:ATTENUATION_DB of the way from speaker to microphone, with a little reverberation. Two tables:

    in a synthetic room, the client's cancelling alone, over three spoken replies:
      ERLE            echo in the microphone ÷ what is left of it, dB; in the first second of the first reply as well
      voiced          milliseconds of what is left that the server's VAD takes for speech
      question        a question said over the replies: how much quieter it comes out, dB
    live, client and server (bundled models) on a PulseAudio of their own, whose microphone hears its speaker:
      answered        questions that were understood with at most one word in four wrong, and answered
      first words     questions whose first word was kept
      held            replies that fell silent for something that was no interruption
      own voice       turns that nobody asked for
      interruption    whether a question over a story ended it and was answered

`--live none` leaves out the second, which takes about a minute for each row. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import jiwer
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.asking import QUESTIONS
from benchmarks.report import print_json, table
from benchmarks.rooms import echo_of, level_db
from handlers.vad.silero import FRAME_MS, SileroModel
from tests.client_process import Client
from tests.loudspeaker import STORY, Loudspeaker
from tests.server_process import ServerProcess
from tests.sound_card import Echo, SoundCard
from tests.spoken import words
from utils.audio.samples import FloatAudio
from utils.audio.wire import encode, to_pcm
from utils.client.echo.cancellation import EchoCancellation
from utils.client.echo.sound_blocks import SoundBlock
from utils.client.echo.webrtc import RATE, load_canceller
from utils.models.bundled_voice import BundledVoice

REPLIES = (
    "The capital of France is Paris, which lies on the river Seine.",
    "Once upon a time there was a dog who wanted to see the world, and so he walked until he came to the sea.",
    "Jupiter is the largest planet in our solar system.",
)
OVER_S = 4.0  # from the first reply's beginning to the question that is said over them
NOISE = 1e-4  # of the room, -80 dBFS
VOICED = 0.3  # the server's --thresh
MOST_WRONG = 0.25
BLOCK_S = 0.02
CONDITIONS = ",".join(f"{delay}:{attenuation}" for delay in (20, 60, 120, 200) for attenuation in (0, 6, 12, 20))
Condition = tuple[float, float]


@dataclass(frozen=True)
class Cancelled:
    """One synthetic room."""

    erle_db: float
    erle_first_s_db: float
    voiced_off_ms: float
    voiced_on_ms: float
    question_db: float


@dataclass
class Talked:
    """One live conversation."""

    asked: int = 0
    answered: int = 0
    first_words: int = 0
    held: int = 0
    own_voice: int = 0
    interruption: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(description="Echo cancellation off and on, in rooms and on a sound card.")
    parser.add_argument("--conditions", default=CONDITIONS, help="synthetic rooms: DELAY_MS:ATTENUATION_DB,…")
    parser.add_argument("--live", default="20:6,200:6,20:20", help="the same for the sound card, or none")
    parser.add_argument(
        "--turns", type=int, default=5, help="questions of each live conversation, the last over a story"
    )
    options = parser.parse_args(argv)
    voice, silero = BundledVoice(), SileroModel(RATE)
    rooms = {name: cancel(condition, voice, silero) for name, condition in conditions(options.conditions).items()}
    print(table([["delay:attenuation", "ERLE", "first s", "voiced off", "voiced on", "question"], *room_rows(rooms)]))
    talks = {
        f"{name} {cancellation}": talk(condition, cancellation, options.turns, voice)
        for name, condition in conditions(options.live).items()
        for cancellation in ("off", "on")
    }
    if talks:
        print(table([["live", "answered", "first words", "held", "own voice", "interruption"], *talk_rows(talks)]))
    print_json(
        "echo",
        {
            "rooms": {name: asdict(room) for name, room in rooms.items()},
            "live": {name: asdict(talked) for name, talked in talks.items()},
        },
    )
    return 0


def conditions(text: str) -> dict[str, Condition]:
    """20:6,200:20 → name and (delay in ms, attenuation in dB) of each; "none" is none."""
    pairs = {} if text == "none" else {name: name.partition(":") for name in text.split(",")}
    return {name: (float(delay), float(attenuation)) for name, (delay, _, attenuation) in pairs.items()}


def room_rows(rooms: dict[str, Cancelled]) -> list[list[str]]:
    """A row for each synthetic room."""
    return [[name, *(f"{figure:.1f}" for figure in asdict(room).values())] for name, room in rooms.items()]


def talk_rows(talks: dict[str, Talked]) -> list[list[str]]:
    """A row for each conversation."""
    rows = []
    for name, t in talks.items():
        of_asked = [f"{count}/{t.asked}" for count in (t.answered, t.first_words)]
        rows.append([name, *of_asked, str(t.held), str(t.own_voice), "yes" if t.interruption else "no"])
    return rows


def cancel(condition: Condition, voice: BundledVoice, silero: SileroModel) -> Cancelled:
    """The canceller over the replies, and over the replies with a question."""
    pause = np.zeros(RATE, dtype=np.float32)
    far = np.concatenate([pause, *(part for reply in REPLIES for part in (voice.say(reply), pause))])
    noise = np.random.default_rng(0).normal(0, NOISE, len(far)).astype(np.float32)
    echo = echo_of(far, *condition, RATE)
    left = cleaned(far, echo + noise)
    sounding = slice(RATE, len(left))
    first = slice(RATE, 2 * RATE)
    question = voice.say(QUESTIONS[0])
    over = slice(RATE + int(OVER_S * RATE), RATE + int(OVER_S * RATE) + len(question))
    both = echo + noise
    both[over] += question
    return Cancelled(
        erle_db=round(level_db(echo[sounding]) - level_db(left[sounding]), 1),
        erle_first_s_db=round(level_db(echo[first]) - level_db(left[first]), 1),
        voiced_off_ms=voiced_ms(echo + noise, silero),
        voiced_on_ms=voiced_ms(left, silero),
        question_db=round(level_db(question) - level_db(cleaned(far, both)[over]), 1),
    )


def cleaned(far: FloatAudio, near: FloatAudio) -> FloatAudio:
    """float32 [n] without the echo of float32 [n], up to 20 ms shorter, as the client does it. No delay is reported."""
    cancellation, out = EchoCancellation(load_canceller()), []
    size = round(BLOCK_S * RATE)
    for start in range(0, len(near) - size + 1, size):
        arrived = (start + size) / RATE
        played, captured = (encode(to_pcm(audio[start : start + size])) for audio in (far, near))
        cancellation.played(SoundBlock(played, RATE, start, arrived, delay_s=0.0))
        out.append(cancellation.cancel(SoundBlock(captured, RATE, start, arrived, delay_s=0.0)))
    return np.concatenate(out)


def voiced_ms(audio: FloatAudio, silero: SileroModel) -> float:
    """How much of it the VAD takes for speech."""
    state, voiced = silero.initial_state(), 0
    for start in range(0, len(audio) - silero.frame + 1, silero.frame):
        probability, state = silero.step(audio[start : start + silero.frame], state)
        voiced += probability >= VOICED
    return float(voiced * FRAME_MS)


def talk(condition: Condition, cancellation: str, turns: int, voice: BundledVoice) -> Talked:
    """So many questions to a server of its own; the last of them over a story."""
    result = Talked()
    with tempfile.TemporaryDirectory() as name, SoundCard() as card:
        folder = Path(name)
        metrics = folder / "turns.jsonl"
        with ServerProcess("--metrics_file", str(metrics), yields=True) as server:
            ports = ["--send_port", str(server.microphone_port), "--recv_port", str(server.speaker_port)]
            options = [*ports, "--echo_cancellation", cancellation]
            client = Client(folder, *options, environment=card.environment, own_machine=True, sounddevice=None)
            with client, Echo(card, *condition):
                client.wait_for("listening")
                room = Loudspeaker(card, server, client, metrics)
                for question in QUESTIONS[: turns - 1]:
                    note(result, question, partial(room.ask, voice.say(question)))
                own = len(room.users) - room.asked
                story, question = voice.say(STORY), QUESTIONS[turns - 1]
                before = result.answered
                note(result, question, partial(room.interrupt, story, voice.say(question)))
                result.interruption = result.answered > before
                result.held, result.own_voice = room.false_interruptions, max(own, len(room.users) - room.asked)
    return result


def note(result: Talked, question: str, ask: Callable[[], str]) -> None:
    """Ask, and count what came of it; a question that is never answered is none."""
    result.asked += 1
    try:
        heard = words(ask())
    except AssertionError:
        return
    said = words(question)
    result.answered += jiwer.wer(said, heard) <= MOST_WRONG
    result.first_words += heard.split()[:1] == said.split()[:1]


if __name__ == "__main__":
    sys.exit(main())
