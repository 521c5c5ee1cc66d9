"""Watches a running cluster in a headless Chromium, stops some of it, and judges what the page shows.

Arguments: the program `chinwag`, Chromium, and if wanted a directory for screenshots.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

from chromium import PATIENCE, Chromium

# The longest that a stopped process of a failed test is waited for.
END_WITHIN = 20


class Cluster:
    """Three replica managers and their page."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        words = ["cluster", "--replicas", "3", "--service", "set", "--watch", "--json", "--dir", directory]
        self.process = subprocess.Popen(
            [program, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        silent = threading.Timer(PATIENCE, self.process.kill)
        silent.start()
        started = json.loads(self.process.stdout.readline())
        silent.cancel()
        self.base = started["watch"]
        self.again = []
        self.pids = [replica["pid"] for replica in started["replicas"]]

    def stop(self, *replicas):
        for replica in replicas:
            os.kill(self.pids[replica], signal.SIGSTOP)

    def go_on(self, *replicas):
        for replica in replicas:
            os.kill(self.pids[replica], signal.SIGCONT)

    def kill(self, replica):
        os.kill(self.pids[replica], signal.SIGKILL)

    def start(self, replica):
        """Starts one again that was killed."""
        config = os.path.join(self.directory, f"rm{replica}.toml")
        process = subprocess.Popen([self.program, "replica", "--config", config], stderr=subprocess.DEVNULL)
        self.again.append(process)
        self.pids[replica] = process.pid

    def command(self, word, at, *words, of="ann"):
        """A command of a session, begun."""
        return subprocess.Popen(
            [self.program, word, "--config", os.path.join(self.directory, "cluster.toml"),
             "--session", os.path.join(self.directory, of), "--timeout-ms", "60000", "--at", str(at), *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def add(self, at, element, of="ann"):
        said = self.command("update", at, "add", element, of=of).communicate(timeout=PATIENCE)[0]
        assert said.startswith("recorded at"), said

    def close(self):
        self.go_on(0, 2)
        for process in [self.process, *self.again]:
            process.terminate()
            process.wait(END_WITHIN)


def text(page, where):
    return page.evaluate(f"document.querySelector({json.dumps(where)})?.innerText ?? ''")


def says(where, words):
    """That an element's text has these words."""
    return f"document.querySelector({json.dumps(where)})?.innerText.includes({json.dumps(words)})"


def gossip_flows_and_all_become_equal(page, cluster):
    cluster.add(0, "milk")
    page.open(cluster.base)
    page.wait(says("#about", "3 of 3 replica managers answer"))
    page.wait(says("#cluster", "local · set"))
    page.wait("document.querySelectorAll('#links .tag.stable').length === 6")
    # Gossip ceases when all know all, so what flows is seen for a moment only: this remembers it.
    page.evaluate("""{ const seen = (where) => document.querySelector(where) !== null;
        new MutationObserver(() => {
          if (seen("[data-link='rm0-rm1'] .flows") && seen('#ring .flows')) document.body.dataset.flowed = 'yes';
        }).observe(document.getElementById('links'), { childList: true }); }""")
    cluster.add(0, "oil")
    page.wait("document.body.dataset.flowed === 'yes'")
    page.wait("document.querySelectorAll('#links .tag.stable').length === 6")
    page.wait("document.querySelectorAll('.flows').length === 0")
    for replica in ["rm0", "rm1", "rm2"]:
        page.wait(says(f"[data-party={replica}] dl", "[2,0,0]"))


def a_stopped_peers_lag_is_seen(page, cluster):
    cluster.kill(1)
    cluster.add(0, "bread")
    cluster.add(2, "salt")
    page.wait(says("[data-party=rm1]", "does not answer"))
    page.wait(says("[data-link='rm0-rm1']", "lacks 2"))
    page.wait(says("[data-link='rm2-rm1']", "lacks 2"))
    page.wait(says("[data-link='rm0-rm2']", "has all"))
    # The most behind come first, and the picture says the same.
    page.wait("document.querySelector('#links tbody tr').dataset.link.endsWith('-rm1')")
    page.wait("document.querySelectorAll('#ring .behind').length === 2")
    label = page.evaluate("document.querySelector('#ring svg').getAttribute('aria-label')")
    assert label == "Gossip: rm1 lacks 2 of rm0, rm1 lacks 2 of rm2", label
    page.wait("document.querySelectorAll('#ring .silent').length === 1")
    assert "2 of 3 replica managers answer" in text(page, "#about")


def a_held_back_query_is_seen_and_leaves(page, cluster):
    cluster.stop(0, 2)
    cluster.start(1)
    query = cluster.command("query", 1)
    page.wait(says("#about", "1 query is held back"))
    page.wait(says("[data-party=rm1]", "waits for rm0:3"))
    assert "HELD-BACK QUERIES" in text(page, "[data-party=rm1]").upper()
    assert "holds 1" in text(page, "#ring"), text(page, "#ring")
    cluster.go_on(0, 2)
    said = query.communicate(timeout=PATIENCE)[0].split()
    assert said == ["bread", "milk", "oil", "salt"], said
    page.wait(says("#about", "3 of 3 replica managers answer"))
    page.wait(says("#about", "0 queries are held back"))
    page.wait("document.querySelectorAll('#links .tag.stable').length === 6")


def it_pauses(page):
    page.press("p")
    page.wait("document.body.classList.contains('paused')")
    assert text(page, "#pause") == "Go on"
    page.press("p")
    looks = page.evaluate("document.body.dataset.looks")
    page.wait(f"document.body.dataset.looks !== '{looks}'")


def it_fits_a_phone_and_needs_nothing_from_elsewhere(page, cluster, pictures):
    # With something to see on it: rm1 holds back Ann's query for what only rm0 has, which is silent, while
    # Bob's updates flow.
    cluster.kill(1)
    cluster.kill(2)
    cluster.add(0, "tea")
    cluster.stop(0)
    cluster.start(1)
    cluster.start(2)
    query = cluster.command("query", 1)
    page.wait(says("#about", "1 query is held back"))
    for element in ["figs", "rice"]:
        cluster.add(2, element, of="bob")
    page.wait(says("[data-link='rm2-rm0']", "lacks 2"))
    page.wait(says("[data-link='rm2-rm1']", "has all"))
    for name, width, height, dark in [("", 1280, 960, False), ("-dark", 1280, 960, True),
                                      ("-phone", 390, 844, False)]:
        page.look(width, height, dark)
        looks = page.evaluate("document.body.dataset.looks")
        if pictures:
            cluster.add(2, f"dates{name}", of="bob")
        page.wait(f"document.body.dataset.looks !== '{looks}'")
        widest = page.evaluate("document.scrollingElement.scrollWidth")
        assert widest <= width, f"live{name}: {widest} pixels wide"
        if pictures:
            page.picture(os.path.join(pictures, f"live{name}.png"))
    page.look(1280, 960)
    cluster.go_on(0)
    assert "tea" in query.communicate(timeout=PATIENCE)[0]
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name).join(' ')")
    assert all(name.startswith(cluster.base) for name in loaded.split()), loaded


def it_says_so_when_nothing_is_heard(page, cluster):
    cluster.close()
    page.wait(says("#about", "Nothing is heard of the cluster"))
    # What is left on the page is old, and looks so.
    page.wait(says("#about", "s old."))
    for shown in ["#gossip", "#parties"]:
        grey = page.evaluate(f"getComputedStyle(document.querySelector('{shown}')).filter")
        assert grey == "grayscale(1)", f"{shown}: {grey}"


def main():
    program, chromium = sys.argv[1:3]
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(program, directory)
        page = Chromium(chromium)
        try:
            page.look(1280, 960)
            gossip_flows_and_all_become_equal(page, cluster)
            a_stopped_peers_lag_is_seen(page, cluster)
            a_held_back_query_is_seen_and_leaves(page, cluster)
            it_pauses(page)
            it_fits_a_phone_and_needs_nothing_from_elsewhere(page, cluster, pictures)
            assert page.problems == [], page.problems
            it_says_so_when_nothing_is_heard(page, cluster)
            print("ok the live view: gossip, a stopped peer's lag, a held-back query, a phone")
        finally:
            page.close()
            if cluster.process.poll() is None:
                cluster.close()


main()
