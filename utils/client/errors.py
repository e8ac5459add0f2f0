"""The errors of the client. The text of each is one line for the user."""

from __future__ import annotations


class ClientError(Exception):
    """The client can't work."""


class ServerUnavailable(ClientError):
    """The server can't be reached, or it is busy with another client."""


class SoundError(ClientError):
    """The microphone or the speaker can't be used."""


class WavError(ClientError):
    """A file is no WAV file, or of a kind that can't be read here."""


class EchoCancellationMissing(ClientError):
    """The echo canceller is not installed, or it can't be loaded. The text says why."""
