"""Holds each line to the OCSF schema of its class, and says what is wrong with which."""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
validators = {}
classes = {}
for number, line in enumerate(sys.stdin, 1):
    record = json.loads(line)
    profiles = tuple(record["metadata"].get("profiles", []))
    uid = record["class_uid"]
    if (uid, profiles) not in validators:
        described = schema.get_class_schema(schema.lookup_class_name_from_uid(uid), list(profiles))
        # The package calls the member of an event log's file by another name than its constraint does.
        described["anyOf"] = [one for one in described.get("anyOf", []) if one["required"] != ["log_file"]] or [{}]
        validators[uid, profiles] = jsonschema.Draft202012Validator(described)
    classes[uid] = classes.get(uid, 0) + 1
    for error in validators[uid, profiles].iter_errors(record):
        sys.exit(f"line {number}, class {uid}, {error.json_path}: {error.message[:300]}")
print(json.dumps(classes))
