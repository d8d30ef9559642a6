//! HTTP as all of the program uses it: TLS with named roots, timeouts, bounded answers, no
//! redirects.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Response, redirect};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::variables;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may be silent: nobody waits for a server that hangs.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a request may take as a whole, a long answer over a slow line included.
const REQUEST: Duration = Duration::from_secs(120);
/// The most that a file of root certificates may have.
const MAX_ROOTS: usize = 1024 * 1024;

/// A client that trusts the roots in a PEM file, or the system's.
///
/// # Errors
/// When the file cannot be used.
pub fn client(roots: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("portreeve/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(REQUEST)
        // A redirect would carry the token to wherever somebody points.
        .redirect(redirect::Policy::none());
    let builder = match roots {
        None => builder,
        Some(path) => {
            let pem = files::read(path, MAX_ROOTS).map_err(|error| {
                Failure::from(error).of_kind(Exit::Usage).or_next(format!(
                    "point {} to a PEM file, or {} for an identity provider",
                    variables::CA_CERT,
                    variables::ISSUER_CERT
                ))
            })?;
            let unusable = |error: Option<&(dyn std::error::Error + 'static)>| {
                let failure =
                    Failure::usage(format!("`{}` holds no root certificate", path.display()))
                        .next("give a PEM file, as the CA's administrator has it");
                match error {
                    Some(error) => failure.because(error),
                    None => failure,
                }
            };
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|error| unusable(Some(&error)))?;
            if certificates.is_empty() {
                return Err(unusable(None));
            }
            builder.tls_certs_only(certificates)
        }
    };
    builder
        .build()
        .map_err(|error| Failure::failed("TLS cannot be set up").because(&error))
}

/// Why the body of an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than anything expected.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// The connection broke.
    #[error("the answer broke off")]
    Broken(#[from] reqwest::Error),
}

/// The body of an answer of at most `most` bytes.
///
/// # Errors
/// When it is longer or breaks off.
pub async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len().saturating_add(chunk.len()) > most {
            return Err(BodyError::TooLong(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
