"""The explorer under test, and what every test of a page needs."""

import http.client
import json
import subprocess
import threading

from chromium import PATIENCE


class Explorer:
    """The program under test."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(
            [program, "explore", *args, "--port", "0", "--no-color"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        silent = threading.Timer(PATIENCE, self.process.kill)
        silent.start()
        addresses = []
        while len(addresses) < 2:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"check explore {args} has ended")
            if line.startswith("http"):
                addresses.append(line.split()[0])
        silent.cancel()
        self.opening, self.stateright = addresses
        self.base = self.opening.split("#")[0]
        self.port = int(self.base.rstrip("/").rsplit(":", 1)[1])

    def ask(self, method, path, body=None, **headers):
        """One HTTP request; the status and the text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.request(method, path, body, {name.replace("_", "-"): v for name, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def post(self, path, body):
        """One question as the page asks it."""
        status, text = self.ask("POST", path, json.dumps(body), Content_Type="application/json")
        assert status == 200, (path, status, text)
        return json.loads(text)

    def close(self):
        self.process.terminate()
        self.process.wait()


def equal(is_so, should_be):
    assert is_so == should_be, f"it is {is_so!r}, it should be {should_be!r}"


def at(page, step):
    page.wait(f"document.body.dataset.at === '{step}'")
