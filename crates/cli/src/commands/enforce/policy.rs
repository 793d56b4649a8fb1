//! Policies: the requirements that a log must meet for a pipeline to continue.

use std::path::{Path, PathBuf};

use countersign::time::Time;
use countersign::verify::Verdict;
use countersign_analyze::inventory::Flag;
use countersign_analyze::written::{Document, Written};
use countersign_analyze::{AnalyzeError, Level};

use crate::args;

/// The flags that require an API description, and those that require a date.
const NEED_DESCRIPTION: [Flag; 3] = [Flag::Shadow, Flag::Zombie, Flag::UndocumentedMethod];
const NEED_DATE: [Flag; 2] = [Flag::New, Flag::NewCaller];
/// The name of the requirement that no endpoint newly answers unauthenticated calls.
pub(super) const NEW_UNAUTHENTICATED: &str = "new-unauthenticated";
/// The maximum number of items in a list.
const MAX_LISTED: usize = 1000;

/// The requirements for a log.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    /// The acceptable verdicts.
    pub(super) verdicts: Vec<Verdict>,
    /// The maximum age of the last confirmation by witnesses, in seconds.
    pub(super) witnessed: Option<i64>,
    /// The names that may sign; `None` for any.
    pub(super) allowed: Option<Vec<String>>,
    /// The names that must have signed.
    pub(super) required: Vec<String>,
    pub(super) findings: Option<Findings>,
    pub(super) endpoints: Option<Endpoints>,
}

/// The findings that are not allowed.
#[derive(Debug)]
pub(super) struct Findings {
    /// Findings of this level and above.
    pub(super) level: Option<Level>,
    /// Findings of these rules, at any level.
    pub(super) rules: Vec<String>,
    /// True if events that no parser or no rule covers are accepted.
    pub(super) accepts_gaps: bool,
    pub(super) except: Vec<Exception>,
}

/// The endpoints that are not allowed.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) openapi: Option<PathBuf>,
    pub(super) baseline: Option<PathBuf>,
    pub(super) since: Option<Time>,
    pub(super) refuse: Vec<Flag>,
    pub(super) refuses_new_unauthenticated: bool,
    /// The fraction of the described operations that must have been called.
    pub(super) exercised: Option<f64>,
    pub(super) except: Vec<Exception>,
}

/// An accepted violation, the reason, and the expiry.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    /// A rule's id, or an endpoint in the inventory's notation, such as `GET /health`.
    pub(super) of: String,
    pub(super) reason: String,
    /// The time at which the exception expires.
    pub(super) until: Time,
}

impl Policy {
    /// Parses a policy. Relative paths in it are resolved against `directory`.
    pub(super) fn parse(text: &str, directory: &Path) -> Result<Self, AnalyzeError> {
        let document = Document::parse(text)?;
        let root = document.root();
        root.only(&["countersign", "name", "verdict", "witnessed", "emitters", "findings", "endpoints"])?;
        let hint = "write `countersign: policy/v1`";
        let format = root.need("countersign", hint)?;
        if format.text()? != "policy/v1" {
            return Err(format.fault("policy.format", "the policy has an unknown format", hint));
        }
        let mut policy = Self {
            name: root.need("name", "add a name that says what the policy is for")?.text()?.to_owned(),
            verdicts: verdicts(
                &root.need("verdict", "add the acceptable verdicts, such as verdict: [verified]")?,
            )?,
            witnessed: None,
            allowed: None,
            required: Vec::new(),
            findings: root.get("findings").map(|findings| Findings::read(&findings)).transpose()?,
            endpoints: root
                .get("endpoints")
                .map(|endpoints| Endpoints::read(&endpoints, directory))
                .transpose()?,
        };
        if let Some(witnessed) = root.get("witnessed") {
            witnessed.only(&["within"])?;
            let within = witnessed.need("within", "use an age such as 90s, 15m, 24h, 7d, or 2w")?;
            let seconds = args::seconds(within.text()?);
            policy.witnessed = Some(
                seconds.map_err(|why| within.fault("policy.witnessed", "the value is not an age", why))?,
            );
        }
        if let Some(emitters) = root.get("emitters") {
            emitters.only(&["allow", "require"])?;
            policy.allowed = emitters.get("allow").map(|names| texts(&names)).transpose()?;
            policy.required = emitters.get("require").map_or(Ok(Vec::new()), |names| texts(&names))?;
        }
        Ok(policy)
    }
}

impl Findings {
    fn read(written: &Written<'_>) -> Result<Self, AnalyzeError> {
        written.only(&["level", "rules", "coverage", "except"])?;
        let level = match written.get("level") {
            None => None,
            Some(level) => Some(Level::parse(level.text()?).ok_or_else(|| {
                let hint = "use informational, low, medium, high, or critical";
                level.fault("policy.level", "the value is not a level", hint)
            })?),
        };
        let rules = written.get("rules").map_or(Ok(Vec::new()), |rules| texts(&rules))?;
        if level.is_none() && rules.is_empty() {
            let hint = "add level, rules, or both";
            return Err(written.fault(
                "policy.findings",
                "the section doesn't say which findings fail the policy",
                hint,
            ));
        }
        let accepts_gaps = match written.get("coverage") {
            None => false,
            Some(coverage) => match coverage.text()? {
                "complete" => false,
                "partial" => true,
                _ => {
                    let hint = "use complete (the default), or partial to accept events that no parser or rule covers";
                    return Err(coverage.fault(
                        "policy.coverage",
                        "the value is neither complete nor partial",
                        hint,
                    ));
                }
            },
        };
        Ok(Self { level, rules, accepts_gaps, except: exceptions(written, "rule")? })
    }
}

impl Endpoints {
    fn read(written: &Written<'_>, directory: &Path) -> Result<Self, AnalyzeError> {
        written.only(&["openapi", "baseline", "since", "refuse", "exercised", "except"])?;
        let file = |name: &str| -> Result<Option<PathBuf>, AnalyzeError> {
            written.get(name).map(|file| Ok(directory.join(file.text()?))).transpose()
        };
        let since = match written.get("since") {
            None => None,
            Some(since) => Some(
                args::time(since.text()?)
                    .map_err(|why| since.fault("policy.since", "the value is not a time", why))?,
            ),
        };
        let mut endpoints = Self {
            openapi: file("openapi")?,
            baseline: file("baseline")?,
            since,
            refuse: Vec::new(),
            refuses_new_unauthenticated: false,
            exercised: None,
            except: exceptions(written, "endpoint")?,
        };
        if let Some(exercised) = written.get("exercised") {
            let part = exercised.number()?;
            if !(0.0..=1.0).contains(&part) {
                let hint = "use a fraction from 0 to 1, such as 0.8 for 80 %";
                return Err(exercised.fault("policy.exercised", "the value is not a fraction", hint));
            }
            endpoints.exercised = Some(part);
            needs(&exercised, endpoints.openapi.is_some(), "openapi")?;
        }
        for refused in written.get("refuse").map_or(Ok(Vec::new()), |refuse| refuse.items())? {
            let name = refused.text()?;
            if name == NEW_UNAUTHENTICATED {
                needs(&refused, endpoints.baseline.is_some(), "baseline")?;
                endpoints.refuses_new_unauthenticated = true;
                continue;
            }
            let flag: Flag = name.parse().map_err(|_| {
                let known: Vec<_> = Flag::ALL.iter().map(|flag| flag.as_str()).collect();
                let hint = format!("use one of: {}, {NEW_UNAUTHENTICATED}", known.join(", "));
                refused.fault("policy.endpoints", "the value is not a flag of endpoints", hint)
            })?;
            needs(&refused, !NEED_DESCRIPTION.contains(&flag) || endpoints.openapi.is_some(), "openapi")?;
            needs(&refused, !NEED_DATE.contains(&flag) || endpoints.since.is_some(), "since")?;
            endpoints.refuse.push(flag);
        }
        if endpoints.refuse.is_empty()
            && !endpoints.refuses_new_unauthenticated
            && endpoints.exercised.is_none()
        {
            let hint = "add refuse, exercised, or both";
            return Err(written.fault(
                "policy.endpoints",
                "the section doesn't name the endpoints that are not allowed",
                hint,
            ));
        }
        Ok(endpoints)
    }
}

/// Fails if a requirement lacks the data to check it: without data it would always pass.
fn needs(of: &Written<'_>, is_there: bool, member: &str) -> Result<(), AnalyzeError> {
    if is_there {
        return Ok(());
    }
    let hint = format!("add endpoints.{member}, which is required to check this");
    Err(of.fault("policy.needs", format!("the requirement needs {member}"), hint))
}

fn verdicts(written: &Written<'_>) -> Result<Vec<Verdict>, AnalyzeError> {
    let known = [Verdict::Verified, Verdict::Partial, Verdict::Untrusted];
    let read = |item: &Written<'_>| -> Result<Verdict, AnalyzeError> {
        let name = item.text()?;
        known.into_iter().find(|verdict| verdict.as_str() == name).ok_or_else(|| {
            let hint = "use verified, partial, or untrusted";
            item.fault("policy.verdict", "a policy can't accept this verdict", hint)
        })
    };
    let verdicts = written.items()?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if verdicts.is_empty() {
        return Err(written.fault(
            "policy.verdict",
            "the list of verdicts is empty",
            "add a verdict, such as verdict: [verified]",
        ));
    }
    Ok(verdicts)
}

fn texts(written: &Written<'_>) -> Result<Vec<String>, AnalyzeError> {
    let items = written.items()?;
    if items.len() > MAX_LISTED {
        return Err(written.fault(
            "policy.long",
            "the list has too many items",
            format!("use at most {MAX_LISTED} items"),
        ));
    }
    items.iter().map(|item| item.text().map(str::to_owned)).collect()
}

fn exceptions(written: &Written<'_>, of: &str) -> Result<Vec<Exception>, AnalyzeError> {
    let items = written.get("except").map_or(Ok(Vec::new()), |except| except.items())?;
    let read = |item: &Written<'_>| -> Result<Exception, AnalyzeError> {
        item.only(&[of, "reason", "until"])?;
        let until = item.need("until", "add the day on which the exception expires, such as 2026-12-31")?;
        Ok(Exception {
            of: item.need(of, &format!("add the {of} that is accepted"))?.text()?.to_owned(),
            reason: item.need("reason", "add the reason, and who decided it")?.text()?.to_owned(),
            until: args::time(until.text()?)
                .map_err(|why| until.fault("policy.until", "the value is not a time", why))?,
        })
    };
    items.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
countersign: policy/v1
name: Release
verdict: [verified, partial]
witnessed: {within: 24h}
emitters:
  allow: [example.com/app]
  require: [example.com/app]
findings:
  level: high
  rules: [a-rule]
  except:
    - {rule: other, reason: Known to Ann, until: 2026-12-31}
endpoints:
  openapi: openapi.yaml
  baseline: before.json
  since: 2026-11-01
  refuse: [shadow, new, new-unauthenticated]
  exercised: 0.8
";

    #[test]
    fn parses_every_field() {
        let policy = Policy::parse(WHOLE, Path::new("dir")).unwrap();
        let endpoints = policy.endpoints.unwrap();
        assert_eq!((policy.verdicts.len(), policy.witnessed), (2, Some(86_400)));
        assert_eq!(endpoints.refuse, [Flag::Shadow, Flag::New]);
        assert_eq!(endpoints.openapi, Some("dir/openapi.yaml".into()));
        assert!(endpoints.refuses_new_unauthenticated);
    }

    #[test]
    fn errors_name_the_field() {
        for (from, to, code, place) in [
            ("policy/v1", "policy/v2", "policy.format", "countersign"),
            ("verdict: [verified, partial]\n", "", "file.missing", "verdict"),
            ("[verified, partial]", "[altered]", "policy.verdict", "verdict[0]"),
            ("[verified, partial]", "[]", "policy.verdict", "verdict"),
            ("24h", "24", "file.type", "witnessed.within"),
            ("24h", "a day", "policy.witnessed", "witnessed.within"),
            ("level: high", "level: high\n  coverage: some", "policy.coverage", "findings.coverage"),
            ("level: high", "level: severe", "policy.level", "findings.level"),
            ("  level: high\n  rules: [a-rule]\n", "", "policy.findings", "findings"),
            (", until: 2026-12-31", "", "file.missing", "findings.except[0].until"),
            ("reason: Known to Ann", "because: x", "file.unknown_key", "findings.except[0].because"),
            ("  openapi: openapi.yaml\n", "", "policy.needs", "endpoints.exercised"),
            ("  since: 2026-11-01\n", "", "policy.needs", "endpoints.refuse[1]"),
            ("  baseline: before.json\n", "", "policy.needs", "endpoints.refuse[2]"),
            ("shadow", "hidden", "policy.endpoints", "endpoints.refuse[0]"),
            ("0.8", "80", "policy.exercised", "endpoints.exercised"),
            ("name: Release", "title: Release", "file.unknown_key", "title"),
        ] {
            let fault = Policy::parse(&WHOLE.replacen(from, to, 1), Path::new("")).unwrap_err();
            assert_eq!((fault.code, fault.member.as_deref().unwrap_or_default()), (code, place), "{to}");
            assert!(fault.hint.is_some() && fault.line.is_some());
        }
    }
}
