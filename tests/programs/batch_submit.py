#!/usr/bin/env python3
"""Runs batch_submit as a user does, against the emulator as a separate program, and looks at both sides."""

import json
import re
import resource
import subprocess
from pathlib import Path

from batch_program import Emulator, documented, documented_lines, report, run, run_cases


def case_documented_requests_end_as_playable_files(folder):
    with Emulator(folder, "--speed", "60") as emulator:
        code, out, err = run(
            documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--speed", "60",
            "--out", f"{folder}/out", "--report", f"{folder}/report.jsonl",
        )
        books = emulator.books()
    assert code == 0, (code, out, err)
    assert out.startswith("service: " + emulator.url), out
    lines = report(f"{folder}/report.jsonl")
    assert sorted(lines) == list(range(1, 25))
    for r in lines.values():
        assert r["outcome"] == "completed" and r["error"] is None and r["cost"] > 0, r
        assert r["submits"] == 1 and r["polls"] >= 1 and r["seconds"] > 0, r
        assert len(r["files"]) == 1 and r["task_id"] in r["files"][0], r
        data = Path(r["files"][0]).read_bytes()
        assert data[4:8] == b"ftyp" and b"moov" in data and b"mdat" in data
    assert {r["task_id"] for r in lines.values()} == {a["task_id"] for a in books["accepted"]}
    assert books["submits_received"] == 24 and books["authorization_leaks"] == 0
    assert len({a["idempotency_key"] for a in books["accepted"]}) == 24
    assert not list(Path(folder, "out").glob("*.part"))
    if subprocess.run(["which", "ffprobe"], capture_output=True).returncode == 0:
        for r in lines.values():
            subprocess.run(["ffprobe", "-v", "error", r["files"][0]], check=True)


def case_an_unknown_authority_is_refused_with_its_reason(folder):
    with Emulator(folder) as emulator:
        code, out, err = run(documented, "--base-url", emulator.url, "--out", f"{folder}/out")
        books = emulator.books()
    assert code == 1
    assert (out + err).count("unable to get local issuer certificate") == 1, out + err
    assert books["submits_received"] == 0


def case_a_wrong_key_is_told_once(folder):
    with Emulator(folder) as emulator:
        code, out, err = run(
            documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out",
            "--report", f"{folder}/report.jsonl", key="sk-wrong",
        )
        books = emulator.books()
    assert code == 1
    assert (out + err).count("refused the API key") == 1, out + err
    assert "sk-wrong" not in out + err
    assert books["submits_received"] == 1 and not books["accepted"]
    outcomes = [r["outcome"] for r in report(f"{folder}/report.jsonl").values()]
    assert outcomes.count("rejected") == 1 and outcomes.count("cancelled") == 23, outcomes


def case_every_bad_line_is_named_before_anything_is_sent(folder):
    turbo = {"model": "kling-3.0-turbo", "prompt": "a corgi"}
    shots = {
        "model": "kling-v3", "multi_shot": True, "shot_type": "customize", "duration": 10,
        "multi_prompt": [{"index": 1, "prompt": "a", "duration": 3}, {"index": 2, "prompt": "b", "duration": 3}],
    }
    bad = [
        ('{"model": "sora-9", "prompt": "x"}', "/model: "),
        (json.dumps(turbo | {"duration": "5"}), "/duration: must be a JSON integer (got \"5\")"),
        (json.dumps(turbo | {"duration": 99}), "/duration: must be between 3 and 15 (got 99)"),
        (json.dumps(turbo | {"aspect_ratio": "4:3"}), "/aspect_ratio: "),
        ('{"model": "kling-3.0-turbo"}', "/prompt: "),
        (json.dumps({"model": "kling-v3", "prompt": "x", "image_urls": ["https://e.com/1"] * 3}), "/image_urls: "),
        (json.dumps(shots), "/multi_prompt: "),
        (json.dumps({"model": "veo3.1-fast-official", "prompt": "x", "enhance_prompt": False}), "/enhance_prompt: "),
        (json.dumps({"model": "veo3.1-fast-official", "prompt": "x", "last_frame_image": "https://e.com/1"}), "/first_frame_image: "),
        (json.dumps(turbo | {"aspect_ration": "16:9"}), "/aspect_ration: "),
        ("not json", "/: must be JSON"),
        ("", "/: a line must hold a request"),
        (json.dumps(turbo | {"prompt": "x" * 2_000_000}), "/prompt: "),
        (b'{"model": "kling-3.0-turbo", "prompt": "\xff"}', "/: must be UTF-8"),
    ]
    good = json.dumps(turbo).encode()
    rows = [good] + [t if isinstance(t, bytes) else t.encode() for t, _ in bad] + [good]
    mixed = Path(folder) / "mixed.jsonl"
    mixed.write_bytes(b"\n".join(rows) + b"\n")
    with Emulator(folder, "--speed", "200") as emulator:
        code, out, err = run(
            str(mixed), "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out"
        )
        assert code == 2 and emulator.books()["submits_received"] == 0
        told = err.splitlines()
        for number, (_, words) in enumerate(bad, start=2):
            mine = [line for line in told if line.startswith(f"{mixed}:{number}: ")]
            assert len(mine) == 1 and mine[0].startswith(f"{mixed}:{number}: {words}"), (number, mine)
            assert len(mine[0]) < 500
        assert len(told) == len(bad) + 1, told

        code, out, err = run(
            str(mixed), "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out", "--speed", "200",
            "--skip-invalid", "--report", f"{folder}/report.jsonl",
        )
        assert code == 1 and emulator.books()["submits_received"] == 2
    outcomes = {n: r["outcome"] for n, r in report(f"{folder}/report.jsonl").items()}
    assert outcomes == {1: "completed", 16: "completed"} | {n: "invalid" for n in range(2, 16)}, outcomes


def case_all_violations_of_one_line_are_told(folder):
    body = json.dumps({"model": "kling-3.0-turbo", "prompt": "x", "duration": 99, "aspect_ratio": "4:3", "seed": 1})
    code, out, err = run("-", "--emulator", "--out", f"{folder}/out", text=body + "\n")
    assert code == 2
    assert [m for m in re.findall(r"^<stdin>:1: (/\w+): ", err, re.M)] == ["/duration", "/aspect_ratio", "/seed"], err


def case_an_interrupt_names_the_tasks_that_go_on(folder):
    with Emulator(folder) as emulator:  # in real time nothing finishes while the test lasts
        def all_accepted():
            while len(emulator.books()["accepted"]) < 24:
                pass

        code, out, err = run(
            documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out",
            "--report", f"{folder}/report.jsonl", interrupt_when=all_accepted,
        )
        accepted = {a["task_id"] for a in emulator.books()["accepted"]}
    assert code == 130, (code, out, err)
    assert len(accepted) == 24
    for task in accepted:
        assert f"task {task}, which goes on at the service" in out, out
    assert {r["task_id"] for r in report(f"{folder}/report.jsonl").values()} == accepted


def case_the_deadline_ends_waits_and_keeps_the_ids(folder):
    with Emulator(folder) as emulator:
        code, out, err = run(
            documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out",
            "--report", f"{folder}/report.jsonl", "--deadline", "500ms", "--quiet",
        )
        accepted = {a["task_id"] for a in emulator.books()["accepted"]}
    assert code == 1
    lines = report(f"{folder}/report.jsonl").values()
    assert {r["outcome"] for r in lines} == {"timed_out"}, out
    assert {r["task_id"] for r in lines if r["task_id"]} == accepted


def case_unknown_outcomes_stop_the_batch(folder):
    scenario = Path(folder) / "scenario.json"
    scenario.write_text(json.dumps({"submit_reply": "empty_array"}))
    with Emulator(folder, "--scenario", str(scenario)) as emulator:
        code, out, err = run(
            documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out",
            "--report", f"{folder}/report.jsonl", "--max-in-flight", "1",
        )
        books = emulator.books()
    assert code == 1
    lines = report(f"{folder}/report.jsonl").values()
    unknown = [r for r in lines if r["outcome"] == "unknown"]
    assert len(unknown) == books["submits_received"] == 3, (len(unknown), books["submits_received"])
    for key in (a["idempotency_key"] for a in books["accepted"]):
        assert f"was sent under Idempotency-Key {key}" in out


def case_failed_tasks_are_listed_with_the_reason(folder):
    bodies = [{"model": "kling-3.0-turbo", "prompt": p} for p in ("a corgi", "a [fail] corgi")]
    code, out, err = 0, "", ""
    with Emulator(folder, "--speed", "200") as emulator:
        code, out, err = run(
            "-", "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out", "--speed", "200",
            "--report", f"{folder}/report.jsonl", text="".join(json.dumps(b) + "\n" for b in bodies),
        )
    assert code == 1
    lines = report(f"{folder}/report.jsonl")
    assert lines[1]["outcome"] == "completed" and lines[2]["outcome"] == "failed"
    assert lines[2]["task_id"] and lines[2]["error"] and lines[2]["error"] in out


def case_local_pictures_are_uploaded_first_each_once(folder):
    picture = Path(folder) / "a picture.txt"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0" + bytes(1000))
    copy = Path(folder) / "copy.png"
    copy.write_bytes(picture.read_bytes())
    turbo = {"model": "kling-3.0-turbo", "first_frame_image": f"file://{picture}"}
    bodies = [turbo, turbo, {"model": "kling-v3", "prompt": "a", "image_urls": [f"file:{copy}"]}] * 5
    text = "".join(json.dumps(b) + "\n" for b in bodies)
    missing = json.dumps(turbo | {"first_frame_image": "file:no/such.png"}) + "\n"
    with Emulator(folder, "--speed", "200") as emulator:
        where = ["-", "--base-url", emulator.url, "--ca-file", emulator.ca, "--out", f"{folder}/out", "--speed", "200"]
        code, out, err = run(*where, text=text + missing)
        assert code == 2 and "<stdin>:16: /first_frame_image: must be a file that can be read" in err, err
        assert emulator.books()["requests"] == 0
        code, out, err = run(*where, text=text)
        books = emulator.books()
    assert code == 0, (code, out, err)
    assert books["uploads"] == 1 and len(books["accepted"]) == 15 and books["rejected"] == 0, books
    assert "1 upload, 15 submits" in out, out


def case_a_dry_run_sends_nothing(folder):
    with Emulator(folder) as emulator:
        code, out, err = run(documented, "--base-url", emulator.url, "--ca-file", emulator.ca, "--dry-run")
        assert code == 0 and "24 requests would be sent" in out
        assert emulator.books()["submits_received"] == 0


def case_wrong_usage_is_exit_2(folder):
    for arguments in ([], ["missing.jsonl"], [documented, "--deadline", "soon"], [documented, "--max-in-flight", "0"],
                      [documented, "--no-such-option"]):
        code, out, err = run(*arguments)
        assert code == 2 and (out + err), (arguments, code)
    code, out, err = run(documented, "--base-url", "https://example.invalid", key=None)
    assert code == 2 and "APIMART_API_KEY" in err
    code, out, err = run("--help")
    assert code == 0 and "--max-in-flight" in out


def case_five_thousand_lines_need_few_connections_and_little_memory(folder):
    many = Path(folder) / "many.jsonl"
    many.write_text("".join(line + "\n" for line in (documented_lines * 209)[:5000]))
    with Emulator(folder, "--speed", "300") as emulator:
        code, out, err = run(
            str(many), "--base-url", emulator.url, "--ca-file", emulator.ca, "--speed", "100", "--out", f"{folder}/out",
            "--max-in-flight", "500", "--report", f"{folder}/report.jsonl",
        )
        books = emulator.books()
    assert code == 0, out[-2000:]
    assert books["submits_received"] == len(books["accepted"]) == 5000
    assert {r["outcome"] for r in report(f"{folder}/report.jsonl").values()} == {"completed"}
    assert books["connections_peak"] <= 64, books["connections_peak"]
    # Both programs are children, so this is the larger of the two.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"  {books['polls']} polls, {books['connections']} connections, {peak:.0f} MB at most")
    assert peak < 150, peak


run_cases(globals())
