#!/usr/bin/env python3
"""Input as people have it: what batch_submit makes of it, and the way out that it names."""

import json
import os
import resource
import subprocess
import threading
from pathlib import Path

from batch_program import Emulator, documented_lines, lines, report, run, run_cases, start, write

good = json.dumps({"model": "kling-3.0-turbo", "prompt": "a corgi"})


def dry(folder, content, *options):
    return run(write(folder, content), "--dry-run", *options)


def case_a_byte_order_mark_is_skipped(folder):
    code, out, err = dry(folder, b"\xef\xbb\xbf" + good.encode() + b"\r\n")
    assert code == 0 and "1 request would be sent" in out and err == "", (out, err)


def case_utf_16_is_named_with_the_way_out(folder):
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        code, out, err = dry(folder, (good + "\n").encode(encoding))
        assert code == 2 and err.count("\n") == 1 and "is UTF-16" in err and "iconv -f UTF-16 -t UTF-8" in err, err


def case_pretty_printed_json_is_told_once(folder):
    body = {"model": "kling-3.0-turbo", "prompt": "a corgi"}
    for text, way in ((json.dumps(body, indent=2), "jq -c ."), (json.dumps([body] * 3), "jq -c '.[]'"),
                      (json.dumps([body] * 3, indent=2), "jq -c '.[]'")):
        code, out, err = dry(folder, text + "\n")
        assert code == 2 and err.count("\n") == 1 and "one request per line" in err and way in err, err
    # What is cut off at the end of the file is something else.
    code, out, err = dry(folder, good[:-5])
    assert code == 2 and ":1: /: must be JSON" in err, err


def case_a_folder_and_what_is_not_there_are_exit_2(folder):
    code, out, err = run(folder, "--dry-run")
    assert code == 2 and "is a folder" in err, err
    code, out, err = run(f"{folder}/nothing\x1b[31m.jsonl", "--dry-run")
    assert code == 2 and "No such file" in err and "\x1b" not in err, err


def case_null_members_are_absent_with_an_advice(folder):
    shots = {
        "model": "kling-v3", "prompt": None, "multi_shot": True, "shot_type": "customize", "duration": 10, "negative_prompt": None,
        "multi_prompt": [{"index": 1, "prompt": "a", "duration": 5, "seed": None}, {"index": 2, "prompt": "b", "duration": 5}],
    }
    content = json.dumps(shots) + "\n" + json.dumps({"model": "kling-3.0-turbo", "prompt": "a", "duration": None}) + "\n"
    with Emulator(folder, "--speed", "200") as emulator:
        code, out, err = run(write(folder, content), *emulator.options, "--speed", "200", "--out", f"{folder}/out")
        assert emulator.books()["rejected"] == 0
    assert code == 0, (out, err)
    advice = [line.split(": ", 1)[1] for line in err.splitlines()]
    assert advice == [f"{p}: advice: is taken as absent; leave it out (got null)"
                      for p in ("/prompt", "/negative_prompt", "/multi_prompt/0/seed", "/duration")], err
    # What is wrong besides is still told.
    code, out, err = dry(folder, '{"model": "kling-3.0-turbo", "prompt": null, "duration": 99}\n')
    assert code == 2 and "/duration: must be between 3 and 15 (got 99)" in err and "/prompt: is required" in err, err


def case_numbers_are_shown_as_they_are_written(folder):
    for number in ("5.0", "5.5", "-2.25", "0.1"):
        code, out, err = dry(folder, '{"model": "kling-3.0-turbo", "prompt": "a", "duration": %s}\n' % number)
        assert code == 2 and f"/duration: must be a JSON integer (got {number})" in err, err


def case_a_line_may_be_as_long_as_the_library_reads(folder):
    picture = "data:image/png;base64," + "QUJD" * 1_000_000
    body = {"model": "kling-3.0-turbo", "prompt": "a", "first_frame_image": picture}
    code, out, err = dry(folder, json.dumps(body) + "\n" + good + "\n")
    assert code in (0, 2) and "longer than" not in err and len(err) < 1000, err[:1000]
    code, out, err = dry(folder, good + "\n" + "x" * (73 << 20) + "\n" + good + "\n")
    assert code == 2 and err.count("a line must not be longer than") == 1 and "1 line of 3" in err, err[:1000]


def case_control_characters_are_escaped_wherever_they_are_shown(folder):
    esc = "\x1b[2J\x9b\u202e"
    body = {"model": "kling-3.0-turbo", "prompt": "a", esc: 1, "aspect_ratio": esc}
    name = "req\x1b]0;title\x07.jsonl"
    code, out, err = run(write(folder, json.dumps(body, ensure_ascii=False) + "\n", name), "--dry-run")
    assert code == 2 and "/aspect_ratio" in err, err
    assert not [c for c in err if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == "\u202e"], repr(err)
    # The service's words, too.
    with Emulator(folder, "--speed", "200", scenario={"failure": {"fraction": 1, "message": f"no {esc}"}}) as emulator:
        code, out, err = run(write(folder, good + "\n"), *emulator.options, "--speed", "200", "--out", f"{folder}/out",
                             "--report", f"{folder}/report.jsonl")
    assert code == 1 and "the service ended the task: no " in out, out
    assert not [c for c in out + err if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == "\u202e"], repr(out)
    assert "\\x1b" in report(f"{folder}/report.jsonl")[1]["error"]


def case_a_flood_of_mistakes_is_cut(folder):
    code, out, err = dry(folder, "nonsense\n" * 5000)
    assert code == 2 and err.count("\n") == 102 and "and 4900 more lines" in err and "5000 lines of 5000" in err, err[-300:]


def case_many_lines_need_no_memory(folder):
    many = Path(folder) / "many.jsonl"
    with many.open("w") as out:
        for _ in range(20):
            out.write((good + "\n") * 3000)
    code, out, err = run(str(many), "--dry-run")
    assert code == 0 and "60000 requests would be sent" in out, (out, err)
    with many.open() as content:
        code, out, err = run("-", "--dry-run", stdin=content, text=None)
    assert code == 0 and "60000 requests would be sent" in out, (out, err)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    assert peak < 40, peak  # its requests as objects would need more


def case_a_stream_is_sent_as_it_comes(folder):
    """The second line is written only after the first is a video."""
    with Emulator(folder, "--speed", "200") as emulator:
        for stream in ("-", f"{folder}/fifo"):
            done = len(emulator.books()["accepted"])
            if stream != "-":
                os.mkfifo(stream)
            process = start(stream, "--stream", *emulator.options, "--speed", "200", "--out", f"{folder}/out{done}",
                            text="" if stream == "-" else None)
            feed = process.stdin if stream == "-" else open(stream, "w")
            feed.write(good + "\n")
            feed.flush()
            emulator.wait_until_accepted(done + 1)
            while not list(Path(folder).glob(f"out{done}/*.mp4")):
                pass
            feed.write('{"model": "sora-9"}\n' + good + "\n")
            feed.close()
            process.stdin = None
            out, err = process.communicate(timeout=60)
            assert process.returncode == 1 and "2 of 3 lines completed" in out, (out, err)
            assert "/model: " in out + err and emulator.books()["submits_received"] == done + 2


def case_without_stream_a_pipe_is_judged_first(folder):
    with Emulator(folder, "--speed", "200") as emulator:
        code, out, err = run("-", *emulator.options, "--speed", "200", "--out", f"{folder}/out", text=good + "\nnonsense\n")
        assert code == 2 and emulator.books()["submits_received"] == 0, err
        code, out, err = run("-", *emulator.options, "--speed", "200", "--out", f"{folder}/out", text=(good + "\n") * 3)
        assert code == 0 and emulator.books()["submits_received"] == 3, (out, err)


run_cases(globals())
