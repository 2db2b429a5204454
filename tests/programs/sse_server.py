"""What the example sse_server answers: refusals with all violations, orders, events to every listener, the file; and its end
by SIGTERM, for which it lets a stream go on.

usage: sse_server.py COMMAND..."""

import http.client
import json
import signal
import subprocess
import sys
import urllib.parse

server = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
address = urllib.parse.urlsplit(server.stdout.readline().removeprefix("ready ").strip()).netloc


def ask(method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, body)
    return connection.getresponse()


def need(given, wanted):
    if given != wanted:
        sys.exit(f"got {given!r} instead of {wanted!r}")


def states(answer):
    return [json.loads(line.removeprefix("data: "))["status"] for line in answer.read().decode().split("\n\n") if line.startswith("data: ")]


def order():
    answer = ask("POST", "/videos", json.dumps({"model": "kling-v3", "prompt": "a cat"}))
    need(answer.status, 202)
    return json.loads(answer.read())


try:
    refused = ask("POST", "/videos", json.dumps({"model": "kling-v3", "prompt": "", "duration": 99}))
    need(refused.status, 422)
    need([each["pointer"] for each in json.loads(refused.read())["violations"]], ["/prompt", "/duration"])

    task = order()
    listeners = [ask("GET", f"/videos/{task}/events") for _ in range(3)]
    need({each.getheader("Content-Type") for each in listeners}, {"text/event-stream"})
    need({states(each)[-1] for each in listeners}, {"succeeded"})
    need(states(ask("GET", f"/videos/{task}/events")), ["succeeded"])

    film = ask("GET", f"/videos/{task}")
    need(film.status, 200)
    need(film.read()[4:8], b"ftyp")

    need(ask("GET", "/videos/task_unknown").status, 404)
    need(ask("GET", "/nonsense").status, 404)

    stream = ask("GET", f"/videos/{order()}/events")
    server.send_signal(signal.SIGTERM)
    need(states(stream)[-1], "succeeded")
    need(server.stdout.read(), "0 tasks go on at the service\n")
    need(server.wait(30), 0)
finally:
    server.kill()
