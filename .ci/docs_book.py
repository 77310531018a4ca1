"""A preprocessor of mdBook: adapts links to and from pages outside docs/ to the site.

docs/index.md and docs/site/ include those pages, so that they can be chapters. Their links are
relative to their own places, and other pages' links to them lead out of docs/. A link to a file
that is not part of the site leads to the repository if book.toml names its URL. Otherwise only the
link's text is kept.
"""
import json
import os.path
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def included():
    """Pairs of a page outside docs/ and the chapter that includes it."""
    for stub in (ROOT / "docs/index.md", *(ROOT / "docs/site").glob("*.md")):
        (name,) = re.findall(r"{{#include ([^}]+)}}", stub.read_text())
        yield os.path.relpath((stub.parent / name).resolve(), ROOT), os.path.relpath(stub, ROOT)


CHAPTERS = dict(included())
PAGES = {chapter: page for page, chapter in CHAPTERS.items()}


def main():
    if sys.argv[1:2] == ["supports"]:
        return
    context, book = json.load(sys.stdin)
    html = context["config"]["output"]["html"]
    repository = (html.get("git-repository-url") or "").rstrip("/")

    def rewrite(items):
        for item in items:
            chapter = item.get("Chapter") if isinstance(item, dict) else None
            if chapter is None:
                continue
            here = f"docs/{chapter['path']}"
            chapter["content"] = in_prose(chapter["content"], lambda link: moved(link, here, repository))
            rewrite(chapter["sub_items"])

    rewrite(book["items"])
    json.dump(book, sys.stdout)


def in_prose(text, change):
    """Changes links, except those in fenced blocks."""
    parts = re.split(r"(?ms)(^ *```.*?^ *```$)", text)
    return "".join(part if number % 2 else LINK.sub(change, part) for number, part in enumerate(parts))


def moved(link, here, repository):
    picture, text, target = link.groups()
    path, mark, anchor = target.partition("#")
    if not path or ":" in path:
        return link[0]
    aim = os.path.normpath(os.path.join(os.path.dirname(PAGES.get(here, here)), path))
    aim = CHAPTERS.get(aim, aim)
    if aim.startswith("docs/"):
        return f"{picture}[{text}]({os.path.relpath(aim, os.path.dirname(here))}{mark}{anchor})"
    return f"[{text}]({repository}/blob/main/{aim}{mark}{anchor})" if repository else text


main()
