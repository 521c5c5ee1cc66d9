"""Runs every command of the book and of README.md, and compares with what the pages say.

    scripts/book/run.py [--write | --list] [PAGE...]

A block of code that is called `console` holds commands after `$` (and `>`, if they take further lines) and what
they print. The commands of a page run in one shell, in an empty directory that shows the repository; the
programs of target/release are on its PATH. Each must end with exit code 0, unless `$ echo $?` follows, which is
compared like any output. Output that is shown must be what is printed, errors with it:

- a line `...` stands for any number of lines; where no output is shown, none is compared;
- MASKS, below, says what counts as equal: identifiers, ports, times, and the like;
- a command that ends with `&` must still be there half a second later.

Before the block may stand, as a comment of HTML:

    <!-- not run: WHY -->                 CI does not run it
    <!-- run by .ci/run: LINE; LINE -->   another part of the gate does: these words are in .ci/run
    <!-- output varies: WHY -->           it runs, and what it prints is not compared

Also: links lead somewhere, files that are named exist, SUMMARY.md is complete, and commands within a sentence
name subcommands and options that there are. With --write, output that differs is written into the page. With --list, the
commands are listed, and nothing is run.
"""

import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pages as book

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
RELEASE = os.path.join(TARGET, "release")

# Seconds for all commands of a page.
PATIENCE = 300

# What differs from run to run, and what counts in its place.
MASKS = [
    (r"\b[0-9a-f]{6,16}\.\d+\.\d+\b", "ID"),                     # An update's identifier.
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\b\d+(\.\d+)? (ns|us|ms|s|min|h)\b", "TIME"),
    (r"\b[\d,.]+ (MiB|GiB)\b", "SIZE"),
    (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "DATE"),
    (r"/\S*/target/book/[^/]+/", ""),                             # Where it is run.
]


def masked(line):
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    return re.sub(r" +", " ", line).rstrip()


def agrees(shown, printed):
    """Whether the lines are as shown, `...` standing for any lines."""
    lines = ("(?:.*\n)*?" if line == "..." else re.escape(masked(line)) + "\n" for line in shown)
    return re.fullmatch("".join(lines), "".join(masked(line) + "\n" for line in printed)) is not None


def script(commands):
    """One shell for all: each command's output and exit code go to files of its own."""
    yield "status=0"
    for number, command in enumerate(commands):
        yield f"echo {number} >.book/now\n(exit $status)\n{{\n{command.text}\n}} >.book/{number}.out 2>&1"
        yield "status=$?"
        if command.in_background:
            yield "sleep 0.5; kill -0 $! || status=1"
        yield f"echo $status >.book/{number}.status"
    yield "kill $(jobs -p) 2>/dev/null; wait"


def scratch(name, root):
    """An empty directory below the repository, which shows what is in the repository."""
    directory = os.path.join(TARGET, "book", name)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(os.path.join(directory, ".book"))
    for entry in os.listdir(root):
        # Cargo finds its workspace above.
        if not entry.startswith((".", "Cargo.", "target")):
            os.symlink(os.path.join(root, entry), os.path.join(directory, entry))
    os.symlink(TARGET, os.path.join(directory, "target"))
    return directory


def run_page(page, commands, complain, root=ROOT):
    """Runs the commands of a page and says what each printed, as far as they came."""
    directory = scratch(page.replace("/", "-").removesuffix(".md"), root)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CHINWAG_", "COLUMNS", "RUST_LOG"))}
    shell = subprocess.Popen(
        ["bash", "-c", "\n".join(script(commands))], cwd=directory, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=inherited | {"PATH": f"{RELEASE}:{os.environ['PATH']}", "CARGO_TERM_QUIET": "true",
                         "NO_COLOR": "1", "LC_ALL": "C.UTF-8"})
    said = ""
    try:
        said = shell.communicate(timeout=PATIENCE)[1]
    except subprocess.TimeoutExpired:
        at = int(read(directory, "now") or 0)
        complain(f"{commands[at].place}: $ {commands[at].text}\n  did not end within {PATIENCE} s of the page")
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    printed = [judge(directory, number, commands, said, complain) for number in range(len(commands))]
    shutil.rmtree(directory, ignore_errors=True)
    return printed


def read(directory, name):
    path = os.path.join(directory, ".book", name)
    return open(path, errors="replace").read() if os.path.exists(path) else None


def judge(directory, number, commands, said, complain):
    command = commands[number]
    status, output = (read(directory, f"{number}.{kind}") for kind in ("status", "out"))
    printed = (output or "").splitlines()
    follows = commands[number + 1].text if number + 1 < len(commands) else ""
    head = f"{command.place}: $ {command.text}\n"
    if status is None:
        complain(f"{head}  did not end\n{said}")
    elif int(status) != 0 and not follows.startswith("echo $?"):
        complain(f"{head}  ended with exit code {status.strip()}, and no `$ echo $?` follows\n{output}")
    elif command.shown and command.note[0] != "output varies" and not command.in_background \
            and not agrees(command.shown, printed):
        lines = difflib.unified_diff([*map(masked, command.shown)], [*map(masked, printed)],
                                     "shown (masked)", "printed (masked)", lineterm="")
        complain(head + "\n".join(f"  {line}" for line in lines))
    else:
        return None
    return printed


def write(root, commands, printed):
    """Puts what was printed in place of what was shown, where that differs and nothing is left out."""
    path = os.path.join(root, commands[0].page)
    lines = open(path).read().splitlines()
    for command, new in reversed(list(zip(commands, printed))):
        if new is not None and command.shown and "..." not in command.shown:
            first = command.line + command.text.count("\n")
            lines[first:first + len(command.shown)] = new
    open(path, "w").write("\n".join(lines) + "\n")


def check_inline(texts, complain):
    """Commands within a sentence: the subcommand exists, and has the options."""
    helps = {}

    def help_of(words):
        if words not in helps:
            path = os.path.join(RELEASE, words[0])
            helps[words] = subprocess.run([path, *words[1:], "--help"], capture_output=True, text=True)
        return helps[words]

    for place, words in book.inline_commands(texts):
        known, plain = (words[0],), [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]+", word)]
        for word in plain[:2]:  # Such as `chinwag keys list`.
            if help_of((*known, word)).returncode == 0:
                known += (word,)
        # `simulate` has no subcommands; docs/faults.md names its kinds of faults so.
        if len(known) == 1 and plain[:1] == words[1:2] and words[0] != "simulate":
            complain(f"{place}: `{' '.join(words)}`: {words[0]} has no {words[1]}")
        text = help_of(known).stdout
        for option in re.findall(r"--[a-z][a-z-]*", " ".join(words[1:]).split(" -- ")[0]):
            if option not in text:
                complain(f"{place}: `{' '.join(words)}`: {' '.join(known)} has no {option}")


def pages_of(root):
    """README.md and the pages of the book, each with its text."""
    found = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "README.md", "docs"], cwd=root,
                           capture_output=True, text=True, check=True).stdout.split("\n")
    return {page: open(os.path.join(root, page)).read() for page in sorted(found)
            if page.endswith(".md") and os.path.exists(os.path.join(root, page))}


def check(root, only=(), rewrite=False):
    """Everything. Returns what is wrong, and what became of each command."""
    wrong, became, texts = [], [], pages_of(root)
    book.check_links(root, texts, wrong.append)
    book.check_names(root, texts, wrong.append)
    book.check_summary(texts, wrong.append)
    check_inline(texts, wrong.append)
    gate = open(os.path.join(root, ".ci/run")).read()
    for page, text in texts.items():
        commands = book.parse(page, text, wrong.append)
        if only and page not in only:
            continue
        for kind, why in {command.note for command in commands if command.note[0] == "run by .ci/run"}:
            absent = [words for words in why.split("; ") if words not in gate]
            wrong.extend(f"{page}: .ci/run has no {words!r}" for words in absent)
        became += commands
        to_run = [command for command in commands if command.note[0] in (None, "output varies")]
        if to_run:
            printed = run_page(page, to_run, wrong.append, root)
            if rewrite:
                write(root, to_run, printed)
    return wrong, became


def list_them(commands):
    """Each command with its place and who runs it, and how many there are."""
    verbs = {None: "run", "output varies": "run", "run by .ci/run": "by the gate", "not run": "NOT RUN"}
    for command in commands:
        kind, why = command.note
        reason = f"   ({kind}: {why})" if kind else ""
        print(f"{verbs[kind]:11} {command.place:32} $ {command.text.splitlines()[0]}{reason}")
    counts = {verb: sum(verbs[c.note[0]] == verb for c in commands) for verb in dict.fromkeys(verbs.values())}
    return (f"\n{counts['run']} commands run here, {counts['by the gate']} by other parts of .ci/run, "
            f"{counts['NOT RUN']} not run, for the reasons above")


def main():
    began, only = time.monotonic(), [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if "--list" in sys.argv:
        pages = pages_of(ROOT).items()
        all_of_them = [book.parse(page, text, sys.exit) for page, text in pages if not only or page in only]
        print(list_them(sum(all_of_them, [])).replace("run here", "that scripts/book.sh runs"))
        return
    wrong, became = check(ROOT, only, "--write" in sys.argv)
    print(f"{list_them(became)}; {time.monotonic() - began:.0f} s")
    for problem in wrong:
        print(f"\nWRONG {problem}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
