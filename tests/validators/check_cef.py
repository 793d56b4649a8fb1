"""Parses each line as CEF."""

import json
import sys

import pycef

for number, line in enumerate(sys.stdin.read().split("\n")[:-1], 1):
    parsed = pycef.parse(line)
    if parsed is None:
        sys.exit(f"line {number} is no CEF: {line[:200]}")
    print(json.dumps(parsed))
