//! The private certificate authority that the Lambdas trust when AWS is reached over TLS.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::failure::Failure;

/// A private root, and the certificate of the proxy.
pub(crate) struct Tls {
    /// The root certificate, for `AWS_CA_BUNDLE`.
    pub(crate) root_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Tls {
    /// Makes a chain of three, as AWS has: a root, an intermediate, and a server with an RSA key.
    pub(crate) fn make() -> Result<Self, Failure> {
        let root_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let root_params = authority("Root of the benchmark")?;
        let root = root_params.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root_params, root_key);

        let intermediate_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let intermediate_params = authority("Authority of the benchmark")?;
        let intermediate = intermediate_params.signed_by(&intermediate_key, &root_issuer)?;
        let intermediate_issuer = Issuer::new(intermediate_params, intermediate_key);

        let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let server = CertificateParams::new(["localhost".to_owned()])?
            .signed_by(&key, &intermediate_issuer)?;
        let chain: Vec<CertificateDer<'static>> = vec![server.into(), intermediate.into()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));

        let mut config =
            ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        // DynamoDB speaks no HTTP/2.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];

        Ok(Self { root_pem: root.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// The parameters of a certificate that signs others.
fn authority(name: &str) -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    Ok(params)
}
