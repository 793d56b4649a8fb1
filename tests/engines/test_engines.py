"""Runs the programs in examples/engines with worker processes, and compares their output with that of one process.

In each run, the worker of one part is killed once.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import duckdb

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "engines"
PROGRAM = os.environ["COUNTERSIGN"]
BIN = Path(sys.executable).parent
ORIGIN = "log.example/audit"
EVENTS = 20_000
PARTS = 6
# Two executors as processes of their own, with one core and 1,024 MiB each.
SPARK = [BIN / "spark-submit", "--master", "local-cluster[2,1,1024]"]
# Seconds after which a run has failed.
LIMIT = 900

# Kills a process when part 3 is processed for the first time. Afterwards, it is the program.
KILLER = """#!/bin/sh
case "$*" in
*"--part 3/"*) if mkdir "{mark}" 2>/dev/null; then kill -9 {target}; sleep 60; fi ;;
esac
exec "{program}" "$@"
"""

# Kills the program and another process while the rows of part 3 are written for the first time.
ROW_KILLER = """#!/bin/sh
case "$*" in
"export "*"--part 3/"*) if mkdir "{mark}" 2>/dev/null; then
  "{program}" "$@" & pid=$!
  while kill -0 $pid 2>/dev/null && ! ls -d "{rows}"/.countersign-* >/dev/null 2>&1; do :; done
  kill -9 $pid {target}; sleep 60
fi ;;
esac
exec "{program}" "$@"
"""

RULES = """
title: Stopped Job
id: stopped
name: stopped
level: low
detection: {s: {action: job.stop}, condition: s}
---
title: Many Stopped Jobs
id: many
level: high
correlation:
  type: event_count
  rules: [stopped]
  group-by: [actor.id]
  timespan: 1h
  condition: {gte: 50}
"""


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, timeout=LIMIT, text=True, **options)


class Engines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        cls.export, cls.trust = cls.folder / "audit.ndjson", cls.folder / "trust.txt"
        events = (
            json.dumps({"action": f"job.{'run' if n % 3 else 'stop'}", "actor": {"id": f"u_{n % 97}"}, "n": n})
            for n in range(EVENTS)
        )
        (cls.folder / "events.ndjson").write_text("\n".join(events) + "\n")

        def program(*args):
            return run(PROGRAM, *args, check=True, cwd=cls.folder, stderr=subprocess.DEVNULL).stdout

        emitter = program("keygen", "app.example", "-o", "app.key").strip()
        log = program("keygen", ORIGIN, "-o", "log.key").strip()
        cls.trust.write_text(f"emitter {emitter}\nlog {log}\n")
        program("record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson")
        program("seal", "--log-key", "log.key", "--trust", "trust.txt", "app.ndjson", "-o", "audit.ndjson")
        cls.rules = cls.folder / "rules.yml"
        cls.rules.write_text(RULES)
        cls.verified = run(PROGRAM, "verify", cls.export, "--trust", cls.trust)
        cls.analyzed = run(PROGRAM, "analyze", cls.export, "--trust", cls.trust, "--rules", cls.rules)
        assert cls.verified.returncode == cls.analyzed.returncode == 0, (cls.verified, cls.analyzed)
        assert "Many Stopped Jobs" in cls.analyzed.stdout, cls.analyzed

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def environment(self, target, killer_program=KILLER, **paths):
        """Returns an environment whose `countersign` kills the target once, and the mark that it leaves then."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        mark = folder / "killed"
        killer = folder / "countersign"
        killer.write_text(killer_program.format(mark=mark, target=target, program=PROGRAM, **paths))
        killer.chmod(0o755)
        path = os.pathsep.join([str(folder), str(BIN), os.environ["PATH"]])
        return {**os.environ, "PATH": path, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}, mark

    def assert_same(self, engine, program, target="$PPID"):
        for work, expected, rules in [("verify", self.verified, []), ("analyze", self.analyzed, [self.rules])]:
            environment, mark = self.environment(target)
            command = [*engine, EXAMPLES / f"{work}_{program}"]
            result = run(*command, self.export, self.trust, *rules, str(PARTS), env=environment)
            # Only one line differs: a verification says that it rests on summaries. spark-submit passes standard error on.
            found, notes = re.subn(r"^rests on: \d+ summaries, .*\n", "", result.stdout, flags=re.MULTILINE)
            self.assertEqual(notes, 1 if work == "verify" else 0, result.stdout)
            self.assertTrue(found.endswith(expected.stdout), result.stdout)
            self.assertEqual(result.returncode, expected.returncode)
            self.assertTrue(mark.exists(), "no worker was killed")

    def test_dask(self):
        self.assert_same([sys.executable], "dask.py")

    def test_spark(self):
        self.assert_same(SPARK, "spark.py")

    def test_gnu_parallel(self):
        self.assert_same([], "parallel.sh", target="$$")

    def assert_same_rows(self, command, name, target="$PPID"):
        """Writes rows in parts, and compares them with those that one process writes."""
        rows = self.folder / name
        environment, mark = self.environment(target, ROW_KILLER, rows=rows)
        result = run(*command, self.export, self.trust, rows, str(PARTS), env=environment)
        self.assertEqual(result.returncode, self.verified.returncode)
        self.assertTrue(mark.exists(), "no worker was killed")
        self.assertFalse(rows.with_name(f"{name}.summaries").exists())
        names = {"_manifest.json", *(f"part-0000{part}-00000.parquet" for part in range(1, PARTS + 1))}
        self.assertEqual({file.name for file in rows.iterdir()}, names)
        whole = self.folder / f"{name}.parquet"
        run(PROGRAM, "export", "--format", "parquet", self.export, "--trust", self.trust, "-o", whole, check=True)
        one, many = f"select * from '{whole}'", f"select * from '{rows}/*.parquet'"
        for statement in [one, many]:
            self.assertEqual(duckdb.sql(f"select count(*) from ({statement})").fetchall(), [(EVENTS,)])
        self.assertEqual(duckdb.sql(f"({one}) except ({many})").fetchall(), [])
        run(PROGRAM, "verify", self.export, "--trust", self.trust, "--parquet", rows, check=True)
        return rows

    def test_rows_dask(self):
        rows = self.assert_same_rows([sys.executable, EXAMPLES / "rows_dask.py"], "dask")
        self.assert_spark_counts(rows)

    def test_rows_spark(self):
        self.assert_same_rows([*SPARK, EXAMPLES / "rows_spark.py"], "spark")

    def test_rows_gnu_parallel(self):
        self.assert_same_rows([EXAMPLES / "rows_parallel.sh"], "parallel", target="$$")

    def test_spark_sql(self):
        rows = self.folder / "rows"
        export = ["export", "--format", "parquet", self.export, "--trust", self.trust, "--partition", "day", "-o", rows]
        run(PROGRAM, *export, check=True)
        self.assert_spark_counts(rows)

    def assert_spark_counts(self, rows):
        """Counts events with Spark SQL, which reads all files in a folder."""
        environment, _ = self.environment("$$")
        command = [BIN / "spark-submit", "--master", "local[2]", EXAMPLES / "query_spark.py", rows]
        counted = json.loads(run(*command, env=environment, check=True).stdout)
        stopped = len(range(0, EVENTS, 3))
        self.assertEqual(counted, {"job.run": EVENTS - stopped, "job.stop": stopped})


if __name__ == "__main__":
    unittest.main(verbosity=2)
