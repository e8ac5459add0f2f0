"""Replies that are held, cancelled, closed and blocked whenever it may be: what is on the wire, and what was heard."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted_player import CHUNK, LEAD, World, pcm, silence
from utils.turns.turns import HEARD, State

COUNTS = st.lists(st.integers(0, 6_000), min_size=1, max_size=4)
ACTIONS = st.sampled_from(["hold", "go on", "interrupt", "interrupt", "full", "full", "close"])
SCRIPT = st.lists(st.tuples(st.floats(0, 0.4), ACTIONS, st.integers(0, 5_000)), max_size=12)


class Listener:
    """Plays what arrives, in real time, and checks the account of it at each step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before: dict[int, int] = {}

    def look(self, writing: bool = True) -> None:
        """writing: perhaps inside a write, of a block or of padding, which is accounted for at its end."""
        transport, now = self._world.transport, self._world.clock()
        assert transport.heard(now) <= transport.written
        assert -0.5 <= len(transport.received) / 2 - transport.written <= (CHUNK if writing else 0)  # half: it is owed
        assert transport.written - transport.heard(now) <= LEAD + CHUNK
        for attempt, position in self._world.positions.items():
            heard = position.heard(now)
            assert self._before.get(attempt, 0) <= heard
            assert 2 * heard <= len(transport.received) + 1
            self._before[attempt] = heard


def act(world: World, listener: Listener, action: str, amount: int) -> None:
    listener.look()
    turns = world.turns
    if action in ("hold", "go on"):
        turns.doubt(action == "hold")
    elif action == "interrupt" and any(turns.state(attempt) in HEARD for attempt in turns.live_attempts()):
        world.interrupt()
    elif action == "full":
        world.transport.make_room(None)
        world.transport.make_room(amount)
    elif action == "close":
        turns.close()


def wire_is(data: bytes, replies: list[tuple[int, int, State]]) -> None:
    """The bytes are the beginning of each reply, none of them cut inside a sample, each padded to whole chunks.

    replies: (the value of each sample, how many there are, how it ended).
    """
    for value, count, state in replies:
        sample, samples = pcm(value, 1), 0
        while data[2 * samples : 2 * samples + 2] == sample:
            samples += 1
        assert samples == count if state is State.DONE else samples <= count
        data, padding = data[2 * samples :], silence(samples)
        if data.startswith(padding):
            data = data[len(padding) :]
        else:  # nothing was played after it
            assert padding.startswith(data) or data == sample[:1]
            data = b""
    assert data == b""


@settings(deadline=None)
@given(st.lists(COUNTS, min_size=1, max_size=5), SCRIPT, st.lists(st.floats(0, 0.2), min_size=20, max_size=20))
def test_whatever_happens_no_sample_is_cut_and_no_more_is_heard_than_was_written(replies, script, gaps):
    world = World()
    listener = Listener(world)
    at = 0.0
    for after, action, amount in script:
        at += after
        world.at(at, lambda action=action, amount=amount: act(world, listener, action, amount))

    def when_full() -> None:
        """It stays full until what happens next, and is never full again when all has happened."""
        listener.look()
        world.clock.advance(0.05)
        world.turns.next_step() if world.turns.script else world.transport.make_room(None)

    world.transport.when_full = when_full
    told: list[tuple[int, int, State]] = []
    late = iter(gaps)
    for number, counts in enumerate(replies):
        value = (number + 1) * 0x100 + 0x55
        if world.turns.closed:
            break
        attempt = world.asked()
        for count in counts:
            if world.turns.live(attempt):  # as the stage's loop asks before each message
                world.play(attempt, value, count)
            listener.look(writing=False)
            world.clock.advance(next(late))
        if world.turns.live(attempt):
            world.finish(attempt)
        listener.look(writing=False)
        told.append((value, sum(counts), world.turns.state(attempt)))
        world.turns.doubt(False)
    wire_is(bytes(world.transport.received), told)
