"""The server's log: to stderr, so that stdout holds the transcript alone."""

from __future__ import annotations

import logging
import os

NOISY = ("urllib3", "filelock", "huggingface_hub", "numba", "matplotlib", "asyncio", "hypothesis", "piper")


def configure_logging(level: str) -> None:
    """level: debug, info, warning or error. Libraries speak from warning on."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(threadName)s: %(message)s", datefmt="%H:%M:%S"
    )
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Transformers reads these when it is imported, which happens later and only where a stage needs it.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
