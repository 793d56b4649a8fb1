//! Objects in which sources deliver a list of events.

use countersign_query::value::{Document, Kind};

use crate::error::{IngestError, fault};
use crate::otlp;

/// The form of a delivery: an object with a list of events and known other members.
pub(super) struct ListForm {
    pub(super) list: &'static str,
    /// A member that must exist as well, to distinguish the delivery from an event with such a list.
    with: Option<&'static str>,
    beside: &'static [&'static str],
}

static FORMS: [ListForm; 19] = [
    // Files of AWS CloudTrail.
    ListForm { list: "Records", with: None, beside: &[] },
    // Azure blobs and event hubs.
    ListForm { list: "records", with: None, beside: &[] },
    // Lists of Kubernetes and Google Workspace.
    ListForm {
        list: "items",
        with: Some("kind"),
        beside: &["kind", "apiVersion", "metadata", "etag", "nextPageToken"],
    },
    // Google Workspace, as collected by ALFA.
    ListForm { list: "activities", with: None, beside: &[] },
    // Microsoft Graph, and Azure's REST API.
    ListForm {
        list: "value",
        with: None,
        beside: &["@odata.context", "@odata.nextLink", "@odata.count", "nextLink"],
    },
    // The response of CloudTrail's LookupEvents.
    ListForm { list: "Events", with: None, beside: &["NextToken"] },
    // CloudWatch Logs subscriptions, and search results.
    ListForm {
        list: "logEvents",
        with: Some("messageType"),
        beside: &["messageType", "owner", "logGroup", "logStream", "subscriptionFilters"],
    },
    ListForm {
        list: "events",
        with: Some("searchedLogStreams"),
        beside: &["searchedLogStreams", "nextToken"],
    },
    // Slack and Cloud Logging.
    ListForm { list: "entries", with: None, beside: &["response_metadata", "nextPageToken"] },
    // Cloudflare.
    ListForm {
        list: "result",
        with: Some("success"),
        beside: &["success", "errors", "messages", "result_info"],
    },
    // Auth0's API and log streams to webhooks, and Tailscale's API.
    ListForm {
        list: "logs",
        with: None,
        beside: &[
            "start",
            "limit",
            "length",
            "total",
            "nextLogId",
            "status",
            "requestId",
            "version",
            "tailnetId",
        ],
    },
    // Advanced hunting in Microsoft Defender, through Microsoft Graph and its own API.
    ListForm { list: "results", with: Some("schema"), beside: &["@odata.context", "schema"] },
    ListForm { list: "Results", with: Some("Schema"), beside: &["Stats", "Schema"] },
    // Datadog's first search API.
    ListForm { list: "data", with: Some("meta"), beside: &["meta", "links"] },
    // OpenTelemetry, whose log records are nested deeper.
    ListForm { list: otlp::LIST, with: None, beside: &[] },
    // Query results with columns and rows.
    ListForm { list: "tables", with: None, beside: &[] },
    ListForm { list: "rows", with: None, beside: &[] },
    ListForm { list: "values", with: None, beside: &[] },
    ListForm { list: "datarows", with: None, beside: &[] },
];

/// Lists whose elements aren't events themselves.
const DEEP: [&str; 5] = [otlp::LIST, "tables", "rows", "values", "datarows"];

impl ListForm {
    /// True if the list's elements contain events or are converted to events, and aren't events themselves.
    pub(super) fn is_deep(&self) -> bool {
        DEEP.contains(&self.list)
    }

    /// Returns the form of an object whose text so far ends with a member's name, a colon, and `[`.
    pub(super) fn find(text: &[u8]) -> Option<&'static Self> {
        let name = text
            .strip_suffix(b"[")?
            .trim_ascii_end()
            .strip_suffix(b":")?
            .trim_ascii_end()
            .strip_suffix(b"\"")?;
        FORMS.iter().find(|form| {
            name.strip_suffix(form.list.as_bytes()).is_some_and(|before| before.ends_with(b"\""))
        })
    }

    /// True if the object has this form: the list once, only known other members, and only objects in the list.
    pub(super) fn matches(&self, object: &[u8]) -> bool {
        let Some(document) = core::str::from_utf8(object).ok().and_then(Document::parse) else {
            return false;
        };
        let root = document.root();
        let beside = |name: &str| name == self.list || self.beside.contains(&name);
        root.members().all(|(name, _)| beside(&name.text()))
            && root.members().filter(|(name, _)| name.text() == self.list).count() == 1
            && self.with.is_none_or(|name| root.get(name).is_some())
            && root
                .get(self.list)
                .is_some_and(|list| list.elements().all(|element| element.kind() == Kind::Object))
    }

    /// Returns an error if a member next to the list would be lost.
    pub(super) fn check_rest(&self, object: &[u8], line: u64) -> Result<(), IngestError> {
        let document = core::str::from_utf8(object).ok().and_then(Document::parse);
        let Some(document) = document else {
            let why = format!("the object with {:?} is not valid JSON", self.list);
            return Err(fault(&why, "correct the JSON", line));
        };
        let mut lists = 0;
        for (name, _) in document.root().members() {
            let name = name.text();
            lists += u32::from(name == self.list);
            if lists > 1 {
                let why = format!("the delivery has {:?} twice", self.list);
                return Err(fault(&why, "put each list in a separate object", line));
            }
            if name != self.list && !self.beside.contains(&&*name) {
                let why = format!("the object with {:?} also has {name:?}, which would be lost", self.list);
                let hint = "write one event per line: the object is too large for an event, and isn't a known delivery";
                return Err(fault(&why, hint, line));
            }
        }
        Ok(())
    }
}
