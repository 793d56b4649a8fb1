"""Reads each line as a CloudEvent in JSON."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

for number, line in enumerate(sys.stdin, 1):
    headers = {"content-type": "application/cloudevents+json"}
    try:
        event = from_structured_event(HTTPMessage(headers, line.encode()))
    except Exception as error:
        sys.exit(f"line {number}: {error}")
    print(json.dumps([event.get_id(), event.get_source(), event.get_type()]))
