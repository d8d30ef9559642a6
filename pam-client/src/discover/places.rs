//! Where programs keep credentials for other systems: a table, with what each file is.
//!
//! A row says what of a file shows that a credential is in it: many of these files are there
//! without one. The places are those that each program's own documentation names.

/// What shows that there is a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The file is there and not empty.
    Being,
    /// One of these words stands in it.
    Word(&'static [&'static str]),
    /// Variables in lines, by their names.
    Lines,
    /// Variables in JSON, by their names.
    Json,
    /// It is a directory, and each file in it is one.
    Files,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The file, from a home or from `/`.
    pub(super) path: &'static str,
    /// What it is for.
    pub(super) what: &'static str,
    /// What shows that there is a credential.
    pub(super) shown: Shown,
}

const fn is(path: &'static str, what: &'static str) -> Place {
    Place {
        path,
        what,
        shown: Shown::Being,
    }
}

const fn has(path: &'static str, what: &'static str, words: &'static [&'static str]) -> Place {
    Place {
        path,
        what,
        shown: Shown::Word(words),
    }
}

const fn lines(path: &'static str, what: &'static str) -> Place {
    Place {
        path,
        what,
        shown: Shown::Lines,
    }
}

const fn json(path: &'static str, what: &'static str) -> Place {
    Place {
        path,
        what,
        shown: Shown::Json,
    }
}

/// A directory each of whose files is one.
const fn each(path: &'static str, what: &'static str) -> Place {
    Place {
        path,
        what,
        shown: Shown::Files,
    }
}

/// Places in a home.
#[rustfmt::skip]
pub(super) const IN_HOMES: &[Place] = &[
    // Clouds.
    has(".aws/credentials", "AWS access keys", &["aws_secret_access_key", "aws_session_token"]),
    each(".aws/sso/cache", "AWS single sign-on tokens"),
    each(".aws/cli/cache", "AWS role credentials"),
    is(".azure/msal_token_cache.json", "Azure tokens"),
    is(".azure/service_principal_entries.json", "Azure service principals"),
    is(".azure/accessTokens.json", "Azure tokens"),
    is(".config/gcloud/application_default_credentials.json", "Google Cloud credentials"),
    is(".config/gcloud/credentials.db", "Google Cloud credentials"),
    is(".config/gcloud/access_tokens.db", "Google Cloud tokens"),
    has(".config/doctl/config.yaml", "DigitalOcean token", &["access-token:"]),
    has(".config/hcloud/cli.toml", "Hetzner Cloud tokens", &["token"]),
    has(".oci/config", "Oracle Cloud keys", &["key_file", "security_token_file"]),
    has(".s3cfg", "S3 keys", &["secret_key"]),
    has(".config/rclone/rclone.conf", "rclone remotes", &["token =", "pass =", "secret_access_key ="]),
    is(".boto", "Google or AWS keys of boto"),
    // Clusters and containers.
    has(".kube/config", "Kubernetes credentials", &["token:", "client-key-data:", "client-key:", "password:"]),
    has(".docker/config.json", "container registry passwords", &["\"auth\"", "identitytoken"]),
    has(".config/containers/auth.json", "container registry passwords", &["\"auth\"", "identitytoken"]),
    has(".config/helm/registry/config.json", "chart registry passwords", &["\"auth\""]),
    has(".config/argocd/config", "Argo CD tokens", &["auth-token:"]),
    // Version control and package registries.
    has(".netrc", "passwords of netrc", &["password"]),
    has(".git-credentials", "git passwords", &["@"]),
    has(".config/git/credentials", "git passwords", &["@"]),
    has(".config/gh/hosts.yml", "GitHub token of gh", &["oauth_token:"]),
    has(".config/glab-cli/config.yml", "GitLab token of glab", &["token:"]),
    has(".config/hub", "GitHub token of hub", &["oauth_token:"]),
    has(".npmrc", "npm token", &["_authToken", "_password", "_auth"]),
    has(".yarnrc.yml", "npm token of yarn", &["npmAuthToken"]),
    has(".pypirc", "PyPI token", &["password"]),
    has(".cargo/credentials.toml", "crates.io token", &["token"]),
    has(".cargo/credentials", "crates.io token", &["token"]),
    has(".gem/credentials", "RubyGems key", &["api_key"]),
    has(".m2/settings.xml", "Maven passwords", &["<password>"]),
    has(".gradle/gradle.properties", "Gradle passwords", &["assword=", "oken="]),
    has(".composer/auth.json", "Composer tokens", &["\"password\"", "\"github-oauth\"", "token"]),
    has(".nuget/NuGet/NuGet.Config", "NuGet passwords", &["assword"]),
    // Secrets, infrastructure, access.
    is(".vault-token", "Vault token"),
    is(".terraform.d/credentials.tfrc.json", "Terraform token"),
    has(".terraformrc", "Terraform token", &["token"]),
    each(".tsh/keys", "Teleport certificates and keys"),
    has(".config/op/config", "1Password session", &["session"]),
    is(".config/doppler/.doppler.yaml", "Doppler token"),
    has(".doppler/.doppler.yaml", "Doppler token", &["token"]),
    is(".fly/config.yml", "Fly.io token"),
    is(".config/heroku/credentials", "Heroku token"),
    is(".config/flyctl/config.yml", "Fly.io token"),
    is(".chef/credentials", "Chef keys"),
    is(".vault_pass", "Ansible vault password"),
    // Databases.
    is(".pgpass", "PostgreSQL passwords"),
    has(".my.cnf", "MySQL password", &["password"]),
    is(".mylogin.cnf", "MySQL password"),
    has(".config/mongosh/config", "MongoDB connection", &["mongodb://", "mongodb+srv://"]),
    // Coding agents.
    is(".claude/.credentials.json", "Claude Code sign-in"),
    json(".claude.json", "Claude Code settings and MCP servers"),
    json(".claude/settings.json", "Claude Code settings"),
    json(".claude/settings.local.json", "Claude Code settings"),
    has(".codex/auth.json", "Codex sign-in", &["token", "OPENAI_API_KEY"]),
    lines(".codex/config.toml", "Codex settings and MCP servers"),
    is(".gemini/oauth_creds.json", "Gemini CLI sign-in"),
    json(".gemini/settings.json", "Gemini CLI settings and MCP servers"),
    lines(".gemini/.env", "Gemini CLI keys"),
    has(".config/github-copilot/apps.json", "GitHub Copilot token", &["oauth_token"]),
    has(".config/github-copilot/hosts.json", "GitHub Copilot token", &["oauth_token"]),
    is(".copilot/config.json", "GitHub Copilot CLI sign-in"),
    is(".config/cursor/auth.json", "Cursor sign-in"),
    json(".cursor/mcp.json", "MCP servers of Cursor"),
    is(".local/share/opencode/auth.json", "opencode keys"),
    json(".config/opencode/opencode.json", "opencode settings and MCP servers"),
    is(".config/goose/secrets.yaml", "Goose keys"),
    has(".aider.conf.yml", "aider keys", &["api-key", "api_key"]),
    json(".continue/config.json", "Continue keys"),
    has(".continue/config.yaml", "Continue keys", &["apiKey:"]),
    json(".codeium/windsurf/mcp_config.json", "MCP servers of Windsurf"),
    json(".config/Claude/claude_desktop_config.json", "MCP servers of Claude Desktop"),
    json(".config/zed/settings.json", "Zed settings and MCP servers"),
    json(".config/Code/User/mcp.json", "MCP servers of VS Code"),
    json(".vscode-server/data/User/mcp.json", "MCP servers of VS Code"),
    json(".mcp.json", "MCP servers"),
    is(".cache/huggingface/token", "Hugging Face token"),
    is(".huggingface/token", "Hugging Face token"),
    has(".config/openai/config.json", "OpenAI key", &["api_key", "sk-"]),
    is(".config/amp/secrets.json", "Amp key"),
    is(".factory/auth.json", "Factory sign-in"),
    // Environments.
    lines(".env", "environment of a program"),
    lines(".profile", "environment of logins"),
    lines(".bash_profile", "environment of logins"),
    lines(".bashrc", "environment of shells"),
    lines(".zshenv", "environment of shells"),
    lines(".zshrc", "environment of shells"),
    lines(".ssh/environment", "environment of SSH logins"),
    lines(".pam_environment", "environment of logins"),
];

/// Places of the host.
#[rustfmt::skip]
pub(super) const OF_THE_HOST: &[Place] = &[
    lines("etc/environment", "environment of all logins"),
    is("run/secrets/kubernetes.io/serviceaccount/token", "Kubernetes token of a service account"),
    has("etc/kubernetes/admin.conf", "Kubernetes administrator", &["client-key-data:", "client-key:", "token:"]),
    has("etc/kubernetes/super-admin.conf", "Kubernetes administrator", &["client-key-data:", "client-key:", "token:"]),
    has("etc/rancher/k3s/k3s.yaml", "Kubernetes administrator", &["client-key-data:", "token:"]),
    is("var/lib/rancher/k3s/server/token", "token that joins a Kubernetes cluster"),
    is("etc/gitlab-runner/config.toml", "token of a GitLab runner"),
    is("etc/buildkite-agent/buildkite-agent.cfg", "token of a Buildkite agent"),
    is("etc/vault.d/vault-token", "Vault token"),
    has("etc/docker/config.json", "container registry passwords", &["\"auth\""]),
    has("etc/boto.cfg", "Google or AWS keys of boto", &["secret"]),
    has("etc/passwd-s3fs", "S3 keys", &[":"]),
    lines("app/.env", "environment of a program"),
];

/// Directories of the host whose files have lines with variables, and how such files are called.
pub(super) const DIRECTORIES: &[(&str, &str, &str)] = &[
    ("etc/systemd/system", ".service", "environment of a service"),
    ("etc/environment.d", ".conf", "environment of all logins"),
    ("etc/profile.d", ".sh", "environment of all logins"),
    ("etc/default", "", "environment of a service"),
    ("etc/sysconfig", "", "environment of a service"),
];

/// Directories of the host in whose directories programs have a `.env`.
pub(super) const PROGRAMS: &[&str] = &["opt", "srv", "var/www"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_place_is_twice_and_each_stays_where_it_begins() {
        for table in [IN_HOMES, OF_THE_HOST] {
            let mut known = BTreeSet::new();
            for place in table {
                assert!(known.insert(place.path), "{} is there twice", place.path);
                let is_good = !place.path.starts_with('/') && !place.path.contains("..");
                assert!(is_good && !place.what.is_empty(), "{}", place.path);
            }
        }
    }
}
