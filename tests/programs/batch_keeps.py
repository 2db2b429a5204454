#!/usr/bin/env python3
"""Nothing is bought that cannot be kept, and what was bought is not bought again."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
from pathlib import Path

from batch_program import Emulator, batch_submit, documented, environment, lines, report, run, run_cases, start, write


def refused(folder, *options, requests=None, words, **more):
    """Says so before anything is sent."""
    if "--journal" not in options:
        options += ("--journal", "none")
    with Emulator(folder) as emulator:
        code, out, err = run(requests or write(folder, lines(3)), *emulator.options, *options, **more)
        assert emulator.books()["submits_received"] == 0
    assert code == 2 and words in err, (code, out, err)


def case_a_folder_that_cannot_be_written_is_found_out_before(folder):
    for out in ("/proc/nothing", "/dev/null/x"):
        refused(folder, "--out", out, words="--out: cannot write in")
    # Root may write anywhere but on a file system that is read-only or full.
    full = Path("/dev/full")
    if full.exists():
        refused(folder, "--out", f"{folder}/out", "--report", "/dev/full/x", words="--report: cannot write")


def case_a_report_is_checked_before(folder):
    requests = write(folder, lines(3))
    before = Path(requests).read_text()
    os.symlink(requests, f"{folder}/link")
    for path in (requests, f"{folder}/link"):
        refused(folder, "--out", f"{folder}/out", "--report", path, requests=requests, words="is the file with the requests")
        assert Path(requests).read_text() == before
    refused(folder, "--out", f"{folder}/out", "--report", f"{folder}/no/such", words="--report: cannot write")
    refused(folder, "--out", f"{folder}/out", "--report", f"{folder}/j", "--journal", f"{folder}/j", words="is the journal")


def case_an_old_report_with_task_ids_is_not_emptied_unasked(folder):
    old = Path(folder) / "report.jsonl"
    text = '{"line":1,"task_id":"task_1"}\n{"line":2,"task_id":null}\n'
    old.write_text(text)
    refused(folder, "--out", f"{folder}/out", "--report", str(old), words="holds 1 task id of an earlier batch")
    assert old.read_text() == text
    with Emulator(folder, "--speed", "200") as emulator:
        arguments = [write(folder, lines(2)), *emulator.options, "--speed", "200", "--out", f"{folder}/2", "--report", str(old)]
        assert run(*arguments, "--replace-report")[0] == 0
        assert set(report(old)) == {1, 2}
        # Of the same batch it is gone on with.
        code, out, err = run(*arguments)
        assert code == 0 and "2 by earlier runs" in out and len(old.read_text().splitlines()) == 2, (out, err)
        # Where nobody has kept it, what earlier runs know is told again.
        old.unlink()
        assert run(*arguments)[0] == 0
        assert {r["outcome"] for r in report(old).values()} == {"completed"}
        assert emulator.books()["submits_received"] == 2


def case_a_full_disk_is_told_and_stops_the_buying(folder):
    with Emulator(folder, "--speed", "200") as emulator:
        code, out, err = run(write(folder, lines(40)), *emulator.options, "--speed", "200", "--out", f"{folder}/out",
                             "--report", "/dev/full", "--max-in-flight", "2", "--no-download")
        bought = len(emulator.task_ids())
        assert code == 1 and bought < 40, (code, bought)
        assert "the report cannot be written: No space left on device" in err and "/dev/full is not complete" in err, err
        with open("/dev/full", "w") as full:
            code, out, err = run(write(folder, lines(40), "more.jsonl"), *emulator.options, "--speed", "200", "--out",
                                 f"{folder}/out", "--max-in-flight", "2", stdout=full)
        assert code == 2 and "standard output: No space left on device" in err, (code, err)
        assert len(emulator.task_ids()) == bought


def case_a_download_that_finds_no_room_stops_the_buying(folder):
    with Emulator(folder, "--speed", "200", scenario={"file_bytes": 600000}) as emulator:
        code, out, err = run(write(folder, lines(40)), *emulator.options, "--speed", "200", "--out", f"{folder}/out",
                             "--max-in-flight", "2",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500000, 500000)))
        bought = emulator.task_ids()
    assert code == 1 and len(bought) < 40, (code, out, err)
    assert "no more lines are sent: the folder cannot be written" in err and "File too large" in out, (out, err)
    for task in bought:
        assert task in out, out


def long_case_few_descriptors_are_waited_for(folder):
    with Emulator(folder, "--speed", "100") as emulator:
        code, out, err = run(write(folder, lines(16)), *emulator.options, "--speed", "100", "--out", f"{folder}/out",
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)))
        books = emulator.books()
    assert code == 0 and "16 of 16 lines completed" in out, (code, out, err)
    assert books["submits_received"] == 16


def case_starting_again_goes_on(folder):
    requests = write(folder, lines(12))
    journal = Path(folder) / "out" / "requests.jsonl.journal"
    with Emulator(folder, "--speed", "20", scenario={"idempotency": "on"}) as emulator:
        arguments = [requests, *emulator.options, "--speed", "20", "--out", f"{folder}/out", "--idempotency", "honoured"]
        with start(*arguments) as process:
            emulator.wait_until_accepted(12)
            process.kill()
            process.communicate()
        assert journal.stat().st_mode & 0o777 == 0o600
        code, out, err = run(*arguments)
        assert code == 0 and "12 of 12 lines completed" in out, (out, err)
        assert len(emulator.task_ids()) == 12
        code, out, err = run(*arguments)
        assert code == 0 and "12 of 12 lines completed, 12 by earlier runs," in out and "nothing was sent" in out, (out, err)
        # A line that is another one now is not taken for the old one.
        write(folder, lines(12, "a beagle"))
        code, out, err = run(*arguments)
        assert code != 0 and len(emulator.task_ids()) == 12, (out, err)


def case_two_processes_do_not_work_on_one_file(folder):
    with Emulator(folder) as emulator:
        arguments = [write(folder, lines(3)), *emulator.options, "--out", f"{folder}/out"]
        with start(*arguments) as process:
            emulator.wait_until_accepted(3)
            code, out, err = run(*arguments)
            assert code == 2 and "requests.jsonl.journal" in err, err
            status = subprocess.run([batch_submit, "status", f"{folder}/out/requests.jsonl.journal", "--json"],
                                    capture_output=True, text=True)
            seen = json.loads(status.stdout)
            assert seen["accepted"] == 3 and seen["total"] == 3 and seen["unresolved"] == [], status
            process.send_signal(signal.SIGINT)
            process.communicate()
        assert emulator.books()["submits_received"] == 3


def case_unknown_lines_are_left_alone_until_somebody_says_more(folder):
    requests = write(folder, lines(3))
    journal = f"{folder}/out/requests.jsonl.journal"
    lost = {"faults": [{"on": "submit", "do": "reset", "when": "accepted", "skip": 1, "times": 2}], "idempotency": "off"}
    with Emulator(folder, "--speed", "200", scenario=lost) as emulator:
        arguments = [requests, *emulator.options, "--speed", "200", "--out", f"{folder}/out"]
        code, out, err = run(*arguments, "--submit-concurrency", "1")
        books = emulator.books()["accepted"]
        assert code == 1 and len(books) == 3 and out.count("was sent under Idempotency-Key") == 2, (out, err)
        seen = json.loads(subprocess.run([batch_submit, "status", journal, "--json"], capture_output=True, text=True).stdout)
        keys = {each["line"]: each["idempotency_key"] for each in seen["unresolved"]}
        assert seen["unknown"] == 2 and seen["stored"] == 1 and len(keys) == 2, seen
        assert keys.items() <= {n: a["idempotency_key"] for n, a in enumerate(books, 1)}.items() or len(keys) == 2
        code, out, err = run(*arguments)
        assert code == 1 and len(emulator.task_ids()) == 3 and out.count("was sent under Idempotency-Key") == 2, out
        known, other = sorted(keys)
        mine = next(a["task_id"] for a in books if a["idempotency_key"] == keys[known])
        code, out, err = run(*arguments, "--reconcile", f"{known}={mine}")
        assert code == 1 and "2 of 3 lines completed" in out and len(emulator.task_ids()) == 3, (out, err)
        code, out, err = run(*arguments, "--unknown", "resubmit-may-double-charge")
        assert code == 0 and "3 of 3 lines completed" in out and len(emulator.task_ids()) == 4, (out, err)
    assert run(*arguments, "--reconcile", "one=two")[0] == 2


def case_what_failed_is_bought_again_by_word_only(folder):
    requests = write(folder, lines(2) + lines(1, "[fail]"))
    with Emulator(folder, "--speed", "200") as emulator:
        arguments = [requests, *emulator.options, "--speed", "200", "--out", f"{folder}/out"]
        for more, bought in (((), 3), ((), 3), (("--retry-failed",), 4)):
            code, out, err = run(*arguments, *more)
            assert code == 1 and "2 of 3 lines completed" in out and len(emulator.task_ids()) == bought, (out, err)


def case_the_spend_limit_holds(folder):
    with Emulator(folder, "--speed", "200") as emulator:
        arguments = [write(folder, lines(30)), *emulator.options, "--speed", "200", "--out", f"{folder}/out"]
        code, out, err = run(*arguments, "--spend-limit", "3")
        spent = sum(a.get("cost_usd", a.get("usd", 0)) for a in emulator.books()["accepted"])
        bought = len(emulator.task_ids())
        assert code == 1 and 0 < bought < 30 and spent <= 3, (bought, spent, out, err)
        assert err.count("no more lines are sent: ") == 1 and "limit" in err, err
        # Earlier runs count.
        code, out, err = run(*arguments, "--spend-limit", "3")
        assert code == 1 and len(emulator.task_ids()) == bought, (out, err)


run_cases(globals())
