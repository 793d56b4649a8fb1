"""Verifies an export on a Dask cluster: verify_dask.py EXPORT TRUST [PARTS] [SCHEDULER]

Without the address of a scheduler, it uses all cores of this machine. All workers need the program `countersign`, and
EXPORT at the same path or bucket URL.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from dask.distributed import Client


def summarize(export, number, parts):
    """Summarizes one part, and returns the summary."""
    command = ["countersign", "summarize", export, "--threads", "1", "--part", f"{number}/{parts}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def verify(client, export, trust, parts):
    """Verifies the summaries of all parts, and returns the exit status of `countersign verify`."""
    numbers = range(1, parts + 1)
    # A worker that dies takes its part with it. Dask gives that part to another worker.
    futures = [client.submit(summarize, export, number, parts, pure=False) for number in numbers]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"part-{number}.summary") for number in numbers]
        for file, future in zip(files, futures):
            file.write_bytes(future.result())
        command = ["countersign", "verify", "--trust", trust, "--summaries", *files]
        return subprocess.run(command).returncode


def main(export, trust, parts="16", scheduler=None):
    with Client(scheduler) as client:
        return verify(client, export, trust, int(parts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
