"""Parses each line as a message of RFC 5424."""

import json
import sys

from syslog_rfc5424_parser import SyslogMessage

for number, line in enumerate(sys.stdin.read().split("\n")[:-1], 1):
    try:
        message = SyslogMessage.parse(line)
    except Exception as error:
        sys.exit(f"line {number}: {error}")
    print(json.dumps([message.facility.name, message.severity.name, message.timestamp, message.hostname, message.msgid, message.sd, message.msg]))
