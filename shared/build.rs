//! Makes the filter of the most common passwords from their list. `common-passwords/README.md` says
//! where the list comes from.

use std::{env, error::Error, fs, io, path::PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use xorf::{BinaryFuse16, DmaSerializable as _};

const LIST: &str = "common-passwords/list.txt.gz";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LIST}");
    let list = io::read_to_string(GzDecoder::new(fs::File::open(LIST)?))?;
    let keys = list.lines().map(key).collect::<Result<Vec<_>, _>>()?;
    let filter = BinaryFuse16::try_from(&keys)?;

    let mut descriptor = [0; BinaryFuse16::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut descriptor);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    fs::write(out.join("common_passwords.descriptor"), descriptor)?;
    fs::write(out.join("common_passwords.fingerprints"), filter.dma_fingerprints())?;
    Ok(())
}

/// The key of a password in the filter, as `src/users/common_passwords.rs` computes it.
fn key(password: &str) -> Result<u64, Box<dyn Error>> {
    let hash = Sha256::digest(password);
    let first = hash.first_chunk().ok_or("a short hash")?;
    Ok(u64::from_le_bytes(*first))
}
