//! A bastion that records nothing, in the place of the other one.

use anyhow::Result;
use portreeve_tests::installation::{BASTION_CONFIG, BASTION_PORT};
use portreeve_tests::{Ready, Service, until};

use super::{FEED_TIME, HEARD, PROGRAM, Site};

impl Site {
    /// Stops the bastion and starts one in its place that records nothing.
    pub(crate) fn stop_recording(&mut self) -> Result<()> {
        self.installation.bastion.stop()?;
        let host = self.host("bastion").clone();
        let command = host.command(PROGRAM).user("portreeve-bastion").args([
            "unrecorded",
            "--config",
            BASTION_CONFIG,
        ]);
        let service = Service::start(&host, "unrecorded", command, Ready::Port(BASTION_PORT))?;
        until("the other bastion to hear of the policy", FEED_TIME, || {
            Ok(service.log()?.contains(HEARD).then_some(()))
        })?;
        self.unrecorded = Some(service);
        Ok(())
    }

    /// Puts the bastion back.
    pub(crate) fn record_again(&mut self) -> Result<()> {
        if let Some(mut other) = self.unrecorded.take() {
            other.stop()?;
        }
        self.installation.bastion.start_again()?;
        until("the bastion to hear of the policy", FEED_TIME, || {
            let log = self.installation.bastion.log()?;
            Ok(log.contains(HEARD).then_some(()))
        })
    }
}
