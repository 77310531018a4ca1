//! What libphonenumber knows of the numbers of one country calling code, read when the first of them is.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, RwLock},
};

use prost::{Message, bytes::Bytes};
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberUtil, enums::Region};

/// See the file beside it.
static METADATA: &[u8] = include_bytes!("../../../phone-metadata/metadata.bin");

/// `PhoneMetadataCollection` of `phonemetadata.proto`, whose parts are left as they are.
#[derive(Clone, PartialEq, Message)]
struct Collection {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    metadata: Vec<Bytes>,
}

/// Of what a `PhoneMetadata` is.
#[derive(Clone, PartialEq, Message)]
struct Heading {
    #[prost(string, required, tag = "9")]
    region: String,
    #[prost(int32, optional, tag = "10")]
    calling_code: Option<i32>,
}

/// The parts by their headings.
static PARTS: LazyLock<Vec<(Heading, Bytes)>> = LazyLock::new(|| {
    let parts = Collection::decode(Bytes::from_static(METADATA)).unwrap_or_default().metadata;
    parts.into_iter().filter_map(|part| Some((Heading::decode(part.clone()).ok()?, part))).collect()
});

/// The most calling codes that are read one by one: what libphonenumber makes for one takes a fifteenth of what it makes
/// for all.
const MOST_CODES: usize = 8;

/// What was read so far.
static READ: RwLock<BTreeMap<i32, Arc<PhoneNumberUtil>>> = RwLock::new(BTreeMap::new());

/// Finds out what there is, which the first number would otherwise have to wait for.
pub(super) fn prepare() {
    LazyLock::force(&PARTS);
}

/// libphonenumber for the numbers of a country calling code; nothing where there is no such code.
pub(super) fn of_calling_code(code: i32) -> Option<Arc<PhoneNumberUtil>> {
    let known = READ.read().ok()?;
    if let Some(util) = known.get(&code) {
        return Some(util.clone());
    }
    if known.len() >= MOST_CODES {
        return of_all();
    }
    drop(known);
    let util = Arc::new(read(|heading| heading.calling_code == Some(code))?);
    READ.write().ok()?.insert(code, util.clone());
    Some(util)
}

/// libphonenumber for the numbers that are dialled in a region.
pub(super) fn of_region(region: Region) -> Option<Arc<PhoneNumberUtil>> {
    let name = region.to_string();
    let (heading, _) = PARTS.iter().find(|(heading, _)| heading.region == name)?;
    of_calling_code(heading.calling_code?)
}

/// libphonenumber for all numbers.
pub(super) fn of_all() -> Option<Arc<PhoneNumberUtil>> {
    static ALL: LazyLock<Option<Arc<PhoneNumberUtil>>> =
        LazyLock::new(|| read(|_| true).map(Arc::new));
    ALL.clone()
}

fn read(is_of: impl Fn(&Heading) -> bool) -> Option<PhoneNumberUtil> {
    let parts = PARTS.iter().filter(|(heading, _)| is_of(heading));
    let metadata: Vec<_> =
        parts.filter_map(|(_, part)| PhoneMetadata::decode(part.clone()).ok()).collect();
    (!metadata.is_empty())
        .then(|| PhoneNumberUtil::new_for_metadata(PhoneMetadataCollection { metadata }).ok())
        .flatten()
}
