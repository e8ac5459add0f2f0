"""How long the answer takes: spoken questions over TCP in real time, last voiced sample → first audible one.

python -m benchmarks.latency [--turns 20] [--plot out/latency.png] [config.json and options of s2s_pipeline.py]

Starts the server as a process of its own (configs/bundled.json unless told otherwise), asks one question after another
in one conversation, as a person with a microphone does, and listens with a clock. Prints a table, draws a plot and
ends with one JSON line. What it measures:

    voice to voice      last audible sample of the question spoken → first audible sample of the reply received
    silence window …    the server's own account of the turn, see utils/metrics.py
    between stages      of that account, what passed in queues and threads and at the socket
    quiet start         of the reply: from its first sample to its first audible one
    outside             voice to voice, less the server's account and the quiet start: the sockets, the microphone's
                        block of 32 ms, and what the VAD takes for voiced that is quieter than -40 dBFS
    underruns           gaps of a player that starts with the first byte
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # also when it is run as a file

from benchmarks.command_line import parse_with_server
from benchmarks.live_client import LiveClient, first_audible, underruns
from benchmarks.report import machine, plot, print_json, summary, summary_table
from utils.bundled_voice import BundledVoice
from utils.local_server import LocalServer, free_ports
from utils.messages import FloatAudio
from utils.wire_protocol import REPLY_RATE

QUESTIONS = (
    "What is the capital of France?",
    "How many days are there in a week?",
    "Who wrote the play Hamlet?",
    "Why is the sky blue?",
    "What color is a banana?",
    "How far away is the moon?",
    "Can you explain how bread is made?",
    "What is the largest planet in our solar system?",
    "Name three animals that live in the ocean.",
    "What do bees make?",
    "How do airplanes fly?",
    "What is the opposite of hot?",
    "Tell me something about Italy.",
    "Which season comes after winter?",
    "How many legs does a spider have?",
    "What is water made of?",
    "Why do we sleep?",
    "What is the longest river in the world?",
    "Where do penguins live?",
    "What should I cook for dinner tonight?",
    "What time of day does the sun set?",
    "Who painted the Mona Lisa?",
    "What is a volcano?",
    "How does a bicycle stay upright?",
)
STAGES = {
    "commit_ms": "silence window",
    "stt_ms": "STT",
    "lm_first_sentence_ms": "LM first sentence",
    "tts_first_audio_ms": "TTS first audio",
    "between_stages_ms": "between stages",
}
TURN_TIMEOUT_S = 60.0
PAUSE_S = 0.5  # between the end of a reply and the next question


@dataclass(frozen=True)
class Turn:
    """One question and its answer. Times in milliseconds; server: the turn's line of the metrics file."""

    asked: str
    heard: str
    voice_to_voice_ms: float
    quiet_start_ms: float
    underruns_ms: list[float]
    server: dict[str, Any]

    @property
    def outside_ms(self) -> float:
        return self.voice_to_voice_ms - float(self.server["voice_to_voice_ms"]) - self.quiet_start_ms

    @property
    def understood(self) -> bool:
        return words(self.heard) == words(self.asked)

    @property
    def first_word_kept(self) -> bool:
        return words(self.heard)[:1] == words(self.asked)[:1]


class Server:
    """The server's process: its lines and its metrics."""

    def __init__(self, arguments: Sequence[str], metrics_file: Path) -> None:
        self.ports = free_ports(2)
        self._metrics_file = metrics_file
        self._lock = threading.Lock()
        self._users: list[str] = []
        ports = ["--recv_port", str(self.ports[0]), "--send_port", str(self.ports[1])]
        self.process = LocalServer(
            [*arguments, *ports, "--metrics_file", str(metrics_file)],
            self._keep,
            lambda line: print(line, file=sys.stderr),
        )

    def turns(self) -> list[dict[str, Any]]:
        """The lines of the metrics file so far."""
        return [json.loads(line) for line in self._metrics_file.read_text().splitlines()]

    def users(self) -> list[str]:
        """What was understood so far."""
        with self._lock:
            return list(self._users)

    def _keep(self, line: str) -> None:
        if line.startswith("USER: "):
            with self._lock:
                self._users.append(line.removeprefix("USER: "))


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if every question was answered, else 1."""
    parser = argparse.ArgumentParser(description="How long the answer takes.")
    parser.add_argument("--turns", type=int, default=20, help="questions to ask")
    parser.add_argument("--plot", type=Path, default=Path("out/latency.png"), help="the plot to draw, a PNG")
    options, server_arguments = parse_with_server(parser, argv)
    turns, failures = measure(options.turns, server_arguments)
    figures = summarize(turns)
    print(report(turns, figures, failures))
    if turns:
        draw(turns, options.plot)
        print(f"plot: {options.plot}")
    print_json({"benchmark": "latency", **machine(), **json_figures(turns, figures, failures)})
    return 1 if failures else 0


def measure(count: int, server_arguments: Sequence[str]) -> tuple[list[Turn], int]:
    """Ask so many questions in one conversation → (the turns that were answered, how many were not)."""
    voice = BundledVoice()
    asked = [QUESTIONS[number % len(QUESTIONS)] for number in range(count)]
    spoken = {question: voice.say(question) for question in asked}
    turns: list[Turn] = []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(server_arguments, Path(folder) / "turns.jsonl")
        with server.process:
            server.process.wait_ready()
            with LiveClient(*server.ports) as client:
                for number, question in enumerate(asked, 1):
                    turn = ask(client, server, question, spoken[question])
                    if turn is not None:
                        turns.append(turn)
                    took = f"{turn.voice_to_voice_ms:.0f} ms, heard: {turn.heard}" if turn else "no answer"
                    print(f"{number}/{count} {question} {took}", file=sys.stderr)
    return turns, count - len(turns)


def ask(client: LiveClient, server: Server, question: str, audio: FloatAudio) -> Turn | None:
    """One question and its whole answer, in real time; None if there was none."""
    lines, users = len(server.turns()), len(server.users())
    began = time.monotonic()
    spoken_at = client.say(audio)
    answered = client.be_silent_until(lambda: len(server.turns()) > lines, TURN_TIMEOUT_S)
    chunks = client.heard_since(began)
    heard_at = first_audible(chunks)
    pause = PAUSE_S + sum(len(samples) for _, samples in chunks) / REPLY_RATE
    resume = (chunks[0][0] if chunks else time.monotonic()) + pause  # the reply has been played to its end
    client.be_silent_until(lambda: time.monotonic() >= resume, pause + 1)
    if not answered or heard_at is None:
        return None
    metrics, heard = server.turns()[lines], " ".join(server.users()[users:])
    gaps = [gap * 1_000 for gap in underruns(chunks)]
    quiet_start_s = heard_at - chunks[0][0]
    return Turn(question, heard, (heard_at - spoken_at) * 1_000, quiet_start_s * 1_000, gaps, metrics)


def words(text: str) -> list[str]:
    """In small letters, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def summarize(turns: Sequence[Turn]) -> dict[str, dict[str, float]]:
    """Every figure's median, p95 and extremes, in milliseconds."""
    figures = {"voice to voice": summary([turn.voice_to_voice_ms for turn in turns])}
    for key, name in STAGES.items():
        figures[name] = summary([turn.server[key] for turn in turns if turn.server[key] is not None])
    figures["quiet start"] = summary([turn.quiet_start_ms for turn in turns])
    figures["outside"] = summary([turn.outside_ms for turn in turns])
    return figures


def report(turns: Sequence[Turn], figures: dict[str, dict[str, float]], failures: int) -> str:
    """The table, and what can't be put into it."""
    gaps = [gap for turn in turns for gap in turn.underruns_ms]
    understood = sum(turn.understood for turn in turns)
    kept = sum(turn.first_word_kept for turn in turns)
    return "\n".join([
        summary_table("milliseconds", figures),
        f"{len(turns)} turns answered, {failures} not; {understood} understood word for word, {kept} first words kept",
        f"{len(gaps)} underruns, {sum(gaps):.0f} ms in all",
    ])  # fmt: skip


def json_figures(turns: Sequence[Turn], figures: dict[str, dict[str, float]], failures: int) -> dict[str, Any]:
    """The same for programs."""
    gaps = [gap for turn in turns for gap in turn.underruns_ms]
    return {
        "turns": len(turns),
        "unanswered": failures,
        "understood": sum(turn.understood for turn in turns),
        "first_words_kept": sum(turn.first_word_kept for turn in turns),
        "underruns": len(gaps),
        "underruns_ms": round(sum(gaps), 1),
        **{f"{name.lower().replace(' ', '_')}_ms": figure for name, figure in figures.items()},
    }


def draw(turns: Sequence[Turn], path: Path) -> None:
    """A bar for each turn, stage upon stage, and a mark where the listener heard the first sound."""
    with plot(path, 10, 1.5 + 0.3 * len(turns)) as axes:
        positions = range(len(turns))
        left = [0.0] * len(turns)
        for key, name in STAGES.items():
            if key == "between_stages_ms":
                continue
            values = [float(turn.server[key] or 0.0) for turn in turns]
            axes.barh(positions, values, left=left, label=name)
            left = [start + value for start, value in zip(left, values, strict=True)]
        axes.plot([turn.voice_to_voice_ms for turn in turns], positions, "k|", markersize=12, label="first sound heard")
        axes.set_yticks(positions, [turn.asked for turn in turns])
        axes.invert_yaxis()
        axes.set_xlabel("milliseconds after the last voiced sample")
        median = summary([turn.voice_to_voice_ms for turn in turns])["median"]
        axes.set_title(f"From voice to voice: median {median:,.0f} ms over {len(turns)} turns")
        axes.legend(loc="lower right")


if __name__ == "__main__":
    sys.exit(main())
