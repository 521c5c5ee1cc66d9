"""Opens the explorer in a headless Chromium, clicks through it, and judges what it shows.

Arguments: the directory of the programs, Chromium, and if wanted a directory for screenshots.
"""

import json
import os
import subprocess
import sys
import tempfile

from chromium import Chromium
from explorer import Explorer, at, equal

SINGLE_PASS = "#model=counter&bug=makes+a+single+pass&find=nothing+waits+that+need+not+wait"


def a_counterexample_is_opened_from_the_famous_runs(page, explorer):
    page.open(explorer.base)
    at(page, 0)
    page.press("f")
    page.wait("document.querySelector('#famous[open]')")
    # Those that nobody can tell from the protocol have no counterexample, and so no link.
    heads = page.evaluate("[...document.querySelectorAll('#famous-list h3')].map((h) => h.textContent).join('; ')")
    assert "finds each out (57); " in heads and "they have no counterexample (3); " in heads, heads
    equal(page.evaluate("document.querySelectorAll('#famous-list h3 + ul')[1].querySelectorAll('a').length"), 0)
    page.evaluate("""{ const search = document.getElementById('famous-search');
        search.value = 'single pass'; search.dispatchEvent(new Event('input')); }""")
    # The model's counterexample, and the scenario that finds it too.
    equal(page.evaluate("document.querySelectorAll('#famous-list a').length"), 2)
    page.evaluate("document.querySelector('#famous-list a').click()")
    page.wait("document.querySelector('.violated')")
    said = page.evaluate("document.querySelector('.violated').innerText")
    assert "nothing waits that need not wait" in said and "rm1 holds back c" in said, said
    assert "step 5 of 5" == page.evaluate("document.getElementById('position').textContent")


def what_each_step_changes_is_marked(page, _):
    touched = "[...document.querySelectorAll('.touched')].map((card) => card.dataset.party).join()"
    page.press("Home")
    at(page, 0)
    equal(page.evaluate(touched), "")
    equal(page.evaluate("document.querySelectorAll('main .changed, main .new, main .gone').length"), 0)
    for step, party in enumerate(["rm0", "fe1", "rm0", "rm0", "rm1"], 1):
        page.evaluate("document.getElementById('forward').click()")
        at(page, step)
        # A manager that gossips changes nothing but what is under way.
        equal(page.evaluate(touched), "" if step == 4 else party)
    entries = "[...document.querySelectorAll('.entry.changed')].map((entry) => entry.textContent).join()"
    equal(page.evaluate(entries), "1,2,1,2")
    equal(page.evaluate("document.querySelector('[data-party=rm1] .mark[title]').title"), "was empty")
    equal(page.evaluate("document.querySelectorAll('[data-party=rm1] tr.new').length"), 2)
    equal(page.evaluate("document.querySelectorAll('[data-party=rm1] .tag.waits').length"), 1)
    equal(page.evaluate("document.querySelectorAll('#messages .gone').length"), 1)
    page.press("ArrowLeft")
    at(page, 4)
    equal(page.evaluate("document.querySelector('.violated')"), None)
    equal(page.evaluate("document.querySelectorAll('#messages .new').length"), 1)
    steps = page.evaluate("document.querySelectorAll('#diagram circle').length")
    page.press("End")
    at(page, 5)
    page.wait(f"document.querySelectorAll('#diagram circle').length > {steps}")


def a_reload_and_a_sent_link_show_the_same(page, explorer):
    page.press("h")
    at(page, 4)
    state = "document.querySelector('main').innerText + document.getElementById('diagram').innerHTML"
    before, address = page.evaluate(state), page.evaluate("location.href")
    assert "at=4" in address, address
    page.call("Page.reload")
    page.wait("document.body?.dataset.at === '4'")
    equal(page.evaluate(state), before)
    page.open("about:blank")
    page.open(address)
    page.wait("document.body?.dataset.at === '4'")
    equal(page.evaluate(state), before)


def steps_are_grouped_searched_and_taken(page, explorer):
    page.open(explorer.base + "#model=pair")
    page.wait("document.getElementById('model').value === 'pair' && document.body.dataset.at === '0'")
    heads = "[...document.querySelectorAll('#steps h3')].map((head) => head.textContent).join()"
    equal(page.evaluate(heads), "at rm0,at rm1")
    page.press("g")
    equal(page.evaluate(heads), "update")
    page.press("/")
    equal(page.evaluate("document.activeElement.id"), "search")
    page.call("Input.insertText", text="fe1 -> rm1")
    equal(page.evaluate("document.querySelectorAll('#steps button').length"), 1)
    page.press("Enter")
    at(page, 1)
    equal(page.evaluate("document.querySelector('.touched').dataset.party"), "rm1")
    page.evaluate("document.activeElement.blur()")
    page.press("1")
    at(page, 2)
    page.evaluate("history.back()")
    at(page, 1)


def the_keyboard_is_documented_and_works(page, explorer):
    page.press("?")
    page.wait("document.querySelector('#help[open]')")
    keys = page.evaluate("document.getElementById('keys').innerText")
    for word in ["jump to the nearest violation", "random walk", "search", "one step back"]:
        assert word in keys, keys
    page.evaluate("document.getElementById('help').close()")
    page.press("r")
    page.wait("Number(document.body.dataset.at) > 5")
    page.open(explorer.base + "#model=counter&bug=makes+a+single+pass")
    page.wait("document.getElementById('bug').value !== '' && document.body.dataset.at === '0'")
    page.press("v")
    page.wait("document.querySelector('.violated')")
    at(page, 5)


def a_fair_continuation_is_walked_through(page, explorer):
    page.open(explorer.base + "#model=pair&bug=gives+no+receipts"
              "&find=every+fair+continuation+becomes+silent")
    page.wait("document.querySelector('.violated')?.innerText.includes('never cease')")
    page.press("ArrowLeft")
    page.wait("!document.querySelector('.violated')")
    assert "The fair continuation" in page.evaluate("document.getElementById('steps').innerText")


def a_counterexample_file_is_opened(page, program):
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([program, "mutants", "executes duplicates", "--trace-dir", directory, "--quiet"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        traces = [name for name in os.listdir(directory) if name.endswith(".itf.json")]
        equal(len(traces), 1)
        explorer = Explorer(program, os.path.join(directory, traces[0]))
        try:
            page.open(explorer.opening)
            page.wait("document.querySelector('.violated')?.innerText.includes('executed at most once')")
        finally:
            explorer.close()


def a_scenario_is_walked_through(page, explorer):
    page.open(explorer.base + "#run=c03_single_pass")
    page.wait("document.getElementById('about').innerText.includes('C3: what becomes stable')")
    length = page.evaluate("Number(document.body.dataset.at)")
    assert length > 10, length
    page.wait("document.getElementById('read-only')?.innerText.includes('Read only')")
    equal(page.evaluate("document.querySelectorAll('#steps button').length"), 0)
    equal(page.evaluate("document.getElementById('random').disabled"), True)
    equal(page.evaluate("document.querySelector('#news code').textContent"), "settle")
    order = "document.querySelector('[data-party=rm1] dd').innerText"
    equal(page.evaluate(order), "a b c")
    # Each step back is there, down to the start and up again.
    for place in range(length - 1, -1, -1):
        page.press("ArrowLeft")
        page.wait(f"document.body.dataset.at === '{place}'")
    equal(page.evaluate(order), "empty")
    equal(page.evaluate("document.querySelectorAll('#diagram circle').length"), 0)
    page.press("ArrowRight")
    at(page, 1)
    equal(page.evaluate("document.querySelectorAll('#messages .new').length"), 1)
    equal(page.evaluate("document.querySelector('.touched').dataset.party"), "c1 (fe0)")
    page.evaluate("history.back()")
    at(page, 0)


def a_scenario_shows_a_seeded_bug(page, explorer):
    page.press("f")
    page.wait("document.querySelector('#famous[open]')")
    page.evaluate("""{ const search = document.getElementById('famous-search');
        search.value = 'c03_single_pass, with'; search.dispatchEvent(new Event('input')); }""")
    equal(page.evaluate("document.querySelectorAll('#famous-list a').length"), 1)
    page.evaluate("document.querySelector('#famous-list a').click()")
    page.wait("document.querySelector('.violated')?.innerText.includes('nothing waits that need not wait')")
    equal(page.evaluate("document.getElementById('bug').value"), "makes a single pass")
    # Which values, and in the diagram too.
    said = page.evaluate("document.querySelector('.violated').innerText")
    assert "rm1 holds back b (rm1:1 after [1,0]) though its value is at [1,0]" in said, said
    assert "VIOLATED: rm1 holds" in page.evaluate("document.getElementById('diagram').textContent")


def a_scenario_says_whether_it_prints_what_its_text_says(page, explorer):
    page.open(explorer.base + "#run=c24b_pull")
    page.wait("document.querySelector('.witnessed')?.innerText.includes('As the text says')")
    page.open(explorer.base + "#run=c24b_pull&bug=drops+queries+that+must+wait")
    page.wait("document.querySelector('.violated')?.innerText.includes('Not as the text says: line 13')")
    heads = "[...document.querySelectorAll('.beside thead th')].map((head) => head.textContent).join()"
    equal(page.evaluate(heads), ",the text says,it prints")
    cells = "[...document.querySelectorAll('.beside tbody td')].map((cell) => cell.textContent).join('|')"
    assert "c1 sees <a> at [1,0]" in page.evaluate(cells).split("|")[0]


def what_is_opened_from(page, program, what, wait):
    """Opens a file or directory, and walks a little; how many steps there are."""
    explorer = Explorer(program, what)
    try:
        page.open(explorer.opening)
        page.wait(wait)
        page.wait("document.getElementById('read-only')")
        last = page.evaluate("Number(document.body.dataset.at)")
        page.press("ArrowLeft")
        at(page, last - 1)
        page.press("Home")
        at(page, 0)
        page.press("ArrowRight")
        at(page, 1)
        return last
    finally:
        explorer.close()


def a_scenario_file_a_seed_and_a_trace_are_opened(page, programs):
    check, simulate, chinwag = programs
    with tempfile.TemporaryDirectory() as directory:
        scenario = os.path.join(directory, "mine.txt")
        with open(scenario, "w", encoding="utf-8") as file:
            file.write("# Mine.\n\nreplicas 2\nclient c1 at 0\n\nc1 update a\ngossip 0 -> 1\n")
        what_is_opened_from(page, check, scenario, "document.getElementById('about').innerText.includes('Mine.')")

        seed = os.path.join(directory, "seed")
        subprocess.run([simulate, "--seed", "2", "--record", seed], check=True, stdout=subprocess.DEVNULL)
        shown = "document.getElementById('about').innerText.includes('the trace in')"
        steps = what_is_opened_from(page, check, seed, shown)
        assert steps > 100, steps

        trace = os.path.join(directory, "trace")
        record(chinwag, os.path.join(directory, "cluster"), trace)
        what_is_opened_from(page, check, trace, shown)
        equal(page.evaluate("document.getElementById('messages-count').textContent"), "not recorded")


def record(chinwag, directory, trace):
    """A recorded run of two replica managers over UDP, with one update."""
    process = subprocess.Popen([chinwag, "cluster", "--replicas", "2", "--service", "counter", "--json",
                                "--dir", directory, "--record", trace],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        config = json.loads(process.stdout.readline())["config"]
        subprocess.run([chinwag, "update", "--config", config, "--at", "0", "add", "5"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([chinwag, "query", "--config", config, "--at", "1"], check=True, stdout=subprocess.DEVNULL)
    finally:
        process.terminate()
        process.wait()


def files_are_saved(explorer):
    found = explorer.post("/api/find", {"model": "twice", "mutant": "executes duplicates",
                                        "until": "an update is executed at most once"})
    begins = {"svg": "<svg", "itf.json": "{", "shiviz.log": "", "txt": "Seeded bug", "json": "{",
              "replay.json": "{", "scenario.txt": "# The seeded bug"}
    for form, start in begins.items():
        file = explorer.post("/api/export", {"place": found["place"], "format": form})
        assert file["name"].endswith(form) and file["text"].startswith(start) and len(file["text"]) > 300, file
    for form in ["svg", "itf.json", "shiviz.log", "txt", "scenario.txt"]:
        file = explorer.post("/api/run", {"run": "c10_recorded_twice", "format": form})
        assert file["name"] == f"c10-recorded-twice.{form}" and len(file["text"]) > 300, file
    replay = json.loads(explorer.post("/api/export", {"place": found["place"], "format": "replay.json"})["text"])
    equal(len(replay["actions"]), len(found["place"]["path"]))


def a_path_is_saved_as_a_scenario_and_opened_again(page, explorer, program):
    page.open(explorer.base + SINGLE_PASS)
    page.wait("document.querySelector('.violated')")
    value = "[...document.querySelectorAll('[data-party^=rm]')].map((card) => card.innerText.replaceAll('●', '')).join()"
    saved = ("[...document.querySelectorAll('[data-format]')].filter((b) => !b.hidden)"
             ".map((b) => b.textContent).join()")
    equal(page.evaluate(saved), "SVG,ITF,ShiViz,text,replay file,scenario")
    path = page.evaluate("location.hash.match(/path=([0-9.]*)/)[1].split('.').map(Number)")
    place = {"model": "counter", "mutant": "makes a single pass", "path": path}
    file = explorer.post("/api/export", {"place": place, "format": "scenario.txt"})
    shown = page.evaluate(value)
    with tempfile.TemporaryDirectory() as directory:
        scenario = os.path.join(directory, file["name"])
        with open(scenario, "w", encoding="utf-8") as text:
            text.write(file["text"])
        again = Explorer(program, scenario)
        try:
            page.open(again.opening)
            page.wait("document.getElementById('read-only')")
            page.wait("document.querySelector('.violated')?.innerText.includes('nothing waits that need not wait')")
            equal(page.evaluate(value), shown)
            status, why = again.ask("POST", "/api/run", json.dumps({"run": "opened", "mutant": "answers too early"}),
                                    Content_Type="application/json")
            assert status == 400 and "says itself which bug" in why, (status, why)
        finally:
            again.close()
    # Of a replacement too.
    file = explorer.post("/api/export", {"place": {"model": "replace", "path": [0]}, "format": "scenario.txt"})
    assert "\nreplaces\n" in file["text"], file


def every_famous_run_leads_where_it_says(explorer):
    famous = json.loads(explorer.ask("GET", "/api/catalogue")[1])
    for mutant in famous["mutants"]:
        if mutant["by"]:
            place = {"model": mutant["model"], "mutant": mutant["name"], "until": mutant["by"]}
            state = explorer.post("/api/state", explorer.post("/api/find", place)["place"])
            assert mutant["by"] in state["violated"] and state["found"] == mutant["by"], mutant
    for witness in famous["witnesses"]:
        place = {"model": witness["model"], "until": witness["name"]}
        state = explorer.post("/api/state", explorer.post("/api/find", place)["place"])
        assert witness["name"] in state["seen"] and not state["violated"], witness
    for scenario in famous["scenarios"]:
        state = explorer.post("/api/run", {"run": scenario["run"]})
        refutes = scenario["run"] == "c25_what_must_not_be_built"
        assert bool(state["violated"]) == refutes and state["length"] > 2, (scenario, state["violated"])
        for mutant in scenario["mutants"]:
            state = explorer.post("/api/run", {"run": scenario["run"], "mutant": mutant["bug"]})
            differs = mutant["by"] == "the output differs"
            assert (state["beside"] if differs else mutant["by"] in state["violated"]), (mutant, state["violated"])
            assert differs or state["explain"], mutant
    assert len(famous["scenarios"]) > 40, famous["scenarios"]
    assert len(famous["mutants"]) > 50 and len(famous["witnesses"]) >= 10, famous


def strangers_are_turned_away(explorer):
    good = f"127.0.0.1:{explorer.port}"
    equal(explorer.ask("GET", "/")[0], 200)
    for host in ["evil.example", f"evil.example:{explorer.port}", "127.0.0.1", f"{good}.evil.example"]:
        equal(explorer.ask("GET", "/", Host=host)[0], 403)
        equal(explorer.ask("POST", "/api/state", "{}", Host=host, Content_Type="application/json")[0], 403)
    equal(explorer.ask("POST", "/api/state", '{"model":"pair"}')[0], 415)
    equal(explorer.ask("POST", "/api/state", " " * 70_000, Content_Type="application/json")[0], 413)
    for body in ["", "[", "{}", '{"model":"none"}', '{"model":"pair","path":[99]}', '{"model":"pair","path":[-1]}',
                 json.dumps({"model": "pair", "path": [0] * 501})]:
        status, text = explorer.ask("POST", "/api/state", body, Content_Type="application/json")
        assert status == 400 and text.strip(), (body, status, text)
    equal(explorer.ask("GET", "/nothing")[0], 404)


def it_fits_a_phone_and_needs_nothing_from_elsewhere(page, explorer, pictures):
    page.open(explorer.base + SINGLE_PASS)
    page.wait("document.querySelector('.violated') && document.querySelector('#diagram svg')")
    for name, width, height, dark in [("light", 1280, 960, False), ("dark", 1280, 960, True),
                                      ("phone", 390, 844, False), ("phone-dark", 390, 844, True)]:
        page.look(width, height, dark)
        widest = page.evaluate("document.scrollingElement.scrollWidth")
        assert widest <= width, f"{name}: {widest} pixels wide"
        if pictures:
            page.picture(os.path.join(pictures, f"explorer-{name}.png"))
    page.look(1280, 960)
    if pictures:
        page.open(explorer.base + "#run=c03_single_pass&bug=makes+a+single+pass")
        page.wait("document.getElementById('read-only') && document.querySelector('.violated')")
        page.picture(os.path.join(pictures, "scenario.png"))
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name).join(' ')")
    assert all(name.startswith(explorer.base) for name in loaded.split()), loaded


def stateright_is_still_there(page, explorer):
    page.open(explorer.stateright)
    page.wait("document.title.includes('Stateright')")


def main():
    directory, chromium = sys.argv[1:3]
    pictures = sys.argv[3] if len(sys.argv) > 3 else None
    program, *others = [os.path.join(directory, name) for name in ["check", "simulate", "chinwag"]]
    explorer = Explorer(program, "pair")
    page = Chromium(chromium)
    try:
        page.look(1280, 960)
        for test in [a_counterexample_is_opened_from_the_famous_runs, what_each_step_changes_is_marked,
                     a_reload_and_a_sent_link_show_the_same, steps_are_grouped_searched_and_taken,
                     the_keyboard_is_documented_and_works, a_fair_continuation_is_walked_through,
                     a_scenario_is_walked_through, a_scenario_shows_a_seeded_bug,
                     a_scenario_says_whether_it_prints_what_its_text_says]:
            test(page, explorer)
            print("ok", test.__name__.replace("_", " "), flush=True)
        a_counterexample_file_is_opened(page, program)
        a_scenario_file_a_seed_and_a_trace_are_opened(page, [program, *others])
        files_are_saved(explorer)
        a_path_is_saved_as_a_scenario_and_opened_again(page, explorer, program)
        every_famous_run_leads_where_it_says(explorer)
        strangers_are_turned_away(explorer)
        it_fits_a_phone_and_needs_nothing_from_elsewhere(page, explorer, pictures)
        equal(page.problems, [])
        stateright_is_still_there(page, explorer)
        print("ok files, famous runs, strangers, a phone, stateright's own")
    finally:
        page.close()
        explorer.close()


main()
