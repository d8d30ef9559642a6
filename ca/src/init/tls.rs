//! A private root and the server's certificate, for installations without a PKI of their own.

use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use zeroize::Zeroizing;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long the root lives.
const ROOT_DAYS: u32 = 3650;
/// How long the server's certificate lives.
const SERVER_DAYS: u32 = 825;

/// PEM texts.
pub(super) struct Tls {
    pub(super) root: String,
    pub(super) root_key: Zeroizing<String>,
    pub(super) server: String,
    pub(super) server_key: Zeroizing<String>,
}

/// Makes both for a server's host name or address.
pub(super) fn make(server: &str, now: Timestamp) -> Result<Tls, Error> {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut root = params(Vec::new(), "Portreeve CA, TLS root", now, ROOT_DAYS)?;
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root_certificate = root.self_signed(&root_key)?;

    let server_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut leaf = params(vec![server.to_owned()], server, now, SERVER_DAYS)?;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&server_key, &Issuer::from_params(&root, &root_key))?;

    Ok(Tls {
        root: root_certificate.pem(),
        root_key: Zeroizing::new(root_key.serialize_pem()),
        server: certificate.pem(),
        server_key: Zeroizing::new(server_key.serialize_pem()),
    })
}

fn params(
    names: Vec<String>,
    common_name: &str,
    now: Timestamp,
    days: u32,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // A common name has 64 characters at most (RFC 5280, appendix A); the name is in the SAN.
    let common_name: String = common_name.chars().take(64).collect();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // A day early, for clocks that are behind.
    let (year, month, day) = date(now.minus(DAY));
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(now.plus(DAY * days));
    params.not_after = date_time_ymd(year, month, day);
    Ok(params)
}

/// The day in UTC.
fn date(at: Timestamp) -> (i32, u8, u8) {
    let moment = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or_default();
    let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
    let part = |number: i8| u8::try_from(number).unwrap_or(1);
    (date.year().into(), part(date.month()), part(date.day()))
}
