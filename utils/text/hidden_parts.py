"""Takes out of a reply, while it is written, what its reader was never to see: thoughts, tool calls, control tokens.

A model writes them as text where its tokenizer or its template does not know them as special. They are neither spoken
nor kept in the history. What is left is the same however the reply is cut into pieces.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass

# What a thought begins and ends with, in the models that mark it.
THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
END_OF_REPLY = ""  # what nothing ends: the rest of the reply belongs to it
TOOL_CALLS = (
    ("<tool_call>", "</tool_call>"),
    ("<tool_calls>", "</tool_calls>"),
    ("<function_call>", "</function_call>"),
    ("<function_calls>", "</function_calls>"),
    ("<tool_response>", "</tool_response>"),
    ("<function=", "</function>"),
    ("<|tool_call|>", "<|/tool_call|>"),
    ("<|tool_call_start|>", "<|tool_call_end|>"),
    ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
    ("<|START_ACTION|>", "<|END_ACTION|>"),
    ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    ("<start_function_call>", "<end_function_call>"),
    ("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
    ("[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
    ("[TOOL_CALLS]", END_OF_REPLY),
    ("<|python_tag|>", END_OF_REPLY),
)
# A channel's thoughts and calls, up to the next message (gpt-oss).
CHANNELS = tuple((f"<|channel|>{name}", "<|end|>") for name in ("analysis", "commentary"))
HEADERS = (("<|channel|>", "<|message|>"), ("<|start_header_id|>", "<|end_header_id|>"))
BLOCKS: dict[str, str] = dict((*THOUGHTS, *TOOL_CALLS, *CHANNELS, *HEADERS))
TOKENS = frozenset(
    (
        "<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>",
        "<end_of_utterance>", "<EOT>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "[SYSTEM_PROMPT]",
        "[/SYSTEM_PROMPT]", "[BOS]", "[EOS]", "[PAD]", "[UNK]", "[ARGS]", "[CALL_ID]", "[gMASK]", "<sop>", "<eop>",
        "<eod>", "<eoa>",
    )
) | {closing for closing in BLOCKS.values() if closing}  # fmt: skip
ROLES = ("assistant", "user", "system", "model", "tool", "developer")
TURNS = (
    "<|im_start|>",
    "<start_of_turn>",
    "<|start_of_role|>",
    "<|start|>",
)  # a role's name follows, and belongs to the token
LONGEST_TOKEN = 40
PIPED = re.compile(rf"<[|｜][^\s<>|｜]{{1,{LONGEST_TOKEN}}}[|｜]>")
PIPED_SO_FAR = re.compile(rf"<(?:[|｜](?:[^\s<>|｜]{{1,{LONGEST_TOKEN}}}[|｜]?)?)?")
START = re.compile(r"[<\[{]")
KEYS = ("name", "function", "function_name", "tool", "tool_name", "type", "id", "arguments", "parameters", "tool_calls")
CALL_KEYS = re.compile(r'"(?:arguments|parameters|args|tool_calls|function_call|tool_input)"\s*:')
LONGEST_LITERAL = len(r"-Infinity") + 1  # of what json takes for wrong until it is complete
JSON_BEGINS = re.compile(r'(?:\[\s*)?\{\s*"([a-z_]+)"\s*:')
JSON_SO_FAR = re.compile(r'(?:\[\s*)?(?:\{\s*(?:"([a-z_]*)(?:"\s*)?)?)?')


class Kind(enum.Enum):
    """What was taken out."""

    THOUGHT = "a thought"
    TOOL_CALL = "a tool call"
    TOKEN = "a control token"


@dataclass(frozen=True)
class _Found:
    """Something hidden at the beginning of a text."""

    kind: Kind
    """What it is."""

    length: int
    """So many characters of the text are it, or its beginning."""

    closing: str | None = None
    """It goes on until this comes. None: it is whole."""


class _Wait(enum.Enum):
    """Whether something hidden begins here, more of the text will tell."""

    WAIT = enum.auto()


class HiddenParts:
    """Takes them out of one reply."""

    def __init__(self) -> None:
        self.left_out: list[Kind] = []
        """What was taken out so far, each kind once."""
        self._pending = ""
        self._closing: str | None = None
        self._begun = False  # something of the reply was given out

    def feed(self, text: str) -> str:
        """Take more text of the model, and return what may be given out now."""
        self._pending += text
        return self._advance(last=False)

    def flush(self) -> str:
        """End the reply, and return what is left."""
        return self._advance(last=True)

    def _advance(self, last: bool) -> str:
        given = ""
        while self._pending:
            if self._closing is not None:
                if not self._skip_block():
                    break
                continue
            start = START.search(self._pending)
            if start is None:
                given += self._take(len(self._pending))
                break
            given += self._take(start.start())
            found = _find(self._pending, last)
            if found is _Wait.WAIT:
                break
            if isinstance(found, _Found):
                self._hide(found)
            else:
                given += self._take(1)
        return given

    def _skip_block(self) -> bool:
        """Whether the block's end was found. Of what surely belongs to it nothing is kept."""
        assert self._closing is not None
        at = self._pending.find(self._closing) if self._closing else -1
        if at >= 0:
            self._pending = self._pending[at + len(self._closing) :]
            self._closing = None
            return True
        kept = len(self._closing) - 1 if self._closing else 0
        self._pending = self._pending[max(0, len(self._pending) - kept) :]
        return False

    def _hide(self, found: _Found) -> None:
        if found.kind not in self.left_out:
            self.left_out.append(found.kind)
        self._pending = self._pending[found.length :]
        self._closing = found.closing

    def _take(self, length: int) -> str:
        """Where something was hidden first, the reply begins at its first word."""
        text, self._pending = self._pending[:length], self._pending[length:]
        if not self._begun and self.left_out:
            text = text.lstrip()
        self._begun = self._begun or bool(text.strip())
        return text


def _find(text: str, last: bool) -> _Found | _Wait | None:
    """What is hidden at the beginning of `text`. last: nothing follows it."""
    for opening in sorted(BLOCKS, key=len, reverse=True):
        if text.startswith(opening):
            thought = any(opening == begin for begin, _ in THOUGHTS) or opening == CHANNELS[0][0]
            kind = Kind.THOUGHT if thought else Kind.TOKEN if (opening, BLOCKS[opening]) in HEADERS else Kind.TOOL_CALL
            return _Found(kind, len(opening), BLOCKS[opening])
        if not last and opening.startswith(text):
            return _Wait.WAIT
    for token in sorted(TOKENS, key=len, reverse=True):
        if text.startswith(token):
            return _with_role(text, token, last)
        if not last and token.startswith(text):
            return _Wait.WAIT
    if match := PIPED.match(text):
        return _with_role(text, match[0], last)
    if not last and PIPED_SO_FAR.fullmatch(text):
        return _Wait.WAIT
    return _call(text, last) if text[0] in "[{" else None


def _with_role(text: str, token: str, last: bool) -> _Found | _Wait:
    """A control token, and the name of the role that stands after it."""
    if token in TURNS:
        rest = text[len(token) :]
        for role in ROLES:
            if rest.startswith(role):
                return _Found(Kind.TOKEN, len(token) + len(role))
            if not last and role.startswith(rest):
                return _Wait.WAIT
    return _Found(Kind.TOKEN, len(token))


def _call(text: str, last: bool) -> _Found | _Wait | None:
    """A tool call written as bare JSON: an object, or a list of them, with a name and arguments."""
    if (begins := JSON_BEGINS.match(text)) is None:
        so_far = JSON_SO_FAR.fullmatch(text)
        waits = so_far and any(key.startswith(so_far[1] or "") for key in KEYS)
        return _Wait.WAIT if waits and not last else None
    if begins[1] not in KEYS:
        return None
    try:
        value, length = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos < len(text) - LONGEST_LITERAL and not error.msg.startswith("Unterminated"):
            return None  # no JSON, whatever follows
        if not last:
            return _Wait.WAIT
        # The reply was cut off within the call.
        return _Found(Kind.TOOL_CALL, len(text)) if CALL_KEYS.search(text) else None
    objects = value if isinstance(value, list) else [value]
    if all(isinstance(each, dict) and CALL_KEYS.search(json.dumps(each)) for each in objects):
        return _Found(Kind.TOOL_CALL, length)
    return None
