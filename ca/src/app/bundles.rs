//! Publishing versions of sudo bundles, and looking at them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use portreeve_access_policy::facts;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{
    BundleChange, BundlePublished, BundleRecord, BundleWarning, PublishBundle, PublishOutcome,
};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::BundleRef;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::diagnostic::Severity;

use super::permit::Permitted;
use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;
use crate::store::{Change, StoreError};

/// The longest bundle: it must fit a line of the control connection beside an order.
pub(super) const MAX_BUNDLE: usize = 64 * 1024;
/// How many bundles' intents are kept in memory.
const MAX_KEPT: usize = 1000;

/// What the authors of published bundles say that they do, by digest, so that a bundle is not
/// parsed for every session.
#[derive(Debug, Default)]
pub(super) struct Intents(Mutex<HashMap<Digest, Intent>>);

impl Intents {
    fn find(&self, digest: &Digest) -> Option<Intent> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(digest).copied()
    }

    fn keep(&self, digest: Digest, intent: Intent) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(digest, intent);
    }
}

impl App {
    /// The versions in force, without their texts; of a name without one, the version that was
    /// changed last.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn bundles(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<BundleRecord>, Failure> {
        self.may_see_bundles(person, "bundles".into(), origin)
            .await?;
        let items = self.store.bundles().await?;
        Ok(Listing { items })
    }

    /// The version of a bundle that is in force, with its text.
    ///
    /// # Errors
    /// When the person may not see it, there is none, or the store fails.
    pub async fn bundle(
        &self,
        person: &Person,
        name: &BundleName,
        origin: Origin,
    ) -> Result<BundleRecord, Failure> {
        self.may_see_bundles(person, name.to_string(), origin)
            .await?;
        self.store
            .bundle(name)
            .await?
            .ok_or_else(|| Failure::told(Code::NotPermitted))
    }

    /// Any version of a bundle with its text, also one that was withdrawn.
    ///
    /// # Errors
    /// When the person may not see it, there is none, or the store fails.
    pub async fn bundle_version(
        &self,
        person: &Person,
        version: &BundleRef,
        origin: Origin,
    ) -> Result<BundleRecord, Failure> {
        self.may_see_bundles(person, version.to_string(), origin)
            .await?;
        self.find_version(version)
            .await?
            .ok_or_else(|| Failure::told(Code::NotPermitted))
    }

    /// What was done to the versions of a bundle, the newest first.
    ///
    /// # Errors
    /// When the person may not see it, there is no such bundle, or the store fails.
    pub async fn bundle_history(
        &self,
        person: &Person,
        name: &BundleName,
        origin: Origin,
    ) -> Result<Listing<BundleChange>, Failure> {
        self.may_see_bundles(person, name.to_string(), origin)
            .await?;
        let items = self.store.bundle_history(name).await?;
        if items.is_empty() {
            return Err(Failure::told(Code::NotPermitted));
        }
        Ok(Listing { items })
    }

    /// Publishes a bundle that the linter finds no error in, under the name that stands in it.
    /// Publishing what is in force changes nothing and says so.
    ///
    /// # Errors
    /// When it has errors, was withdrawn, the person may not publish it, or the store fails.
    pub async fn publish_bundle(
        &self,
        person: &Person,
        request: PublishBundle,
        origin: Origin,
    ) -> Result<BundlePublished, Failure> {
        let text = request.text.clone();
        let bundle = match self.labour.of(move || read(&text)).await? {
            Ok(bundle) => bundle,
            Err(failure) => {
                // What is wrong with it is told to those who may publish, and stands beside their
                // names.
                let asked = HumanAct::ManageBundles { bundle: None };
                let permitted = self.permit(person, asked, "bundles", origin).await?;
                return Err(self.not_published(&permitted, failure).await?);
            }
        };
        let (intent, version) = (
            bundle.intent(),
            BundleRef {
                name: bundle.name().clone(),
                digest: bundle.digest(),
            },
        );
        let permitted = self.may_manage(person, &version, intent, origin).await?;
        let warnings = match self.labour.of(move || linted(&bundle)).await? {
            Ok(warnings) => warnings,
            Err(failure) => return Err(self.not_published(&permitted, failure).await?),
        };
        // What an act changes is told from what was there before it.
        let _turn = self.publishing.lock().await;
        let outcome = match self.find_version(&version).await? {
            Some(known) if known.withdrawn.is_some() => {
                let refused = permitted.event("not published: this version was withdrawn");
                self.log.append(vec![refused]).await?;
                return Err(Failure::advise(
                    Code::Conflict,
                    "this version was withdrawn and stays so; `bundle history` says why: publish a changed one",
                ));
            }
            Some(known) if known.in_force => PublishOutcome::Unchanged,
            Some(_) => PublishOutcome::Restored,
            None => PublishOutcome::Published,
        };
        let change = Change::PublishBundle {
            name: version.name.clone(),
            text: request.text,
            by: Some(person.human().name.clone()),
            message: request.message,
            at: origin.at,
        };
        let published = permitted.event(match outcome {
            PublishOutcome::Published => format!("published as {}", version.digest),
            PublishOutcome::Restored => format!("{} is in force again", version.digest),
            PublishOutcome::Unchanged => format!("{} is in force already", version.digest),
        });
        self.store.commit(vec![change], vec![published]).await?;
        self.intents.keep(version.digest, intent);
        Ok(BundlePublished {
            bundle: BundleRecord {
                text: None,
                ..self.known_version(&version).await?
            },
            outcome,
            warnings,
        })
    }

    /// Records that a bundle has errors, and gives them back.
    async fn not_published(
        &self,
        permitted: &Permitted,
        failure: Failure,
    ) -> Result<Failure, Failure> {
        let refused = permitted.event("not published: it has errors");
        self.log.append(vec![refused]).await?;
        Ok(failure)
    }

    /// Whether `person` may see bundles at all.
    async fn may_see_bundles(
        &self,
        person: &Person,
        target: String,
        origin: Origin,
    ) -> Result<(), Failure> {
        let asked = HumanAct::ManageBundles { bundle: None };
        self.permit(person, asked, target, origin).await?;
        Ok(())
    }

    /// Whether `person` may put a version into force or withdraw it.
    pub(super) async fn may_manage(
        &self,
        person: &Person,
        version: &BundleRef,
        intent: Intent,
        origin: Origin,
    ) -> Result<Permitted, Failure> {
        let asked = HumanAct::ManageBundles {
            bundle: Some(facts::Bundle {
                version: version.clone(),
                intent,
            }),
        };
        self.permit(person, asked, version.to_string(), origin)
            .await
    }

    /// A version of this name, if it was published.
    pub(super) async fn find_version(
        &self,
        version: &BundleRef,
    ) -> Result<Option<BundleRecord>, StoreError> {
        let found = self.store.bundle_version(&version.digest).await?;
        Ok(found.filter(|found| found.name == version.name))
    }

    /// A version that was published.
    pub(super) async fn known_version(&self, version: &BundleRef) -> Result<BundleRecord, Failure> {
        let found = self.find_version(version).await?;
        found.ok_or_else(|| {
            Failure::Broken(format!(
                "{} is published and cannot be found",
                version.digest
            ))
        })
    }

    /// What a published bundle's author says that it does.
    pub(super) fn intent_of(&self, record: &BundleRecord) -> Result<Intent, Failure> {
        if let Some(intent) = self.intents.find(&record.digest) {
            return Ok(intent);
        }
        let text = record.text.as_deref().unwrap_or_default();
        let bundle = Bundle::parse(record.name.as_str(), text.as_bytes()).map_err(|_| {
            Failure::Broken(format!(
                "the published bundle `{}` is not understood; publish it again",
                record.name
            ))
        })?;
        self.intents.keep(record.digest, bundle.intent());
        Ok(bundle.intent())
    }
}

/// The bundle of a text. What it may do is not looked at, so that nobody has the linter work who
/// may not publish.
fn read(text: &str) -> Result<Bundle, Failure> {
    if text.len() > MAX_BUNDLE {
        let detail = format!("a bundle has {MAX_BUNDLE} bytes at most");
        return Err(Failure::advise(Code::Invalid, detail));
    }
    Bundle::parse("bundle.toml", text.as_bytes())
        .map_err(|report| Failure::advise(Code::Invalid, report.render()))
}

/// What the linter has to say of a bundle in which it finds no error.
fn linted(bundle: &Bundle) -> Result<Vec<BundleWarning>, Failure> {
    let report = check(bundle);
    if report.has_errors() {
        return Err(Failure::advise(Code::Invalid, report.render()));
    }
    let place = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let warnings = report
        .findings()
        .filter(|finding| finding.severity != Severity::Note);
    let warnings = warnings.map(|finding| BundleWarning {
        line: place(finding.line),
        column: place(finding.column),
        code: finding.code.to_string(),
        message: finding.message.to_owned(),
        help: finding.help.to_owned(),
    });
    Ok(warnings.collect())
}
