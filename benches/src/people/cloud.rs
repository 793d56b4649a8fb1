//! An AWS organization: engineers, administrators, analysts, services, build pipelines and scanners, as `CloudTrail` records
//! them.

use std::fmt::Write as _;

use super::{BEGIN, DAY, DAYS, HOUR, MINUTE, Schedule, Simulation};

const ACCOUNT: &str = "210987654321";
const BROWSER: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";
const CLI: &str = "aws-cli/2.17.9 md/awscrt#0.20.11 Python/3.12.4 Linux/6.8 exe/x86_64";

/// Calls of engineers in their daily work.
const READS: [(&str, &str); 14] = [
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeSubnets"),
    ("logs", "FilterLogEvents"),
    ("logs", "DescribeLogGroups"),
    ("cloudwatch", "GetMetricData"),
    ("s3", "ListBuckets"),
    ("s3", "GetBucketLocation"),
    ("lambda", "GetFunction20150331v2"),
    ("lambda", "ListFunctions20150331"),
    ("rds", "DescribeDBInstances"),
    ("ecs", "DescribeServices"),
    ("dynamodb", "DescribeTable"),
    ("cloudformation", "DescribeStacks"),
];
const WRITES: [(&str, &str); 6] = [
    ("ecs", "UpdateService"),
    ("cloudformation", "UpdateStack"),
    ("ec2", "CreateTags"),
    ("ec2", "StopInstances"),
    ("s3", "PutObject"),
    ("cloudwatch", "PutMetricAlarm"),
];

/// The prefix of an access key id. Programs have a permanent one, and each console session gets a new one.
const KEY: &str = "KEY-";

#[derive(Clone)]
struct Principal {
    identity: String,
    address: String,
    agent: String,
}

#[derive(Clone, Copy, Default)]
struct Call<'a> {
    service: &'a str,
    name: &'a str,
    request: &'a str,
    error: Option<&'a str>,
    more: &'a str,
}

impl<'a> Call<'a> {
    fn new(service: &'a str, name: &'a str, request: &'a str) -> Self {
        Self { service, name, request, ..Self::default() }
    }
}

impl Principal {
    fn user(name: &str, address: String, agent: &str) -> Self {
        let identity = format!(
            r#"{{"type":"IAMUser","principalId":"AIDA{name}","arn":"arn:aws:iam::{ACCOUNT}:user/{name}","accountId":"{ACCOUNT}","accessKeyId":"{KEY}{name}","userName":"{name}"}}"#
        );
        Self { identity, address, agent: agent.into() }
    }

    fn role(role: &str, session: &str, address: String, agent: &str) -> Self {
        let identity = format!(
            r#"{{"type":"AssumedRole","principalId":"AROA{role}:{session}","arn":"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}","accountId":"{ACCOUNT}","accessKeyId":"ASIA{role}{session}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROA{role}","arn":"arn:aws:iam::{ACCOUNT}:role/{role}","accountId":"{ACCOUNT}","userName":"{role}"}}}}}}"#
        );
        Self { identity, address, agent: agent.into() }
    }
}

fn call(simulation: &mut Simulation, who: &Principal, time: i64, call: Call<'_>, attack: Option<usize>) {
    let Call { service, name, request, error, more } = call;
    let key = if who.agent.starts_with("Mozilla") { "ASIA" } else { "AKIA" };
    let identity = who.identity.replace(KEY, key);
    let mut json = format!(
        r#"{{"eventVersion":"1.09","userIdentity":{},"eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"eu-west-1","sourceIPAddress":"{}","userAgent":"{}","#,
        identity, who.address, who.agent
    );
    if let Some(error) = error {
        let _ = write!(json, r#""errorCode":"{error}","errorMessage":"not authorized to perform: {name}","#);
    }
    let request = if request.is_empty() { "null" } else { request };
    let kind = if service == "signin" { "AwsConsoleSignIn" } else { "AwsApiCall" };
    let _ = write!(
        json,
        r#""requestParameters":{request},{}"eventType":"{kind}","managementEvent":true,"recipientAccountId":"{ACCOUNT}"}}"#,
        if more.is_empty() { r#""responseElements":null,"# } else { more }
    );
    simulation.push(time, json, attack);
}

pub(super) fn simulate(simulation: &mut Simulation) {
    let engineers: Vec<_> = (0..48).map(|nth| engineer(simulation, nth)).collect();
    let admins: Vec<_> = (0..5).map(|nth| admin(simulation, nth)).collect();
    let analysts: Vec<_> = (0..6).map(|nth| analyst(simulation, nth)).collect();
    let services: Vec<_> = (0..24).map(|nth| service(simulation, nth)).collect();
    (0..6).for_each(|nth| pipeline(simulation, nth));
    (0..3).for_each(|nth| scanner(simulation, nth));
    backup(simulation);
    autoscaler(simulation);
    simulation.identities = 48 + 5 + 6 + 24 + 6 + 3 + 2;
    for round in 0..3 {
        attacks(simulation, &engineers, &admins, &analysts, &services, round);
    }
}

fn engineer(simulation: &mut Simulation, nth: i64) -> (Principal, Schedule) {
    let schedule = Schedule::new(simulation);
    let name = format!("engineer{nth}");
    let office = format!("198.51.100.{}", nth % 3 + 10);
    let home = format!("203.0.{}.{}", 100 + nth % 8, nth + 20);
    let browser = Principal::user(&name, office, if nth % 3 == 0 { FIREFOX } else { BROWSER });
    let roams = simulation.pick(&[2, 5, 5, 10, 30]);
    let from_home = simulation.pick(&[0, 20, 40, 60]);
    let uses_cli = nth % 2 == 0;
    let new_laptop = simulation.between(0, 220);
    let calls: Vec<_> = (0..7).map(|_| simulation.pick(&READS)).collect();
    let writes: Vec<_> = (0..2).map(|_| simulation.pick(&WRITES)).collect();
    let is_on_call = nth % 6 == 0;
    let busy = simulation.pick(&[10, 20, 35]);
    let mut who = browser.clone();
    for day in 0..DAYS {
        if day == new_laptop {
            who.agent = FIREFOX.replace("Linux x86_64", "Windows NT 10.0");
        }
        let Some((begin, end)) = schedule.hours(simulation, day) else { continue };
        let mut here = who.clone();
        if simulation.chance(roams) {
            here.address = simulation.elsewhere();
        } else if simulation.chance(from_home) {
            here.address.clone_from(&home);
        }
        let login =
            r#""responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"},"#;
        if simulation.chance(8) {
            for attempt in 0..simulation.between(1, 3) {
                let failed = r#""responseElements":{"ConsoleLogin":"Failure"},"additionalEventData":{"MFAUsed":"No"},"#;
                let failed = Call {
                    more: failed,
                    error: Some("Failed authentication"),
                    ..Call::new("signin", "ConsoleLogin", "")
                };
                call(simulation, &here, begin - MINUTE * (attempt + 1), failed, None);
            }
        }
        call(simulation, &here, begin, Call { more: login, ..Call::new("signin", "ConsoleLogin", "") }, None);
        for _ in 0..simulation.between(busy / 3, busy) {
            let time = simulation.between(begin, end);
            let (service, name) =
                if simulation.chance(12) { simulation.pick(&writes) } else { simulation.pick(&calls) };
            let mut actor = here.clone();
            if uses_cli && simulation.chance(40) {
                actor.agent = CLI.into();
            }
            let error = simulation.chance(2).then_some("AccessDenied");
            call(simulation, &actor, time, Call { error, ..Call::new(service, name, "") }, None);
        }
        if simulation.chance(4) {
            // Something never done before.
            let (service, name) = simulation.pick(&READS);
            call(simulation, &here, begin + 3 * HOUR, Call::new(service, name, ""), None);
        }
        if simulation.chance(3) {
            let download = format!(r#"{{"bucketName":"builds","key":"release-{day}.tar"}}"#);
            for part in 0..simulation.between(1, 4) {
                call(
                    simulation,
                    &here,
                    begin + 2 * HOUR + part * 7000,
                    Call::new("s3", "GetObject", &download),
                    None,
                );
            }
        }
        if simulation.chance(3) {
            // A request to a service without permission: the console requests a lot.
            for (attempt, (service, name)) in [
                ("iam", "ListUsers"),
                ("iam", "ListRoles"),
                ("iam", "GetAccountSummary"),
                ("organizations", "DescribeOrganization"),
            ]
            .into_iter()
            .enumerate()
            {
                let denied = Call { error: Some("AccessDenied"), ..Call::new(service, name, "") };
                call(simulation, &here, begin + 90 * MINUTE + attempt as i64 * 400, denied, None);
            }
        }
        if is_on_call && (day / 7) % 4 == (nth / 6) % 4 && simulation.chance(35) {
            let night = BEGIN + day * DAY + (schedule.begin + 15) * HOUR + simulation.between(0, 3 * HOUR);
            here.address.clone_from(&home);
            for step in 0..simulation.between(4, 18) {
                let (service, name) = simulation.pick(&calls);
                call(simulation, &here, night + step * MINUTE, Call::new(service, name, ""), None);
            }
        }
    }
    (who, schedule)
}

fn admin(simulation: &mut Simulation, nth: i64) -> (Principal, Schedule) {
    let schedule = Schedule::new(simulation);
    let who = Principal::user(&format!("admin{nth}"), format!("198.51.100.{}", nth + 20), BROWSER);
    for day in 0..DAYS {
        let Some((begin, end)) = schedule.hours(simulation, day) else { continue };
        for _ in 0..simulation.between(5, 25) {
            let (service, name) = simulation.pick(&READS);
            let time = simulation.between(begin, end);
            call(simulation, &who, time, Call::new(service, name, ""), None);
        }
        // Weekly and daily duties.
        for _ in 0..simulation.between(0, 3) {
            let time = simulation.between(begin, end);
            let other = simulation.between(0, 47);
            let user = format!(r#"{{"userName":"engineer{other}"}}"#);
            let attach = format!(
                r#"{{"userName":"engineer{other}","policyArn":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}"#
            );
            let group = format!(r#"{{"userName":"engineer{other}","groupName":"developers"}}"#);
            let rule = r#"{"groupId":"sg-01","ipPermissions":{"items":[{"ipProtocol":"tcp","fromPort":443,"toPort":443,"ipRanges":{"items":[{"cidrIp":"198.51.100.0/24"}]}}]}}"#;
            let role = r#"{"roleName":"app","policyName":"read","policyDocument":"{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::builds/*\"}]}"}"#;
            let duty = match (nth + simulation.between(0, 3)) % 6 {
                0 => Call::new("iam", "CreateUser", &user),
                1 => Call::new("iam", "AttachUserPolicy", &attach),
                2 => Call::new("iam", "AddUserToGroup", &group),
                3 => Call::new("ec2", "AuthorizeSecurityGroupIngress", rule),
                4 => Call::new("iam", "PutRolePolicy", role),
                _ => Call::new("iam", "CreateAccessKey", &user),
            };
            call(simulation, &who, time, duty, None);
        }
    }
    (who, schedule)
}

fn analyst(simulation: &mut Simulation, nth: i64) -> (Principal, Schedule) {
    let schedule = Schedule::new(simulation);
    let who = Principal::user(
        &format!("analyst{nth}"),
        format!("198.51.100.{}", nth + 30),
        "Boto3/1.34 md/Botocore Python/3.11",
    );
    let size = simulation.pick(&[12, 30, 60]);
    for day in 0..DAYS {
        let Some((begin, end)) = schedule.hours(simulation, day) else { continue };
        for _ in 0..simulation.between(1, 3) {
            let time = simulation.between(begin, end);
            for part in 0..simulation.between(size / 2, size) {
                let object = format!(r#"{{"bucketName":"warehouse","key":"events/{day}/{part}.parquet"}}"#);
                call(simulation, &who, time + part * 2500, Call::new("s3", "GetObject", &object), None);
            }
            call(simulation, &who, time, Call::new("athena", "StartQueryExecution", ""), None);
        }
    }
    (who, schedule)
}

fn service(simulation: &mut Simulation, nth: i64) -> (Principal, i64) {
    let agent =
        format!("{}/1.{} lang/java", ["orders", "billing", "search", "mailer"][nth as usize % 4], nth);
    let who =
        Principal::role(&format!("service{nth}"), "main", format!("10.{}.4.{}", nth % 5, nth + 1), &agent);
    let every = simulation.pick(&[1, 1, 2, 6]);
    let size = simulation.pick(&[4, 10, 25, 40]);
    let calls: &[(&str, &str)] = match nth % 4 {
        0 => &[("s3", "GetObject"), ("s3", "PutObject")],
        1 => &[("kms", "Decrypt"), ("secretsmanager", "GetSecretValue"), ("dynamodb", "GetItem")],
        2 => &[("s3", "GetObject")],
        _ => &[("sqs", "ReceiveMessage"), ("sqs", "DeleteMessage"), ("ses", "SendEmail")],
    };
    let release = simulation.between(10, 140);
    let mut here = who.clone();
    for hour in (0..DAYS * 24).filter(|hour| hour % every == 0) {
        if hour == release * 24 {
            here.agent = agent.replace("/1.", "/2.");
        }
        // Machines are occasionally replaced, and get other addresses in their network.
        if simulation.random.u32(..250) == 0 {
            here.address = format!("10.{}.4.{}", nth % 5, simulation.between(1, 250));
        }
        let is_day = (7..19).contains(&(hour % 24));
        let load = if is_day { size } else { size / 2 + 1 };
        for _ in 0..simulation.between(load / 2, load) {
            let (service, name) = simulation.pick(calls);
            let time = BEGIN + hour * HOUR + simulation.between(0, 8 * MINUTE);
            let part = simulation.between(0, 100_000);
            let request = match service {
                "s3" => format!(r#"{{"bucketName":"app-{nth}","key":"{part}"}}"#),
                "secretsmanager" => format!(r#"{{"secretId":"service{nth}/db"}}"#),
                _ => String::new(),
            };
            call(simulation, &here, time, Call::new(service, name, &request), None);
        }
    }
    (who, size)
}

fn pipeline(simulation: &mut Simulation, nth: i64) {
    for day in 0..DAYS {
        let runs = if day % 7 < 5 { simulation.between(0, 5) } else { i64::from(simulation.chance(10)) };
        for _ in 0..runs {
            let address = format!(
                "20.{}.{}.{}",
                simulation.between(1, 250),
                simulation.between(1, 250),
                simulation.between(1, 250)
            );
            let who = Principal::role(
                &format!("deploy{nth}"),
                "GitHubActions",
                address,
                "terraform/1.9 aws-sdk-go-v2/1.30",
            );
            let time = BEGIN + day * DAY + simulation.between(7 * HOUR, 19 * HOUR);
            let function = format!(r#"{{"functionName":"app-{nth}"}}"#);
            let policy = format!(
                r#"{{"roleName":"app-{nth}","policyName":"app","policyDocument":"{{\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":\"sqs:SendMessage\",\"Resource\":\"*\"}}]}}"}}"#
            );
            let bucket = format!(
                r#"{{"bucketName":"app-{nth}","bucketPolicy":{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:role/app"}},"Action":"s3:GetObject"}}]}}}}"#
            );
            let steps = [
                Call::new("sts", "GetCallerIdentity", ""),
                Call::new("ec2", "DescribeSubnets", ""),
                Call::new("iam", "GetRole", ""),
                Call::new("lambda", "UpdateFunctionCode20150331v2", &function),
                Call::new("ecs", "RegisterTaskDefinition", ""),
                Call::new("ecs", "UpdateService", ""),
                Call::new("iam", "PutRolePolicy", &policy),
                Call::new("s3", "PutBucketPolicy", &bucket),
            ];
            for (step, does) in steps.into_iter().enumerate() {
                if step < 6 || simulation.chance(30) {
                    call(simulation, &who, time + step as i64 * 4000, does, None);
                }
            }
        }
    }
}

/// An inventory scanner that reads everywhere and is occasionally denied, every day.
fn scanner(simulation: &mut Simulation, nth: i64) {
    let who = Principal::role(
        &format!("inventory{nth}"),
        "scan",
        format!("10.9.0.{}", nth + 1),
        "python-requests/2.32 botocore",
    );
    for hour in (0..DAYS * 24).filter(|hour| hour % 6 == nth) {
        for step in 0..60 {
            let (service, name) = READS[step as usize % READS.len()];
            let error = (step % 4 == 0).then_some("AccessDenied");
            let time = BEGIN + hour * HOUR + step * 3000;
            call(simulation, &who, time, Call { error, ..Call::new(service, name, "") }, None);
        }
    }
}

fn backup(simulation: &mut Simulation) {
    let who = Principal::role("backup", "nightly", "10.9.1.5".into(), "aws-sdk-java/2.25");
    for day in 0..DAYS {
        let time = BEGIN + day * DAY + 2 * HOUR;
        for step in 0..simulation.between(18, 24) {
            let snapshot = format!(r#"{{"snapshotId":"snap-{day}{step}"}}"#);
            call(simulation, &who, time + step * 5000, Call::new("ec2", "CreateSnapshot", ""), None);
            call(
                simulation,
                &who,
                time + step * 5000 + 900,
                Call::new("ec2", "DeleteSnapshot", &snapshot),
                None,
            );
        }
    }
}

fn autoscaler(simulation: &mut Simulation) {
    let who = Principal::role("autoscaler", "karpenter", "10.9.2.7".into(), "karpenter.sh-1.0 aws-sdk-go-v2");
    for hour in 0..DAYS * 24 {
        let is_day = (6..20).contains(&(hour % 24));
        for _ in 0..simulation.between(0, if is_day { 6 } else { 2 }) {
            let time = BEGIN + hour * HOUR + simulation.between(0, HOUR);
            let name = simulation.pick(&["CreateFleet", "TerminateInstances", "DescribeInstances"]);
            call(
                simulation,
                &who,
                time,
                Call::new("ec2", name, r#"{"instancesSet":{"items":[{"instanceId":"i-0a1"}]}}"#),
                None,
            );
        }
    }
}

#[allow(clippy::too_many_lines, reason = "a list of attacks")]
fn attacks(
    simulation: &mut Simulation,
    engineers: &[(Principal, Schedule)],
    admins: &[(Principal, Schedule)],
    analysts: &[(Principal, Schedule)],
    services: &[(Principal, i64)],
    round: i64,
) {
    let mut victim = (round * 16) as usize;
    let mut next = |simulation: &mut Simulation| loop {
        let (who, schedule) = &engineers[victim % engineers.len()];
        victim += 1;
        let day = simulation.attack_day();
        if !(schedule.leave.0..schedule.leave.1).contains(&day) {
            return (who.clone(), *schedule, schedule.noon(day));
        }
    };
    let outsider = |simulation: &mut Simulation| {
        format!("185.220.{}.{}", simulation.between(1, 250), simulation.between(1, 250))
    };

    let (mut who, _, noon) = next(simulation);
    let attack = simulation.attack("stolen key");
    (who.address, who.agent) = (outsider(simulation), "Boto3/1.26.0 Python/3.9".into());
    for (step, (service, name)) in
        [("sts", "GetCallerIdentity"), ("iam", "ListUsers"), ("s3", "ListBuckets")].into_iter().enumerate()
    {
        call(simulation, &who, noon + step as i64 * 5000, Call::new(service, name, ""), attack);
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("denied burst");
    let names = [
        ("iam", "ListUsers"),
        ("kms", "ListKeys"),
        ("secretsmanager", "ListSecrets"),
        ("organizations", "ListAccounts"),
        ("ssm", "DescribeParameters"),
        ("iam", "ListRoles"),
        ("rds", "DescribeDBClusters"),
        ("guardduty", "ListDetectors"),
    ];
    for step in 0..45 {
        let (service, name) = names[step as usize % names.len()];
        call(
            simulation,
            &who,
            noon + step * 7000,
            Call { error: Some("AccessDenied"), ..Call::new(service, name, "") },
            attack,
        );
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("mass download");
    for part in 0..simulation.between(150, 500) {
        let object = format!(r#"{{"bucketName":"warehouse","key":"customers/{part}.csv"}}"#);
        call(simulation, &who, noon + part * 1500, Call::new("s3", "GetObject", &object), attack);
    }

    let (who, schedule) = &analysts[round as usize];
    let attack = simulation.attack("mass download by an analyst");
    let noon = schedule.noon(simulation.attack_day());
    for part in 0..900 {
        let object = format!(r#"{{"bucketName":"warehouse","key":"customers/{part}.csv"}}"#);
        call(simulation, who, noon + part * 1200, Call::new("s3", "GetObject", &object), attack);
    }

    let (who, size) = &services[(round * 4) as usize];
    let attack = simulation.attack("service reads everything");
    let noon = BEGIN + simulation.attack_day() * DAY + 11 * HOUR;
    for part in 0..size * 15 + 60 {
        let object = format!(r#"{{"bucketName":"app-0","key":"{part}"}}"#);
        call(simulation, who, noon + part * 900, Call::new("s3", "GetObject", &object), attack);
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("backdoor user");
    let user = r#"{"userName":"support-svc"}"#;
    let attach = r#"{"userName":"support-svc","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}"#;
    call(simulation, &who, noon, Call::new("iam", "CreateUser", user), attack);
    call(simulation, &who, noon + 9000, Call::new("iam", "AttachUserPolicy", attach), attack);

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("key for another user");
    let user = r#"{"userName":"admin1"}"#;
    call(simulation, &who, noon, Call::new("iam", "CreateAccessKey", user), attack);

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("logging stopped");
    call(simulation, &who, noon, Call::new("cloudtrail", "StopLogging", r#"{"name":"main"}"#), attack);

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("mass deletion");
    for part in 0..40 {
        let bucket = format!(r#"{{"bucketName":"data-{part}"}}"#);
        call(simulation, &who, noon + part * 3000, Call::new("s3", "DeleteBucket", &bucket), attack);
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("session used at night");
    for step in 0..4 {
        call(
            simulation,
            &who,
            noon + 11 * HOUR + step * MINUTE,
            Call::new("ec2", "DescribeInstances", ""),
            attack,
        );
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("secrets swept");
    for part in 0..30 {
        let secret = format!(r#"{{"secretId":"prod/{part}"}}"#);
        call(
            simulation,
            &who,
            noon + part * 4000,
            Call::new("secretsmanager", "GetSecretValue", &secret),
            attack,
        );
    }

    let mut who = services[(round * 4 + 1) as usize].0.clone();
    let attack = simulation.attack("service credentials used outside");
    who.address = outsider(simulation);
    let noon = BEGIN + simulation.attack_day() * DAY + 14 * HOUR;
    for step in 0..3 {
        call(simulation, &who, noon + step * MINUTE, Call::new("kms", "Decrypt", ""), attack);
    }

    let (who, _, noon) = next(simulation);
    let attack = simulation.attack("snapshot shared");
    let share = r#"{"snapshotId":"snap-1","createVolumePermission":{"add":{"items":[{"userId":"999988887777"}]}},"attributeType":"CREATE_VOLUME_PERMISSION"}"#;
    call(simulation, &who, noon, Call::new("ec2", "ModifySnapshotAttribute", share), attack);

    let (mut who, _, noon) = next(simulation);
    let attack = simulation.attack("password guessed");
    who.address = outsider(simulation);
    let failed = r#""responseElements":{"ConsoleLogin":"Failure"},"#;
    for step in 0..25 {
        let failed = Call {
            more: failed,
            error: Some("Failed authentication"),
            ..Call::new("signin", "ConsoleLogin", "")
        };
        call(simulation, &who, noon + step * 8000, failed, attack);
    }
    let login = r#""responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"},"#;
    call(
        simulation,
        &who,
        noon + 4 * MINUTE,
        Call { more: login, ..Call::new("signin", "ConsoleLogin", "") },
        attack,
    );

    let (who, schedule) = &admins[round as usize];
    let attack = simulation.attack("administrator locks others out");
    let noon = schedule.noon(simulation.attack_day());
    for part in 0..20 {
        let user = format!(r#"{{"userName":"engineer{part}"}}"#);
        call(simulation, who, noon + part * 5000, Call::new("iam", "DeleteLoginProfile", &user), attack);
    }

    let who = &services[(round * 4 + 3) as usize].0;
    let attack = simulation.attack("service starts machines");
    let noon = BEGIN + simulation.attack_day() * DAY + 9 * HOUR;
    call(simulation, who, noon, Call::new("ec2", "RunInstances", r#"{"instanceType":"m5.large"}"#), attack);
}
