"""Opens a report of `check` in a headless Chromium: one with a violation.

Arguments: the program `check`, Chromium, and if wanted a directory for screenshots; then the whole catalogue is
verified as well, for a picture of its report.
"""

import os
import subprocess
import sys
import tempfile

from chromium import Chromium

BUG, MODEL = "answers too early", "pair"


def run(program, directory, expected, *words):
    """Runs it; the address of the page that it wrote."""
    command = [program, *words, "--quiet", "--no-color", "--report", directory]
    status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    assert status == expected, f"{command} ended with {status}"
    page, = os.listdir(directory)
    return f"file://{directory}/{page}"


def fits(page, name, pictures):
    """At every size, light and dark, nothing is wider than the window."""
    for look, width, height, dark in [("light", 1180, 900, False), ("dark", 1180, 900, True),
                                      ("phone", 390, 844, False), ("phone-dark", 390, 844, True)]:
        page.look(width, height, dark)
        widest = page.evaluate("document.scrollingElement.scrollWidth")
        assert widest <= width, f"{name}, {look}: {widest} pixels wide"
        if pictures:
            page.picture(os.path.join(pictures, f"{name}-{look}.png"))


def a_violation_is_shown_with_how_it_comes_about(page, program, pictures):
    with tempfile.TemporaryDirectory() as directory:
        page.open(run(program, directory, 1, "--only", MODEL, "--mutant", BUG))
        page.wait("document.querySelector('.verdict.bad h2')?.innerText.includes('FOUND OUT')")
        text = page.evaluate("document.body.innerText")
        for words in [BUG, "This is not the protocol", "VIOLATED: a client reads its own writes (4 steps)"]:
            assert words in text, (words, text)
        # The diagram is there, in its own colours.
        drawn = page.evaluate("document.querySelector('.wide > svg')?.textContent ?? ''")
        assert "before this question" in drawn, drawn
        assert page.evaluate("getComputedStyle(document.querySelector('.wide > svg rect')).fill") == "rgb(255, 255, 255)"
        # And in the page's, if that is dark.
        page.look(1180, 900, True)
        assert page.evaluate("getComputedStyle(document.querySelector('.wide > svg rect')).fill") == "rgb(29, 34, 40)"
        fits(page, "violated", pictures)


def the_whole_catalogue_holds(page, program, pictures):
    with tempfile.TemporaryDirectory() as directory:
        page.open(run(program, directory, 0))
        page.wait("document.querySelector('.verdict.good h2')")
        fits(page, "report", pictures)


def main():
    program, chromium = sys.argv[1:3]
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    page = Chromium(chromium)
    try:
        a_violation_is_shown_with_how_it_comes_about(page, program, pictures)
        if pictures:
            the_whole_catalogue_holds(page, program, pictures)
        assert not page.problems, page.problems
        print("ok a report with a violation" + (", and that of the whole catalogue" if pictures else ""))
    finally:
        page.close()


if __name__ == "__main__":
    main()
