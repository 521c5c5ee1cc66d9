"""The obligations in words, as a page of links; and the names of the files."""

import replacement
from claims import CONTROLS, FOLLOWS
from model import HONEST, INVARIANTS, NUMBERS
from steps import STEPS


def stem_of(kind, name, expected):
    """The file's name but for `.smt2`: the expected verdict is its end."""
    return f"{kind}-{name}".strip("-").replace(" ", "-").replace("'", "") + "." + expected


def table(head, rows):
    lines = ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def section(title, *words):
    return ["", "## " + title, "", *words]


def consequence(bug):
    if "follows" in bug:
        return f"\"{bug['follows']}\" does not follow"
    return f"{bug['step']} breaks \"{bug['breaks']}\""


def index(files):
    """The page for these file names, all of which it must name."""
    stems = {name.removesuffix(".smt2") for name in files}
    linked = set()

    def link(kind, name, expected, shown=None):
        stem = stem_of(kind, name, expected)
        assert stem in stems, stem
        linked.add(stem)
        return f"[{shown or name}]({stem}.smt2)"

    def kept_by(kind, invariant, steps=STEPS):
        steps = [step for step in steps if stem_of(f"{kind}-{step}", invariant, "unsat") in stems]
        return ", ".join(link(f"{kind}-{step}", invariant, "unsat", step) for step in steps)

    lines = [f"# The {len(files)} obligations", "",
             "Written by `generate.py`. Each is a file; its verdict is in its name."]
    start = link("start", "", "unsat", "start")
    lines += section("Invariants", f"They hold at the {start}, and each step keeps them:",
                     "a step that is not named changes nothing of which the invariant speaks.")
    lines += table(["invariant", "in words", "kept by"],
                   [(name, words, kept_by("keeps", name)) for name, words, _ in INVARIANTS + NUMBERS])
    lines += section("As long as no front end lies", "These hold too.")
    lines += table(["invariant", "in words", "kept by"],
                   [(name, words, kept_by("honest", name)) for name, words, _ in HONEST])
    lines += section("Steps", "That each can happen is shown by an example (`sat`): no proof is empty.")
    lines += table(["step", "in words"],
                   [(link("happens", name, "sat"), step["words"]) for name, step in STEPS.items()])
    lines += section("What follows from the invariants", "In any one state.")
    lines += table(["name", "in words"],
                   [(link("follows", name, "unsat"), claim["words"]) for name, claim in FOLLOWS.items()])
    lines += section("Controls", "Seeded bugs. Each must have a counterexample (`sat`).")
    lines += table(["bug", "in words", "then"],
                   [(link("control", name, "sat"), bug["words"], consequence(bug))
                    for name, bug in CONTROLS.items()])
    lines += section("A replacement", "The drawing of [replacement.py](../replacement.py), of one replica manager",
                     f"that is replaced. Its invariants hold at the {link('replace-start', '', 'unsat', 'start')}.")
    lines += table(["invariant", "in words", "kept by"],
                   [(name, words, kept_by("replace-keeps", name, replacement.STEPS))
                    for name, words, _ in replacement.INVARIANTS])
    lines += table(["step", "in words"], [(link("replace-happens", name, "sat"), step["words"])
                                          for name, step in replacement.STEPS.items()])
    lines += table(["what follows", "in words"], [(link("replace-follows", name, "unsat"), claim["words"])
                                                  for name, claim in replacement.FOLLOWS.items()])
    lines += table(["bug", "in words", "then"],
                   [(link("replace-control", name, "sat"), bug["words"], consequence(bug))
                    for name, bug in replacement.CONTROLS.items()])
    assert linked == stems, stems - linked
    return "\n".join(lines + [""])
