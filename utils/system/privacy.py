"""Nothing of a conversation, and nothing about it, leaves the machine: no library may report on its use.

ONNX Runtime's Linux packages from 1.29 on send Microsoft an event for every model they load (its file and graph names,
hashes, the session's options; see its docs/Privacy.md and release notes), from threads of their own and kept in
~/.cache/Microsoft until the network is there. The Hugging Face hub counts uses where it is asked for something.
"""

from __future__ import annotations

import os


def report_nothing() -> None:
    """Takes effect on libraries that are imported later. What the user has set stays."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
