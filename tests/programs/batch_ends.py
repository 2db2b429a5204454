#!/usr/bin/env python3
"""Orderly ends of batch_submit: whatever ends it, every task that was bought is named."""

import os
import pty
import resource
import signal
import subprocess
from pathlib import Path

from batch_program import Emulator, documented, lines, report, run, run_cases, start, write


def case_each_signal_ends_it_in_order(folder):
    for which, code_expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        with Emulator(folder) as emulator:  # in real time nothing finishes while the test lasts
            code, out, err = run(
                documented, *emulator.options, "--out", f"{folder}/{which}", "--report", f"{folder}/report.jsonl",
                "--replace-report", interrupt_when=lambda: emulator.wait_until_accepted(24), with_signal=which,
            )
            bought = emulator.task_ids()
        assert code == code_expected, (which, code, out, err)
        for task in bought:
            assert f"task {task}, which goes on at the service" in out, out
        assert {r["task_id"] for r in report(f"{folder}/report.jsonl").values()} == bought


def case_a_second_interrupt_ends_it_at_once_and_names_what_goes_on(folder):
    # One answer is held back, so that there is something that the first interrupt waits for.
    with Emulator(folder, scenario={"faults": [{"on": "submit", "do": "stall", "when": "accepted", "skip": 11}]}) as emulator:
        with start(write(folder, lines(12)), *emulator.options, "--out", f"{folder}/out") as process:
            emulator.wait_until_accepted(12)
            process.send_signal(signal.SIGINT)
            assert "finishing what may have been accepted" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=4)  # the first alone gives the submit five seconds
        named = {task for task in emulator.task_ids() if f"task {task}, which goes on at the service" in out}
        assert process.returncode == 130 and len(named) == 11, (process.returncode, out, err)
        assert out.count("was sent under Idempotency-Key") == 1, out


def case_a_closed_pipe_names_what_goes_on(folder):
    with Emulator(folder) as emulator:
        with start(documented, *emulator.options, "--out", f"{folder}/out", "--report", f"{folder}/report.jsonl") as process:
            emulator.wait_until_accepted(24)
            process.stdout.close()
            process.stdout = None
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        bought = emulator.task_ids()
    assert process.returncode == 143 and "Broken pipe" in err, err
    for task in bought:
        assert f"task {task}, which goes on at the service" in err, err
    assert {r["task_id"] for r in report(f"{folder}/report.jsonl").values()} == bought


def case_head_ends_the_batch_in_order(folder):
    with Emulator(folder, "--speed", "30") as emulator:
        process = start(documented, *emulator.options, "--speed", "30", "--out", f"{folder}/out", "--max-in-flight", "4")
        shown = subprocess.run(["head", "-2"], stdin=process.stdout, capture_output=True, text=True)
        process.stdout.close()
        process.stdout = None
        out, err = process.communicate(timeout=60)
        assert len(emulator.task_ids()) < 24, "nothing is bought for nobody"
        finished = len(list(Path(folder, "out").glob("*.mp4")))
        for task in emulator.task_ids():
            assert task in err or list(Path(folder, "out").glob(f"*{task}.mp4")), (task, err)
    assert process.returncode == 128 + signal.SIGPIPE and len(shown.stdout.splitlines()) == 2, process.returncode


def case_the_end_of_the_terminal_ends_it_in_order(folder):
    with Emulator(folder) as emulator:
        ours, theirs = pty.openpty()
        process = start(documented, *emulator.options, "--out", f"{folder}/out", "--report", f"{folder}/report.jsonl",
                        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                        preexec_fn=lambda: __import__("fcntl").ioctl(0, __import__("termios").TIOCSCTTY, 0),
                        env={"TERM": "xterm"})
        os.close(theirs)
        emulator.wait_until_accepted(24)
        os.close(ours)
        assert process.wait(60) == 128 + signal.SIGHUP
        assert {r["task_id"] for r in report(f"{folder}/report.jsonl").values()} == emulator.task_ids()


def case_nohup_is_respected(folder):
    with Emulator(folder, "--speed", "20") as emulator:
        def hang_up():
            emulator.wait_until_accepted(24)

        code, out, err = run(
            documented, *emulator.options, "--speed", "20", "--out", f"{folder}/out", interrupt_when=hang_up, with_signal=signal.SIGHUP,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
    assert code == 0 and "24 of 24 lines completed" in out, (code, out, err)


def case_a_file_size_limit_is_told(folder):
    with Emulator(folder) as emulator:
        code, out, err = run(
            write(folder, lines(64)), *emulator.options, "--out", f"{folder}/out", "--report", f"{folder}/report.jsonl", "--no-download",
            "--journal", "none",
            interrupt_when=lambda: emulator.wait_until_accepted(64),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        )
        bought = emulator.task_ids()
    assert code == 130 and "File too large" in err and "report.jsonl is not complete" in err, (code, err)
    for task in bought:
        assert f"task {task}, which goes on at the service" in out, out


run_cases(globals())
