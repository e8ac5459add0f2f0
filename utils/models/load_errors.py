"""A model that can't be loaded, said in one line: which one, why, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

from utils.models.hub import looks_like_path, of_hub
from utils.models.model_folder import fault_of
from utils.text.one_line import one_line

BUNDLED_HINT = "without a hub, run with configs/bundled.json or give a local folder"
GATED = "the model is gated: accept its licence on the hub, then set HF_TOKEN to a token of your account"
LONGEST_REASON = 300
UNREACHABLE = ("couldn't connect", "Connection error", "Max retries", "offline mode")
UNREACHABLE_NAMES = {
    "ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "ProxyError", "RemoteProtocolError",
    "OfflineModeIsEnabled",
}  # fmt: skip
# What Transformers says of a part of a model that it could not find, or not fetch: it does not say which.
MISSING_PART = re.compile(
    r"Can't load .* containing an? (\S+) file|does not appear to have a file named (\S+?)\.?\s", re.DOTALL
)
ADDRESS = re.compile(r"\s*Checkout 'https?://[^']*'[^.]*\.")  # it names one for a folder of this machine, too
UNAUTHORIZED, SERVER_ERROR = 401, 500  # HTTP's statuses; from the latter on the fault is the server's


class LoadError(RuntimeError):
    """A stage could not be loaded; the message is the whole line for the user."""


class UnusableModel(ValueError):
    """A model, or what runs it, can't be used; the message is the reason in one line, for the user."""


def load_error(part: str, model_name: str, error: BaseException, hub_problem: str | None = None) -> LoadError:
    """The line for `error`, raised while the model of a part (`stt`, `lm`, …) was loaded.

    hub_problem: why the hub can't be used, where that is known (`utils.models.hub`).
    """
    if hub_problem is not None and of_hub(model_name) and isinstance(error, OSError):
        reason = f"the hub can't be reached ({hub_problem}), and it is not in the hub's cache here; {BUNDLED_HINT}"
    elif looks_like_path(model_name) and not Path(model_name).expanduser().exists():
        reason = f"there is no such {'file' if model_name.endswith('.gguf') else 'folder'}"
    else:
        reason = _reason(part, model_name, error)
    subject = f"--{part}_model_name {model_name}" if model_name else f"the {part.upper()} stage"
    return LoadError(f"{subject} can't be loaded: {reason}")


def _reason(part: str, model_name: str, error: BaseException) -> str:
    return (
        _own_reason(error)
        or _reason_of_model(part, error)
        or _fault(part, model_name)
        or _reason_of_hub(error)
        or _missing(part, model_name, error)
        or _short(f"{type(error).__name__}: {ADDRESS.sub('', str(error))}")
    )


def _own_reason(error: BaseException) -> str | None:
    """Where the text is ours, it is the reason."""
    if isinstance(error, UnusableModel):
        return str(error)
    names = _names(error)
    if any(name.startswith("Bundled") or name == "UnknownBundledModel" for name in names):
        return one_line(str(error))
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name} is not installed: pip install -r requirements.txt"
    return None


def _reason_of_model(part: str, error: BaseException) -> str | None:
    """Where the model is whole, and can't be loaded here."""
    text = _text(error)
    if "does not recognize this architecture" in text or ("model type" in text and "not recognize" in text):
        return f"this Transformers does not know its model type; choose another --{part}_model_name"
    if "trust_remote_code" in text:
        return f"it needs code from its repository; if you trust that code, add --{part}_trust_remote_code true"
    if "out of memory" in text.lower() or "OutOfMemoryError" in _names(error):
        return f"out of memory; choose a smaller model or --{part}_device cpu"
    return None


def _fault(part: str, model_name: str) -> str | None:
    """What a file or folder of this machine lacks, where Transformers should load it."""
    path = Path(model_name).expanduser()
    return fault_of(path, part) if part in ("lm", "stt") and model_name and path.exists() else None


def _reason_of_hub(error: BaseException) -> str | None:
    text, names = _text(error), _names(error)
    # A model that is not there is refused with status 401 too, and the library's text then speaks of gated repos.
    if "GatedRepoError" in names:
        return GATED
    if "RepositoryNotFoundError" in names or "is not a local folder" in text:
        return f"neither a folder here nor a model of the hub that your token may see; {BUNDLED_HINT}"
    if "gated repo" in text:
        return GATED
    status = _status(error)
    if status == UNAUTHORIZED:
        return "the hub refuses the token: set HF_TOKEN to a valid token of your account"
    if status is not None and status >= SERVER_ERROR:
        return f"the hub can't be reached (it answers with HTTP status {status}); {BUNDLED_HINT}"
    if names & UNREACHABLE_NAMES or any(hint in text for hint in UNREACHABLE):
        return f"the hub can't be reached ({_root(error)}); {BUNDLED_HINT}"
    return None


def _missing(part: str, model_name: str, error: BaseException) -> str | None:
    """Which file it lacks, where Transformers says so."""
    found = MISSING_PART.search(_text(error) + " ")
    if found is None:
        return None
    name = found[1] or found[2]
    if part == "lm" and name == "config.json" and "gguf" in model_name.lower():
        return f"it has no {name}: it is a repository of GGUF files, which --lm llama_cpp runs"
    return f"it has no {name}" + (", or none that can be fetched" if of_hub(model_name) else "")


def _text(error: BaseException) -> str:
    return " ".join(str(e) for e in _chain(error))


def _names(error: BaseException) -> set[str]:
    return {type(e).__name__ for e in _chain(error)}


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _status(error: BaseException) -> int | None:
    """The HTTP status with which the hub refused, or None: the libraries' errors keep the response."""
    statuses = (getattr(getattr(e, "response", None), "status_code", None) for e in _chain(error))
    return next((status for status in statuses if isinstance(status, int)), None)


def _root(error: BaseException) -> str:
    root = _chain(error)[-1]
    return _short(f"{type(root).__name__}: {root}", 120)


def _short(text: str, longest: int = LONGEST_REASON) -> str:
    text = one_line(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"
