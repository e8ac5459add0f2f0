r"""Turns simple LaTeX formulas into one line of Unicode: `\frac{a}{b} \leq x^2` becomes `a⁄b ≤ x²`.

The line has no words of any language but the names of Greek letters: `utils.text.spelled_text` reads its signs.
"""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LONGEST = 80  # letters of a formula that one can follow by ear
# A letter is a variable, but four in a row are a word.
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[A-Za-z]{4,}|\d+(?:[.,]\d+)*|\s+|.", re.DOTALL)
GREEK = _set(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi"
    " psi omega"
)
SIGNS = {
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥",
    "neq": "≠", "ne": "≠", "lt": "<", "gt": ">", "approx": "≈", "sim": "≈", "equiv": "≡", "infty": "∞", "to": "→",
    "rightarrow": "→", "Rightarrow": "→", "implies": "→", "in": "∈",
    "degree": "°", "circ": "°", "ldots": "…", "dots": "…", "cdots": "…", "%": "%", "$": "$", "&": "&", "#": "#",
}  # fmt: skip
FUNCTIONS = _set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp min max gcd")
IGNORED = _set("left right big Big bigg Bigg bigl bigr displaystyle textstyle limits quad qquad , ; : ! > space")
WRAPPERS = _set("text textbf textit mathrm mathbf mathit mathsf mathbb mathcal operatorname boxed vec hat bar overline")
AS_TEXT = _set("text textbf textit operatorname")
POWERS = {"2": "²", "3": "³", "°": "°"}
NAMES = "|".join(sorted((name for name in [*SIGNS, *GREEK] if name.isalpha()), key=len, reverse=True))
KNOWN = re.compile(
    r"(?<![A-Za-z:.\\/])\\(?:(?:[dt]?frac|binom)\{[^{}]*\}\{[^{}]*\}|(?:sqrt|text|boxed|mathrm|mathbf)\{[^{}]*\}"
    rf"|(?:{NAMES})(?![A-Za-z]))"
)


class _NotSimple(ValueError):
    """The formula has something that can't be read aloud."""


def plain_formula(latex: str) -> str | None:
    """The formula on one line; None where it is not simple (sums, matrices, unknown commands), or too long."""
    parser = _Parser(TOKEN.findall(latex))
    try:
        plain = parser.sequence()
    except (_NotSimple, RecursionError):
        return None
    plain = re.sub(r"\s+([,.;°²³)])", r"\1", " ".join(plain.split())).replace("( ", "(")
    return plain if len(plain) <= LONGEST and not parser.left() else None


class _Parser:
    """Reads one formula, token by token."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def left(self) -> bool:
        """Whether there are tokens that were not read."""
        return self._at < len(self._tokens)

    def sequence(self, closing: str = "") -> str:
        """What stands up to `closing`, which is read too, or up to the end."""
        parts: list[str] = []
        while self.left():
            token = self._next()
            if token == closing:
                return " ".join(parts)
            self._add(parts, token)
        if closing:
            raise _NotSimple
        return " ".join(parts)

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _add(self, parts: list[str], token: str) -> None:
        if token == "^":
            power = self._argument()
            raised = POWERS.get(power) or f"^{_grouped(power)}"
            parts[-1:] = [f"{parts[-1] if parts else ''}{raised}"]
        elif token == "_":
            parts.append(self._argument())
        elif token == "'":
            raise _NotSimple
        elif token.strip():
            parts.append(self._item(token))

    def _argument(self) -> str:
        """The group, command or sign that comes next. Raises _NotSimple where there is none."""
        while self.left():
            token = self._next()
            if token.strip():
                return self._item(token).strip()
        raise _NotSimple

    def _item(self, token: str) -> str:
        if token == "{":
            return self.sequence("}")
        if token.startswith("\\"):
            return self._command(token[1:].rstrip("*"))
        if token in "}|&~^_#":
            raise _NotSimple
        return {"*": "×", "-": "−"}.get(token, token)

    def _command(self, name: str) -> str:
        if name in IGNORED:
            return ""
        if name in SIGNS:
            return SIGNS[name]
        if name.lower() in GREEK or name.removeprefix("var").lower() in GREEK:
            return name.removeprefix("var").lower()
        if name in FUNCTIONS:
            return name
        if name in ("frac", "dfrac", "tfrac"):
            above, below = self._argument(), self._argument()
            return f"{_grouped(above)}⁄{_grouped(below)}"
        if name == "sqrt":
            return self._root()
        if name in WRAPPERS:
            return self._words() if name in AS_TEXT else self._argument()
        raise _NotSimple

    def _root(self) -> str:
        if self.left() and self._tokens[self._at] == "[":
            self._at += 1
            if self.sequence("]") != "3":
                raise _NotSimple
            return f"∛{_grouped(self._argument())}"
        return f"√{_grouped(self._argument())}"

    def _words(self) -> str:
        """A group as it is: its letters are words."""
        if not self.left() or self._next() != "{":
            raise _NotSimple
        words: list[str] = []
        while self.left():
            if (token := self._next()) == "}":
                return "".join(words)
            if token in "\\{":
                raise _NotSimple
            words.append(token)
        raise _NotSimple


def _grouped(part: str) -> str:
    return f"({part})" if " " in part.strip() else part.strip()
