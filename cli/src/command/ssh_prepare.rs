//! `ssh-prepare`: called by ssh while it reads its configuration (see `ssh-config`).

use crate::args::access::SshPrepare;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::session::open;
use crate::session::place::Runtime;
use crate::settings::{Settings, TaskSettings};

/// The longest session configuration.
const MAX_CONFIG: usize = 64 * 1024;

/// Makes a session ready and writes the configuration that ssh includes next.
///
/// # Errors
/// When the CA refuses; ssh then goes nowhere.
pub async fn run(args: &SshPrepare, settings: &Settings) -> Result<Exit, Failure> {
    let task = TaskSettings::settle(&args.task)?;
    let ca = Ca::new(settings)?;
    let caller = exchange::pair(&ca, settings).await?;
    let runtime = &Runtime::open(&settings.places().runtime)?;
    let (place, _) = open::ready(&ca, &caller, &args.host, &task, runtime).await?;
    let config = files::read(&place.ssh_config(), MAX_CONFIG)?;
    let folder = runtime.path().join("ssh");
    files::own_folder(&folder)?;
    files::write_private(&folder.join(format!("{}.conf", args.host)), &config)?;
    Ok(Exit::Done)
}
