"""The messages between stages."""

from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest

from utils.conversation import messages
from utils.conversation.messages import (
    ConversationStarted,
    InputAudio,
    InputEnded,
    InputGap,
    InterimAudio,
    InterimTranscript,
    Message,
    ReplyAudio,
    ReplyEnd,
    ReplyHeard,
    ReplyMessage,
    Sentence,
    Shutdown,
    SpeechPart,
    SpeechStarted,
    Transcript,
    Utterance,
    attempt_of,
)

FLOAT, PCM = np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.int16)
OF_A_REPLY = [
    Utterance(7, 1, FLOAT, 0.0), Transcript(7, 1, "Hi."), Sentence(7, "Hi. ", "Hi."), ReplyAudio(7, PCM, "Hi. ", True),
    ReplyEnd(7), ReplyEnd(7, failed=True),
]  # fmt: skip
OF_NO_REPLY = [
    ConversationStarted(), Shutdown(), InputEnded(), InputAudio(FLOAT, 0.0), InputGap(0.0), ReplyHeard(),
    SpeechStarted(1), SpeechPart(1, FLOAT), InterimAudio(3, 1, FLOAT), InterimTranscript(3, 1, "Hi"),
]  # fmt: skip


@pytest.mark.parametrize("message", OF_A_REPLY)
def test_what_belongs_to_a_reply_can_go_stale(message):
    assert attempt_of(message) == 7


@pytest.mark.parametrize("message", OF_NO_REPLY)
def test_what_the_user_said_never_goes_stale(message):
    assert attempt_of(message) is None


@pytest.mark.parametrize("message", [*OF_A_REPLY, *OF_NO_REPLY])
def test_messages_are_frozen(message):
    for field in [*dataclasses.fields(message), None]:
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(message, field.name if field else "anything", 1)


def test_every_message_is_tried_here_and_named_in_the_union():
    kinds = {kind for kind in vars(messages).values() if dataclasses.is_dataclass(kind)}
    assert {type(message) for message in [*OF_A_REPLY, *OF_NO_REPLY]} == kinds == set(get_args(Message))
    assert {type(message) for message in OF_A_REPLY} == set(get_args(ReplyMessage))


def test_messages_with_audio_are_equal_only_to_themselves():
    """Arrays have no single truth value: comparing field by field would raise inside a queue."""
    for message in [*OF_A_REPLY, *OF_NO_REPLY]:
        assert message == message
        if any(isinstance(getattr(message, field.name), np.ndarray) for field in dataclasses.fields(message)):
            assert message != dataclasses.replace(message)
            assert hash(message) != hash(dataclasses.replace(message))
        else:
            assert message == dataclasses.replace(message)
