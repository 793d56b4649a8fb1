//! Tests the categories that the parsers assign, for each source.

use countersign_query::Parsers;
use countersign_query::parser::{Categories, Category, Read};
use countersign_query::value::Document;

/// The share of a source's samples that must have a category, in percent. The rest are events of actions that the
/// source doesn't document, and that no rule of a parser can know.
const MIN_PERCENT: usize = 70;

/// Parser, action, and expected categories. `-` means none; categories after `!` must be absent.
const TABLE: &str = "
CloudTrail | CreateUser | account | credential
CloudTrail | AdminCreateUser | account | deletion
CloudTrail | AdminDeleteUser | account deletion | read
CloudTrail | CreateServiceSpecificCredential | credential | account
CloudTrail | UploadSSHPublicKey | credential | account
CloudTrail | DeactivateMFADevice | credential | deletion
CloudTrail | GetClusterCredentials | credential elevation | read
CloudTrail | AttachRolePolicy | permission | credential
CloudTrail | ListAttachedRolePolicies | read | permission
CloudTrail | GetSecretValue | secret-access read | configuration
CloudTrail | AssumeRoleWithWebIdentity | elevation | account
CloudTrail | CancelKeyDeletion | credential | read
CloudTrail | ConsoleLogin | authentication | read
CloudTrail | DeleteTrail | logging deletion | backup
CloudTrail | ModifySnapshotAttribute | permission export | read
CloudTrail | AuthorizeSecurityGroupIngress | network | permission
CloudTrail | CreateDBSnapshot | backup | deletion
CloudTrail | PutObject | change | configuration
CloudTrail | FrobnicateWidget | - |
Google Cloud | v1.compute.firewalls.delete | network deletion | read
Google Cloud | google.iam.admin.v1.CreateServiceAccountKey | credential | read
Google Cloud | google.logging.v2.ConfigServiceV2.DeleteSink | logging deletion | read
Google Cloud | SetIamPolicy | permission | read
Google Cloud | storage.objects.get | read | change
Google Cloud | google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion | secret-access | credential
Google Cloud | io.k8s.core.v1.pods.exec.create | elevation | read
Entra sign-in | Sign-in activity | authentication | read
Entra audit | Invite external user | account | deletion
Entra audit | Add member to role | permission | authentication
Entra audit | Remove member from role | permission | deletion
Entra audit | Add service principal credentials | credential | read
Entra audit | Delete conditional access policy | deletion configuration | account
Microsoft 365 | UserLoginFailed | authentication | read
Microsoft 365 | FileDownloaded | export | deletion
Microsoft 365 | Add-MailboxPermission | permission | deletion
Microsoft 365 | HardDelete | deletion | read
Microsoft 365 | MailItemsAccessed | read | deletion
Microsoft Defender | LogonFailed | authentication | deletion
Azure activity | MICROSOFT.COMPUTE/VIRTUALMACHINES/DELETE | deletion deployment | read
Azure activity | Microsoft.Authorization/roleAssignments/write | permission | deletion
Azure activity | Microsoft.Insights/diagnosticSettings/delete | logging deletion | read
Azure activity | Microsoft.Storage/storageAccounts/listKeys/action | secret-access | configuration
Azure activity | Microsoft.KeyVault/vaults/secrets/write | credential | read
Azure activity | Microsoft.Compute/disks/beginGetAccess/action | export | read
Azure activity | Microsoft.Compute/virtualMachines/runCommand/action | elevation | deployment
Azure activity | DeleteBlob | deletion | read
Azure activity | GetBlob | read | deletion
Okta | user.session.start | authentication | account
Okta | application.user_membership.add | permission | account
Okta | iam.resourceset.bindings.add | permission | account
Okta | user.mfa.factor.deactivate | credential | authentication
Okta | system.api_token.create | credential | permission
Okta | user.lifecycle.create | account | permission
Auth0 | Failed Login (Incorrect Password) | authentication | account
Auth0 | Success User Deletion | account | authentication
Slack | user_login | authentication | account
Slack | role_change_to_owner | permission | authentication
Slack | file_downloaded | export | deletion
Slack | user_deactivated | account | authentication
GitHub | org.invite_member | account permission | deletion
GitHub | team.add_member | permission | deletion
GitHub | repo.add_member | permission | deletion
GitHub | org.update_member | permission | deletion
GitHub | personal_access_token.create | credential | read
GitHub | repo.destroy | deletion | read
GitHub | protected_branch.destroy | deployment deletion | account
GitHub | audit_log_streaming.destroy | logging deletion | account
GitHub webhook | repository.deleted | deletion | account
GitHub webhook | secret_scanning_alert.created | incident | account
Google Workspace | login_failure | authentication | account
Google Workspace | ASSIGN_ROLE | permission | account
Google Workspace | CREATE_USER | account | permission
Google Workspace | 2sv_disable | credential | authentication
Google Workspace | change_user_access | permission | account
Kubernetes | serviceaccounts.create | account | credential
Kubernetes | serviceaccounts/token.create | credential | account
Kubernetes | clusterrolebindings.create | permission | read
Kubernetes | secrets.list | secret-access read | credential
Kubernetes | pods/exec.create | elevation | read
Kubernetes | deployments.delete | deletion deployment | read
Kubernetes | clusterroles.list | read | permission
Cloudflare | account.member_add | account permission | deletion
Cloudflare | dns_record.delete | network deletion | account
Cloudflare | logpush_job.delete | logging deletion | account
Teleport | user.login | authentication | elevation
Teleport | session.start | elevation | credential
Teleport | session.rejected | authentication | elevation
Teleport | role.created | permission | authentication
Teleport | cert.create | credential | deletion
1Password | sign-in.mfa_failed | authentication | account
1Password | item.reveal | secret-access read | deletion
1Password | user.suspend | account | secret-access
1Password | gm.join | permission | authentication
Duo | authentication | authentication | account
Duo | bypass_create | credential | authentication
Duo | integration_skey_view | secret-access read | deletion
Duo | policy_update | configuration | account
OneLogin | User logged into app | authentication | account
OneLogin | User assumed user | elevation | deletion
OneLogin | User deleted | account deletion | permission
OneLogin | event.99999 | - |
JumpCloud | sso_auth | authentication | account
JumpCloud | user_delete | account deletion | authentication
JumpCloud | association_change | permission | authentication
GitLab | member_created | account permission | authentication
GitLab | personal_access_token_created | credential | authentication
GitLab | repository_git_operation | read | deployment
GitLab | audit_events_streaming_headers_destroy | logging deletion | read
Box | FAILED_LOGIN | authentication | deletion
Box | DOWNLOAD | read export | deletion
Box | COLLABORATION_INVITE | permission | authentication
Box | SHIELD_ALERT | incident | export
Dropbox | login_success | authentication | account
Dropbox | member_change_admin_role | permission | account
Dropbox | file_download | export read | change
Dropbox | tfa_change_status | credential | authentication
Zoom | User.Add | account | authentication
Zoom | user.signed_in | authentication | deletion
Zoom | Account.Update | configuration | authentication
Salesforce | LoginAs | authentication elevation | export
Salesforce | ReportExport | export read | authentication
Salesforce | PermSetAssign | permission | authentication
Salesforce | ApiAnomalyEventStore | incident | read
Snowflake | LOGIN | authentication | read
Snowflake | SELECT | read | change
Snowflake | UNLOAD | export | deletion
Snowflake | CREATE_USER | account | configuration
Snowflake | DROP | deletion | read
Databricks | accounts.login | authentication | account
Databricks | secrets.getSecret | secret-access read | credential
Databricks | accounts.setAccountAdmin | permission | read
Databricks | clusters.delete | deployment deletion | read
Databricks | workspace.workspaceConfEdit | configuration | read
Atlassian | user_login | authentication | account
Atlassian | User added to group | permission | account
Atlassian | Project deletion requested | deletion | account
Atlassian | user_logged_in_as_user | elevation | deletion
Notion | user.login | authentication | export
Notion | page.exported | export | incident
Notion | page.deleted | deletion | incident
Notion | workspace.scim_token_generated | credential | authentication
Zendesk | user.login | authentication | export
Zendesk | api_token.create | credential | account
Zendesk | rule.destroy | deletion configuration | read
DocuSign | User.Login | authentication | change
DocuSign | envelope-sent | change | deletion
DocuSign | template-deleted | deletion | change
Anthropic | sso_login_failed | authentication | configuration
Anthropic | role_assignment_granted | permission | account
Anthropic | admin_api_key_created | credential | read
OpenAI | ip_allowlist.deleted | network deletion | account
OpenAI | user.added | account | deletion
OpenAI | login.failed | authentication | account
Asana | user_login_failed | authentication | account
Asana | workspace_export_started | export | deletion
MongoDB | authCheck delete | deletion | read
MongoDB | USER_ROLES_CHANGED_AUDIT | permission | account
MongoDB | AUDIT_LOG_CONFIGURATION_UPDATED | logging | account
Snyk | org.user.role.edit | permission | account
Snyk | org.project.delete | deletion | account
Wiz | DeleteServiceAccount | credential deletion | read
Wiz | UpdateUser | account | deletion
Tines | Login | authentication | account
Tines | AuthenticationTokenCreation | credential | deletion
CrowdStrike | grantUserRoles | permission | account
CrowdStrike | EppDetectionSummaryEvent | incident | account
CrowdStrike | changePassword | credential | deletion
Zscaler | ADMINISTRATOR_MANAGEMENT.CREATE | account permission | deletion
Zscaler | NSS.DELETE | logging deletion | account
Netskope | Created new admin | account permission | deletion
Netskope | Download | export | deletion
Keycloak | LOGIN_ERROR | authentication | account
Keycloak | REALM_ROLE_MAPPING.CREATE | permission | account
Keycloak | UPDATE_PASSWORD | credential | authentication
Elasticsearch | indices:data/read/search | read | change
Elasticsearch | put_user | account | permission
Elasticsearch | indices:admin/delete | deletion | read
Fastly | version.activate | deployment | account
Fastly | user.login_failure | authentication | account
PagerDuty | team_reference.delete | permission deletion | incident
PagerDuty | incident.acknowledged | incident | configuration
Twilio | api-key.created | credential | deletion
Heroku | collaborator.create | account permission | configuration
Heroku | log_drain.destroy | logging deletion | account
Sentry | member.invite | account | deletion
Sentry | sso.disable | configuration | account
Linear | workspaceExport | export | account
Linear | userRoleChange | permission | account
Figma | fig_file_export | export | deletion
Figma | org_user_delete | account deletion | permission
Panther | DELETE_DETECTION | logging deletion | account
Panther | GET_SAML_SETTINGS | read | configuration
Sublime | rules.delete | deletion configuration | account
Carbon Black | Created grant | permission | account
Axonius | ResetApiKey | credential | account
SentinelOne | user deleted | account | authentication
GuardDuty | Recon:EC2/PortProbeUnprotectedPort | incident | account
AWS WAF | waf.BLOCK | network incident | account
osquery | listening_ports added | network | account
CyberArk | Retrieve password | secret-access credential | deletion
CyberArk | Add Owner | permission | deletion
Push Security | LOGIN | authentication | account
Amazon Bedrock | Converse | read | change
Proofpoint | message | other |
Thinkst Canary | Shared File Opened | incident | account
Cisco Umbrella | dns.Blocked | network incident | account
countersign | user.create | account | deletion
countersign | session.login | authentication | account
countersign | user.session.start | authentication | account
countersign | role.grant | permission | account
countersign | api_key.rotate | credential | account
countersign | secret.read | secret-access | credential
countersign | chart.open | read | change
countersign | invoice.delete | deletion | read
countersign | data.export | export | deletion
countersign | log.disable | logging | account
countersign | countersign.alert | incident | read
countersign | consent.withdraw | consent | read
countersign | backup.create | backup | read
countersign | order.ship | change | read
countersign | boiler.vent | - |
countersign | http.request | - |
";

fn words(text: &str) -> Categories {
    text.split_whitespace().map(|word| Category::parse(word).unwrap_or_else(|| panic!("{word}"))).collect()
}

fn names(categories: Categories) -> String {
    categories.iter().map(Category::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn parsers_assign_the_categories_of_the_table() {
    let parsers = Parsers::built_in();
    let document = Document::parse("{}").unwrap();
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let [parser, action, has, lacks] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().unwrap();
        assert!(parsers.names().any(|name| name == parser), "{parser}");
        let read = Read { parsed_as: parser.into(), action: Some(action.into()), ..Read::default() };
        parsers.classify(&document.root(), &read, &mut |_, found| {
            if has == "-" {
                assert!(found.is_empty(), "{line}: {}", names(found));
                return;
            }
            let missing: Vec<_> =
                words(has).iter().filter(|category| !found.iter().any(|one| one == *category)).collect();
            assert_eq!(missing, [], "{line}: {}", names(found));
            assert!(!found.intersects(words(lacks)), "{line}: {}", names(found));
        });
    }
}

#[test]
fn uses_the_event_class_if_the_action_has_no_rule() {
    let parsers = Parsers::built_in();
    for (event, has) in [
        (
            r#"{"class_uid":3002,"activity_id":1,"category_uid":3,"metadata":{},"time":1772442927123}"#,
            "authentication",
        ),
        (
            r#"{"class_uid":3001,"activity_id":6,"category_uid":3,"metadata":{},"time":1772442927123}"#,
            "account deletion",
        ),
        (
            r#"{"class_uid":6003,"activity_id":4,"category_uid":6,"metadata":{},"time":1772442927123}"#,
            "deletion configuration",
        ),
        (
            r#"{"class_uid":2004,"activity_id":1,"category_uid":2,"metadata":{},"time":1772442927123}"#,
            "incident",
        ),
        (
            r#"{"@timestamp":"2026-03-02T09:15:27Z","ecs":{"version":"8"},"event":{"action":"q","category":["iam"],"type":["group","change"],"kind":"event"}}"#,
            "permission account change",
        ),
        (
            r#"{"@timestamp":"2026-03-02T09:15:27Z","ecs":{"version":"8"},"event":{"action":"q","category":["authentication"],"type":["start"],"kind":"event"}}"#,
            "authentication",
        ),
        (
            r#"{"@timestamp":"2026-03-02T09:15:27Z","ecs":{"version":"8"},"event":{"action":"DeleteTrail","dataset":"aws.cloudtrail","kind":"event"}}"#,
            "logging deletion configuration change",
        ),
    ] {
        let document = Document::parse(event).unwrap();
        let read = parsers.parse(&document.root()).unwrap_or_else(|| panic!("{event}"));
        let mut all = Categories::default();
        parsers.classify(&document.root(), &read, &mut |_, found| all = all.union(found));
        assert_eq!(words(has), all, "{event}: {}", names(all));
    }
}

#[test]
fn classifies_each_action_of_an_event() {
    let parsers = Parsers::built_in();
    let read = Read {
        parsed_as: "Google Workspace".into(),
        action: Some("CREATE_USER".into()),
        also: vec!["frobnicate".into(), "ASSIGN_ROLE".into()],
        ..Read::default()
    };
    let document = Document::parse("{}").unwrap();
    let mut found = Vec::new();
    parsers.classify(&document.root(), &read, &mut |action, categories| {
        found.push((action.unwrap_or_default().to_owned(), categories.is_empty()));
    });
    let expected = [("CREATE_USER", false), ("frobnicate", true), ("ASSIGN_ROLE", false)];
    assert_eq!(found, expected.map(|(action, is_empty)| (action.to_owned(), is_empty)));
}

#[test]
fn most_samples_of_every_source_have_a_category() {
    let parsers = Parsers::built_in();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Application logs without a convention for names.
        if path.ends_with("opentelemetry.ndjson") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut all, mut known) = (0, 0);
        for line in text.lines() {
            let document = Document::parse(line).unwrap();
            let event = document.root().get("event").unwrap();
            let Some(read) = parsers.parse(&event) else { continue };
            let mut is_known = true;
            parsers.classify(&event, &read, &mut |_, found| is_known &= !found.is_empty());
            all += 1;
            known += usize::from(is_known);
        }
        assert!(known * 100 >= all * MIN_PERCENT, "{}: {known} of {all}", path.display());
    }
}

#[test]
fn rejects_a_parser_file_with_invalid_category_rules() {
    let with = |category: &str| {
        let text = format!(
            r#"{{"as":"till","when":{{"till":{{"there":true}}}},"action":"what","category":{category}}}"#
        );
        Parsers::built_in().with([("till.json", text.as_str())]).map(|_| ()).map_err(|why| why.to_string())
    };
    assert_eq!(with(r#"[{"is":"change","action":"sale"},{"of":"Okta","when":{"src":"okta"}}]"#), Ok(()));
    for (category, says) in [
        (r#"[{"is":"changes"}]"#, "category[0].is: the category \"changes\" is unknown"),
        (r#"[{"action":"x"}]"#, "category[0].is: the rule has neither `is` nor `of`"),
        (r#"[{"is":"change","actions":"x"}]"#, "category[0].actions: the field is unknown"),
        (r#"[{"of":"Nobody"}]"#, "category: a rule of \"till\" refers to an unknown parser"),
    ] {
        let why = with(category).unwrap_err();
        assert!(why.contains(says), "{why}");
    }
}
