"""Parses each line as an ExportLogsServiceRequest, unknown names refused."""

import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

for number, line in enumerate(sys.stdin, 1):
    try:
        request = json_format.Parse(line, ExportLogsServiceRequest())
    except json_format.ParseError as error:
        sys.exit(f"line {number}: {error}")
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                print(json.dumps([record.time_unix_nano, record.severity_number, record.event_name, record.body.string_value]))
