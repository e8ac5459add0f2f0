"""A page of the documentation, taken apart: its blocks, commands, options, links, anchors and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "192.0.2.1"  # for what the reader fills in between angle brackets
GENERATED = re.compile(r"<!-- (\w+): written by .*?<!-- end of \1 -->", re.DOTALL)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED_FILE = re.compile(r"[a-z0-9_./-]*(?:[a-z0-9_]/|[a-z0-9_]\.(?:py|json|md|png|toml))")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    """Where it is, below ROOT."""

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return FENCED.sub("", self.text)

    def blocks(self, kind: str) -> list[str]:
        """The contents of the fenced blocks of this kind, such as "sh"; "" for those without one."""
        return [content for found, content in FENCED.findall(self.text) if found == kind]

    def spans(self) -> list[str]:
        """What stands in backticks, outside the fenced blocks and the generated tables."""
        return re.findall(r"`([^`]+)`", GENERATED.sub("", self.prose))

    def commands(self) -> list[str]:
        """The lines of the shell blocks, and the commands in backticks, without their comments."""
        lines = [line.partition("#")[0] for block in self.blocks("sh") for line in block.splitlines()]
        lines += [span for span in self.spans() if span.startswith(("python ", "make ", "pip "))]
        return sorted({re.sub(r"<[^>]*>", ADDRESS, line).strip() for line in lines} - {""})

    def options(self) -> list[str]:
        """The options in backticks, alone or with a value: `--thresh 0.2`."""
        return sorted({span for span in self.spans() if re.fullmatch(r"--[a-z][^…*X\n]*", span)})

    def files(self) -> list[str]:
        """The files and folders of the project that are named in backticks."""
        return sorted({span for span in self.spans() if NAMED_FILE.fullmatch(span)})

    def links(self) -> list[str]:
        """The targets of all links and pictures."""
        return sorted(set(LINK.findall(self.prose)))

    def anchors(self) -> set[str]:
        """What a link can name behind its #: GitHub's names of the headings."""
        headings = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def tables(self) -> Iterator[list[int]]:
        """The number of cells in each row of each table."""
        for table in re.findall(r"(?:^\|.*\|$\n?)+", self.prose, re.MULTILINE):
            yield [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in table.splitlines()]


def pages() -> list[Page]:
    """The README and every page in docs/."""
    return [Page(ROOT / "README.md"), *map(Page, sorted((ROOT / "docs").glob("*.md")))]
