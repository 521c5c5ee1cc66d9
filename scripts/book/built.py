"""Checks the book that mdBook built: every chapter is there, every link leads somewhere, nothing is from elsewhere.

    scripts/book/built.py DIRECTORY

Then it damages copies of the book, and each damage must be found.
"""

import html.parser
import os
import re
import shutil
import sys
import tempfile
import urllib.parse

import pages as book
from run import ROOT

# Pages that mdBook makes for itself: for a server, and for readers without scripts.
OWN = {"404.html", "toc.html"}
LOADED = {"img": "src", "script": "src", "link": "href"}


class Page(html.parser.HTMLParser):
    """What a page links to, what it loads, what can be linked to, and what it says."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.ids, self.words, self.is_main = [], [], set(), "", False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        self.is_main |= tag == "main"
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADED.get(tag)):
            self.loads.append(given[LOADED[tag]])

    def handle_endtag(self, tag):
        self.is_main &= tag != "main"

    def handle_data(self, text):
        self.words += text if self.is_main else ""


def chapters():
    """The pages that SUMMARY.md lists, as they are called when they are built."""
    summary = open(os.path.join(ROOT, "docs/SUMMARY.md")).read()
    return [re.sub(r"\.md$", ".html", path) for path in book.LINK.findall(summary)]


def check(directory):
    """What is wrong with the book that was built there."""
    wrong, pages = [], {}
    for where, _, names in os.walk(directory):
        for name in (name for name in names if name.endswith(".html")):
            path = os.path.relpath(os.path.join(where, name), directory)
            pages[path] = Page(open(os.path.join(where, name)).read())
    wrong += [f"{path}: the chapter is not there, or is empty" for path in chapters()
              if path not in pages or len(pages[path].words.split()) < 50]
    for path, page in pages.items():
        if path in OWN:
            continue
        for target in page.links + page.loads:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loads and parts.scheme != "data":
                    wrong.append(f"{path}: it loads {target} from elsewhere")
                continue
            there = os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(parts.path)))
            there = there if parts.path else path
            if not os.path.isfile(os.path.join(directory, there)):
                wrong.append(f"{path}: {target}: there is no such file")
            elif parts.fragment and there in pages and urllib.parse.unquote(parts.fragment) not in pages[there].ids:
                wrong.append(f"{path}: {target}: there is no such heading")
    return wrong


def replaced(directory, path, old, new):
    path = os.path.join(directory, path)
    text = open(path).read()
    assert old in text, (path, old)
    open(path, "w").write(text.replace(old, new))


# A damage, and what must be said of it.
DAMAGES = [
    (lambda d: os.remove(os.path.join(d, "glossary.html")), "the chapter is not there"),
    (lambda d: os.remove(os.path.join(d, "pictures/live.png")), "no such file"),
    (lambda d: replaced(d, "explorer.html", 'href="operations.html#', 'href="operations.html#not-'), "no such heading"),
    (lambda d: replaced(d, "faults.html", "</main>", '<img src="https://example.org/a.png"></main>'), "from elsewhere"),
]


def overlooked(directory):
    """The damages that are not found."""
    for damage, sign in DAMAGES:
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(directory, copy, dirs_exist_ok=True)
            damage(copy)
            if not any(sign in line for line in check(copy)):
                yield f"it overlooks a damage: {sign}"


def main():
    directory = sys.argv[1]
    wrong = check(directory)
    wrong += [] if wrong else list(overlooked(directory))
    for line in wrong:
        print(f"WRONG {line}")
    if not wrong:
        print(f"The book: {len(chapters())} chapters, and every link in it leads somewhere; "
              f"{len(DAMAGES)} damages are found.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
