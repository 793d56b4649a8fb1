"""Writes an export as Parquet on a Spark cluster: spark-submit --master URL rows_spark.py EXPORT TRUST FOLDER [PARTS]

All workers need the program `countersign`, and EXPORT, TRUST, and FOLDER at the same paths. Summaries are in
FOLDER.summaries meanwhile.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession


def countersign(args):
    subprocess.run(["countersign", *args], check=True)


def in_parts(spark, parts, command):
    """Runs the command of each part. Spark runs a failed part again, by default up to four times."""
    commands = [command(number) for number in range(1, parts + 1)]
    spark.sparkContext.parallelize(commands, parts).foreach(countersign)


def write(spark, export, trust, folder, parts):
    """Writes the rows of all parts, and returns the exit status of `countersign export --manifest`."""
    summaries = Path(f"{folder}.summaries")
    summaries.mkdir()
    try:
        files = [str(summaries / f"part-{number}.summary") for number in range(1, parts + 1)]
        summarize = ["summarize", export, "--threads", "1"]
        in_parts(spark, parts, lambda part: [*summarize, "--part", f"{part}/{parts}", "-o", files[part - 1]])
        rows = ["export", "--format", "parquet", export, "--trust", trust, "--summaries", *files, "-o", folder]
        in_parts(spark, parts, lambda part: [*rows, "--part", f"{part}/{parts}"])
        # Checks that all parts are there. The exit status is that of the verdict.
        return subprocess.run(["countersign", *rows, "--manifest"]).returncode
    finally:
        shutil.rmtree(summaries)


def main(export, trust, folder, parts="16"):
    spark = SparkSession.builder.appName("countersign").getOrCreate()
    try:
        return write(spark, export, trust, folder, int(parts))
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
