"""Sets up the server's log. It goes to stderr, so that stdout has nothing but the transcript."""

from __future__ import annotations

import logging
import os

from utils.system.quiet_torchao import quiet_torchao

NOISY = ("urllib3", "filelock", "huggingface_hub", "numba", "matplotlib", "asyncio", "hypothesis", "piper")


def configure_logging(level: str) -> None:
    """Log from `level` on: debug, info, warning or error. Noisy libraries log from warning on."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(threadName)s: %(message)s", datefmt="%H:%M:%S"
    )
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    quiet_torchao()
    # Transformers reads these when it is imported, which happens later and only where a stage needs it.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
