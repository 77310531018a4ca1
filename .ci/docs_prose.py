"""Whether what people read is plain English: pages, comments, messages, names of tests.

A handful of habits make readers stop: a sentence whose subject is a bare "who" or "what", "where" instead of "if", "he" for
a person. Each is a pattern here. A quotation that needs one is listed in docs_prose_allowed.txt, as `path: words`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = Path(__file__).with_name("docs_prose_allowed.txt")

# What is wrong, how it is found, and what to write instead.
PATTERNS = [
    (
        "a sentence with a bare who or what as its subject",
        re.compile(r"(?:^|(?<=[.!?:] ))(?:Who|Whoever|Whatever|What|Whose) [a-z][^.?!]*\.(?:$|\s)"),
        "name the subject",
    ),
    ("he, his or him for a person", re.compile(r"\b(?:he|his|him|himself)\b", re.IGNORECASE), "they, their, them"),
    (
        "where instead of if",
        re.compile(
            r"\bwhere (?:there (?:is|are|was|were)|nothing|nobody|somebody|none|it is not|that fails|one is)\b",
            re.IGNORECASE,
        ),
        "if",
    ),
    ("anew", re.compile(r"\banew\b", re.IGNORECASE), "again"),
    ("of before", re.compile(r"\bof before\b", re.IGNORECASE), "previous"),
    ("come to nothing", re.compile(r"\b(?:come|comes|came) to nothing\b", re.IGNORECASE), "fails"),
    ("stand or speak against", re.compile(r"\b(?:stands?|speaks?) against\b", re.IGNORECASE), "conflicts with"),
    ("is dead", re.compile(r"\b(?:is|are) dead\b", re.IGNORECASE), "no longer works"),
    ("at once, which has two meanings", re.compile(r"\bat once\b", re.IGNORECASE), "immediately, or at the same time"),
    (
        "of its own",
        re.compile(r"\bof (?:its|their|our|your|my) own\b", re.IGNORECASE),
        "its own …, or a separate …",
    ),
    ("jargon", re.compile(r"\b(?:story|stories|and the like|costs? by the)\b", re.IGNORECASE), "the plain word"),
]
# A block that shows a response follows a sentence that says what it is, not another block.
RESPONSE = ("```json", "```console")
# The name of a test is a sentence with a subject.
TEST_NAME = re.compile(r"#\[(?:tokio::)?test[^\n]*\n(?:\s*#\[[^\n]*\n)*\s*(?:async )?fn ((?:who|whoever|what|whose|where|that)_\w+)")

# Sentences that stood here, each of which has to be found.
FOUND = [
    "What limits apply to is counted before anything is sent, and given back.",
    "Who has to wait is told so before anything is paid.",
    "Whoever proves this phone for the first time gets the role.",
    "A phone that he took.",
    "A guess, where there is one.",
    "The throttle is applied anew.",
    "The waits of before a reset.",
    "A code that came to nothing.",
    "The signs of fraud speak against a text.",
    "The first secret is dead.",
    "A taken name is refused at once.",
    "An app with a budget of its own.",
    "One file for each story.",
]
# And sentences that are fine.
FINE = [
    "What does it cost? Seven dollars.",
    "The table says who did what.",
    "The folder where the data lie.",
    "Its own budget, at one time.",
]
UNLED = "```sh\ncurl\n```\n\n<!-- not run: a reason -->\n```json\n{}\n```"
LED = "```sh\ncurl\n```\n\nThe response:\n\n```json\n{}\n```"

COMMENT = {
    ".rs": re.compile(r"^\s*//[/!]? ?(.*)$"),
    ".ts": re.compile(r"^\s*(?://|/?\*\*?) ?(.*?)(?:\*/)?$"),
    ".js": re.compile(r"^\s*(?://|/?\*\*?) ?(.*?)(?:\*/)?$"),
    ".mjs": re.compile(r"^\s*(?://|/?\*\*?) ?(.*?)(?:\*/)?$"),
    ".py": re.compile(r"^\s*# ?(.*)$"),
    ".yaml": re.compile(r"^\s*(?:# ?|description: |Description: )(.*)$"),
    ".toml": re.compile(r"^\s*(?:# ?|description = )(.*)$"),
}
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
LEFT_OUT = ("Cargo.lock", "docs/openapi.json", "clients/typescript/dist/", "fuzz/seeds/", "shared/common-passwords/LICENSE")


def prose_of(path, text):
    """The pieces of prose of a file, each with the number of its first line."""
    if path.suffix == ".md":
        yield from paragraphs(without_code(text))
    elif path.suffix == ".ftl":
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.partition("=")[2].strip()
    elif path.suffix == ".html":
        for number, line in enumerate(text.splitlines(), 1):
            yield number, re.sub(r"<[^>]*>", " ", line).strip()
    elif path.suffix in COMMENT:
        lines = text.splitlines()
        comments = [COMMENT[path.suffix].match(line) for line in lines]
        yield from paragraphs([comment.group(1) if comment else "" for comment in comments])
        if path.suffix in (".rs", ".ts", ".js"):
            for number, line in enumerate(lines, 1):
                if not comments[number - 1]:
                    yield from ((number, words) for words in STRING.findall(line) if " " in words)


def without_code(text):
    lines, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            line = ""
        lines.append("" if fenced else re.sub(r"`[^`]*`", "`code`", line))
    return lines


def paragraphs(lines):
    """Lines that belong together, joined: a row of a table, an item of a list and a heading stand alone."""
    start, words = 0, []
    for number, line in enumerate([*lines, ""], 1):
        line = line.strip()
        alone = re.match(r"(?:\||#|[-*] |\d+\. )", line)
        if (not line or alone) and words:
            yield start, " ".join(words)
            words = []
        if line.startswith("|"):
            yield from ((number, cell.strip()) for cell in line.strip("|").split("|"))
        elif line.startswith("#"):
            continue
        elif line:
            if not words:
                start = number
            words.append(re.sub(r"^(?:[-*] |\d+\. )", "", line).replace("**", ""))


def blocks_without_a_sentence(text):
    """The numbers of the lines that begin a response right after another block."""
    fenced, follows_block = False, False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("```"):
            if not fenced and follows_block and line in RESPONSE:
                yield number
            fenced, follows_block = not fenced, True
        elif line and not fenced and not line.startswith("<!--"):
            follows_block = False


def faults(path, text, allowed):
    if path.suffix == ".md":
        for number in blocks_without_a_sentence(text):
            yield f"{path}:{number}: a response without a sentence before it; write: what the block shows"
    for number, words in prose_of(path, text):
        for name, pattern, instead in PATTERNS:
            for match in pattern.finditer(words):
                if not any(quoted in words for quoted in allowed.get(str(path), ())):
                    yield f"{path}:{number}: {name}; write: {instead}\n    {match.group(0).strip()[:100]}"
    if path.suffix == ".rs":
        for match in TEST_NAME.finditer(text):
            number = text[: match.start()].count("\n") + 1
            yield f"{path}:{number}: a test's name without a subject\n    {match.group(1)}"


def test_the_patterns():
    for sentence in FOUND:
        assert any(pattern.search(sentence) for _, pattern, _ in PATTERNS), f"not found: {sentence}"
    for sentence in FINE:
        assert not any(pattern.search(sentence) for _, pattern, _ in PATTERNS), f"found: {sentence}"
    assert list(blocks_without_a_sentence(UNLED)) == [6]
    assert not list(blocks_without_a_sentence(LED))


def main(named):
    test_the_patterns()
    allowed = {}
    for line in ALLOWED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            path, _, words = line.partition(": ")
            allowed.setdefault(path, []).append(words)
    files = subprocess.run(["git", "ls-files", *named], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in files.stdout.splitlines():
        path = Path(name)
        if name.startswith(LEFT_OUT) or name == ".ci/docs_prose.py" or not (ROOT / path).is_file():
            continue
        if path.suffix in (".md", ".ftl", ".html", *COMMENT):
            found.extend(faults(path, (ROOT / path).read_text(encoding="utf-8"), allowed))
    print("\n".join(found))
    if found:
        sys.exit(f"{len(found)} places that a reader stumbles at")
    print("prose: plain")


if __name__ == "__main__":
    main(sys.argv[1:])
