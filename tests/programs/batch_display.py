#!/usr/bin/env python3
"""What batch_submit shows while it runs, on terminals of several kinds and sizes."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import termios
from pathlib import Path

from batch_program import Emulator, documented, lines, report, run, run_cases, start, write


class Terminal:
    """As much of a terminal as is needed to see what is left on it: rows wrap, and a resize wraps them anew."""

    def __init__(self, columns, height):
        self.columns, self.height = columns, height
        self.rows, self.row, self.column = [""], 0, 0
        self.widest = 0
        self.colours = 0
        self.all = ""

    def resize(self, columns, height):
        wrapped = []
        for number, text in enumerate(self.rows):
            pieces = [text[i:i + columns] for i in range(0, len(text), columns)] or [""]
            wrapped += pieces
            if number == self.row:
                self.row_after = len(wrapped) - 1
        self.rows, self.row, self.columns, self.height = wrapped, self.row_after, columns, height
        self.column = len(self.rows[self.row])

    def feed(self, text):
        self.all += text
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.", text, re.S):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row += 1
                self.column = 0 if True else self.column
                if self.row == len(self.rows):
                    self.rows.append("")
            elif part.endswith("A") and part.startswith("\x1b"):
                self.row = max(self.row - int(part[2:-1] or 1), len(self.rows) - self.height, 0)
            elif part == "\x1b[J":
                self.rows[self.row] = self.rows[self.row][:self.column]
                del self.rows[self.row + 1:]
            elif part.startswith("\x1b") and part.endswith("m"):
                self.colours += 1
            elif part.startswith("\x1b"):
                raise AssertionError(f"an unexpected sequence: {part!r}")
            else:
                if self.column == self.columns:
                    self.row, self.column = self.row + 1, 0
                    if self.row == len(self.rows):
                        self.rows.append("")
                row = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = row[:self.column] + part + row[self.column + 1:]
                self.column += 1


def show(arguments, columns, height, env=None, then=()):
    """Runs it on a terminal; `then` are sizes that it gets one after the other."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, columns, 0, 0))
    terminal = Terminal(columns, height)
    sizes = list(then)
    with start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs, text=False, env={"TERM": "xterm"} | (env or {})) as process:
        os.close(theirs)
        seen = 0
        while True:
            ready, _, _ = select.select([ours], [], [], 60)
            assert ready, "nothing for a minute"
            try:
                data = os.read(ours, 1 << 16).decode()
            except OSError:
                break
            terminal.feed(data)
            seen += data.count("submitting") + data.count("generating")
            if sizes and seen > 3:
                seen = 0
                columns, height = sizes.pop(0)
                fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, columns, 0, 0))
                terminal.resize(columns, height)
        code = process.wait()
    os.close(ours)
    return code, terminal


def nothing_left(terminal):
    """Of what was drawn, nothing stays."""
    left = [row for row in terminal.rows if re.search(r"^\[[#.]{8,}|\d generating|\d submitting", row)]
    assert not left, (left, terminal.rows)


def case_it_fits_small_terminals_and_leaves_nothing(folder):
    with Emulator(folder, "--speed", "30") as emulator:
        for number, (columns, height) in enumerate(((80, 24), (40, 2), (20, 1))):
            code, terminal = show(
                [documented, *emulator.options, "--speed", "30", "--out", f"{folder}/{number}", "--max-in-flight", "24"],
                columns, height)
            assert code == 0 and "24 of 24 lines completed" in "".join(terminal.rows), terminal.rows
            nothing_left(terminal)
            drawn = [d for d in re.split(r"\r(?:\x1b\[\d+A)?\x1b\[J", terminal.all)[1:-1]]
            assert len(drawn) > 5
            for each in drawn[:-1]:
                rows = each.split("\r\n") if "\r\n" in each else each.split("\n")
                assert len(rows) <= min(2, height) and all(len(row) < columns for row in rows), (columns, height, rows)
            if columns >= 40:
                assert re.search(r"/24  [\d.]+ s", terminal.all), terminal.all[:500]


def case_it_survives_a_resize(folder):
    with Emulator(folder, "--speed", "20") as emulator:
        code, terminal = show(
            [documented, *emulator.options, "--speed", "20", "--out", f"{folder}/out", "--max-in-flight", "24"], 120, 24,
            then=((40, 24), (100, 24), (30, 10), (80, 24)))
    assert code == 0
    nothing_left(terminal)


def case_failures_are_seen_live_and_in_colour(folder):
    with Emulator(folder, "--speed", "30", scenario={"failure": {"fraction": 0.3}}) as emulator:
        arguments = [write(folder, lines(30)), *emulator.options, "--speed", "30"]
        code, terminal = show([*arguments, "--out", f"{folder}/1"], 100, 24)
        live = terminal.all[:terminal.all.rindex("mean seconds")]
        assert code == 1 and "\x1b[31mfailed\x1b[0m after" in live and "content policy violation" in live, live
        nothing_left(terminal)
        code, terminal = show([*arguments, "--out", f"{folder}/2"], 100, 24, env={"NO_COLOR": "1"})
        assert terminal.colours == 0 and ": failed after" in terminal.all and "\x1b[J" in terminal.all
        code, terminal = show([*arguments, "--out", f"{folder}/3"], 100, 24, env={"TERM": "dumb"})
        assert "\x1b" not in terminal.all and ": failed after" in terminal.all


def case_plain_lines_have_no_zero_counts(folder):
    with Emulator(folder, "--speed", "60") as emulator:
        code, out, err = run(write(folder, lines(110)), *emulator.options, "--speed", "60", "--out", f"{folder}/out",
                             "--max-in-flight", "10")
    assert code == 0 and "\x1b" not in out, (out, err)
    rows = [row for row in out.splitlines() if row.startswith("[")]
    assert rows and all(re.match(r"\[\d+/110\] ", row) for row in rows), out
    assert not re.search(r"\b0 (submitting|generating|downloading|completed|failed|to submit|KiB)", out), out
    assert any("/s, about" in row and "left" in row and "$" in row for row in rows), rows


def case_the_report_is_plain_json_whatever_the_paths(folder):
    odd = os.fsencode(folder) + b"/o\xff\"\\\n\x1bt"
    with Emulator(folder, "--speed", "60") as emulator:
        code, out, err = run(write(folder, lines(3)), *emulator.options, "--speed", "60", "--out", odd, "--report",
                             f"{folder}/report.jsonl")
        polls = emulator.books()["polls"]
    assert code == 0, (out, err)
    text = Path(folder, "report.jsonl").read_bytes().decode()  # is UTF-8
    assert not re.search(r"\d[eE][+-]?\d", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)), text
    for r in report(f"{folder}/report.jsonl").values():
        assert r["cost"] > 0 and len(r["files"]) == 1, r
    assert f"{polls} polls" in out, (polls, out)
    assert "\x1b" not in out


run_cases(globals())
