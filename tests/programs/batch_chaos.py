#!/usr/bin/env python3
"""Trouble of all kinds while a batch runs. The service's books say afterwards what was bought.

options: --rounds N   of each kind of trouble (by default 1; 100 for the long form)
         --seed N     for the random moments
"""

import argparse
import collections
import random
import re
import select
import signal
import socket
import sqlite3
import statistics
import struct
import sys
import threading
import time
from pathlib import Path

from batch_program import Emulator, catches, lines, report, run, run_cases, start, write

parser = argparse.ArgumentParser()
parser.add_argument("cases", nargs="*")
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--seed", type=int, default=int(time.time()))
options = parser.parse_args(sys.argv[4:])
chance = random.Random(options.seed)
print("seed", options.seed, flush=True)


class Wire:
    """What is between the program and the service: it can be cut, and it can be gone."""

    def __init__(self, port):
        self.target = port
        self.down = False
        self.attempts = 0
        self.pairs = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.attempts += 1
            if self.down:
                self.reset(near)
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            with self.lock:
                self.pairs.add((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    @staticmethod
    def reset(one):
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
            one.close()
        except OSError:
            pass

    def cut(self):
        with self.lock:
            gone, self.pairs = self.pairs, set()
        for pair in gone:
            for one in pair:
                self.reset(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()


def books_agree(emulator, journal, before=0):
    """What was bought is known with its id, or listed as unknown; and nothing was bought twice."""
    accepted = emulator.books()["accepted"][before:]
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10) as books:
        known = {key: (state, task) for key, state, task in
                 books.execute("select idempotency_key, state, task_id from items")}
    twice = [key for key, n in collections.Counter(a["idempotency_key"] for a in accepted).items() if n > 1]
    lost = [a for a in accepted if known.get(a["idempotency_key"], ("", ""))[1] != a["task_id"]
            and known.get(a["idempotency_key"], ("", ""))[0] != "unknown"]
    assert not twice and not lost, (twice, lost)
    return collections.Counter(state for state, _ in known.values())


FAULTS = [
    {"on": "connection", "do": "reset"}, {"on": "connection", "do": "close", "when": "secured"},
    {"on": "submit", "do": "close", "when": "request"}, {"on": "submit", "do": "reset", "when": "accepted"},
    {"on": "submit", "do": "cut", "when": "reply", "bytes": 15}, {"on": "submit", "status": 429},
    {"on": "submit", "status": 502, "body": "html"}, {"on": "submit", "do": "close", "when": "body", "bytes": 10},
    {"on": "submit", "status": 500, "when": "accepted"}, {"on": "poll", "do": "reset"}, {"on": "poll", "status": 503, "body": "cdn"},
    {"on": "poll", "body": "garbage", "status": 200}, {"on": "poll", "status": 429, "retry_after": 1},
    {"on": "file", "do": "cut", "when": "reply", "bytes": 300}, {"on": "file", "status": 403},
]


def case_x1_any_faults_at_any_rate(folder):
    for number in range(options.rounds):
        for fraction in (0.001, 0.01, 0.1, 0.5, 1):
            # Where no connection is let through, nobody can ask for the emulator's books.
            mix = [fault | {"fraction": min(fraction, 0.5) if fault["on"] == "connection" else fraction}
                   for fault in chance.sample(FAULTS, 4)]
            honoured = chance.random() < 0.5
            out = f"{folder}/{number}-{fraction}"
            with Emulator(folder, "--speed", "300", "--seed", str(chance.randrange(1 << 30)),
                          scenario={"faults": mix, "idempotency": "on" if honoured else "off"}) as emulator:
                code, said, wrong = run(write(folder, lines(30)), *emulator.options, "--speed", "100", "--out", out, "--deadline",
                                        "2s", "--quiet", "--idempotency", "honoured" if honoured else "none")
                states = books_agree(emulator, f"{out}/requests.jsonl.journal")
            assert code in (0, 1), (mix, code, said, wrong)
            listed = said.count("was sent under Idempotency-Key")
            assert listed == states["unknown"] + states["intended"], (mix, listed, states, said)


def case_x2_an_outage_loses_nothing(folder):
    seconds = 3 if options.rounds == 1 else 600
    with Emulator(folder, "--speed", "20", scenario={"idempotency": "on"}) as emulator, \
            Wire(int(emulator.url.rsplit(":", 1)[1])) as wire:
        begun = time.monotonic()
        with start(write(folder, lines(200)), "--base-url", wire.url, "--ca-file", emulator.ca, "--speed", "20", "--out",
                   f"{folder}/out", "--max-in-flight", "60", "--no-download", "--quiet", "--idempotency", "honoured") as process:
            emulator.wait_until_accepted(80)
            usual = emulator.books()["requests"] / (time.monotonic() - begun)
            wire.down = True
            wire.cut()
            wire.attempts = 0
            time.sleep(seconds)
            attempts = wire.attempts
            wire.down = False
            out, err = process.communicate(timeout=120)
        states = books_agree(emulator, f"{folder}/out/requests.jsonl.journal")
    assert states["succeeded"] == 200, (states, out, err)
    print(f"  {usual:.0f} requests a second before, {attempts / seconds:.1f} attempts a second during {seconds} s without the service")
    assert attempts / seconds <= max(usual * (0.5 if seconds < 60 else 0.05), 20), (attempts, usual)


def case_x3_a_service_with_too_much_to_do(folder):
    scenario = {"idempotency": "on", "faults": [
        {"on": "submit", "status": 429, "fraction": 0.3}, {"on": "poll", "status": 429, "fraction": 0.2},
        {"on": "poll", "status": 503, "fraction": 0.1}]}
    with Emulator(folder, "--speed", "100", scenario=scenario) as emulator:
        code, out, err = run(write(folder, lines(40)), *emulator.options, "--speed", "100", "--out", f"{folder}/out", "--no-download",
                             "--quiet", "--idempotency", "honoured")
        books_agree(emulator, f"{folder}/out/requests.jsonl.journal")
        books = emulator.books()
    assert code == 0 and "40 of 40 lines completed" in out, (code, out, err)
    assert books["submits_received"] <= 3 * 40, books["submits_received"]


def case_x4_all_connections_end_again_and_again(folder):
    for honoured in (True, False) if options.rounds > 1 else (chance.random() < 0.5,):
        out = f"{folder}/{honoured}"
        with Emulator(folder, "--speed", "20", scenario={"idempotency": "on" if honoured else "off"}) as emulator, \
                Wire(int(emulator.url.rsplit(":", 1)[1])) as wire:
            with start(write(folder, lines(50)), "--base-url", wire.url, "--ca-file", emulator.ca, "--speed", "20", "--out", out,
                       "--no-download", "--quiet", "--idempotency", "honoured" if honoured else "none") as process:
                while process.poll() is None:
                    time.sleep(chance.uniform(0.1, 0.5))
                    wire.cut()
                said, wrong = process.communicate()
            states = books_agree(emulator, f"{out}/requests.jsonl.journal")
        if honoured:
            assert process.returncode == 0 and states["succeeded"] == 50, (states, said, wrong)
        else:
            # No poll has shown its trouble: what was bought came to its end.
            assert states["accepted"] == states["failed"] == 0, (states, said, wrong)
            assert said.count("was sent under Idempotency-Key") == states["unknown"], (states, said)


def case_x11_an_end_at_any_moment_names_all_that_was_bought(folder):
    took = {1: [], 2: []}
    with Emulator(folder, "--speed", "10", scenario={"latency_ms": 30}) as emulator:
        before = 0
        for number in range(6 * options.rounds):
            signals = number % 2 + 1
            out = f"{folder}/{number}"
            with start(write(folder, lines(60, f"batch {number}")), *emulator.options, "--speed", "10", "--out", out, "--report",
                       f"{out}.jsonl", "--max-in-flight", "40", "--quiet") as process:
                while process.poll() is None and not catches(process, signal.SIGINT):
                    pass
                time.sleep(chance.uniform(0.05, 0.6))
                asked = time.monotonic()
                for _ in range(signals):
                    process.send_signal(signal.SIGINT)
                    if signals == 2:
                        select.select([process.stderr], [], [], 1)
                said, wrong = process.communicate(timeout=20)
                took[signals].append(time.monotonic() - asked)
            accepted = emulator.books()["accepted"]
            mine, before = accepted[before:], len(accepted)
            told = report(f"{out}.jsonl").values()
            ids, keys = {r["task_id"] for r in told}, {r["idempotency_key"] for r in told}
            assert process.returncode == 130, (process.returncode, wrong)
            assert len(told) >= len(mine), (len(told), said)
            assert len(told) == 60 or f"{60 - len(told)} lines more had no turn" in said, (len(told), said)
            for a in mine:
                assert a["task_id"] in ids or a["idempotency_key"] in keys, (a, said, wrong)
    for signals, name in ((1, "asked once"), (2, "asked twice")):
        print(f"  {name}: ended within {max(took[signals]) * 1000:.0f} ms, mostly {statistics.median(took[signals]) * 1000:.0f} ms")
    assert max(took[1]) < 5.25 and max(took[2]) < 2


run_cases(globals())
