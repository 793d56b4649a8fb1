//! Queries about people find them by every string by which an event identifies its actor and targets.

use std::fs;

use countersign_query::value::Document;
use countersign_query::{Entry, Parsers, Query};

fn matches(query: &str, event: &str) -> bool {
    let query =
        Query::parse(query, countersign::time::Time::MIN).unwrap_or_else(|error| panic!("{query}: {error}"));
    let document = Document::parse(event).unwrap();
    let root = document.root();
    let parsers = Parsers::built_in();
    let read = parsers.parse(&root);
    let entry =
        Entry { event: Some(root), read: read.as_ref(), ..Entry::recorded(countersign::time::Time::MIN) };
    query.matches(&entry)
}

fn mails(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => {
            let is_mail = text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && host.contains('.')
                    && !text.contains(|char: char| " :/{,\"<".contains(char))
            });
            if is_mail {
                found.push(text.clone());
            }
        }
        serde_json::Value::Array(elements) => elements.iter().for_each(|element| mails(element, found)),
        serde_json::Value::Object(members) => members.values().for_each(|member| mails(member, found)),
        _ => {}
    }
}

/// The first query finds the event, the second doesn't.
const TABLE: &[(&str, &str, &str)] = &[
    // Okta: the login of the actor, and of each target.
    ("actor:*@corp.example", "actor:*@other.example", OKTA),
    ("actor==lin.mo@corp.example", "actor==lin.mo", OKTA),
    ("actor:\"lin mo\"", "actor:kim", OKTA),
    ("target:kim@corp.example", "target:lin.mo@corp.example", OKTA),
    ("target:kim*", "target:kim@other.example", OKTA),
    ("target==Everyone", "target:nobody", OKTA),
    ("target:00g7", "target:00g8", OKTA),
    // The same in an envelope, where only the parser finds them.
    ("target:00g7 target:kim@corp.example actor:*@corp.example", "target:00g8", OKTA_IN_EVENT_BRIDGE),
    // Our own shape: the name or identifier is the address, or the name contains both.
    (
        "actor:*@corp.example",
        "actor:*@corp",
        r#"{"action":"x","actor":{"id":"u_1","name":"lin@corp.example"}}"#,
    ),
    ("actor:*@corp.example", "actor:*@corp", r#"{"action":"x","actor":{"id":"lin@corp.example"}}"#),
    (
        "actor:*@corp.example",
        "actor:*@corp",
        r#"{"action":"x","actor":{"id":"u_1","name":"Lin Mo <lin@corp.example>"}}"#,
    ),
    ("actor:lin@*", "actor:mo@*", r#"{"action":"x","actor":{"id":"u_1","name":"Lin (lin@corp.example)"}}"#),
    (
        "actor:*@corp.example",
        "actor:kim",
        r#"{"action":"x","actor":{"id":"u_1","email":"lin@corp.example"}}"#,
    ),
    (
        "target:kim",
        "target:lin",
        r#"{"action":"x","actor":{"id":"u_1"},"target":[{"id":"1"},{"id":"2","login":"kim"}]}"#,
    ),
    // The party for whom an agent acted, and the agents in between. The actor remains the one that acted.
    ("for:grace for:u_1 for:user:u_1 actor:bot", "actor:grace", FOR_GRACE),
    ("for:planner for:\"trip planner\"", "for:bot", FOR_GRACE),
    ("target:7 target:\"invoice seven\" target:tool:refund", "target:8", FOR_GRACE),
    ("has:for", "-for:grace", FOR_GRACE),
    // In an event that no parser recognizes.
    ("for:grace", "for:ada", r#"{"x":1,"on_behalf_of":{"id":"u_1","name":"Grace Hopper"}}"#),
    ("for:g@corp.example", "for:h@corp.example", r#"{"x":1,"on_behalf_of":"g@corp.example"}"#),
    ("for:octocat for:583231 actor:copilot", "target:octocat", BY_COPILOT),
    // A person who acts through no agent isn't one on whose behalf someone acts.
    (
        "-has:for",
        "for:octocat",
        r#"{"action":"org.add_member","actor":"ada","user":"octocat","org":"o","created_at":1}"#,
    ),
    // Sources in which the name or identifier differs from the login.
    (
        "actor:mo@corp.example actor==AROAX:mo@corp.example actor:Admins",
        "actor:kim",
        r#"{"eventName":"ListUsers","eventVersion":"1.08","eventSource":"iam.amazonaws.com","userIdentity":{"type":"AssumedRole","principalId":"AROAX:mo@corp.example","arn":"arn:aws:sts::1:assumed-role/Admins/mo@corp.example","sessionContext":{"sessionIssuer":{"userName":"Admins","arn":"arn:aws:iam::1:role/Admins"}}}}"#,
    ),
    (
        "target:kim target:auditors",
        "target:lin",
        r#"{"eventName":"AddUserToGroup","eventVersion":"1.08","eventSource":"iam.amazonaws.com","userIdentity":{"type":"IAMUser","userName":"lin"},"requestParameters":{"userName":"kim","groupName":"auditors"}}"#,
    ),
    (
        "actor:lin@corp.example target:kim@corp.example target==Owners",
        "target:lin@corp.example",
        r#"{"activityDisplayName":"Add member to role","activityDateTime":"2026-05-04T10:00:00Z","initiatedBy":{"user":{"id":"g-1","userPrincipalName":"lin@corp.example","displayName":"Lin"}},"targetResources":[{"id":"g-2","type":"User","userPrincipalName":"kim@corp.example","displayName":"Kim"},{"id":"g-3","type":"Role","displayName":"Owners"}]}"#,
    ),
    (
        "target:kim@corp.example target:site",
        "target:lin",
        r#"{"CreationTime":"2026-05-04T10:00:00","Operation":"SharingSet","Workload":"SharePoint","RecordType":14,"UserId":"lin@corp.example","ObjectId":"site","TargetUserOrGroupName":"kim@corp.example"}"#,
    ),
    (
        "actor:lin target:kim target:corp/app",
        "target:lin",
        r#"{"action":"repo.add_member","@timestamp":1772442927000,"_document_id":"d","actor":"lin","actor_id":7,"repo":"corp/app","user":"kim"}"#,
    ),
    (
        "actor:7",
        "actor:8",
        r#"{"action":"repo.add_member","@timestamp":1772442927000,"_document_id":"d","actor":"lin","actor_id":7,"repo":"corp/app","user":"kim"}"#,
    ),
    (
        "target:kim",
        "target:lin",
        r#"{"action":"added","repository":{"full_name":"corp/app"},"sender":{"login":"lin","type":"User"},"member":{"login":"kim"}}"#,
    ),
    (
        "target:kim@corp.example target:staff@corp.example",
        "target:lin@corp.example",
        r#"{"id":{"applicationName":"admin","time":"2026-05-04T10:00:00Z"},"actor":{"email":"lin@corp.example","profileId":"1"},"events":[{"name":"ADD_GROUP_MEMBER","parameters":[{"name":"USER_EMAIL","value":"kim@corp.example"},{"name":"GROUP_EMAIL","value":"staff@corp.example"}]}]}"#,
    ),
    (
        "actor:arn:aws:sts::1:assumed-role/Ops/lin actor:lin@corp.example",
        "actor:kim",
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","verb":"get","user":{"username":"cluster-admin","extra":{"arn":["arn:aws:sts::1:assumed-role/Ops/lin"],"sessionName":["lin@corp.example"]}},"objectRef":{"resource":"pods","namespace":"a","name":"web"}}"#,
    ),
    (
        "actor:lin@corp.example target:kim@corp.example target:\"Kim Ono\"",
        "target:lin@corp.example",
        r#"{"class_uid":3005,"category_uid":3,"activity_id":1,"metadata":{},"actor":{"user":{"uid":"1","name":"lin","email_addr":"lin@corp.example"}},"user":{"uid":"2","name":"kim","full_name":"Kim Ono","email_addr":"kim@corp.example"},"resource":{"uid":"r"}}"#,
    ),
    (
        "actor:lin actor:lin@corp.example target:kim@corp.example",
        "target:lin",
        r#"{"@timestamp":"2026-05-04T10:00:00Z","event":{"action":"x"},"user":{"id":"1","name":"lin","full_name":"Lin Mo","email":"lin@corp.example","target":{"id":"2","name":"kim","email":"kim@corp.example"}}}"#,
    ),
    (
        "actor:lin@corp.example actor:lin",
        "actor:kim",
        r#"{"timeUnixNano":"1772442927000000000","body":{"stringValue":"x"},"attributes":[{"key":"user.id","value":{"stringValue":"1"}},{"key":"user.name","value":{"stringValue":"lin"}},{"key":"user.email","value":{"stringValue":"lin@corp.example"}}]}"#,
    ),
    (
        "target:kim@corp.example target:\"auth0|9\"",
        "target:lin@corp.example",
        r#"{"date":"2026-05-04T10:00:00Z","type":"sapi","log_id":"1","user_id":"auth0|1","details":{"request":{"method":"post","path":"/api/v2/users","auth":{"user":{"user_id":"auth0|1","email":"lin@corp.example"}}},"response":{"body":{"user_id":"auth0|9","email":"kim@corp.example"}}}}"#,
    ),
    // OpenAI and CrowdStrike: the target by its address, and by its identifier.
    (
        "target:lin@corp.example target:inv-2 actor:sa-1",
        "target:kim@corp.example",
        r#"{"object":"organization.audit_log","id":"a","type":"invite.sent","effective_at":1772442927,"actor":{"type":"api_key","api_key":{"id":"key_1","type":"service_account","service_account":{"id":"sa-1"}}},"invite.sent":{"id":"inv-2","data":{"email":"lin@corp.example"}}}"#,
    ),
    (
        "target:lin@corp.example target==e70e actor:ada@corp.example",
        "target:ada@corp.example",
        r#"{"metadata":{"customerIDString":"c","eventType":"AuthActivityAuditEvent"},"event":{"UserId":"ada@corp.example","OperationName":"grantUserRoles","AuditKeyValues":[{"Key":"target_name","ValueString":"lin@corp.example"},{"Key":"target_user_uuid","ValueString":"e70e"}]}}"#,
    ),
    // Keycloak's log lines: the user's name is only in the text.
    (
        "actor:ada actor:u-1",
        "actor:lin",
        r#"{"@timestamp":"2026-05-04T10:00:00Z","log.logger":"org.keycloak.events","message":"type=\"LOGIN\", realmId=\"r\", clientId=\"c\", userId=\"u-1\", ipAddress=\"203.0.113.9\", username=\"ada\""}"#,
    ),
];

const FOR_GRACE: &str = r#"{"action":"tool.call","actor":{"id":"bot","type":"agent"},"on_behalf_of":{"id":"u_1","name":"Grace Hopper","via":[{"id":"planner","name":"Trip planner"}]},"target":{"id":"refund","type":"tool"},"metadata":{"targets":[{"id":"7","name":"Invoice seven","type":"invoice"}]}}"#;

const BY_COPILOT: &str = r#"{"action":"pull_request.create","actor":"Copilot","actor_is_agent":true,"user":"octocat","user_id":583231,"org":"o","repo":"o/r","created_at":1772442927123}"#;

const OKTA: &str = r#"{"uuid":"7","eventType":"group.user_membership.add","published":"2026-05-04T10:00:00.000Z","version":"0","severity":"INFO","actor":{"id":"00u5","type":"User","alternateId":"lin.mo@corp.example","displayName":"Lin Mo"},"outcome":{"result":"SUCCESS"},"target":[{"id":"00u6","type":"User","alternateId":"kim@corp.example","displayName":"Kim Ono"},{"id":"00g7","type":"UserGroup","alternateId":"unknown","displayName":"Everyone"}]}"#;

const OKTA_IN_EVENT_BRIDGE: &str = r#"{"source":"aws.partner/okta.com","detail":{"uuid":"7","eventType":"group.user_membership.add","published":"2026-05-04T10:00:00.000Z","version":"0","severity":"INFO","actor":{"id":"00u5","type":"User","alternateId":"lin.mo@corp.example","displayName":"Lin Mo"},"outcome":{"result":"SUCCESS"},"target":[{"id":"00u6","type":"User","alternateId":"kim@corp.example","displayName":"Kim Ono"},{"id":"00g7","type":"UserGroup","alternateId":"unknown","displayName":"Everyone"}]}}"#;

#[test]
fn finds_people_by_every_identifier() {
    for (found, not_found, event) in TABLE {
        assert!(matches(found, event), "{found} in {event}");
        assert!(!matches(not_found, event), "{not_found} in {event}");
    }
}

#[test]
fn finds_every_email_address_of_a_sample() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let sample: serde_json::Value = serde_json::from_str(line).unwrap();
            let event = sample["event"].to_string();
            let mut found = Vec::new();
            mails(&sample["event"], &mut found);
            for mail in found {
                let query = format!("actor==\"{mail}\" OR target==\"{mail}\"");
                assert!(matches(&query, &event), "{query} in {event}");
            }
        }
    }
}
