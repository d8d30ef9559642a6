//! The steps by which an administrator sets everything up, in the order of the administrator's guide.

use anyhow::{Context, Result, anyhow};
use portreeve_protocol::admin::{HostRecord, Listing};
use portreeve_protocol::checkpoint::VerifierKey;
use portreeve_protocol::key::PublicKey;

use super::account::Account;
use super::agent::AgentAccount;
use super::person::PersonAccount;
use super::{AGENT, BASTION, BASTION_CONFIG, BASTION_PORT, CA_URL, Evidence, HOST};
use crate::host::Host;
use crate::idp::{self, Idp};
use crate::lab::Lab;
use crate::programs::Build;
use crate::service::{Ready, Service};
use crate::sshd::Sshd;

const CA_DIRECTORY: &str = "/var/lib/portreeve-ca";
const BASTION_DIRECTORY: &str = "/etc/portreeve-bastion";
const BASTION_STATE: &str = "/var/lib/portreeve-bastion";
/// What the audit log calls itself unless the configuration says otherwise.
const LOG_ORIGIN: &str = "ca.example.com:8443/log";
/// Where everybody finds the root of the CA's TLS certificate.
const CA_CERTIFICATE: &str = "/etc/portreeve/ca.pem";
const CA_PORT: u16 = 8443;
const CA_ADDRESS: &str = "192.0.2.20";
const BASTION_EGRESS: &str = "198.51.100.20";
const PROD_ADDRESS: &str = "198.51.100.30:22";

/// Puts the host client onto the production host.
pub(super) type InstallHost<'a> = dyn FnMut(&Host) -> Result<()> + 'a;

/// Everything that was set up.
pub(super) struct Parts {
    pub(super) ca: Service,
    pub(super) bastion: Service,
    pub(super) daemon: Service,
    pub(super) sshd: Sshd,
    pub(super) idp: Idp,
    pub(super) evidence: Evidence,
    pub(super) people: Vec<PersonAccount>,
    pub(super) agent: AgentAccount,
}

/// Sets everything up on the hosts of the lab.
pub(super) fn install(
    lab: &Lab,
    build: Build,
    install_host: &mut InstallHost<'_>,
    people: &[idp::Person],
    say: &mut dyn FnMut(&str),
) -> Result<Parts> {
    let (agent_host, bastion_host, prod) = (lab.host("agent"), lab.host("bastion"), lab.host(HOST));

    say("the identity provider starts; the CA makes its keys, its database and a starter policy");
    // The provider takes as long to start as everything beside it.
    let (provider, review) = std::thread::scope(|scope| {
        let starting = scope.spawn(|| Idp::start(bastion_host, people));
        let prepared = prepare(lab, build, install_host);
        let started = starting.join();
        let provider = started.map_err(|_| anyhow!("the thread that starts it panicked"))??;
        anyhow::Ok((provider, prepared?))
    })?;

    say("the CA starts with its signer; people get accounts");
    let ca = serve_ca(bastion_host)?;
    for host in [agent_host, bastion_host] {
        let root = bastion_host.read(&format!("{CA_DIRECTORY}/tls/ca-cert.pem"))?;
        host.write(CA_CERTIFICATE, root, 0o644)?;
    }
    let people = people
        .iter()
        .map(|person| {
            let settings = [
                ("PORTREEVE_CA", CA_URL),
                ("PORTREEVE_CA_CERT", CA_CERTIFICATE),
            ];
            let account = Account::add(bastion_host, &person.user_name, &settings)?;
            PersonAccount::new(account, person.clone(), &provider)
        })
        .collect::<Result<Vec<_>>>()?;
    let administrator = administrator(&people)?;

    say("the administrator signs in");
    administrator.login()?;

    say("the administrator registers the bastion; the bastion enrols and starts");
    let bastion = add_bastion(bastion_host, administrator)?;

    say("the administrator registers the production host; the host enrols and starts its daemon");
    let (sshd, daemon) = add_host(prod, administrator)?;

    say("the agent makes a key; the administrator registers the agent");
    let agent = add_agent(agent_host, administrator)?;

    let evidence = publish_keys(bastion_host, administrator, review)?;

    Ok(Parts {
        ca,
        bastion,
        daemon,
        sshd,
        idp: provider,
        evidence,
        people,
        agent,
    })
}

/// Everything that nobody has to be there for.
fn prepare(lab: &Lab, build: Build, install_host: &mut InstallHost<'_>) -> Result<ReviewKey> {
    let bastion = lab.host("bastion");
    copy_programs(lab, build)?;
    install_host(lab.host(HOST))?;
    name_the_ca(lab.host("agent"))?;
    name_the_ca(bastion)?;
    let review = review_key(bastion)?;
    init_ca(bastion, &Idp::standard_issuer(), &review.recipient)?;
    Ok(review)
}

fn administrator(people: &[PersonAccount]) -> Result<&PersonAccount> {
    let found = people.iter().find(|known| {
        known
            .person
            .groups
            .iter()
            .any(|group| group == "infra-admins")
    });
    found.context("nobody is in `infra-admins`")
}

fn copy_programs(lab: &Lab, build: Build) -> Result<()> {
    let wanted = [
        ("agent", "portreeve", "/usr/bin/portreeve"),
        ("bastion", "portreeve", "/usr/bin/portreeve"),
        ("bastion", "portreeve-ca", "/usr/bin/portreeve-ca"),
        ("bastion", "portreeve-bastion", "/usr/bin/portreeve-bastion"),
    ];
    for (host, program, path) in wanted {
        lab.host(host).install_program(build, program, path)?;
    }
    Ok(())
}

/// Puts the host client onto a host as it was built.
pub(super) fn copy_host_client(host: &Host, build: Build) -> Result<()> {
    let place = "/usr/lib/portreeve/portreeve-host";
    host.install_program(build, "portreeve-host", place)?;
    host.run(&["ln", "-s", place, "/usr/sbin/portreeve-host"])?
        .ok()?;
    Ok(())
}

fn name_the_ca(host: &Host) -> Result<()> {
    host.sh(&format!("echo '{CA_ADDRESS} ca.example.com' >>/etc/hosts"))?
        .ok()?;
    Ok(())
}

struct ReviewKey {
    file: String,
    recipient: String,
}

/// The key pair of the reviewers, made by `age-keygen`.
fn review_key(host: &Host) -> Result<ReviewKey> {
    let file = "/etc/portreeve/review.key".to_owned();
    host.sh(&format!(
        "mkdir -p /etc/portreeve && age-keygen -o {file} 2>/dev/null && chmod 644 {file}"
    ))?
    .ok()?;
    let recipient = host.run(&["age-keygen", "-y", &file])?.ok()?.text();
    Ok(ReviewKey { file, recipient })
}

fn init_ca(host: &Host, issuer: &str, review_recipient: &str) -> Result<()> {
    make_user(host, "portreeve-ca", CA_DIRECTORY)?;
    host.command("portreeve-ca")
        .args(["init", "--dir", CA_DIRECTORY, "--issuer", CA_URL])
        .args(["--admin-group", "infra-admins"])
        .args(["--idp", issuer, "--idp-client-id", Idp::CLIENT_ID])
        .args(["--idp-agent-client-id", Idp::AGENT_CLIENT_ID])
        .args(["--review-recipient", review_recipient])
        .run()?
        .ok()?;
    host.run(&["chown", "-R", "portreeve-ca:", CA_DIRECTORY])?
        .ok()?;
    Ok(())
}

fn serve_ca(host: &Host) -> Result<Service> {
    let command = host.command("portreeve-ca").user("portreeve-ca").args([
        "serve",
        "--config",
        &format!("{CA_DIRECTORY}/config.toml"),
    ]);
    Service::start(host, "ca", command, Ready::Port(CA_PORT))
}

fn add_bastion(host: &Host, administrator: &PersonAccount) -> Result<Service> {
    make_user(host, "portreeve-bastion", BASTION_STATE)?;
    own_directory(host, "portreeve-bastion", BASTION_DIRECTORY)?;
    let address = format!("{CA_ADDRESS}:{BASTION_PORT}");
    let token = administrator
        .account
        .portreeve(["bastion", "add", BASTION, "--address", &address])
        .args(["--egress", BASTION_EGRESS])
        .run()?
        .ok()?;
    let token_file = format!("{BASTION_DIRECTORY}/token");
    host.write(&token_file, token.stdout, 0o600)?;
    host.run(&["chown", "portreeve-bastion:", &token_file])?
        .ok()?;
    host.command("portreeve-bastion")
        .user("portreeve-bastion")
        .args(["enroll", "--ca", CA_URL, "--ca-cert", CA_CERTIFICATE])
        .args(["--name", BASTION, "--token-file", &token_file])
        .run()?
        .ok()?;
    let command = host
        .command("portreeve-bastion")
        .user("portreeve-bastion")
        .args(["serve", "--config", BASTION_CONFIG]);
    Service::start(host, "bastion", command, Ready::Port(BASTION_PORT))
}

fn add_host(prod: &Host, administrator: &PersonAccount) -> Result<(Sshd, Service)> {
    prod.make_host_key()?;
    let ticket = administrator
        .account
        .portreeve(["host", "add", HOST, "--address", PROD_ADDRESS])
        .args(["--label", "production"])
        .run()?
        .ok()?;
    let proof = prod
        .command("portreeve-host")
        .arg("enroll")
        .input(&ticket.stdout)
        .run()?
        .ok()?;
    administrator
        .account
        .portreeve(["host", "confirm"])
        .input(&proof.stdout)
        .run()?
        .ok()?;
    // Its configuration has the drop-in now.
    let sshd = prod.start_sshd()?;
    let command = prod.command("portreeve-host").arg("daemon");
    let socket = "/run/portreeve/host.sock".to_owned();
    let daemon = Service::start(prod, "host", command, Ready::Path(socket))?;
    Ok((sshd, daemon))
}

fn add_agent(host: &Host, administrator: &PersonAccount) -> Result<AgentAccount> {
    let home = "/home/forensics";
    let own = AgentAccount::settings(AGENT, home);
    let mut settings = vec![
        ("PORTREEVE_CA", CA_URL),
        ("PORTREEVE_CA_CERT", CA_CERTIFICATE),
    ];
    settings.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
    let account = Account::add(host, "forensics", &settings)?;
    let agent = AgentAccount::new(account, AGENT)?;
    administrator
        .account
        .portreeve(["agent", "add", AGENT, "--key", &agent.public_key()?])
        .args(["--owner", &administrator.person.email])
        .run()?
        .ok()?;
    Ok(agent)
}

/// Writes the public keys that evidence is checked with where reviewers find them.
fn publish_keys(host: &Host, administrator: &PersonAccount, review: ReviewKey) -> Result<Evidence> {
    let evidence = Evidence {
        recordings: format!("{BASTION_STATE}/recordings"),
        review_key: review.file,
        log_key: "/etc/portreeve/log.vkey".to_owned(),
        bastion_key: "/etc/portreeve/bastion_identity.pub".to_owned(),
        host_key: "/etc/portreeve/prod_identity.pub".to_owned(),
    };
    let log: PublicKey = host
        .read_text(&format!("{CA_DIRECTORY}/keys/log.pub"))?
        .parse()?;
    let log = log.ed25519().context("the log's key is an Ed25519 key")?;
    let log = VerifierKey::new(LOG_ORIGIN, &log)?.to_string();
    host.write(&evidence.log_key, log, 0o644)?;

    let identity = format!("{BASTION_DIRECTORY}/identity");
    let bastion = host.run(&["ssh-keygen", "-y", "-f", &identity])?.ok()?;
    host.write(&evidence.bastion_key, bastion.stdout, 0o644)?;

    let hosts: Listing<HostRecord> = administrator.account.ask(&["host", "list"])?;
    let record = hosts.items.first().context("no host is registered")?;
    let identity = record
        .identity
        .as_ref()
        .context("the host is not enrolled")?;
    host.write(&evidence.host_key, identity.to_string(), 0o644)?;
    Ok(evidence)
}

/// A system user that owns its state directory and nothing else.
fn make_user(host: &Host, name: &str, directory: &str) -> Result<()> {
    host.run(&[
        "useradd",
        "--system",
        "--user-group",
        "--home-dir",
        directory,
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        name,
    ])?
    .ok()?;
    own_directory(host, name, directory)
}

fn own_directory(host: &Host, owner: &str, directory: &str) -> Result<()> {
    let install = [
        "install", "-d", "-m", "700", "-o", owner, "-g", owner, directory,
    ];
    host.run(&install)?.ok()?;
    Ok(())
}
