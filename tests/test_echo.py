"""The real client with loudspeakers: it hears the assistant, and the assistant neither stops nor answers itself."""

from __future__ import annotations

import jiwer
import pytest

from tests.client_process import Client
from tests.loudspeaker import STORY, Loudspeaker
from tests.server_process import ServerProcess
from tests.sound_card import Echo, SoundCard
from tests.spoken import QUESTIONS, assert_understood, words

# The first words over the assistant's own are understood badly; then it has fallen silent.
MISHEARD = 0.5
WEEK = "How many days are there in a week?"
OTHER = "Please stop the story now and tell me who wrote the play Hamlet."


# Where a virtual machine stalls its sound card for a moment, the echo moves and is heard. That spoils a conversation,
# with any version of the code: one in three, on two cores. So one without a stall has to come among so many.
TRIES = 4


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_five_turns_with_the_speaker_beside_the_microphone(tmp_path, say):
    spoilt = []
    for number in range(TRIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            converse(folder, say)
        except AssertionError as error:
            spoilt.append(str(error)[:500])
        else:
            return
    pytest.fail("\n".join(spoilt))


def converse(folder, say) -> None:
    """Five turns, the last of them interrupted: everything is understood, and nothing of the assistant's own voice."""
    metrics = folder / "turns.jsonl"
    with ServerProcess("--metrics_file", str(metrics), yields=True) as server, SoundCard() as card:
        ports = ["--send_port", str(server.microphone_port), "--recv_port", str(server.speaker_port)]
        sound = {"environment": card.environment, "own_machine": True, "sounddevice": None}
        with Client(folder, *ports, "--echo_cancellation", "on", **sound) as client, Echo(card, 20, 6):
            client.wait_for("listening")
            room = Loudspeaker(card, server, client, metrics)
            for question in [*QUESTIONS, WEEK]:
                assert_understood(question, room.ask(say(question)))
            understood = room.interrupt(say(STORY), say(OTHER))
            assert jiwer.wer(words(OTHER), words(understood)) <= MISHEARD, understood
            client.interrupt()
            assert client.end()[0] == 0
    print(f"held {room.false_interruptions} times; {room.users}")
    assert len(room.users) == room.asked, room.users
    assert not any(turn["interrupted"] for turn in room.turns[: len(QUESTIONS) + 1])
