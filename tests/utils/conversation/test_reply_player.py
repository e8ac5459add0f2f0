"""The player alone: when it writes, what is on the wire after a hold or a cancellation, and what was heard."""

from __future__ import annotations

import pytest

from tests.fakes import Surroundings
from tests.fakes_transport import FakeTransport
from tests.scripted_player import CHUNK, LEAD, RATE, World, pcm, silence
from utils.conversation.reply_player import BLOCK, ReplyPlayer
from utils.transports.base import WriteError
from utils.turns.turns import State


@pytest.mark.parametrize("count", [1, 881, 882, 883, 1_023, 1_024, 1_025, 4_410, 20_000])
def test_a_reply_is_its_audio_and_silence_to_the_end_of_a_chunk(count):
    world = World()
    attempt = world.asked()
    world.play(attempt, 0x1155, count)
    assert world.transport.received == pcm(0x1155, count)
    world.finish(attempt)
    assert world.transport.received == pcm(0x1155, count) + silence(count)
    assert world.turns.state(attempt) is State.DONE


def test_nothing_comes_between_replies_and_nothing_before_the_first():
    world = World()
    assert world.transport.received == b""
    for value in (3, 4):
        attempt = world.asked()
        world.play(attempt, value, 500, 700)
        world.finish(attempt)
    assert world.transport.received == pcm(3, 1_200) + silence(1_200) + pcm(4, 1_200) + silence(1_200)


def test_an_empty_reply_is_no_byte():
    world = World()
    attempt = world.asked()
    world.finish(attempt)
    assert world.turns.state(attempt) is State.DONE
    attempt = world.asked()
    world.play(attempt, 0, 0)
    world.finish(attempt)
    assert world.turns.state(attempt) is State.DONE
    assert world.transport.received == b""


def test_the_lead_is_written_at_once_and_the_rest_as_it_plays():
    world = World()
    written = []
    transport_write = world.transport.write
    world.transport.write = lambda data, wanted: (
        written.append((round(world.seconds, 6), len(data) // 2)),
        transport_write(data, wanted),
    )[1]
    world.play(world.asked(), 1, 8 * BLOCK + 100)
    assert written == [(0.0, BLOCK)] * 5 + [(0.02, BLOCK), (0.04, BLOCK), (0.06, BLOCK), (0.062268, 100)]


def test_after_a_gap_there_is_no_burst():
    world = World()
    attempt = world.asked()
    world.play(attempt, 1, BLOCK)
    world.clock.advance(5.0)
    began = world.seconds
    world.play(attempt, 1, LEAD + BLOCK)
    assert world.seconds - began == pytest.approx(0.02)


def test_the_next_reply_waits_for_what_is_left_of_the_last():
    world = World()
    first = world.asked()
    world.play(first, 1, LEAD)
    world.finish(first)
    assert world.seconds == 0.0
    second = world.asked()
    world.play(second, 2, LEAD)
    padded = LEAD + len(silence(LEAD)) // 2
    assert world.seconds == pytest.approx(padded / RATE)
    assert world.positions[second].heard(world.clock()) == 0


def test_a_lead_shorter_than_a_block_is_kept_too():
    world = World(lead_s=0.005)
    world.play(world.asked(), 1, 2_000)
    assert world.transport.received == pcm(1, 2_000)
    assert world.seconds == pytest.approx((2_000 - 220) / RATE, abs=1e-4)


def test_a_cancelled_reply_ends_at_once_and_is_padded():
    """0.1 s of lead and what has played by then: 5 blocks at once, one each at 0.02 and at 0.04 s."""
    world = World()
    attempt = world.asked()
    world.at(0.05, world.interrupt)
    world.play(attempt, 7, 44_100)
    assert world.seconds == pytest.approx(0.05)
    assert world.transport.received == pcm(7, 7 * BLOCK) + silence(7 * BLOCK)
    assert world.positions[attempt].heard(1_000.05) == 2_205
    assert world.positions[attempt].heard(1_009.0) == 7 * BLOCK


def test_what_was_heard_of_a_cancelled_reply_is_what_is_remembered():
    world = World()
    attempt = world.asked()
    world.at(0.5, world.interrupt)
    world.play(attempt, 7, RATE // 4, text="One. ")
    world.play(attempt, 7, RATE, text="Two. ")
    answer = world.chat.messages("x")[1]["content"]
    assert answer.startswith("One. T")
    assert answer.endswith("…")


@pytest.mark.parametrize("until", [0.06, 0.3, 10.0])
def test_a_held_reply_goes_on_where_it_was(until):
    world = World()
    attempt = world.asked()
    world.at(0.05, lambda: world.turns.doubt(True))
    world.at(until, lambda: world.turns.doubt(False))
    world.play(attempt, 7, 10 * BLOCK)
    world.finish(attempt)
    assert world.transport.received == pcm(7, 10 * BLOCK) + silence(10 * BLOCK)
    assert world.positions[attempt].heard(1_000.0 + until) <= 7 * BLOCK
    assert world.turns.state(attempt) is State.DONE


def test_a_reply_that_is_cancelled_while_it_is_held_ends():
    world = World()
    attempt = world.asked()
    world.at(0.05, lambda: world.turns.doubt(True))
    world.at(0.4, world.interrupt)
    world.play(attempt, 7, 44_100)
    assert world.transport.received == pcm(7, 7 * BLOCK) + silence(7 * BLOCK)


def test_a_reply_that_was_cancelled_between_its_messages_is_padded_before_the_next_begins():
    world = World()
    attempt = world.asked()
    world.play(attempt, 7, 100)
    world.interrupt()
    assert world.transport.received == pcm(7, 100)
    following = world.asked()
    world.play(following, 8, 100)
    assert world.transport.received == pcm(7, 100) + silence(100) + pcm(8, 100)


def test_a_reply_that_was_never_played_leaves_no_byte():
    world = World()
    attempt = world.turns.begin()
    world.turns.doubt(True)
    world.at(0.1, lambda: world.turns.cancel(attempt))
    world.play(attempt, 7, 100)
    world.finish(attempt)
    assert world.transport.received == b""
    assert world.positions == {}


@pytest.mark.parametrize("room", range(1, 8))
def test_a_reply_cancelled_inside_a_sample_leaves_the_next_whole(room):
    """The wire is full after so many bytes; then the user interrupts, and the wire has room again."""
    world = World()
    world.transport.make_room(room)
    world.transport.when_full = lambda: (world.interrupt(), world.transport.make_room(None))
    world.play(world.asked(), 0x1155, 1_000)
    samples = (room + 1) // 2
    assert world.transport.received == pcm(0x1155, samples) + silence(samples)
    following = world.asked()
    world.play(following, 0x1166, CHUNK)
    world.finish(following)
    assert world.transport.received == pcm(0x1155, samples) + silence(samples) + pcm(0x1166, CHUNK)


def test_a_held_reply_on_a_full_wire_loses_nothing():
    world = World()
    world.transport.make_room(333)
    world.transport.when_full = lambda: (world.turns.doubt(True), world.transport.make_room(None))
    world.at(0.2, lambda: world.turns.doubt(False))
    attempt = world.asked()
    world.play(attempt, 0x1155, 2_000)
    world.finish(attempt)
    assert world.transport.received == pcm(0x1155, 2_000) + silence(2_000)


def test_the_end_of_the_conversation_ends_a_write_to_a_full_wire():
    world = World()
    world.transport.make_room(333)
    world.transport.when_full = world.turns.close
    attempt = world.asked()
    world.play(attempt, 0x1155, 2_000)
    assert world.transport.received == pcm(0x1155, 167)[:333]
    assert world.turns.state(attempt) is State.CANCELLED


def test_only_a_cancelled_reply_is_taken_back_and_once():
    world = World()
    attempt = world.asked()
    world.play(attempt, 7, 100)
    world.finish(attempt)
    assert world.transport.cleared == []
    attempt = world.asked()
    world.at(0.05, world.interrupt)
    world.play(attempt, 7, 44_100)
    sent = len(world.transport.received)
    following = world.asked()
    world.play(following, 8, 100)
    world.finish(following)
    assert len(world.transport.cleared) == 1
    assert world.transport.cleared[0] < sent


@pytest.mark.parametrize(("can_clear", "waits_s"), [(True, 0.0), (False, 0.09)])
def test_what_was_taken_back_holds_up_no_reply(can_clear, waits_s):
    """0.09 s of the first reply were written and not heard when it was cancelled; its padding follows."""
    world = World(can_clear=can_clear)
    world.at(0.05, world.interrupt)
    world.play(world.asked(), 7, 44_100)
    attempt = world.asked()
    world.play(attempt, 8, LEAD)
    padding_s = len(silence(7 * BLOCK)) / 2 / RATE
    assert world.seconds == pytest.approx(0.05 + waits_s + padding_s, abs=1e-3)


def test_a_reply_is_heard_until_its_last_sample_and_not_its_padding():
    world = World()
    attempt = world.asked()
    world.play(attempt, 7, 4_410)
    world.finish(attempt)
    for seconds, heard in ((0.0, True), (0.0999, True), (0.1001, False)):
        world.clock.now = 1_000.0 + seconds
        assert world.turns.reply_is_heard() is heard


def test_a_failed_reply_is_padded_and_told(caplog):
    world = World()
    attempt = world.asked()
    world.play(attempt, 7, 100)
    world.finish(attempt, failed=True)
    assert world.transport.received == pcm(7, 100) + silence(100)
    assert [record.getMessage() for record in caplog.records] == ["turn 1 ended early: a stage failed"]


def test_a_client_that_has_gone_is_told():
    world = World()
    world.transport.leave("gone")
    with pytest.raises(WriteError, match="gone"):
        world.play(world.asked(), 7, 100)


def test_a_transport_of_another_rate_is_refused():
    world = Surroundings()
    with pytest.raises(ValueError, match="44100 Hz, and the transport takes 24000 Hz"):
        ReplyPlayer(FakeTransport(world.clock, output_rate=24_000), world.context)
