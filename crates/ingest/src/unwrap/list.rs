//! What sources deliver their events in: objects that hold a list of them.

use countersign_query::value::{Document, Kind};

use crate::error::{IngestError, fault};
use crate::otlp;

/// What a source delivers its events in: an object with a list of them, and with what may stand beside it.
pub(super) struct ListForm {
    pub(super) list: &'static str,
    /// A member that must stand beside it, which tells it from an event that has such a list.
    with: Option<&'static str>,
    beside: &'static [&'static str],
}

static FORMS: [ListForm; 19] = [
    // The files of AWS CloudTrail.
    ListForm { list: "Records", with: None, beside: &[] },
    // Azure's blobs and event hubs.
    ListForm { list: "records", with: None, beside: &[] },
    // Kubernetes' lists, and those of Google Workspace.
    ListForm {
        list: "items",
        with: Some("kind"),
        beside: &["kind", "apiVersion", "metadata", "etag", "nextPageToken"],
    },
    // Google Workspace, as ALFA collects it.
    ListForm { list: "activities", with: None, beside: &[] },
    // Microsoft Graph, and Azure's REST interface.
    ListForm {
        list: "value",
        with: None,
        beside: &["@odata.context", "@odata.nextLink", "@odata.count", "nextLink"],
    },
    // What CloudTrail's LookupEvents lists.
    ListForm { list: "Events", with: None, beside: &["NextToken"] },
    // Subscriptions to CloudWatch Logs, and what is searched for in these.
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
    // Auth0: its API, and its streams to a webhook. Tailscale's API.
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
    // Advanced hunting in Microsoft Defender, by Microsoft Graph and by itself.
    ListForm { list: "results", with: Some("schema"), beside: &["@odata.context", "schema"] },
    ListForm { list: "Results", with: Some("Schema"), beside: &["Stats", "Schema"] },
    // Datadog, whose first way of searching answers logs.
    ListForm { list: "data", with: Some("meta"), beside: &["meta", "links"] },
    // OpenTelemetry, whose log records stand deeper.
    ListForm { list: otlp::LIST, with: None, beside: &[] },
    // Answers with columns and rows.
    ListForm { list: "tables", with: None, beside: &[] },
    ListForm { list: "rows", with: None, beside: &[] },
    ListForm { list: "values", with: None, beside: &[] },
    ListForm { list: "datarows", with: None, beside: &[] },
];

/// The lists whose elements are no events.
const DEEP: [&str; 5] = [otlp::LIST, "tables", "rows", "values", "datarows"];

impl ListForm {
    /// Whether what is in its list holds the events, or is made an event of, and is none.
    pub(super) fn is_deep(&self) -> bool {
        DEEP.contains(&self.list)
    }

    /// What an object may be whose text ends in a member's name, a colon and the beginning of an array.
    pub(super) fn begun_in(text: &[u8]) -> Option<&'static Self> {
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

    /// Whether a whole object is this and no event: nothing stands beside its list but what may, and it holds objects.
    pub(super) fn is(&self, object: &[u8]) -> bool {
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

    /// Refuses to lose what stands beside a list.
    pub(super) fn check_rest(&self, object: &[u8], line: u64) -> Result<(), IngestError> {
        let document = core::str::from_utf8(object).ok().and_then(Document::parse);
        let Some(document) = document else {
            let why = format!("what stands beside {:?} is no JSON", self.list);
            return Err(fault(&why, "correct it", line));
        };
        let mut lists = 0;
        for (name, _) in document.root().members() {
            let name = name.text();
            lists += u32::from(name == self.list);
            if lists > 1 {
                let why = format!("the delivery has {:?} twice", self.list);
                return Err(fault(&why, "give each list an object of its own", line));
            }
            if name != self.list && !self.beside.contains(&&*name) {
                let why = format!("beside {:?} stands {name:?}, which would be lost", self.list);
                let hint =
                    "it is too large for one event, and not a known delivery: make one event a line of it";
                return Err(fault(&why, hint, line));
            }
        }
        Ok(())
    }
}
