"""Checks that the pages' links lead somewhere, that their blocks are valid in the language that
they name, and that each row of a table has as many cells as its heading.

TypeScript is type-checked with the compiler in the folder that TYPESCRIPT names. Swift, Kotlin and
TSX are not compiled: only their quotes and brackets are checked. HTML is only parsed.
"""
import ast
import configparser
import html.parser
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from docs_pages import PAGES, ROOT, anchors, blocks, links, uneven_rows

problems = []


def check_links(page):
    for line, target in links(page):
        where, parts = f"{page.relative_to(ROOT)}:{line}", urlsplit(target)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if parts.scheme or parts.path.startswith("/") or not file.is_relative_to(ROOT):
            problems.append(f"{where}: {target} leads out of the repository")
        elif subprocess.run(["git", "ls-files", "--error-unmatch", file], cwd=ROOT, capture_output=True).returncode:
            problems.append(f"{where}: {target} is not in the repository")
        elif parts.fragment and (file.suffix != ".md" or parts.fragment not in anchors(file)):
            problems.append(f"{where}: {target} names a heading that does not exist")


def check_tables():
    """Checks the tables of every Markdown file of the repository."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        for line, cells, heading in uneven_rows(ROOT / name):
            problems.append(f"{name}:{line}: the row has {cells} cells, and the heading of its table {heading}")


class AnyTag(yaml.SafeLoader):
    """Accepts CloudFormation's short forms, such as `!GetAtt`, which are tags."""


AnyTag.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def program(*command):
    def parse(text):
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise ValueError(done.stderr.strip())

    return parse


def console(text):
    commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    if not commands:
        raise ValueError("no line begins with $")
    program("bash", "-n")("\n".join(commands))


def brackets(text):
    """Checks that quotes end in their line, and that brackets are balanced."""
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    text = re.sub(r"//.*", "", text)
    if text.count('"') % 2:
        raise ValueError("a quote does not end")
    ends, open_ones = {"(": ")", "[": "]", "{": "}"}, []
    for sign in text:
        if sign in ends:
            open_ones.append(ends[sign])
        elif sign in ends.values() and (not open_ones or open_ones.pop() != sign):
            raise ValueError(f"{sign} ends nothing")
    if open_ones:
        raise ValueError(f"{open_ones[-1]} is missing")


def rust(text):
    # Remove `mod` declarations, since their files do not exist here.
    program("rustfmt", "--edition", "2024", "--quiet")(re.sub(r"(?m)^(#\[cfg\(test\)\]\n)?(pub )?mod \w+;\n", "", text))


PARSERS = {
    # An omission is written as … in a string, so that the rest stays JSON.
    "json": json.loads,
    "sh": program("bash", "-n"),
    "run": program("bash", "-n"),
    "console": console,
    "python": ast.parse,
    "yaml": lambda text: list(yaml.load_all(text, AnyTag)),
    "toml": tomllib.loads,
    "rust": rust,
    "js": program("node", "--input-type=module", "--check"),
    "html": lambda text: html.parser.HTMLParser().feed(text),
    "swift": brackets,
    "kotlin": brackets,
    "java": brackets,
    "tsx": brackets,
    "ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
    # Apache runs it in .ci/openid.
    "apache": lambda text: None,
    # Types are checked below, all together.
    "ts": lambda text: None,
    # Diagrams, messages and headers.
    "": lambda text: None,
    "not run": lambda text: None,
}


def check_blocks(found):
    for block in found:
        parse = PARSERS.get(block.language)
        if parse is None:
            problems.append(f"{block}: no parser for the language {block.language!r}")
            continue
        try:
            parse(block.text)
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            problems.append(f"{block}: invalid {block.language}: {error}")


def check_types(found, folder):
    """Compiles each block as a separate module. The client's source stands in for its package."""
    work = ROOT / "target/docs/typescript"
    work.mkdir(parents=True, exist_ok=True)
    for old in work.glob("*.ts"):
        old.unlink()
    names = {}
    for number, block in enumerate(block for block in found if block.language == "ts"):
        name = f"block{number}.ts"
        names[name] = block
        (work / name).write_text(block.text + "\nexport {};\n")
    (work / "around.d.ts").write_text((ROOT / ".ci/docs_types.d.ts").read_text())
    client = ROOT / "target/docs/client"
    options = json.loads((ROOT / "clients/typescript/tsconfig.json").read_text())["compilerOptions"]
    del options["rootDir"], options["outDir"], options["declaration"], options["isolatedModules"]
    # A block may declare names that it does not use.
    paths = {"latchkey-client": [str(client / "index.ts")], "latchkey-client/server": [str(client / "server.ts")],
             "latchkey-client/redirect": [str(client / "redirect.ts")],
             "latchkey-client/passkeys": [str(client / "passkeys.ts")]}
    options |= {"noEmit": True, "noUnusedLocals": False, "paths": paths}
    (work / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))
    (work.parent / "package.json").write_text('{"type": "module"}')
    done = subprocess.run([Path(folder) / "node_modules/.bin/tsc", "-p", work, "--pretty", "false"],
                          cwd=work, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        place = re.match(r"(block\d+\.ts)\((\d+),", line)
        problems.append(f"{names[place[1]]} + {place[2]}: {line}" if place else line)
    return len(names)


def check_site(folder):
    """Checks every link within the built site."""
    class Page(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.links, self.ids = [], set()

        def handle_starttag(self, tag, attributes):
            for name, value in attributes:
                if name == "id":
                    self.ids.add(value)
                elif name in ("href", "src") and tag in ("a", "img", "link", "script"):
                    self.links.append(value)

    pages = {}
    for file in folder.rglob("*.html"):
        pages[file.resolve()] = page = Page()
        page.feed(file.read_text())
    for file, page in pages.items():
        # These pages are served at any path, and their links begin at the site's root.
        if file.name in ("404.html", "toc.html"):
            continue
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            to = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not to.is_relative_to(folder) or not to.exists():
                problems.append(f"{file.relative_to(folder)}: {target} is not in the site")
            elif parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids:
                problems.append(f"{file.relative_to(folder)}: {target} names a heading that does not exist")
    return len(pages)


for page in PAGES:
    check_links(page)
check_tables()
found = [block for page in PAGES for block in blocks(page)]
check_blocks(found)
typed = check_types(found, os.environ["TYPESCRIPT"])
site = check_site(Path(os.environ["SITE"]).resolve())
if problems:
    sys.exit("\n".join(problems))
print(f"{len(PAGES)} pages, {len(found)} blocks, {typed} of them type-checked; {site} pages of the site")
