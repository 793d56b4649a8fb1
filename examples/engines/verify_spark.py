"""Verifies an export on a Spark cluster: spark-submit --master URL verify_spark.py EXPORT TRUST [PARTS]

All workers need the program `countersign`, and EXPORT at the same path or bucket URL.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark.sql import SparkSession


def summarize(export, number, parts):
    """Summarizes one part, and returns its number and the summary."""
    command = ["countersign", "summarize", export, "--threads", "1", "--part", f"{number}/{parts}"]
    return number, subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def main(export, trust, parts="16"):
    parts = int(parts)
    spark = SparkSession.builder.appName("countersign").getOrCreate()
    numbers = spark.sparkContext.parallelize(range(1, parts + 1), parts)
    # Spark runs a failed part again, by default up to four times.
    summaries = numbers.map(lambda number: summarize(export, number, parts)).collect()
    spark.stop()
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, summary in summaries:
            files.append(Path(folder, f"part-{number}.summary"))
            files[-1].write_bytes(summary)
        command = ["countersign", "verify", "--trust", trust, "--summaries", *files]
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
