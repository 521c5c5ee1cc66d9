#!/usr/bin/env python3
"""Writes the obligations: generate.py DIRECTORY. The same files at each call."""

import pathlib
import re
import sys

import replacement
from claims import CONTROLS, FOLLOWS
from index import index, stem_of
from model import FIXED, GIVEN, HONEST, INVARIANTS, MACROS, NUMBERS, SORTS, STATE
from steps import STEPS, TRUTHFUL

SCOPE = "any number of replica managers, front ends, updates and messages"
TEXT = {name: text.strip() for name, _, text in INVARIANTS + HONEST + NUMBERS}
WORDS = {name: words for name, words, _ in INVARIANTS + HONEST + NUMBERS}


def function(name, arguments, result):
    return f"(declare-fun {name} ({arguments}) {result})"


def constants(text):
    """Declares `me:Rm upto:Rm->Int`."""
    lines = []
    for constant in text.split():
        name, kind = constant.split(":")
        arguments, _, result = kind.rpartition("->")
        lines.append(function(name, arguments, result))
    return lines


def named(claims):
    """Asserts each claim under a comment with its name."""
    return [line for name, text in claims for line in (f"; {name}", f"(assert {text.strip()})")]


def vocabulary(at_start=False, sorts=SORTS, fixed=FIXED, state=STATE, macros=MACROS, given=GIVEN):
    lines = [f"(declare-sort {sort} 0) ; {meaning}" for sort, meaning in sorts]
    lines.append("; ---- what never changes")
    lines += [f"{function(name, *kind)} ; {meaning}" for name, *kind, meaning in fixed]
    lines.append("; ---- the state")
    for name, arguments, result, first, meaning in state:
        if at_start:
            unused = " ".join(f"(x{n} {sort})" for n, sort in enumerate(arguments.split()))
            lines.append(f"(define-fun {name} ({unused}) {result} {first}) ; {meaning}")
        else:
            lines.append(f"{function(name, arguments, result)} ; {meaning}")
    lines.append("; ---- abbreviations")
    lines += [f"(define-fun {name} ({arguments}) {result} {text})"
              for name, arguments, result, text in macros]
    return lines + named(given)


def afterwards(text, changed):
    """The text with each changed function replaced by its new meaning, of the name `NAME.new`."""
    return re.sub(r"(?<=\()[a-z_]+(?= )|\b(came|most|last)\b",
                  lambda found: found[0] + ".new" * (found[0] in changed), text)


def changes_of(step, state=STATE, macros=MACROS):
    """The new meanings, and the names of all whose meaning changes, abbreviations too."""
    result_of = {name: result for name, _, result, _, _ in state}
    changed = {name for name, _, _ in step["changes"]}
    lines = [f"(define-fun {name}.new ({arguments}) {result_of[name]} {text})"
             for name, arguments, text in step["changes"]]
    for name, arguments, result, text in macros:
        if afterwards(text, changed) != text:
            lines.append(f"(define-fun {name}.new ({arguments}) {result} {afterwards(text, changed)})")
            changed.add(name)
    return lines, changed


def obligation(kind, name, expected, words, lines):
    """A file's name and text."""
    head = ["; " + words, f"; For {SCOPE}.", f"; Expected: {expected}.", "(set-logic ALL)",
            f"(set-info :status {expected})"]
    return f"{stem_of(kind, name, expected)}.smt2", "\n".join(head + lines + ["(check-sat)", ""])


def names(invariants):
    return [name for name, _, _ in invariants]


def state_and(claims, also=()):
    """Any state in which the invariants hold, further ones too, and the claims."""
    held = [(name, TEXT[name]) for name in names(INVARIANTS) + list(also)]
    return vocabulary() + ["; ---- the invariants hold"] + named(held) + claims


def a_step(step, also=()):
    """A step from such a state, and the names of what it changes."""
    lines, changed = changes_of(step)
    claims = constants(step["consts"]) + ["; ---- " + step["words"]] + named(step["guards"])
    return state_and(claims + ["; ---- afterwards"] + lines, also), changed


def starts():
    broken = "(assert (not (and " + "\n".join(TEXT.values()) + ")))"
    return obligation("start", "", "unsat", "The invariants hold at the start.", vocabulary(True) + [broken])


def truthful(name, step):
    """The step if no front end lies."""
    more = [TRUTHFUL[name]] if name in TRUTHFUL else []
    return {**step, "guards": step["guards"] + more}


def keeps(kind, name, step, invariants, also=()):
    """An obligation for each of the invariants that the step could break: that speaks of what it changes."""
    lines, changed = a_step(step, also)
    for invariant in names(invariants):
        after = afterwards(TEXT[invariant], changed)
        if after != TEXT[invariant]:
            words = f"Step \"{name}\" keeps \"{invariant}\": {WORDS[invariant]}."
            goal = ["; ---- broken?", f"(assert (not {after}))"]
            yield obligation(f"{kind}-{name}", invariant, "unsat", words, lines + goal)


def happens(name, step):
    lines, _ = a_step(step)
    words = f"Step \"{name}\" can happen, and not trivially: {step['words']}."
    return obligation("happens", name, "sat", words, lines + named([("of interest", step["interest"])]))


def conclusion(claim):
    return state_and(constants(claim["consts"]) + ["; ---- given"] + named(claim["given"])
                     + ["; ---- and yet not", f"(assert (not {claim['then']}))"], claim.get("also", ()))


def patched(claims, patches):
    """The guards with those left out that are None, and those replaced that are not."""
    assert patches.keys() <= {name for name, _ in claims}, patches
    kept = [(name, patches.get(name, text)) for name, text in claims]
    return [(name, text) for name, text in kept if text is not None]


def control(name, bug):
    guards, words = bug.get("guards", {}), bug["words"]
    if "follows" in bug:
        claim = FOLLOWS[bug["follows"]]
        claim = {**claim, "given": patched(claim["given"], guards), "also": bug.get("also", ())}
        words = f"Control: {words}; then \"{bug['follows']}\" does not follow."
        return obligation("control", name, "sat", words, conclusion(claim))
    step, new = STEPS[bug["step"]], bug.get("changes", {})
    if bug["breaks"] in names(HONEST):
        step = truthful(bug["step"], step)
    assert new.keys() <= {function for function, _, _ in step["changes"]}, name
    step = {**step, "guards": patched(step["guards"], guards),
            "consts": step["consts"] + bug.get("consts", ""),
            "changes": [(f, arguments, new.get(f, text)) for f, arguments, text in step["changes"]]}
    lines, changed = a_step(step, names(HONEST) if bug["breaks"] in names(HONEST) else ())
    after = afterwards(TEXT[bug["breaks"]], changed)
    assert after != TEXT[bug["breaks"]], name
    words = f"Control: {words}; then step \"{bug['step']}\" breaks \"{bug['breaks']}\"."
    return obligation("control", name, "sat", words, lines + ["; ---- broken?", f"(assert (not {after}))"])


def replacements():
    """The drawing in replacement.py: the same kinds of obligations, under names that begin with `replace-`."""
    drawing = replacement
    tables = dict(state=drawing.STATE, macros=drawing.MACROS)
    words = dict((name, words) for name, words, _ in drawing.INVARIANTS)
    text = dict((name, text.strip()) for name, _, text in drawing.INVARIANTS)

    def start(at_start=False):
        return vocabulary(at_start, drawing.SORTS, drawing.FIXED, given=drawing.GIVEN, **tables)

    def state(without=()):
        held = [(name, held) for name, held in text.items() if name not in without]
        return start() + ["; ---- the invariants hold"] + named(held)

    def stepped(step, without=()):
        lines, changed = changes_of(step, **tables)
        claims = constants(step["consts"]) + ["; ---- " + step["words"]] + named(step["guards"])
        return state(without) + claims + ["; ---- afterwards"] + lines, changed

    def broken(lines, after):
        return lines + ["; ---- broken?", f"(assert (not {after}))"]

    yield obligation("replace-start", "", "unsat", "The invariants of a replacement hold at the start.",
                     broken(start(True), "(and " + "\n".join(text.values()) + ")"))
    for name, step in drawing.STEPS.items():
        lines, changed = stepped(step)
        for invariant in text:
            after = afterwards(text[invariant], changed)
            if after != text[invariant]:
                said = f"Step \"{name}\" keeps \"{invariant}\": {words[invariant]}."
                yield obligation(f"replace-keeps-{name}", invariant, "unsat", said, broken(lines, after))
        said = f"Step \"{name}\" can happen, and not trivially: {step['words']}."
        yield obligation("replace-happens", name, "sat", said, lines + named([("of interest", step["interest"])]))
    for name, claim in drawing.FOLLOWS.items():
        lines = state() + constants(claim["consts"]) + ["; ---- given"] + named(claim["given"])
        yield obligation("replace-follows", name, "unsat", f"Follows from the invariants: {claim['words']}.",
                         lines + ["; ---- and yet not", f"(assert (not {claim['then']}))"])
    for name, bug in drawing.CONTROLS.items():
        step, new = drawing.STEPS[bug["step"]], bug.get("changes", {})
        assert new.keys() <= {function for function, _, _ in step["changes"]}, name
        step = {**step, "guards": patched(step["guards"], bug.get("guards", {})) + bug.get("more", []),
                "consts": step["consts"] + bug.get("consts", ""),
                "changes": [(f, arguments, new.get(f, text)) for f, arguments, text in step["changes"]]}
        lines, changed = stepped(step, bug.get("without", ()))
        after = afterwards(text[bug["breaks"]], changed)
        assert after != text[bug["breaks"]], name
        said = f"Control: {bug['words']}; then step \"{bug['step']}\" breaks \"{bug['breaks']}\"."
        yield obligation("replace-control", name, "sat", said, broken(lines, after))


def main():
    files = [starts()]
    for name, step in STEPS.items():
        files += keeps("keeps", name, step, INVARIANTS)
        files += keeps("honest", name, truthful(name, step), HONEST, names(HONEST))
        files += keeps("keeps", name, step, NUMBERS, names(NUMBERS))
        files.append(happens(name, step))
    for name, claim in FOLLOWS.items():
        words = f"Follows from the invariants: {claim['words']}."
        files.append(obligation("follows", name, "unsat", words, conclusion(claim)))
    files += [control(name, bug) for name, bug in CONTROLS.items()]
    files += replacements()
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files:
        (directory / name).write_text(text, encoding="utf-8")
    (directory / "README.md").write_text(index([name for name, _ in files]), encoding="utf-8")


if __name__ == "__main__":
    main()
