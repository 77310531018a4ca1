"""Runs the flows of the pages as they are written, each page from top to bottom in one shell
against `cargo run`.

- A `sh` block is run. A `cargo run` in it restarts the service, with the settings written before
  it. Only the port is changed.
- Each request of curl must return 2xx, or the status in a comment at the end of its line: `# 400`.
- A `json` block right after it must have the same fields as one of its responses.
- A line `$ …` of a `console` block is run, and must print the lines after it, except for ids and
  times. The page of `latchkey login` is opened, and allowed by the person whom the command then names.
- `<!-- run: … -->`: its lines from the second on are run. They prepare what the page takes for
  granted.
- `<!-- not run: why -->`: the next block is not run.

`.ci/python-client` runs the flow of docs/coming-from-fastapi.md, since it needs the Python client.
"""
import base64
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from docs_pages import ROOT, blocks
from free_port import free_port

FLOWS = ["README.md", "docs/accounts.md", "docs/administration.md", "docs/apps.md", "docs/second-factor.md",
         "docs/app-developers.md", "docs/operators.md", "docs/test-your-app.md"]
ADDRESS = "localhost:4400"

# Eight by eight pixels, grey.
PICTURE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/"
    "wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)

CURL = r"""#!/usr/bin/env bash
# The real curl, which also records the responses.
answer=$(mktemp "$STATE/answer.XXXXXX")
status=$("$REAL_CURL" -m 30 -w '%{stderr}%{http_code} %{method} %{url_effective}' "$@" 2>&1 >"$answer") || true
printf '%s %s %s\n' "$(cat "$STATE/block")" "$answer" "$status" >>"$STATE/calls"
cat "$answer"
[ "${status:0:3}" != 000 ]
"""
CARGO = r"""#!/usr/bin/env bash
[ "$*" = run ] || [ "$*" = "run -- --in-memory" ] || { echo "cargo $*: only cargo run is allowed here" >&2; exit 1; }
[ ! -e "$STATE/service" ] || kill "$(cat "$STATE/service")"
for _ in $(seq 100); do "$REAL_CURL" -s "http://127.0.0.1:$PORT/health" >/dev/null || break; sleep 0.1; done
"$SERVICE" --in-memory --port "$PORT" >>"$STATE/service.log" 2>&1 &
echo $! >"$STATE/service"
for _ in $(seq 100); do "$REAL_CURL" -sf "http://127.0.0.1:$PORT/health" >/dev/null && exit 0; sleep 0.1; done
echo "the service does not start" >&2
exit 1
"""
ALLOW = r"""#!/usr/bin/env python3
# Waits until a command has written the address of a page, opens it, signs in there with a text to a
# phone, and allows the device.
import http.cookiejar, json, os, re, sys, time, urllib.parse, urllib.request

written, phone = sys.argv[1:]
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
origin = f"http://localhost:{os.environ['PORT']}"


def read(address, fields=None):
    form = urllib.parse.urlencode(fields).encode() if fields else None
    return browser.open(address, form, timeout=30).read().decode()


def submit(page, **fields):
    flow = re.search('name="flow" value="([^"]+)', page)[1]
    return read(origin + "/sign-in", {"flow": flow, "action": "continue", **fields})


for _ in range(100):
    link = re.search(r"Open (\S+user_code=(\S+))\n", open(written).read())
    if link:
        break
    time.sleep(0.1)
page = submit(read(link[1]), user_code=link[2])
page = submit(page, identifier=phone)
messages = json.loads(read(f"{origin}/_local/messages?to={urllib.parse.quote(phone)}"))
code = [found[0] for message in messages if (found := re.search("[0-9]{6}", message["body"]))][-1]
submit(submit(page, code=code))
"""


def script(found):
    """The page as one shell script. Each block writes its number to a file before it begins."""
    lines = ["set -euo pipefail", "shopt -s inherit_errexit", "cargo run"]
    for number, block in enumerate(found):
        if block.language not in ("sh", "console", "run") or (number and found[number - 1].language == "not run"):
            continue
        lines.append(f"echo {number} >\"$STATE/block\"")
        if block.language == "sh":
            lines.append(block.text)
        elif block.language == "run":
            lines.append(block.text.partition("\n")[2])
        else:
            lines.append("set +e; last=0")
            for line, (command, printed) in enumerate(session(block.text)):
                file = f'"$STATE/{number}.{line}"'
                run = f"{command} >{file} 2>&1 </dev/stdin"
                if command == "latchkey login":
                    phone = re.search(r"as (\+\d+)\.", printed[-1])[1]
                    run = f"{run} & allow-device {file} {phone}; wait $!"
                lines.append(f"(exit $last); {run}; last=$?")
            lines.append("set -e")
    return "\n".join(lines)


def session(text):
    """The commands of a console block, each with the lines that it prints."""
    commands = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append((line[2:], []))
        else:
            commands[-1][1].append(line)
    return commands


def without_chance(text):
    text = re.sub(r"\b[B-Z]{4}-[B-Z]{4}\b", "CODE", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text).strip()


def fields(value):
    """The names of the fields in a response. The first entry of a list stands for all."""
    if isinstance(value, dict):
        return {name: fields(inner) for name, inner in value.items()}
    return [fields(value[0])] if isinstance(value, list) and value else None


def judge(found, state):
    """The differences between the page and the service."""
    calls = {}
    for line in (state / "calls").read_text().splitlines() if (state / "calls").exists() else []:
        number, answer, status, *what = line.split(" ", 4)
        calls.setdefault(int(number), []).append((Path(answer), int(status), " ".join(what)))
    for number, block in enumerate(found):
        answers = calls.get(number, [])
        if block.language in ("sh", "run"):
            expected = re.findall(r"# ([345]\d\d)$", block.text, re.M)
            refused = [str(status) for _, status, _ in answers if not 200 <= status < 300]
            if refused != expected:
                told = "\n".join(f"  {what}: {status} {path.read_text()[:400]}" for path, status, what in answers)
                yield f"{block}: the statuses other than 2xx were {refused}, but the page expects {expected}\n{told}"
        if block.language == "console" and found[number - 1].language != "not run":
            for line, (command, printed) in enumerate(session(block.text)):
                file = state / f"{number}.{line}"
                really = without_chance(file.read_text()) if file.exists() else "(not reached)"
                if really != without_chance("\n".join(printed)):
                    yield f"{block}: {command} printed\n{file.read_text()}"
        if block.language == "json" and number and found[number - 1].language == "sh":
            shape, really = fields(json.loads(block.text)), []
            for path, _, _ in calls.get(number - 1, []):
                text = path.read_text()
                really.append(fields(json.loads(text)) if text else None)
            if shape not in really:
                yield f"{block}: no response has these fields; the responses have {json.dumps(really)}"
    if not calls:
        yield "no request was sent"


def run(page, work):
    found = list(blocks(ROOT / page))
    state, programs, folder = work / "state", work / "bin", work / "folder"
    for each in (state, programs, folder):
        each.mkdir(parents=True)
    for name, text in (("curl", CURL), ("cargo", CARGO), ("allow-device", ALLOW)):
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    (programs / "latchkey").symlink_to(Path(os.environ["CLI"]).resolve())
    (work / "picture.jpg").write_bytes(PICTURE)
    port = free_port()
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}", "STATE": str(state), "PORT": str(port), "PICTURE": str(work / "picture.jpg"),
        "REAL_CURL": shutil.which("curl"), "SERVICE": str(Path(os.environ["SERVICE"]).resolve()),
        "LATCHKEY_URL": f"http://localhost:{port}", "XDG_STATE_HOME": str(work / "home"), "RUST_LOG": "error",
    }
    text = script(found)
    text = text.replace(ADDRESS, f"localhost:{port}")
    (state / "block").write_text("-1")
    try:
        done = subprocess.run(["bash", "-c", text], cwd=folder, env=environment, timeout=150, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    finally:
        if (state / "service").exists():
            os.kill(int((state / "service").read_text()), 15)
    # Replace the port in the output by the one on the page.
    for file in state.iterdir():
        if file.name != "calls":
            file.write_text(file.read_text().replace(f"localhost:{port}", ADDRESS))
    problems = list(judge(found, state))
    if done.returncode:
        last = int((state / "block").read_text())
        where = found[last] if last >= 0 else page
        problems.append(f"{where}: the shell failed with {done.returncode}\n{done.stdout[-2000:]}")
    calls = (state / "calls").read_text().count("\n") if (state / "calls").exists() else 0
    return calls, problems


failed = []
for page in sys.argv[1:] or FLOWS:
    with tempfile.TemporaryDirectory() as work:
        calls, problems = run(page, Path(work))
    failed += problems
    print(f"{page}: {calls} requests" + ("" if not problems else ", FAILED"), flush=True)
if failed:
    sys.exit("\n".join(failed))
