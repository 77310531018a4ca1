"""Whether the pages' links lead somewhere, and their blocks are in the language that they say.

Types of TypeScript are checked where TYPESCRIPT names a folder with its compiler. For Swift, Kotlin, TSX and HTML no
compiler is asked for: of those only quotes and brackets are looked at.
"""
import ast
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
from docs_pages import PAGES, ROOT, anchors, blocks, links

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
            problems.append(f"{where}: {target} names a heading that is not there")


class AnyTag(yaml.SafeLoader):
    """CloudFormation's short forms, `!GetAtt`, are tags."""


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
    """Quotes end in their line, brackets in their order."""
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
    # Modules are declared in it that are files elsewhere.
    program("rustfmt", "--edition", "2024", "--quiet")(re.sub(r"(?m)^(#\[cfg\(test\)\]\n)?(pub )?mod \w+;\n", "", text))


PARSERS = {
    # Whoever leaves something out writes … into a string: the rest stays JSON.
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
    "tsx": brackets,
    # Types are checked below, all at once.
    "ts": lambda text: None,
    # Pictures of text, messages, headers.
    "": lambda text: None,
    "not run": lambda text: None,
}


def check_blocks(found):
    for block in found:
        parse = PARSERS.get(block.language)
        if parse is None:
            problems.append(f"{block}: nothing here knows how to check {block.language}")
            continue
        try:
            parse(block.text)
        except (ValueError, SyntaxError, yaml.YAMLError) as error:
            problems.append(f"{block}: not {block.language}: {error}")


def check_types(found, folder):
    """Each block as a module of its own, with the client's source in the place of its package."""
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
    # What a block shows need not be used in it.
    options |= {"noEmit": True, "noUnusedLocals": False, "paths": {"latchkey-client": [str(client / "index.ts")]}}
    (work / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))
    (work.parent / "package.json").write_text('{"type": "module"}')
    done = subprocess.run([Path(folder) / "node_modules/.bin/tsc", "-p", work, "--pretty", "false"],
                          cwd=work, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        place = re.match(r"(block\d+\.ts)\((\d+),", line)
        problems.append(f"{names[place[1]]} + {place[2]}: {line}" if place else line)
    return len(names)


def check_site(folder):
    """Every link of the built site that stays in it."""
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
        # It is served for any path, and its links begin at the site's root.
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
                problems.append(f"{file.relative_to(folder)}: {target} names a heading that is not there")
    return len(pages)


for page in PAGES:
    check_links(page)
found = [block for page in PAGES for block in blocks(page)]
check_blocks(found)
typed = check_types(found, os.environ["TYPESCRIPT"])
site = check_site(Path(os.environ["SITE"]).resolve())
if problems:
    sys.exit("\n".join(problems))
print(f"{len(PAGES)} pages, {len(found)} blocks, {typed} of them type-checked; {site} pages of the site")
