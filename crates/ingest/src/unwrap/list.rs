//! Objects in which sources deliver a list of events.

use countersign_query::value::{Document, Kind};

use crate::error::{IngestError, fault};
use crate::otlp;

/// The form of a delivery: an object with a list of events and known other members.
pub(super) struct ListForm {
    pub(super) list: &'static str,
    /// Members of which one must exist as well, to distinguish the delivery from an event with such a list. Empty if
    /// the list suffices.
    with: &'static [&'static str],
    beside: &'static [&'static str],
}

static FORMS: &[ListForm] = &[
    // Files of AWS CloudTrail.
    ListForm { list: "Records", with: &[], beside: &[] },
    // Azure blobs and event hubs, Salesforce, Jira, and PagerDuty's API.
    ListForm {
        list: "records",
        with: &[],
        beside: &[
            "totalSize",
            "done",
            "nextRecordsUrl",
            "offset",
            "limit",
            "total",
            "next_cursor",
            "response_metadata",
        ],
    },
    // Lists of Kubernetes, Google Workspace, and 1Password.
    ListForm {
        list: "items",
        with: &["kind", "cursor"],
        beside: &["kind", "apiVersion", "metadata", "etag", "nextPageToken", "cursor", "has_more"],
    },
    // Google Workspace, as collected by ALFA.
    ListForm { list: "activities", with: &[], beside: &[] },
    // Microsoft Graph, and Azure's REST API.
    ListForm {
        list: "value",
        with: &[],
        beside: &["@odata.context", "@odata.nextLink", "@odata.count", "nextLink"],
    },
    // The response of CloudTrail's LookupEvents.
    ListForm { list: "Events", with: &[], beside: &["NextToken"] },
    // CloudWatch Logs subscriptions and search results, Dropbox, and Twilio.
    ListForm {
        list: "logEvents",
        with: &["messageType"],
        beside: &["messageType", "owner", "logGroup", "logStream", "subscriptionFilters"],
    },
    ListForm {
        list: "events",
        with: &["searchedLogStreams", "has_more", "meta"],
        beside: &["searchedLogStreams", "nextToken", "cursor", "has_more", "meta"],
    },
    // Slack, Cloud Logging, and Box.
    ListForm {
        list: "entries",
        with: &[],
        beside: &["response_metadata", "nextPageToken", "chunk_size", "next_stream_position", "total_count"],
    },
    // Cloudflare and Netskope.
    ListForm {
        list: "result",
        with: &["success", "ok"],
        beside: &["success", "errors", "messages", "result_info", "ok", "wait_time", "timestamp_hwm"],
    },
    // Auth0's API and log streams to webhooks, and Tailscale's API.
    ListForm {
        list: "logs",
        with: &[],
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
    // Advanced hunting in Microsoft Defender, through Microsoft Graph and its own API; Confluence, and MongoDB Atlas.
    ListForm {
        list: "results",
        with: &["schema", "_links", "totalCount"],
        beside: &["@odata.context", "schema", "start", "limit", "size", "_links", "links", "totalCount"],
    },
    ListForm { list: "Results", with: &["Schema"], beside: &["Stats", "Schema"] },
    // Datadog's first search API, and the APIs of Anthropic, Asana, Atlassian, Docusign Monitor, Fastly, OneLogin, OpenAI,
    // and SentinelOne.
    ListForm {
        list: "data",
        with: &["meta", "pagination", "endCursor", "has_more", "next_page"],
        beside: &[
            "meta",
            "links",
            "status",
            "pagination",
            "endCursor",
            "has_more",
            "first_id",
            "last_id",
            "object",
            "next_page",
            "errors",
        ],
    },
    // Jira, Confluence, and Bitbucket Data Center.
    ListForm { list: "entities", with: &["pagingInfo"], beside: &["pagingInfo"] },
    // Zendesk and Tines.
    ListForm {
        list: "audit_logs",
        with: &[],
        beside: &["meta", "links", "count", "next_page", "previous_page"],
    },
    // Zoom.
    ListForm { list: "operation_logs", with: &[], beside: ZOOM_PAGE },
    ListForm { list: "activity_logs", with: &[], beside: ZOOM_PAGE },
    // Duo's Admin API, version 1.
    ListForm { list: "response", with: &["stat"], beside: &["stat", "metadata"] },
    // GuardDuty's API.
    ListForm { list: "Findings", with: &[], beside: &["NextToken"] },
    // OpenTelemetry, whose log records are nested deeper.
    ListForm { list: otlp::LIST, with: &[], beside: &[] },
    // Query results with columns and rows.
    ListForm { list: "tables", with: &[], beside: &[] },
    ListForm { list: "rows", with: &[], beside: &[] },
    ListForm { list: "values", with: &[], beside: &[] },
    ListForm { list: "datarows", with: &[], beside: &[] },
];

/// The members next to a list of Zoom's reports.
const ZOOM_PAGE: &[&str] = &["from", "to", "next_page_token", "page_size"];

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
            && (self.with.is_empty() || self.with.iter().any(|name| root.get(name).is_some()))
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
