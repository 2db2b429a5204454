#!/usr/bin/env python3
"""Crashes of batch_submit: whenever it dies, nothing that was bought is lost, and nothing is bought twice.

options: --kills N   random kills of each mode (by default 12; 1000 for the long form)
         --calls N   moments of each system call at which it is killed, or at which the call fails (by default 1; 0 for each)
         --seed N    for the random moments
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from batch_program import KEY, Emulator, batch_submit, environment, lines, run_cases, start, write

parser = argparse.ArgumentParser()
parser.add_argument("cases", nargs="*")
parser.add_argument("--kills", type=int, default=12)
parser.add_argument("--calls", type=int, default=1)
parser.add_argument("--seed", type=int, default=int(time.time()))
options = parser.parse_args(sys.argv[4:])
chance = random.Random(options.seed)
print("seed", options.seed, flush=True)

# An answer can be lost before the order was taken and after.
LOSSES = [
    {"on": "submit", "do": "reset", "when": "request", "fraction": 0.04},
    {"on": "submit", "do": "reset", "when": "accepted", "fraction": 0.06},
    {"on": "submit", "do": "cut", "when": "reply", "bytes": 20, "fraction": 0.03},
    {"on": "submit", "status": 502, "body": "html", "fraction": 0.03},
]
SPEED = "300"


def records(journal):
    """What the journal holds of each line."""
    if not Path(journal).exists():
        return {}
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=10) as books:
        rows = books.execute("select item, state, task_id, idempotency_key, generation from items").fetchall()
    return {item + 1: dict(state=s, task_id=t, key=k, generation=g) for item, s, t, k, g in rows}


def judge(accepted, known, listed_in=None):
    """Joins the service's books with the journal."""
    by_key = {r["key"]: r for r in known.values()}
    tasks = collections.Counter(a["idempotency_key"] for a in accepted)
    verdict = collections.Counter(lines=len(known), bought=len(accepted))
    verdict["bought twice"] = sum(n - 1 for n in tasks.values())
    for a in accepted:
        r = by_key.get(a["idempotency_key"])
        if r and r["task_id"] == a["task_id"]:
            continue
        if r and r["state"] == "unknown" and (listed_in is None or r["key"] in listed_in):
            verdict["unknown, bought"] += 1
        else:
            verdict["lost"] += 1
    verdict["unknown"] = sum(r["state"] == "unknown" for r in known.values())
    verdict["open"] = sum(r["state"] in ("planned", "intended", "accepted") for r in known.values())
    return verdict


def storm(folder, is_honoured, kills):
    sums = collections.Counter()
    scenario = {"faults": LOSSES, "idempotency": "on" if is_honoured else "off"}
    count = 40
    with Emulator(folder, "--speed", SPEED, "--seed", str(chance.randrange(1 << 30)), scenario=scenario) as emulator:
        before = 0
        for batch in range(kills + 1):
            if sums["kills"] >= kills:
                break
            out = f"{folder}/{batch}"
            journal = f"{out}/requests.jsonl.journal"
            arguments = [write(folder, lines(count, f"batch {batch}")), *emulator.options, "--speed", SPEED, "--out", out, "--max-in-flight",
                         "12", "--submit-concurrency", "6", "--quiet", "--idempotency", "honoured" if is_honoured else "none"]
            for starts in range(1000):
                begins = chance.random() < 0.9
                with open(f"{folder}/said", "w") as said, open(f"{folder}/wrong", "w") as wrong:
                    process = start(*arguments, stdout=said, stderr=wrong)
                try:
                    # Mostly while it buys, and now and then while it begins.
                    while begins and not os.path.getsize(f"{folder}/said") and process.poll() is None:
                        time.sleep(0.005)
                    # A slow machine needs longer to get anywhere.
                    process.wait(chance.uniform(0, 0.3 + starts / 30) if sums["kills"] < kills else 60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    sums["kills"] += 1
                    continue
                said, wrong = Path(f"{folder}/said").read_text(), Path(f"{folder}/wrong").read_text()
                assert process.returncode in (0, 1), (process.returncode, said, wrong)
                known = records(journal)
                if len(known) == count and not judge([], known)["open"]:
                    break
            else:
                raise AssertionError("the batch came to no end")
            accepted = emulator.books()["accepted"]
            # Every run lists all of those that are unknown.
            verdict = judge(accepted[before:], known, listed_in=said)
            before = len(accepted)
            assert len(known) == count and verdict["lost"] == 0 and verdict["bought twice"] == 0 and verdict["open"] == 0, (
                verdict, said, wrong)
            if is_honoured:
                assert verdict["bought"] == count and verdict["unknown"] == 0, (verdict, said, wrong)
            sums.update(verdict)
            shutil.rmtree(out)
    return sums


def tell(what, sums):
    print(f"  {what}: " + ", ".join(f"{n} {name}" for name, n in sums.items()), flush=True)


def case_killed_at_random_a_service_that_honours_keys(folder):
    sums = storm(folder, True, options.kills)
    tell("keys honoured", sums + collections.Counter())
    assert sums["kills"] >= options.kills


def case_killed_at_random_a_service_that_knows_no_keys(folder):
    sums = storm(folder, False, options.kills)
    tell("keys ignored", sums + collections.Counter())
    assert sums["kills"] >= options.kills and sums["unknown"] > 0


def case_a_client_that_repeats_buys_twice(folder):
    """The control: by these faults and books, one that is careless is seen to buy twice."""
    with Emulator(folder, "--speed", SPEED, scenario={"faults": LOSSES, "idempotency": "off"}) as emulator:
        bodies = lines(200).splitlines()
        for body in bodies:
            for attempt in range(8):
                request = urllib.request.Request(
                    f"{emulator.url}/v1/videos/generations", body.encode(),
                    {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Idempotency-Key": str(hash(body))})
                try:
                    with urllib.request.urlopen(request, context=emulator.context) as answer:
                        answer.read()
                        break
                except OSError:
                    pass
                except Exception:  # an answer that was cut
                    pass
        verdict = judge(emulator.books()["accepted"], {})
    tell("a careless client", verdict)
    assert verdict["bought twice"] > 0


# ---- System calls ------------------------------------------------------------------------------------------------

CALLS = ["fdatasync", "fsync", "write", "pwrite64", "sendmsg", "sendto", "recvmsg", "recvfrom", "rename", "renameat", "openat", "ftruncate"]
FAILURES = {
    "fdatasync": ["EIO", "ENOSPC"], "fsync": ["EIO"], "write": ["EIO", "ENOSPC"], "pwrite64": ["EIO", "ENOSPC"],
    "openat": ["EMFILE", "ENOSPC"], "ftruncate": ["EIO"], "rename": ["EIO", "ENOSPC"], "renameat": ["EIO"],
}
# The first write is Asio's own, to an eventfd, where no disk can fail.
FIRST_THAT_CAN_FAIL = {"write": 2}


class Traced:
    """A batch of 20 lines, again and again, each time with something else that goes wrong."""

    def __init__(self, folder, emulator):
        self.folder, self.emulator = folder, emulator
        self.number = self.before = 0
        self.sums = collections.Counter()

    def begin(self):
        self.number += 1
        self.out = f"{self.folder}/{self.number}"
        self.arguments = [
            batch_submit, write(self.folder, lines(20, f"batch {self.number}")), *self.emulator.options, "--speed", SPEED, "--out",
            self.out, "--report", f"{self.out}.jsonl", "--quiet", "--idempotency", "honoured",
        ]

    def run(self, *tracing, timeout=60):
        return subprocess.run([*tracing, *self.arguments], env=environment(), capture_output=True, text=True, timeout=timeout)

    def injected(self, what):
        return self.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={what.split(':')[0]}", "-e", f"inject={what}")

    def finish(self, what, first):
        last = self.run()
        known = records(f"{self.out}/requests.jsonl.journal")
        accepted = self.emulator.books()["accepted"]
        verdict = judge(accepted[self.before:], known)
        self.before = len(accepted)
        assert last.returncode == 0 and verdict["bought"] == 20 and not (
            verdict["lost"] or verdict["bought twice"] or verdict["open"] or verdict["unknown"]), (what, verdict, first, last)
        assert len(list(Path(self.out).glob("*.mp4"))) == 20 and not list(Path(self.out).glob("*.part")), what
        shutil.rmtree(self.out)
        self.sums["moments"] += 1
        self.sums["killed" if first.returncode == -signal.SIGKILL else "ended by itself"] += 1

    def count_calls(self):
        """How many of each, of the thread that makes most."""
        self.begin()
        log = f"{self.folder}/calls"
        first = self.run("strace", "-f", "-o", log, "-e", "trace=" + ",".join(CALLS))
        assert first.returncode == 0, first
        made = collections.Counter(re.findall(r"^(\d+) +(\w+)\(", Path(log).read_text(), re.M))
        most = {}
        for (thread, name), n in made.items():
            most[name] = max(most.get(name, 0), n)
        self.finish("nothing", first)
        return most


def moments(count):
    """All, or a few at random."""
    if options.calls == 0 or count <= options.calls:
        return range(1, count + 1)
    return sorted(chance.sample(range(1, count + 1), options.calls))


def with_strace(folder, wrong):
    if not shutil.which("strace"):
        print("  strace is not there")
        return None
    with Emulator(folder, "--speed", SPEED, scenario={"idempotency": "on"}) as emulator:
        traced = Traced(folder, emulator)
        for name, most in traced.count_calls().items():
            for n in moments(most):
                for what in wrong(name, n):
                    traced.begin()
                    first = traced.injected(f"{name}:{what}:when={n}")
                    if not what.startswith("signal"):
                        assert first.returncode >= 0, (name, what, n, first)
                    traced.finish((name, what, n), first)
    tell("system calls", traced.sums)
    return traced.sums


def case_killed_at_system_calls(folder):
    sums = with_strace(folder, lambda name, n: ["signal=KILL"])
    assert sums is None or sums["killed"] > sums["moments"] / 2, sums


def long_case_failing_system_calls(folder):
    def some(name, n):
        all_of_them = [f"error={e}" for e in FAILURES.get(name, []) if n >= FIRST_THAT_CAN_FAIL.get(name, 1)]
        return chance.sample(all_of_them, min(1, len(all_of_them))) if options.calls else all_of_them

    with_strace(folder, some)


# ---- PostgreSQL --------------------------------------------------------------------------------------------------


class Postgresql:
    """A server in a folder of its own, reached by a socket there."""

    def __init__(self, folder):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[4]))
        self.program = found[-1] if found else shutil.which("postgres")
        self.folder = folder
        # It refuses to be run by root.
        self.as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        self.home = Path(self.folder, "pg")
        self.home.mkdir()
        if self.as_user:
            shutil.chown(self.home, "postgres", "postgres")
        subprocess.run([*self.as_user, Path(self.program).with_name("initdb"), "-D", self.home / "data", "-A", "trust", "-U", "postgres",
                        "--no-sync"], check=True, capture_output=True, cwd="/")
        self.url = f"postgresql:///postgres?host={self.home}&user=postgres"
        self.start()
        return self

    def start(self):
        with open(f"{self.folder}/pg.log", "a") as log:
            self.process = subprocess.Popen(
                [*self.as_user, self.program, "-D", self.home / "data", "-c", "listen_addresses=", "-c",
                 f"unix_socket_directories={self.home}"], stdout=log, stderr=log, cwd="/")
        while not self.query("select 1"):
            assert self.process.poll() is None, Path(self.folder, "pg.log").read_text()

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.wait(60)

    def query(self, text):
        answer = subprocess.run(["psql", "-XAtq", "-F", "\t", self.url, "-c", text], capture_output=True, text=True)
        return [line.split("\t") for line in answer.stdout.splitlines()]

    def records(self):
        rows = self.query("select item, state, coalesce(task_id, ''), idempotency_key, generation from apimart_items")
        return {int(item) + 1: dict(state=s, task_id=t, key=k, generation=g) for item, s, t, k, g in rows}

    def __exit__(self, *_):
        self.stop()


def machines(folder, is_honoured, kills):
    """Four processes on one batch, killed at random, and the server, too, in the middle."""
    if not shutil.which("psql") or not Postgresql(folder).program:
        print("  PostgreSQL is not there")
        return
    count = 60 + 2 * kills
    sums = collections.Counter()
    scenario = {"faults": LOSSES, "idempotency": "on" if is_honoured else "off"}
    with Emulator(folder, "--speed", SPEED, "--seed", str(chance.randrange(1 << 30)), scenario=scenario) as emulator, \
            Postgresql(folder) as server:
        arguments = [write(folder, lines(count)), *emulator.options, "--speed", SPEED, "--out", f"{folder}/out", "--journal", server.url,
                     "--lease", "1s", "--max-in-flight", "8", "--submit-concurrency", "4", "--quiet", "--no-download", "--idempotency",
                     "honoured" if is_honoured else "none"]

        def begin():
            return subprocess.Popen([batch_submit, *arguments], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        running = [begin() for _ in range(4)]  # each may be the one that makes the tables and the batch
        restarts = {kills // 2: signal.SIGINT, kills * 3 // 4: signal.SIGQUIT}
        while sums["kills"] < kills:
            time.sleep(chance.uniform(0.05, 0.4))
            one = chance.randrange(4)
            running[one].kill()
            running[one].communicate()
            sums["kills"] += 1
            running[one] = begin()
            if how := restarts.pop(sums["kills"], None):
                server.stop(how)
                server.start()
                sums["restarts"] += 1
        # Those that remain end by themselves; one that stopped for unknown outcomes leaves the rest to the next.
        for attempt in range(200):
            said = [each.communicate(timeout=120)[0] for each in running]
            # One that began while the server was away has begun nothing.
            for each, words in zip(running, said):
                assert each.returncode in (0, 1) or (each.returncode == 2 and "connection to server" in words), words
            known = server.records()
            if len(known) == count and not judge([], known)["open"]:
                break
            running = [begin() for _ in range(4)]
        verdict = judge(emulator.books()["accepted"], known)
        assert len(known) == count and not (verdict["lost"] or verdict["bought twice"] or verdict["open"]), (verdict, said)
        if is_honoured:
            assert verdict["bought"] == count and verdict["unknown"] == 0, (verdict, said)
        sums.update(verdict)
    tell(f"four processes on one database, keys {'honoured' if is_honoured else 'ignored'}", sums)


def case_four_processes_on_one_database_a_service_that_honours_keys(folder):
    machines(folder, True, options.kills // 2)


def long_case_four_processes_on_one_database_a_service_that_knows_no_keys(folder):
    machines(folder, False, options.kills // 2)


run_cases(globals())
