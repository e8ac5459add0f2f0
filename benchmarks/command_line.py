"""The command lines of benchmarks that start a server: what they do not know is the server's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from utils.options.server import read_server_options
from utils.system.local_server import ROOT

CONFIG = "configs/bundled.json"


def parse_with_server(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, list[str]]:
    """(the benchmark's options, the arguments of s2s_pipeline.py, with the bundled models where no file is named)."""
    parser.epilog = f"Everything else goes to s2s_pipeline.py, with {CONFIG} unless another file is named."
    options, server = parser.parse_known_args(argv)
    return options, server if server and not server[0].startswith("--") else [CONFIG, *server]


def with_the_model(server: Sequence[str], *backend: str) -> list[str]:
    """The same arguments of s2s_pipeline.py with a language model backend (`--lm …`), and the model that they name: a
    backend that differs from the file's would drop it."""
    config, *others = server
    model = read_server_options([str(ROOT / config), *others]).lm.lm_model_name
    return [str(ROOT / config), *others, *backend, "--lm_model_name", model]
