"""The demo: asks the bundled models a spoken question over TCP in real time and keeps the spoken answer.

python demo.py        (make demo, which installs what it needs)

Prints what was heard (USER: …), what was answered (ASSISTANT: …), the latency of each stage, and as its last line
`reply: PATH`. Exits with 0 only if a reply with speech in it came.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from handlers.vad.silero import STT_RATE, voiced_seconds
from utils.audio.resampling import resample
from utils.audio.wire import SAMPLE_BYTES, encode, to_pcm
from utils.client.devices.wav_files import WavWriter, read_wav
from utils.models.bundled_voice import BundledVoice
from utils.system.local_server import ROOT, LocalServer, ServerFailed

QUESTION = "What is the capital of France?"
OUT = ROOT / "out"
VOICED_S = 0.3  # a reply with less speech in it is none
CLIENT_TIMEOUT_S = 120


def main() -> int:
    """Returns 0 if a reply with speech in it came, else 1."""
    OUT.mkdir(exist_ok=True)
    question, reply = OUT / "question.wav", OUT / "reply.wav"
    reply.unlink(missing_ok=True)
    say(QUESTION, question)
    seen: list[str] = []
    try:
        converse(question, reply, seen)
    except (ServerFailed, subprocess.SubprocessError) as error:
        return fail(str(error))
    for kind in ("USER:", "ASSISTANT:", "LATENCY:"):
        if not any(line.startswith(kind) for line in seen):
            return fail(f"the server printed no {kind} line")
    voiced = voiced_seconds(resample(*read_wav(reply), STT_RATE)) if reply.exists() else 0.0
    if voiced < VOICED_S:
        return fail(f"the reply holds {voiced:.1f} s of speech only")
    print(f"reply: {reply}", flush=True)
    return 0


def converse(question: Path, reply: Path, seen: list[str]) -> None:
    """Start the server, let the client ask and listen, stop the server. Its lines are shown, and go to `seen`."""

    def show(line: str) -> None:
        seen.append(line)
        print(line, flush=True)

    with LocalServer(["configs/bundled.json"], show, lambda line: print(line, file=sys.stderr)) as server:
        microphone, speaker = (str(port) for port in server.wait_ready())
        print(f"asking: {QUESTION}", flush=True)
        client = [sys.executable, str(ROOT / "listen_and_play.py"), "--send_port", microphone, "--recv_port", speaker]
        subprocess.run([*client, "--input", question, "--output", reply], check=True, timeout=CLIENT_TIMEOUT_S)
        if server.stop() != 0:
            raise ServerFailed("the server did not end well")


def say(text: str, path: Path) -> None:
    """Speak `text` into a WAV file, with half a second of silence before it, as a person would."""
    voice = BundledVoice()
    with contextlib.closing(WavWriter(path, voice.rate)) as file:
        file.write(bytes(voice.rate // 2 * SAMPLE_BYTES) + encode(to_pcm(voice.say(text))))


def fail(reason: str) -> int:
    """One line that says why."""
    print(f"demo.py: {reason}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
