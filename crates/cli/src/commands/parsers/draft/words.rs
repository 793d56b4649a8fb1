//! The names that products often give to their fields, in lower case and without separators, the likeliest first.

pub(super) const ACTIONS: [&str; 16] = [
    "action",
    "eventaction",
    "eventname",
    "eventtype",
    "operation",
    "operationname",
    "actionname",
    "actiontype",
    "activity",
    "activitytype",
    "event",
    "verb",
    "command",
    "type",
    "method",
    "what",
];

pub(super) const TIMES: [&str; 20] = [
    "occurredat",
    "eventtime",
    "timestamp",
    "eventtimestamp",
    "performedat",
    "createdat",
    "creationtime",
    "datetime",
    "eventdate",
    "published",
    "created",
    "time",
    "date",
    "ts",
    "createdon",
    "loggedat",
    "recordedat",
    "when",
    "at",
    "t",
];

pub(super) const ACTORS: [&str; 18] = [
    "actor",
    "performedby",
    "initiator",
    "initiatedby",
    "principal",
    "author",
    "operator",
    "caller",
    "requester",
    "requestor",
    "createdby",
    "user",
    "account",
    "employee",
    "clerk",
    "member",
    "login",
    "email",
];

pub(super) const TARGETS: [&str; 14] = [
    "target",
    "resource",
    "object",
    "entity",
    "subject",
    "affected",
    "item",
    "document",
    "file",
    "project",
    "record",
    "asset",
    "repository",
    "article",
];

/// The names of identifiers, after the name of a party. The empty one is the party's own field.
pub(super) const IDS: [&str; 13] = [
    "id",
    "uuid",
    "uid",
    "guid",
    "arn",
    "key",
    "login",
    "email",
    "emailaddress",
    "username",
    "badge",
    "",
    "path",
];

/// The names of names, after the name of a party.
pub(super) const NAMES: [&str; 7] =
    ["displayname", "fullname", "name", "title", "username", "email", "emailaddress"];

pub(super) const ADDRESSES: [&str; 16] = [
    "ip",
    "ipaddress",
    "ipaddr",
    "sourceip",
    "sourceipaddress",
    "srcip",
    "clientip",
    "clientipaddress",
    "remoteip",
    "remoteaddr",
    "remoteaddress",
    "actorip",
    "userip",
    "clientaddress",
    "address",
    "client",
];

pub(super) const OUTCOMES: [&str; 10] = [
    "outcome",
    "result",
    "success",
    "succeeded",
    "issuccess",
    "successful",
    "status",
    "resultstatus",
    "decision",
    "eventoutcome",
];

pub(super) const REASONS: [&str; 7] =
    ["reason", "failurereason", "outcomereason", "errormessage", "errorcode", "statusreason", "error"];

/// The names of fields that name the product or the format, so that their value distinguishes its events.
pub(super) const CONSTANTS: [&str; 11] = [
    "source",
    "product",
    "vendor",
    "service",
    "app",
    "application",
    "schema",
    "schemaversion",
    "logtype",
    "provider",
    "dataset",
];

/// Returns the outcome that a value clearly means.
pub(super) fn outcome(value: &str) -> Option<&'static str> {
    match value.to_lowercase().as_str() {
        "success" | "succeeded" | "successful" | "ok" | "true" | "completed" | "allowed" | "allow"
        | "granted" | "passed" => Some("success"),
        "failure" | "failed" | "fail" | "error" | "err" | "false" => Some("failure"),
        "denied" | "deny" | "forbidden" | "unauthorized" | "blocked" | "rejected" | "refused" => {
            Some("denied")
        }
        _ => None,
    }
}
