"""What the client makes of what it can observe: a table of situations, and what holds in all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeClock
from utils.client.state import THINKING_S, ClientState, ConversationState

L, H, T, S = ClientState.LISTENING, ClientState.HEARD, ClientState.THINKING, ClientState.SPEAKING
NOTHING, VOICE, PLAYS, BOTH = (False, False), (True, False), (False, True), (True, True)


@pytest.mark.parametrize(
    "looks",
    [
        [(0.0, NOTHING, 0, L), (9.0, NOTHING, 0, L)],
        [(0.0, VOICE, 0, H), (0.1, NOTHING, 0, T), (2.0, NOTHING, 0, T), (0.1, PLAYS, 9, S), (5.0, NOTHING, 9, L)],
        [(0.0, VOICE, 0, H), (THINKING_S, NOTHING, 0, T), (0.1, NOTHING, 0, L), (0.1, NOTHING, 0, L)],
        [(0.0, VOICE, 0, H), (1.0, NOTHING, 0, T), (1.0, VOICE, 0, H), (THINKING_S, NOTHING, 0, T)],  # a pause
        [(0.0, VOICE, 0, H), (0.1, VOICE, 9, S), (0.1, NOTHING, 9, L)],  # a reply that is very quick
        [(0.0, VOICE, 0, H), (0.1, BOTH, 9, S), (1.0, VOICE, 9, H), (0.1, NOTHING, 9, T)],  # an interruption
        [(0.0, BOTH, 9, S), (1.0, NOTHING, 9, L)],  # a "mm-hm" under the reply
        [(0.0, NOTHING, 9, S), (0.1, NOTHING, 18, S), (0.1, NOTHING, 18, L)],  # a reply that goes into a file
        [(0.0, VOICE, 0, H), (0.5, NOTHING, 0, T), (0.1, NOTHING, 9, S), (0.1, NOTHING, 9, L)],
    ],
)
def test_situations(looks):
    clock = FakeClock()
    state = ConversationState(clock)
    for seconds, (heard, playing), received, expected in looks:
        clock.advance(seconds)
        assert state.look(heard, playing, received) is expected


LOOKS = st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.booleans(), st.integers(0, 3)), max_size=40)


@given(LOOKS)
def test_what_is_observed_now_goes_before_what_was(looks):
    """Speaking exactly while a reply plays or comes, else heard exactly while somebody speaks; thinking only after
    that, and not for longer than THINKING_S since."""
    clock, received, waited_since = FakeClock(), 0, None
    state = ConversationState(clock)
    for seconds, heard, playing, more in looks:
        clock.advance(seconds)
        received += more
        found = state.look(heard, playing, received)
        assert (found is S) == (playing or more > 0)
        assert (found is H) == (heard and found is not S)
        if found in (S, H):
            waited_since = clock() if found is H else None
        else:
            waits = waited_since is not None and clock() - waited_since <= THINKING_S
            assert found is (T if waits else L)
            waited_since = waited_since if waits else None
