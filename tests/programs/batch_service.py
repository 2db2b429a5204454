#!/usr/bin/env python3
"""A mistake that concerns all lines is told once, and what is secret in an address is not told at all."""

from pathlib import Path

from batch_program import Emulator, documented, lines, report, run, run_cases, write


def told_once(folder, fault, *words):
    """One line shows it, and no other is sent."""
    with Emulator(folder, scenario={"faults": [{"on": "submit", "times": 1000} | fault]}) as emulator:
        code, out, err = run(write(folder, lines(50)), *emulator.options, "--out", f"{folder}/out", "--report",
                             f"{folder}/report.jsonl", "--replace-report")
        books = emulator.books()
    assert code == 1 and books["submits_received"] == 1 and not books["accepted"], (code, books["submits_received"], out, err)
    assert err.count("no more lines are sent: ") == 1, err
    for word in words:
        assert word in out + err, (word, out, err)
    assert (out + err).count("\n") < 20, out + err
    outcomes = [r["outcome"] for r in report(f"{folder}/report.jsonl").values()]
    assert outcomes.count("cancelled") >= 49 and len(outcomes) == 50, outcomes


def case_a_route_that_is_not_there(folder):
    told_once(folder, {"status": 404, "body": "html"}, "404", "the base URL does not lead to the service, as line 1 showed")


def case_the_page_of_a_cdn(folder):
    told_once(folder, {"status": 403, "body": "cdn"}, "403")


def case_no_credit_stops_at_once(folder):
    with Emulator(folder, "--speed", "200", scenario={"balance_usd": 2}) as emulator:
        code, out, err = run(write(folder, lines(200)), *emulator.options, "--speed", "200", "--out", f"{folder}/out", "--max-in-flight", "200")
        books = emulator.books()
    assert code != 0 and err.count("no more lines are sent: ") == 1 and "payment required" in out, (out, err)
    # Those that were on their way when the first refusal came.
    assert books["rejected"] <= 16, books["rejected"]


def case_unknown_outcomes_are_few_when_they_stop_the_batch(folder):
    with Emulator(folder, scenario={"submit_reply": "empty_array"}) as emulator:
        code, out, err = run(write(folder, lines(200)), *emulator.options, "--out", f"{folder}/out", "--max-in-flight", "200")
        books = emulator.books()
    assert code == 1 and books["submits_received"] <= 3 + 16, books["submits_received"]
    assert out.count("was sent under Idempotency-Key") == books["submits_received"], out


def case_a_base_url_that_ends_in_v1(folder):
    with Emulator(folder, "--speed", "200") as emulator:
        for number, end in enumerate(("/v1", "/v1/", "/")):
            code, out, err = run(write(folder, lines(1)), "--base-url", emulator.url + end, "--ca-file", emulator.ca,
                                 "--speed", "200", "--out", f"{folder}/out{number}")
            assert code == 0 and out.startswith(f"service: {emulator.url} (with"), (out, err)
        code, out, err = run(write(folder, lines(1)), "--ca-file", emulator.ca, "--speed", "200", "--out", f"{folder}/env",
                             env={"APIMART_BASE_URL": emulator.url + "/v1"})
        assert code == 0 and len(emulator.task_ids()) == 4, (out, err)


def case_secrets_in_a_base_url_are_not_told(folder):
    for url in ("https://ann:s3cret@service.example/v1", "https://s3cret@service.example", "https://service.example/?key=s3cret",
                "https://service.example#s3cret", "http://ann:s3cret@service.example"):
        for options, env in (("--base-url", url), {}), ((), {"APIMART_BASE_URL": url}):
            code, out, err = run(write(folder, lines(1)), *options, "--out", f"{folder}/out", env=env)
            assert code == 2 and "base URL must have no user, password, query or fragment" in err, (url, out, err)
            assert "s3cret" not in out + err and "ann" not in out + err.replace("cannot", ""), (out, err)
    # A name that only looks like this machine gets no placeholder.
    for url in ("https://localhost.example", "https://127.0.0.1.example:443", "https://localhost:1x"):
        code, out, err = run(write(folder, lines(1)), "--base-url", url, "--out", f"{folder}/out", key=None)
        assert code == 2 and "APIMART_API_KEY" in err, (url, err)


def case_a_dead_proxy_is_named(folder):
    code, out, err = run(write(folder, lines(20)), "--base-url", "https://service.example", "--out", f"{folder}/out",
                         env={"https_proxy": "http://ann:s3cret@127.0.0.1:9"})
    assert code == 1 and (out + err).count("the proxy 127.0.0.1:9: ") == 1, (out, err)
    assert "s3cret" not in out + err and "ann:" not in out + err
    assert "https_proxy" in run("--help")[1]


def case_the_version(folder):
    code, out, err = run("--version")
    assert code == 0 and out.startswith("batch_submit 0."), out


run_cases(globals())
