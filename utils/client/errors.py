"""What can keep the client from working. The text of each is one line for its user."""

from __future__ import annotations


class ClientError(Exception):
    """The client can't go on."""


class ServerUnavailable(ClientError):
    """The server is not there, or busy with another client."""


class SoundError(ClientError):
    """The microphone or the speaker can't be used."""


class WavError(ClientError):
    """A file is no WAV file, or of a kind that is not read here."""


class EchoCancellationMissing(ClientError):
    """What cancels the echo is not installed, or can't be loaded. The text says why."""
