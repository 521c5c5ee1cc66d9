"""Reads the pages of the book: their commands, their links, and what they name."""

import os
import re
from dataclasses import dataclass, field

FENCE = re.compile(r"^ *```(\S*)")
NOTE = re.compile(r"^<!-- (not run|run by \.ci/run|output varies): (.+) -->$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
REPOSITORY_PATH = re.compile(r"^[\w.-]+(/[\w.-]+)+\.(rs|md|sh|py|toml|yaml|jsonl|txt|v)$")
SHELLS = {"sh", "bash", "shell", "zsh"}


@dataclass
class Command:
    """What stands after `$`, and the lines that are shown of its output."""

    page: str
    line: int
    text: str
    shown: list = field(default_factory=list)
    note: tuple = (None, "")  # Of its block: what kind, and why.

    @property
    def place(self):
        return f"{self.page}:{self.line}"

    @property
    def in_background(self):
        return re.sub(r"\s+#.*$", "", self.text).endswith("&")


def parse(page, text, complain):
    """The commands of a page, in order."""
    commands, language, note = [], None, (None, "")
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and language is None:
            language, started = fence[1] or "text", False
            if language in SHELLS:
                complain(f"{page}:{number}: {language}: write `console`, with `$` before commands")
        elif fence:
            language, note = None, (None, "")
        elif language is None:
            found = NOTE.match(line)
            note = (found[1], found[2]) if found else note if not line.strip() else (None, "")
        elif line.startswith("$ "):
            if language != "console":
                complain(f"{page}:{number}: a command in a block that is not `console`")
            commands.append(Command(page, number, line[2:], note=note))
            started, typing = True, True
        elif language == "console" and started and typing and line.startswith("> "):
            commands[-1].text += "\n" + line[2:]
        elif language == "console" and started:
            typing = False
            commands[-1].shown.append(line)
    return commands


def outside_blocks(text):
    """The lines of a page that are not in a block of code, numbered."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            yield number, line


def anchors(text):
    """What can stand after `#` in a link to this page."""
    titles = (line.lstrip("#") for _, line in outside_blocks(text) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def check_links(root, pages, complain):
    """Each relative link leads to a file, and to a heading in it; a page of the book links to the book alone."""
    for page, text in pages.items():
        for number, line in outside_blocks(text):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                path = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                if not os.path.exists(os.path.join(root, path)):
                    complain(f"{page}:{number}: {target}: there is no such file")
                elif anchor and anchor not in anchors(pages.get(path, "")):
                    complain(f"{page}:{number}: {target}: there is no such heading")
                elif page.startswith("docs/") and not path.startswith("docs/"):
                    complain(f"{page}:{number}: {target}: is not in the book; name it as `{path}`")


def check_names(root, pages, complain):
    """What stands as `directory/file.rs` exists, from the root or from the page."""
    for page, text in pages.items():
        for number, line in outside_blocks(text):
            for name in CODE.findall(line):
                bases = [root, os.path.join(root, os.path.dirname(page))]
                if REPOSITORY_PATH.match(name) and not any(
                        os.path.exists(os.path.join(base, name)) for base in bases):
                    complain(f"{page}:{number}: `{name}`: there is no such file")


def check_summary(pages, complain):
    """SUMMARY.md has every page of the book, once."""
    listed = [os.path.normpath(f"docs/{path}") for path in LINK.findall(pages["docs/SUMMARY.md"])]
    for page in pages:
        if page.startswith("docs/") and page != "docs/SUMMARY.md" and listed.count(page) != 1:
            complain(f"docs/SUMMARY.md: {page} is there {listed.count(page)} times")


def inline_commands(pages):
    """What stands as `chinwag ..` and the like in a line: (place, words)."""
    for page, text in pages.items():
        for number, line in outside_blocks(text):
            for code in CODE.findall(line):
                words = code.split()
                if len(words) > 1 and words[0] in ("chinwag", "check", "simulate"):
                    yield f"{page}:{number}", words
