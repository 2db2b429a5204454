#!/usr/bin/env python3
"""Runs the studio, and asks it as somebody would who must not have it, or who makes mistakes.

usage: studio.py STUDIO EMULATOR [CASE]
Each function whose name begins with `case_` is one test; without CASE all are run.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

studio_program, emulator_program = sys.argv[1:3]
KEY = "sk-canary-0123456789"
ORDER = {"kind": "text_to_video", "request": {"model": "kling-3.0-turbo", "prompt": "a corgi"}}


class Program:
    """A program that says on a line of its output where it is."""

    def __init__(self, pattern, *command, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("APIMART_")}
        self.process = subprocess.Popen(command, env={**environment, **variables}, stdout=subprocess.PIPE, text=True)
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if found := re.search(pattern, line):
                self.found = found
                return
        raise AssertionError(f"{command[0]} ended with {self.process.wait()}")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(20)
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            assert self.stop() == 0, "SIGTERM must end it cleanly"


class Emulator(Program):
    def __init__(self, folder, *options):
        self.ca = str(Path(folder) / "ca.pem")
        super().__init__(r"^ready (https://127\.0\.0\.1:\d+)", emulator_program, "--ca-out", self.ca, "--api-key", KEY, *options)
        self.url = self.found[1]


class Studio(Program):
    def __init__(self, folder, emulator=None, port=0):
        self.data = Path(folder) / "studio"
        variables = {}
        if emulator:
            variables = {"APIMART_API_KEY": KEY, "APIMART_BASE_URL": emulator.url, "APIMART_CA_FILE": emulator.ca}
        super().__init__(
            r"^studio: +http://127\.0\.0\.1:(\d+)/\?token=([0-9a-f]{32})$",
            studio_program, "--data", str(self.data), "--port", str(port), "--speed", "200", **variables,
        )
        self.port, self.token = int(self.found[1]), self.found[2]
        self.origin = f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, host=None, known=True, **headers):
        """The answer to one request; what a header's name has as `_` is `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{self.port}")
        if known:
            connection.putheader("Cookie", f"studio_{self.port}={self.token}")
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        content = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        answer = connection.getresponse()
        answer.content = answer.read() if answer.getheader("Content-Type") != "text/event-stream" else b""
        connection.close()
        return answer

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, **{"X_Studio": "1", "Origin": self.origin, **headers})

    def clips(self):
        return json.loads(self.ask("GET", "/api/clips").content)

    def wait_for(self, state, count=1):
        """The clips, as soon as the studio tells of a change after which so many are in that state."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/api/events", headers={"Cookie": f"studio_{self.port}={self.token}"})
        for line in connection.getresponse():
            if line.startswith(b"data:") and sum(one["state"] == state for one in self.clips()) == count:
                connection.close()
                return self.clips()
        raise AssertionError(f"not {count} {state}: {self.clips()}")


def order(**other):
    return {**ORDER, "key": str(uuid.uuid4()), **other}


def case_a_name_that_is_not_its_own_gets_nothing(folder):
    with Studio(folder) as studio:
        assert studio.ask("GET", "/").status == 200
        assert studio.ask("GET", "/", host=f"localhost:{studio.port}").status == 200
        for host in ("evil.example", f"evil.example:{studio.port}", "127.0.0.1", f"127.0.0.1:{studio.port}.evil.example", " "):
            answer = studio.ask("GET", "/", host=host)
            assert answer.status in (400, 421), (host, answer.status)
            assert studio.token not in str(answer.getheaders()) + answer.content.decode()


def case_without_the_token_there_is_nothing(folder):
    with Studio(folder) as studio:
        for path in ("/", "/studio.js", "/api/clips", "/api/studio", "/api/events", "/metrics", "/videos/clip-1.mp4", "/?token=", "/?token=" + "0" * 32):
            assert studio.ask("GET", path, known=False).status == 401, path
        post = studio.ask("POST", "/api/clips", order(), known=False, X_Studio="1", Origin=studio.origin)
        assert post.status == 401
        wrong = studio.ask("GET", "/api/clips", known=False, Cookie=f"studio_{studio.port}=" + "0" * 32)
        assert wrong.status == 401
        welcome = studio.ask("GET", f"/?token={studio.token}", known=False)
        assert welcome.status == 303 and welcome.getheader("Location") == "/"
        cookie = welcome.getheader("Set-Cookie")
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie, cookie
        metrics = studio.ask("GET", "/metrics", known=False, Authorization=f"Bearer {studio.token}")
        assert metrics.status == 200 and b"\napimart_submits_total 0\n" in metrics.content
        assert studio.clips() == []
        assert (studio.data / "token").stat().st_mode & 0o077 == 0 and studio.data.stat().st_mode & 0o077 == 0


def case_only_its_own_page_changes_anything(folder):
    with Studio(folder) as studio:
        for headers in (
            {"Origin": studio.origin},
            {"X_Studio": "1"},
            {"X_Studio": "1", "Origin": "http://evil.example"},
            {"X_Studio": "1", "Origin": "null"},
            {"X_Studio": "1", "Origin": f"http://localhost:{studio.port}"},
            {"X_Studio": "1", "Origin": studio.origin, "Sec_Fetch_Site": "cross-site"},
        ):
            for method, path in (("POST", "/api/clips"), ("POST", "/api/pictures"), ("DELETE", "/api/clips/1")):
                assert studio.ask(method, path, order(), **headers).status == 403, (method, path, headers)
        assert studio.ask("GET", "/api/clips", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
        assert studio.clips() == []
        assert studio.post("/api/clips", order()).status == 201


def case_no_other_file_is_reached(folder):
    with Studio(folder) as studio:
        (Path(folder) / "secret.png").write_bytes(b"GIF89a secret")
        for path in (
            "/videos/../token", "/videos/..%2ftoken", "/videos/%2e%2e/token", "/videos/../gallery.sqlite", "/pictures/../../secret.png",
            "/pictures/..", "/videos/", "/videos/.png", "/token", "/gallery.sqlite", "//etc/passwd", "/../../etc/passwd", "/videos//etc/passwd",
        ):
            assert studio.ask("GET", path).status in (400, 404), path
        for picture in (f"file://{folder}/secret.png", f"file://{folder}/studio/pictures/../../secret.png", "picture:../../secret.png", "picture:", "file:secret.png"):
            request = {"model": "kling-3.0-turbo", "first_frame_image": picture}
            answer = studio.post("/api/clips", order(kind="image_to_video", request=request))
            assert answer.status == 422, (picture, answer.status)
            assert [one["pointer"] for one in json.loads(answer.content)["violations"]] == ["/first_frame_image"], answer.content
        assert studio.clips() == []


def case_the_key_is_in_no_answer_and_no_file(folder):
    with Emulator(folder, "--speed", "200") as emulator, Studio(folder, emulator) as studio:
        assert studio.post("/api/clips", order()).status == 201
        studio.wait_for("ready")
        assert KEY not in studio.said
        names = [path.name for path in Path(__file__).parents[2].joinpath("examples/studio/page").iterdir()]
        assert "studio.js" in names
        for path in ["/", *("/" + name for name in names), "/api/studio", "/api/clips", "/api/balance", "/metrics", "/nothing"]:
            answer = studio.ask("GET", path)
            text = answer.content.decode() + str(answer.getheaders())
            assert KEY not in text and studio.token not in text, path
            assert "default-src 'none'" in answer.getheader("Content-Security-Policy"), path
            assert answer.getheader("X-Content-Type-Options") == "nosniff", path
        for path in filter(Path.is_file, studio.data.rglob("*")):
            assert KEY.encode() not in path.read_bytes(), path


def case_a_player_gets_the_part_it_asks_for(folder):
    with Studio(folder) as studio:
        studio.post("/api/clips", order())
        name = "/videos/" + studio.wait_for("ready")[0]["files"][0]
        whole = studio.ask("GET", name)
        assert whole.status == 200 and whole.content[4:8] == b"ftyp" and whole.getheader("Accept-Ranges") == "bytes"
        size = len(whole.content)
        for asked, first, last in (("0-99", 0, 99), ("100-", 100, size - 1), ("-10", size - 10, size - 1), (f"0-{size * 2}", 0, size - 1)):
            part = studio.ask("GET", name, Range="bytes=" + asked)
            assert part.status == 206 and part.getheader("Content-Range") == f"bytes {first}-{last}/{size}", asked
            assert part.content == whole.content[first : last + 1], asked
        assert studio.ask("GET", name, Range=f"bytes={size}-").status == 416
        assert studio.ask("GET", name, Range="bytes=5-2").status in (200, 416)
        assert studio.ask("GET", name, Range="bytes=x-y").content == whole.content
        assert studio.ask("GET", "/videos/clip-99.mp4").status == 404


def case_one_order_is_made_once(folder):
    with Studio(folder) as studio:
        same = order()
        first, second = studio.post("/api/clips", same), studio.post("/api/clips", same)
        assert (first.status, second.status) == (201, 200)
        studio.wait_for("ready")
        assert b"\napimart_submits_total 1\n" in studio.ask("GET", "/metrics").content
        for broken in (b"{", b"[]", b"\xff", {"kind": 7}, {**order(), "key": "x"}, {**order(), "request": []}):
            assert studio.post("/api/clips", broken).status == 400, broken
        missing = studio.post("/api/clips", order(kind="image_to_video"))
        assert missing.status == 422 and b"/first_frame_image" in missing.content
        assert studio.post("/api/pictures", b"no picture").status == 422
        assert studio.post("/api/clips/99/follow", b"").status == 404
        assert len(studio.clips()) == 1


def case_what_was_under_way_goes_on_after_a_kill(folder):
    scenario = Path(folder) / "scenario.json"
    scenario.write_text('{"faults": [{"on": "submit", "nth": 2, "do": "stall", "when": "accepted"}]}')
    with Emulator(folder, "--speed", "60", "--scenario", str(scenario)) as emulator:
        studio = Studio(folder, emulator)
        studio.post("/api/clips", order())
        studio.wait_for("waiting")
        studio.post("/api/clips", order())
        studio.wait_for("sending")
        studio.stop(signal.SIGKILL)
        with Studio(folder, emulator) as again:
            first, second = again.wait_for("ready")
            assert first["state"] == "ready" and first["task_id"]
            assert second["state"] == "unknown" and second["reason"]["proof"] == "unknown"
            assert b"\napimart_submits_total 0\n" in again.ask("GET", "/metrics").content
            removed = again.ask("DELETE", "/api/clips/2", X_Studio="1", Origin=again.origin)
            assert removed.status == 200 and len(again.clips()) == 1


def case_it_listens_on_loopback_alone(folder):
    with Studio(folder) as studio:
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [one[1] for one in listening if one[3] == "0A" and one[1].endswith(f":{studio.port:04X}")]
        assert mine == [f"0100007F:{studio.port:04X}"], mine
        with socket.socket(socket.AF_INET6) as other:
            assert other.connect_ex(("::1", studio.port)) != 0


cases = {name: function for name, function in globals().items() if name.startswith("case_")}
for name in [f"case_{sys.argv[3]}"] if len(sys.argv) > 3 else cases:
    with tempfile.TemporaryDirectory() as place:
        cases[name](place)
    print(f"{name}: passed")
