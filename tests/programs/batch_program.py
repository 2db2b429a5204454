"""How the tests of batch_submit run it and the emulator, each as a program of its own.

usage of a test: NAME.py BATCH_SUBMIT EMULATOR DOCUMENTED_REQUESTS [CASE] [OPTIONS]
Each function whose name begins with `case_` is one test, and `long_case_` one that takes its time; without CASE all are run.
"""

import json
import os
import pty
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

batch_submit, emulator_program, documented = sys.argv[1:4]
documented_lines = Path(documented).read_text().splitlines()
KEY = "sk-canary-0123456789"

# Who is started in the background, or by nohup, has these ignored, and would hand that on.
for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(ending) == signal.SIG_IGN:
        signal.signal(ending, signal.SIG_DFL)


class Emulator:
    """The emulator program in a folder of its own."""

    def __init__(self, folder, *options, scenario=None):
        self.ca = str(Path(folder) / "ca.pem")
        if scenario:
            path = Path(folder) / "scenario.json"
            path.write_text(json.dumps(scenario))
            options += ("--scenario", str(path))
        self.process = subprocess.Popen(
            [emulator_program, "--ca-out", self.ca, "--api-key", KEY, *options], stdout=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline()
        assert first.startswith("ready https://127.0.0.1:"), first
        self.url = first.split()[1]
        self.options = ("--base-url", self.url, "--ca-file", self.ca)
        self.context = ssl.create_default_context(cafile=self.ca)

    def ask(self, what):
        for attempt in range(100):  # a scenario may cut this connection as well
            try:
                with urllib.request.urlopen(f"{self.url}/__emulator/{what}", context=self.context) as answer:
                    return json.load(answer)
            except OSError as why:
                failure = why
        raise failure

    def books(self):
        return self.ask("books")

    def task_ids(self):
        return {a["task_id"] for a in self.books()["accepted"]}

    def wait_until_accepted(self, count):
        while len(self.books()["accepted"]) < count:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0, "SIGTERM must end the emulator cleanly"


def environment(key=KEY, **more):
    """As a user's, without what would lead elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("APIMART_") and k not in ("NO_COLOR", "TERM")}
    if key:
        kept["APIMART_API_KEY"] = key
    return kept | more


def start(*arguments, key=KEY, text=None, env=None, **more):
    return subprocess.Popen(
        [batch_submit, *arguments],
        env=environment(key, **(env or {})),
        **({"stdin": subprocess.PIPE if text is not None else subprocess.DEVNULL, "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE, "text": True} | more),
    )


def catches(process, which):
    """Whether a signal is no longer the end of the program."""
    caught = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (which - 1) & 1 == 1


def run(*arguments, key=KEY, text=None, env=None, interrupt_when=None, with_signal=signal.SIGINT, **more):
    with start(*arguments, key=key, text=text, env=env, **more) as process:
        if interrupt_when:
            interrupt_when()
            process.send_signal(with_signal)
        out, err = process.communicate(text, timeout=180)
    # Whatever happened: the key is nobody's business.
    assert KEY not in str(out) + str(err)
    return process.returncode, out, err


def report(path):
    return {r["line"]: r for r in map(json.loads, Path(path).read_text().splitlines())}


def lines(count, prompt="a corgi"):
    return "".join(json.dumps({"model": "kling-3.0-turbo", "prompt": f"{prompt} {n}"}) + "\n" for n in range(count))


def write(folder, text, name="requests.jsonl"):
    path = Path(folder) / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def run_cases(functions):
    cases = {name.split("case_", 1)[1]: function for name, function in functions.items() if name.startswith(("case_", "long_case_"))}
    for name in [word for word in sys.argv[4:] if word in cases] or cases:
        with tempfile.TemporaryDirectory() as folder:
            cases[name](folder)
        print("passed:", name, flush=True)
