"""What the example postgresql_worker makes of the rows of a table, in a database that is made for it.

usage: postgresql_worker.py INITDB POSTGRESQL_WORKER"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

initdb, worker = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
owner = "postgres" if os.getuid() == 0 else None  # the server does not run as root
environment = {name: value for name, value in os.environ.items() if not name.startswith(("APIMART_", "PG"))}


def run(*command, user=owner, **settings):
    done = subprocess.run(command, user=user, cwd="/", env=environment | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def sql(text):
    rows = run(initdb.parent / "psql", "-h", place, "-U", "worker", "-d", "postgres", "-At", "-c", text)
    return rows.splitlines()


with tempfile.TemporaryDirectory() as place:
    if owner:
        shutil.chown(place, owner)
    run(initdb, "-D", f"{place}/data", "-U", "worker", "-A", "trust", "--no-sync")
    control = [initdb.parent / "pg_ctl", "-D", f"{place}/data", "-l", f"{place}/log", "-w"]
    run(*control, "-o", f"-c listen_addresses= -c unix_socket_directories={place} -c fsync=off", "start")
    try:
        settings = {"PGHOST": place, "PGUSER": "worker", "PGDATABASE": "postgres"}
        run(worker, user=None, **settings)
        sql(
            """insert into video_request (body, state, worker) values
               ('{"model": "kling-v3", "prompt": "a cat"}', 'new', null),
               ('{"model": "kling-v3", "prompt": "a cat [fail]"}', 'new', null),
               ('{"model": "kling-v3", "prompt": "a cat", "duration": 99}', 'new', null),
               ('{"model": "kling-v3", "prompt": "a cat"}', 'sending', 0)"""
        )
        run(worker, user=None, **settings)
        rows = sql("select state, task is not null, reason from video_request order by id")
        wanted = [
            "succeeded|t|",
            "failed|t|content policy violation",
            "refused|f|/duration: must be between 3 and 15 (got 99)",
            "look it up|f|",
        ]
        if rows != wanted:
            sys.exit("\n".join(["the rows are", *rows, "instead of", *wanted]))
    finally:
        run(*control, "-m", "immediate", "stop")
