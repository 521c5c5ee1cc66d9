"""Shows that scripts/book/run.py can fail: pages that are wrong, and the complaint that each must cause."""

import os
import subprocess
import sys
import tempfile

import run

FENCE = "```"


def block(*lines, note=None):
    head = [f"<!-- {note} -->"] if note else []
    return "\n".join([*head, FENCE + "console", *lines, FENCE])


RIGHT = [
    block("$ echo one; echo two", "one", "two"),
    block("$ seq 5", "1", "...", "5"),
    block("$ false", "$ echo $?", "1"),
    block("$ export NAME=ann", "$ echo $NAME", "ann"),
    block("$ cat <<END", "> a line", "> END", "a line"),
    block("$ echo at 127.0.0.1:1234 in 3 ms", "at 127.0.0.1:9 in 12.5 s"),
    block("$ sleep 60 &", "$ kill %1"),
    block("$ date", "long ago", note="output varies: time goes by"),
    block("$ false", note="not run: it would fail"),
    block("$ false", note="run by .ci/run: the gate"),
    "`chinwag status --json`, `docs/page.md`, [here](#here), [there](SUMMARY.md)\n\n# Here",
]
WRONG = [
    (block("$ echo two", "one"), "+two"),
    (block("$ seq 5", "1", "...", "4"), "+5"),
    (block("$ false"), "exit code 1"),
    (block("$ true", "$ echo $?", "1"), "+0"),
    (block("$ no-such-program"), "exit code 127"),
    (block("$ false &"), "exit code 1"),
    (block("$ exit 3"), "did not end"),
    (block("$ echo 'open"), "did not end"),
    (block("$ false", note="run by .ci/run: nobody"), ".ci/run has no"),
    (FENCE + "sh\ntrue\n" + FENCE, "write `console`"),
    (FENCE + "text\n$ true\n" + FENCE, "not `console`"),
    ("[there](absent.md)", "no such file"),
    ("![there](absent.svg)", "no such file"),
    ("[there](#nowhere)", "no such heading"),
    ("[there](../README.md)", "not in the book"),
    ("`docs/absent.md`", "no such file"),
    ("`chinwag gossip`", "has no gossip"),
    ("`chinwag status --loud`", "has no --loud"),
]


def complaints(page, summary="[page](page.md)"):
    with tempfile.TemporaryDirectory() as root:
        for path, text in [("docs/page.md", page), ("docs/SUMMARY.md", summary), ("README.md", ""),
                           (".ci/run", "the gate")]:
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            open(os.path.join(root, path), "w").write(text)
        subprocess.run(["git", "init", "--quiet", root], check=True)
        return "\n".join(run.check(root)[0])


def main():
    blind = [f"complains without reason:\n{page}\n{found}" for page in RIGHT if (found := complaints(page))]
    blind += [f"misses {sign!r}:\n{page}\n{found}" for page, sign in WRONG
              if sign not in (found := complaints(page))]
    if "0 times" not in complaints("A page that SUMMARY.md lacks.", summary=""):
        blind.append("misses a page that is not in SUMMARY.md")
    print("\n".join(blind) or f"Of {len(WRONG) + 1} wrong pages each is found out, of {len(RIGHT)} right ones none.")
    sys.exit(1 if blind else 0)


if __name__ == "__main__":
    main()
