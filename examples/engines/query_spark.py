"""Counts the events of each action in Parquet files: spark-submit --master URL query_spark.py FOLDER

`countersign export audit.ndjson --trust trust.txt --format parquet -o FOLDER` writes the files from verified events.
`countersign verify audit.ndjson --trust trust.txt --parquet FOLDER` proves that they contain exactly these events.
"""

import json
import sys

from pyspark.sql import SparkSession


def main(folder):
    spark = SparkSession.builder.appName("countersign").getOrCreate()
    spark.read.parquet(folder).createOrReplaceTempView("events")
    rows = spark.sql("SELECT action, count(*) AS events FROM events GROUP BY action ORDER BY action").collect()
    spark.stop()
    print(json.dumps({row.action: row.events for row in rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
