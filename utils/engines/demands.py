"""What the scheduling policy is told: the device, the kinds of steps, and what each job is asked for.

A *job* is one request of one conversation to an engine: a reply's text, a voice's audio, a transcription, a prefill.
Its work is cut into *steps*: bounded pieces that wait for nothing and are over when their output is on the host.
All times are seconds on one clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

FIRST_S = 0.3  # from the moment it is asked for: when a first sound or a transcript is due
DRY_MARGIN_S = 0.1  # before a listener runs dry: when more of the speech is due


class Part(StrEnum):
    """The part of the assistant that an engine is."""

    STT = "stt"
    LM = "lm"
    TTS = "tts"


class Need(StrEnum):
    """Why an output is needed. It decides who comes first where not everything can be in time."""

    PLAYING = "playing"
    """A reply is heard, and this keeps it going: its audio, or the text that its audio is made of."""

    FIRST = "first"
    """Somebody waits for a first sound or a transcript."""


class Order(StrEnum):
    """How jobs are put in order."""

    LATEST_START = "latest-start"
    """By urgency: due time less the measured work left."""

    FIRST_COME = "first-come"
    """As they came, each until it has enough or ends. For comparison in benchmarks."""


@dataclass(frozen=True)
class Capacity:
    """How many steps a device runs at the same moment."""

    units: int
    """What may be in use at a time, at least 1."""

    counts_threads: bool = False
    """A step uses a unit for each of its threads (a CPU); else each step uses one."""

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError("a device without capacity would never run a step")

    def of(self, kind: StepKind) -> int:
        """The units that a step of this kind uses. One that wants more threads than there are uses all."""
        return min(kind.threads, self.units) if self.counts_threads else 1


@dataclass(frozen=True)
class StepKind:
    """Steps that cost about the same. Jobs whose next steps are of one kind may make them in one batched step."""

    lane: str
    """The name of the lane, the one thread that runs these steps."""

    part: Part
    """The engine that makes them. Several may share a lane."""

    name: str
    """What the step does, such as "token" or "window"."""

    threads: int = 1
    """How many threads of a CPU it uses, at least 1."""

    max_batch: int = 1
    """How many jobs one step may serve, at least 1."""

    def __post_init__(self) -> None:
        if self.threads < 1 or self.max_batch < 1:
            raise ValueError(f"a step needs at least one thread and one job, not {self.threads} and {self.max_batch}")


@dataclass(frozen=True)
class Plan:
    """What the engine expects of a job. It changes from step to step."""

    kind: StepKind
    """Of its next step."""

    steps: float = 1.0
    """How many steps it takes until the next output is there; an estimate."""


@dataclass(frozen=True)
class Demand:
    """What is asked of a job, by whoever takes its output. It may change at any moment."""

    asked_at: float
    """When the user, or the listener, began to wait."""

    due_at: float = math.inf
    """The latest moment at which the job's next output is needed."""

    need: Need = Need.FIRST
    """Why it is needed."""

    committed: bool = True
    """Somebody will have it. False: it is speculative (prefill, words ahead, an unheard attempt)."""

    after_s: float = 0.0
    """The work of others that follows, such as the voice's on a text, before the output reaches anybody."""

    @classmethod
    def first(cls, asked_at: float, after_s: float = 0.0) -> Demand:
        """Of a first sound or a transcript, or of the first text of a reply (after_s: what the voice then needs)."""
        return cls(asked_at, asked_at + FIRST_S, Need.FIRST, after_s=after_s)

    @classmethod
    def speech(cls, asked_at: float, runs_dry_at: float, after_s: float = 0.0) -> Demand:
        """Of more audio for a listener who has something to hear until `runs_dry_at`.

        after_s: what the voice takes to begin the next sentence, which is not a job yet.
        """
        return cls(asked_at, runs_dry_at - DRY_MARGIN_S, Need.PLAYING, after_s=after_s)

    @classmethod
    def text(cls, asked_at: float, voice_runs_out_at: float, after_s: float = 0.0) -> Demand:
        """Of more text for a voice that has something to speak until `voice_runs_out_at`."""
        return cls(asked_at, voice_runs_out_at, Need.PLAYING, after_s=after_s)

    @classmethod
    def ahead(cls, asked_at: float) -> Demand:
        """Of what nobody waits for yet, and may never be used."""
        return cls(asked_at, committed=False)

    def further(self, runs_dry_at: float) -> Demand:
        """The same job's next demand: it has been heard, and there is something to hear until then."""
        return replace(self, need=Need.PLAYING, due_at=runs_dry_at - DRY_MARGIN_S)

    def commit(self) -> Demand:
        """The same, no longer speculative."""
        return replace(self, committed=True)
