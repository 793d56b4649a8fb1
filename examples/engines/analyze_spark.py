"""Detects attacks in an export on a Spark cluster: spark-submit --master URL analyze_spark.py EXPORT TRUST RULES [PARTS]

RULES is a pack from `countersign rules build`. All workers need the program `countersign`, and EXPORT and RULES at the
same path.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark.sql import SparkSession


def examine(export, rules, number, parts):
    """Examines one part, and returns its number and the piece."""
    command = ["countersign", "analyze", export, "--rules", rules, "--threads", "1", "--part", f"{number}/{parts}"]
    return number, subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def main(export, trust, rules, parts="16"):
    parts = int(parts)
    spark = SparkSession.builder.appName("countersign").getOrCreate()
    numbers = spark.sparkContext.parallelize(range(1, parts + 1), parts)
    # Spark runs a failed part again, by default up to four times.
    pieces = numbers.map(lambda number: examine(export, rules, number, parts)).collect()
    spark.stop()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, piece in pieces:
            files.append(Path(folder, f"part-{number}.piece"))
            files[-1].write_bytes(piece)
        command = ["countersign", "analyze", "--trust", trust, "--rules", rules, "--pieces", *files]
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
