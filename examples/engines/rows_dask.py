"""Writes an export as Parquet on a Dask cluster: rows_dask.py EXPORT TRUST FOLDER [PARTS] [SCHEDULER]

Without the address of a scheduler, it uses all cores of this machine. All workers need the program `countersign`, and
EXPORT, TRUST, and FOLDER at the same paths. Summaries are in FOLDER.summaries meanwhile.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from dask.distributed import Client


def countersign(*args):
    subprocess.run(["countersign", *args], check=True)


def in_parts(client, parts, command):
    """Runs the command of each part. If a worker dies, Dask gives its part to another worker."""
    futures = [client.submit(countersign, *command(number), pure=False) for number in range(1, parts + 1)]
    client.gather(futures)


def write(client, export, trust, folder, parts):
    """Writes the rows of all parts, and returns the exit status of `countersign export --manifest`."""
    summaries = Path(f"{folder}.summaries")
    summaries.mkdir()
    try:
        files = [str(summaries / f"part-{number}.summary") for number in range(1, parts + 1)]
        summarize = ["summarize", export, "--threads", "1"]
        in_parts(client, parts, lambda part: [*summarize, "--part", f"{part}/{parts}", "-o", files[part - 1]])
        rows = ["export", "--format", "parquet", export, "--trust", trust, "--summaries", *files, "-o", folder]
        in_parts(client, parts, lambda part: [*rows, "--part", f"{part}/{parts}"])
        # Checks that all parts are there. The exit status is that of the verdict.
        return subprocess.run(["countersign", *rows, "--manifest"]).returncode
    finally:
        shutil.rmtree(summaries)


def main(export, trust, folder, parts="16", scheduler=None):
    with Client(scheduler) as client:
        return write(client, export, trust, folder, int(parts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
