"""Detects attacks in an export on a Dask cluster: analyze_dask.py EXPORT TRUST RULES [PARTS] [SCHEDULER]

RULES is a pack from `countersign rules build`. Without the address of a scheduler, it uses all cores of this machine.
All workers need the program `countersign`, and EXPORT and RULES at the same path.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from dask.distributed import Client


def examine(export, rules, number, parts):
    """Examines one part, and returns its piece."""
    command = ["countersign", "analyze", export, "--rules", rules, "--threads", "1", "--part", f"{number}/{parts}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def analyze(client, export, trust, rules, parts):
    """Makes the findings from all pieces, and returns the exit status of `countersign analyze`."""
    numbers = range(1, parts + 1)
    # A worker that dies takes its part with it. Dask gives that part to another worker.
    futures = [client.submit(examine, export, rules, number, parts, pure=False) for number in numbers]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"part-{number}.piece") for number in numbers]
        for file, future in zip(files, futures):
            file.write_bytes(future.result())
        command = ["countersign", "analyze", "--trust", trust, "--rules", rules, "--pieces", *files]
        return subprocess.run(command).returncode


def main(export, trust, rules, parts="16", scheduler=None):
    with Client(scheduler) as client:
        return analyze(client, export, trust, rules, int(parts))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
