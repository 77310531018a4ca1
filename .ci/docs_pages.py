"""The pages of the documentation, read as Markdown: their blocks, links and anchors."""
import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / name
    for name in (
        "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
        "clients/typescript/README.md", "clients/python/README.md", "examples/web/README.md", "examples/guarded-api/README.md", "examples/next/README.md",
    )
] + sorted((ROOT / "docs").glob("*.md"))
MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass
class Block:
    """A fenced block, or a comment that begins with `run` or `not run`."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def tokens(page):
    return MARKDOWN.parse(page.read_text())


def blocks(page):
    """All blocks of a page, in order. `not run` is also yielded as a block, since it marks the next
    one."""
    name = str(page.relative_to(ROOT))
    for token in tokens(page):
        if token.type == "fence":
            yield Block(name, token.map[0] + 2, token.info.strip(), token.content)
        elif token.type == "html_block":
            comment = re.fullmatch(r"<!-- (run|not run): (.*?)-->\s*", token.content, re.S)
            if comment:
                yield Block(name, token.map[0] + 1, comment[1], comment[2].strip())
        elif token.type == "code_block":
            raise SystemExit(f"{name}:{token.map[0] + 1}: an indented block does not say its language; use a fenced block")


def uneven_rows(page):
    """The rows of its tables with another number of cells than their heading: the line, and both
    numbers. Markdown drops cells beyond the heading without a word. A | in a cell is written \\|,
    also in code."""
    lines = page.read_text().splitlines()
    for token in tokens(page):
        if token.type != "table_open":
            continue
        start, end = token.map
        cells = [len(re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))) for line in lines[start:end]]
        for number, found in enumerate(cells[1:], start + 2):
            if found != cells[0]:
                yield number, found, cells[0]


def links(page):
    """The targets of its links and pictures, with their lines."""
    for token in tokens(page):
        for child in token.children or ():
            target = child.attrs.get("href" if child.type == "link_open" else "src")
            if target:
                yield token.map[0] + 1, target


def anchors(page):
    """The anchors of its headings, by the rule of GitHub, which mdBook shares."""
    found, parsed = set(), tokens(page)
    for heading, inline in zip(parsed, parsed[1:]):
        if heading.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children if child.type in ("text", "code_inline"))
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number, unique = 0, name
        while unique in found:
            number += 1
            unique = f"{name}-{number}"
        found.add(unique)
    return found
