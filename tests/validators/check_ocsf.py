"""Holds each line to the OCSF schema of its class, and says what is wrong with which.

The package has the schema of OCSF 1.8.0. A later minor version only adds to it, so records of 1.9.0 must fit it except
for what 1.9.0 added: attestations. `ATTESTATIONS` states that version's constraints on them.
"""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

ADDED_PROFILE = "record_integrity"
TEXT = {"type": "string"}
INTEGER = {"type": "integer"}


def thing(required, **properties):
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def one_of(highest):
    return {"enum": [*range(highest + 1), 99]}


FINGERPRINT = thing(
    ["algorithm_id", "value"],
    algorithm=TEXT,
    algorithm_id=one_of(20),
    encoding=TEXT,
    encoding_id=one_of(3),
    serialization=TEXT,
    serialization_id=one_of(8),
    value=TEXT,
)
SIGNATURE = thing(
    ["algorithm_id"],
    algorithm=TEXT,
    algorithm_id=one_of(6),
    created_time=INTEGER,
    developer_uid=TEXT,
    digest=FINGERPRINT,
    serialization=TEXT,
    serialization_id=one_of(8),
    state=TEXT,
    state_id=one_of(10),
)
ATTESTATION = thing(
    [],
    uid=TEXT,
    authority_uid=TEXT,
    chain_uid=TEXT,
    fingerprint=FINGERPRINT,
    prev_event=thing(["uid"], uid=TEXT, type_uid=INTEGER, fingerprint=FINGERPRINT),
    signatures={"type": "array", "items": SIGNATURE},
)
ATTESTATION["anyOf"] = [{"required": ["fingerprint"]}, {"required": ["signatures"]}]
ATTESTATIONS = {"type": "array", "items": ATTESTATION}

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
attestations = jsonschema.Draft202012Validator(ATTESTATIONS)
validators = {}
classes = {}


def check(validator, value, number, uid):
    for error in validator.iter_errors(value):
        sys.exit(f"line {number}, class {uid}, {error.json_path}: {error.message[:300]}")


for number, line in enumerate(sys.stdin, 1):
    record = json.loads(line)
    if record["metadata"]["version"] != "1.9.0":
        sys.exit(f"line {number} is of another version")
    profiles = record["metadata"].get("profiles", [])
    uid = record["class_uid"]
    # The attribute belongs to the profile: both are there, or neither.
    attested = record.pop("attestation_list", None)
    if (attested is not None) != (ADDED_PROFILE in profiles):
        sys.exit(f"line {number}, class {uid}: attestation_list without its profile, or the reverse")
    if attested is not None:
        check(attestations, attested, number, uid)
        profiles.remove(ADDED_PROFILE)
        classes[ADDED_PROFILE] = classes.get(ADDED_PROFILE, 0) + 1
    if not profiles:
        record["metadata"].pop("profiles", None)
    key = (uid, *profiles)
    if key not in validators:
        described = schema.get_class_schema(schema.lookup_class_name_from_uid(uid), list(profiles))
        # The package calls the member of an event log's file by another name than its constraint does.
        described["anyOf"] = [one for one in described.get("anyOf", []) if one["required"] != ["log_file"]] or [{}]
        validators[key] = jsonschema.Draft202012Validator(described)
    classes[uid] = classes.get(uid, 0) + 1
    check(validators[key], record, number, uid)
print(json.dumps(classes))
