"""Whether the model hub can be reached, found out once: without it, cached models load at once and others fail at once.

Left to itself, huggingface_hub asks for each of a model's files five times before it gives up.
"""

from __future__ import annotations

import logging
import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

DEFAULT_ENDPOINT = "https://huggingface.co"
PATIENCE_S = 5.0


def hub_problem(model_names: Iterable[str], environ: Mapping[str, str] = os.environ) -> str | None:
    """Why the hub can't be used, or None where it can, or where none of these models needs it."""
    if not any(of_hub(name) for name in model_names):
        return None
    if environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "HF_HUB_OFFLINE is set"
    endpoint = urllib.parse.urlsplit(environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT)
    if endpoint.scheme in urllib.request.getproxies():
        return None  # what a proxy reaches can't be told from here
    host = endpoint.hostname or ""
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=PATIENCE_S).close()
    except OSError as error:
        return f"{host}: {error.strerror or error}"
    return None


def go_offline() -> None:
    """Have huggingface_hub use its cache only. Takes effect where it is not imported yet."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def of_hub(name: str) -> bool:
    """A model name that is neither bundled nor a folder nor a file of this machine."""
    return bool(name) and not name.startswith("bundled:") and not os.path.exists(name) and not looks_like_path(name)


def looks_like_path(name: str) -> bool:
    """The user means a folder, there or not: a hub id has one slash at most, and inside."""
    return name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or name.endswith("/")
