"""A sound card that is none: a PulseAudio of the test's own, whose microphone a test speaks into and whose speaker it
records. The real client, with the real sounddevice and PortAudio, finds it as the default device.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.rooms import LiveEcho
from tests.priority import go_first
from tests.waiting import DEADLINE_S, wait_until
from utils.audio.wire import encode, to_pcm

RATE = 16_000  # of what is spoken and recorded here, Hz; PulseAudio resamples to and from the devices' own
ORPHAN_S = 300  # the daemon ends by itself, after so long without a client, where a test was killed
PROGRAMS = ("pulseaudio", "pactl", "pacat", "parec")
ALSA_PLUGIN = "libasound_module_pcm_pulse.so"
ALSA_FOLDERS = ("lib/*/alsa-lib", "lib/alsa-lib", "lib64/alsa-lib")
ALSA_CONFIG = """\
</usr/share/alsa/alsa.conf>
pcm.!default { type pulse }
ctl.!default { type pulse }
"""
INSTALL = "the sound card of the tests is missing: apt install pulseaudio pulseaudio-utils libasound2-plugins"
RAW = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1"]
AT_ONCE = [*RAW, "--latency-msec=20"]
# Air has one delay and no holes. With less in stock it runs dry on a busy machine: a hole, and longer from then on.
STEADY = [*RAW, "--latency-msec=150"]


class SoundCard:
    """A context manager: a speaker and a microphone, the default devices of a process with its `environment`.

    speaker_rate, microphone_rate: what the devices run at, Hz. Raises AssertionError where a package is missing.
    """

    def __init__(self, speaker_rate: int = 48_000, microphone_rate: int = 48_000) -> None:
        self._modules = [
            "module-native-protocol-unix auth-cookie-enabled=0",
            # norewinds: blocks of 50 ms; a null sink otherwise takes up to 2 s to notice that somebody plays
            f"module-null-sink sink_name=speaker rate={speaker_rate} norewinds=1",
            f"module-null-sink sink_name=mic rate={microphone_rate} norewinds=1",
            "module-remap-source master=mic.monitor source_name=microphone",
        ]
        self._recordings: list[Recording] = []
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SoundCard:
        require_packages()
        self._folder = Path(tempfile.mkdtemp(prefix="sound-"))  # short: a socket's path has 107 characters at most
        self.environment = self._describe()
        try:
            self.come_back()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.vanish()
        for recording in self._recordings:
            recording.end()
        shutil.rmtree(self._folder)

    def come_back(self) -> None:
        """Start the daemon; returns when its devices are there."""
        options = ["-n", "--daemonize=no", f"--exit-idle-time={ORPHAN_S}", "--realtime=no", "--high-priority=no"]
        command = ["pulseaudio", *options, *(f"--load={module}" for module in self._modules)]
        log = self._folder / "log"
        with log.open("wb") as errors:
            daemon = subprocess.Popen(
                command, env=self.environment, stderr=errors, cwd=self._folder, preexec_fn=go_first
            )
        self._daemon = daemon
        wait_until(lambda: self._is_ready() or daemon.poll() is not None, "PulseAudio to start")
        assert daemon.poll() is None, log.read_text()

    def vanish(self) -> None:
        """Both devices disappear at once, as an unplugged headset's do. Recordings end."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def hang(self) -> None:
        """The devices stay, but nothing answers any more."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def speak(self, audio: np.ndarray) -> None:
        """Say float32 [n], 16 kHz, -1..1, into the microphone; returns when it has been spoken."""
        data = (np.clip(audio, -1, 1) * 32_767).astype("<i2").tobytes()
        subprocess.run(
            ["pacat", "--playback", "--device=mic", *STEADY],
            env=self.environment, input=data, check=True, timeout=len(audio) / RATE + DEADLINE_S, preexec_fn=go_first,
        )  # fmt: skip

    def record(self) -> Recording:
        """What the speaker plays from now on, until the device disappears; returns when it records."""
        recording = Recording(self.environment)
        self._recordings.append(recording)
        recording.wait_to_begin()
        return recording

    def _is_ready(self) -> bool:
        command = ["pactl", "list", "short", "sources"]
        listed = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        return "microphone" in listed.stdout  # the last of the modules

    def _describe(self) -> dict[str, str]:
        """This process's environment, in which PulseAudio and ALSA find this card and nothing of the machine's own."""
        runtime = self._folder / "run"
        runtime.mkdir(0o700)
        alsa = self._folder / "asound.conf"
        alsa.write_text(ALSA_CONFIG)
        own = {
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(self._folder),
            "PULSE_SERVER": f"unix:{runtime}/pulse/native",
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "ALSA_CONFIG_PATH": str(alsa),
        }
        other = {"DISPLAY", "DBUS_SESSION_BUS_ADDRESS"}
        rest = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
        return {name: value for name, value in rest.items() if name not in other} | own | {"LC_ALL": "C"}


class Echo:
    """A context manager: the speaker stands near the microphone, which hears it so much later and more quietly.

    What the card's own path takes, some 0.2 s, comes on top of the delay.
    """

    def __init__(self, card: SoundCard, delay_ms: float, attenuation_db: float) -> None:
        self._card = card
        self._room = LiveEcho(delay_ms, attenuation_db, RATE)

    def __enter__(self) -> Echo:
        self._parec = self._start("parec", "--device=speaker.monitor", *AT_ONCE, stdout=subprocess.PIPE)
        self._pacat = self._start("pacat", "--playback", "--device=mic", *STEADY, stdin=subprocess.PIPE)
        self._thread = threading.Thread(target=self._reflect, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._parec.kill()
        self._parec.wait()
        self._thread.join(DEADLINE_S)
        self._pacat.kill()
        self._pacat.wait()

    def _start(self, *command: str, **pipes: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=self._card.environment, stderr=subprocess.DEVNULL, preexec_fn=go_first, **pipes
        )

    def _reflect(self) -> None:
        assert self._parec.stdout is not None
        assert self._pacat.stdin is not None
        go_first()
        half = b""
        with self._parec.stdout as heard, self._pacat.stdin as said, contextlib.suppress(BrokenPipeError):
            while data := half + os.read(heard.fileno(), 65_536):
                whole = len(data) // 2 * 2
                half = data[whole:]
                block = np.frombuffer(data[:whole], dtype="<i2").astype(np.float32) / 32_768
                said.write(encode(to_pcm(self._room.feed(block))))
                said.flush()


class Recording:
    """What the speaker plays. Made by `SoundCard.record`."""

    def __init__(self, environment: dict[str, str], device: str = "speaker.monitor") -> None:
        self._parec = subprocess.Popen(
            ["parec", f"--device={device}", *AT_ONCE],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._changed = threading.Condition()
        self.received: list[tuple[float, bytes]] = []  # (monotonic seconds, 16-bit samples), as they came
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def audio(self, since: int = 0) -> np.ndarray:
        """float32 [n], 16 kHz, from sample number `since` on."""
        data = b"".join(data for _, data in self.received)
        return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")[since:].astype(np.float32) / 32_768

    def __len__(self) -> int:
        """Samples so far."""
        return sum(len(data) for _, data in self.received) // 2

    def wait_to_begin(self) -> None:
        """Until the speaker's silence, at least, has come."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.received), DEADLINE_S), "the speaker could not be recorded"

    def end(self) -> None:
        """Stop, if the card's end has not done so."""
        self._parec.kill()
        self._parec.wait()
        self._reader.join(DEADLINE_S)

    def _read(self) -> None:
        assert self._parec.stdout is not None
        with self._parec.stdout as stream:
            while data := os.read(stream.fileno(), 65_536):
                with self._changed:
                    self.received.append((time.monotonic(), data))
                    self._changed.notify_all()


def require_packages() -> None:
    """Raises AssertionError, which names the packages, where the machine has no PulseAudio or ALSA can't reach it."""
    assert all(map(shutil.which, PROGRAMS)), INSTALL
    assert any(any(Path("/usr").glob(f"{folder}/{ALSA_PLUGIN}")) for folder in ALSA_FOLDERS), INSTALL
