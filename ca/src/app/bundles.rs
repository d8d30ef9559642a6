//! Publishing sudo bundles.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use portreeve_access_policy::facts;
use portreeve_protocol::admin::{BundleRecord, Listing, Publish};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::BundleRef;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;

use super::{App, Failure, Origin};
use crate::decide::HumanAct;
use crate::identity::Person;
use crate::store::Change;

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
    /// The bundles published last under each name, without their texts.
    ///
    /// # Errors
    /// When the person may not see them or the store fails.
    pub async fn bundles(
        &self,
        person: &Person,
        origin: Origin,
    ) -> Result<Listing<BundleRecord>, Failure> {
        let asked = HumanAct::ManageBundles { bundle: None };
        self.permit(person, asked, "bundles", origin).await?;
        let items = self.store.bundles().await?;
        Ok(Listing { items })
    }

    /// One bundle with its text.
    ///
    /// # Errors
    /// When the person may not see it, there is none, or the store fails.
    pub async fn bundle(
        &self,
        person: &Person,
        name: &BundleName,
        origin: Origin,
    ) -> Result<BundleRecord, Failure> {
        let asked = HumanAct::ManageBundles { bundle: None };
        self.permit(person, asked, name.to_string(), origin).await?;
        self.store
            .bundle(name)
            .await?
            .ok_or_else(|| Failure::told(Code::NotPermitted))
    }

    /// Publishes a bundle that the linter finds no error in, under the name that stands in it.
    ///
    /// # Errors
    /// When it has errors, the person may not publish it, or the store fails.
    pub async fn publish_bundle(
        &self,
        person: &Person,
        request: Publish,
        origin: Origin,
    ) -> Result<BundleRecord, Failure> {
        let bundle = match read(&request.text) {
            Ok(bundle) => bundle,
            // What is wrong with it is told to those who may publish, and stands beside their names.
            Err(failure) => {
                let asked = HumanAct::ManageBundles { bundle: None };
                let permitted = self.permit(person, asked, "bundles", origin).await?;
                let refused = permitted.event("not published: it has errors");
                self.log.append(vec![refused]).await?;
                return Err(failure);
            }
        };
        let version = BundleRef {
            name: bundle.name().clone(),
            digest: bundle.digest(),
        };
        let asked = HumanAct::ManageBundles {
            bundle: Some(facts::Bundle {
                version: version.clone(),
                intent: bundle.intent(),
            }),
        };
        let permitted = self
            .permit(person, asked, version.name.to_string(), origin)
            .await?;
        let change = Change::PublishBundle {
            name: version.name.clone(),
            text: request.text,
            at: origin.at,
        };
        let published = permitted.event(format!("published as {}", version.digest));
        self.store.commit(vec![change], vec![published]).await?;
        self.intents.keep(version.digest, bundle.intent());
        Ok(BundleRecord {
            name: version.name,
            digest: version.digest,
            published_at: origin.at,
            text: None,
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

/// A bundle without errors.
fn read(text: &str) -> Result<Bundle, Failure> {
    if text.len() > MAX_BUNDLE {
        let detail = format!("a bundle has {MAX_BUNDLE} bytes at most");
        return Err(Failure::advise(Code::Invalid, detail));
    }
    let bundle = Bundle::parse("bundle.toml", text.as_bytes())
        .map_err(|report| Failure::advise(Code::Invalid, report.render()))?;
    let report = check(&bundle);
    if report.has_errors() {
        return Err(Failure::advise(Code::Invalid, report.render()));
    }
    Ok(bundle)
}
