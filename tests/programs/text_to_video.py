"""The smallest program, as it is on the first page, makes a video: it is led to an emulator by its environment.

usage: text_to_video.py EMULATOR TEXT_TO_VIDEO"""

import os
import pathlib
import subprocess
import sys
import tempfile

with tempfile.TemporaryDirectory() as place:
    authority = pathlib.Path(place, "ca.pem")
    emulator = subprocess.Popen([sys.argv[1], "--speed", "100", "--ca-out", authority], stdout=subprocess.PIPE, text=True)
    try:
        settings = {
            "APIMART_API_KEY": "emulator",
            "APIMART_BASE_URL": emulator.stdout.readline().removeprefix("ready ").strip(),
            "APIMART_CA_FILE": str(authority),
        }
        done = subprocess.run([sys.argv[2]], cwd=place, env=os.environ | settings, capture_output=True, text=True, timeout=50)
        if (done.returncode, done.stdout) != (0, "corgi.mp4 is here\n"):
            sys.exit(f"ended with {done.returncode}: {done.stdout}{done.stderr}")
        if pathlib.Path(place, "corgi.mp4").read_bytes()[4:8] != b"ftyp":
            sys.exit("corgi.mp4 is no video")
    finally:
        emulator.kill()
