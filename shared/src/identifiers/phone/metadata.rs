//! libphonenumber's metadata, loaded for one country calling code when its first number is parsed.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, RwLock},
};

use prost::{Message, bytes::Bytes};
use rlibphonenumber::{PhoneMetadata, PhoneMetadataCollection, PhoneNumberUtil, enums::Region};

/// See the README in its folder.
static METADATA: &[u8] = include_bytes!("../../../phone-metadata/metadata.bin");

/// `PhoneMetadataCollection` of `phonemetadata.proto`, with the regions not decoded.
#[derive(Clone, PartialEq, Message)]
struct Collection {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    metadata: Vec<Bytes>,
}

/// The fields of a `PhoneMetadata` that tell which region it is about.
#[derive(Clone, PartialEq, Message)]
struct RegionHeader {
    #[prost(string, required, tag = "9")]
    region: String,
    #[prost(int32, optional, tag = "10")]
    calling_code: Option<i32>,
}

/// All regions: the header of each, and its metadata, not decoded.
static REGIONS: LazyLock<Vec<(RegionHeader, Bytes)>> = LazyLock::new(|| {
    let regions = Collection::decode(Bytes::from_static(METADATA)).unwrap_or_default().metadata;
    regions
        .into_iter()
        .filter_map(|region| Some((RegionHeader::decode(region.clone()).ok()?, region)))
        .collect()
});

/// The most calling codes that are loaded one by one. The data that libphonenumber builds for one takes a
/// fifteenth of what it builds for all.
const MAX_CODES: usize = 8;

/// The calling codes that are loaded so far.
static LOADED: RwLock<BTreeMap<i32, Arc<PhoneNumberUtil>>> = RwLock::new(BTreeMap::new());

/// Indexes the regions, which would otherwise delay the first number.
pub(super) fn prepare() {
    LazyLock::force(&REGIONS);
}

/// libphonenumber for the numbers of a country calling code; `None` if the code is not assigned.
pub(super) fn of_calling_code(code: i32) -> Option<Arc<PhoneNumberUtil>> {
    let loaded = LOADED.read().ok()?;
    if let Some(util) = loaded.get(&code) {
        return Some(util.clone());
    }
    if loaded.len() >= MAX_CODES {
        let is_assigned = REGIONS.iter().any(|(header, _)| header.calling_code == Some(code));
        return is_assigned.then(of_all).flatten();
    }
    drop(loaded);

    let util = Arc::new(load(|header| header.calling_code == Some(code))?);
    LOADED.write().ok()?.insert(code, util.clone());
    Some(util)
}

/// libphonenumber for the national numbers of a region.
pub(super) fn of_region(region: Region) -> Option<Arc<PhoneNumberUtil>> {
    let name = region.to_string();
    let (header, _) = REGIONS.iter().find(|(header, _)| header.region == name)?;
    of_calling_code(header.calling_code?)
}

/// libphonenumber for all numbers.
pub(super) fn of_all() -> Option<Arc<PhoneNumberUtil>> {
    static ALL: LazyLock<Option<Arc<PhoneNumberUtil>>> =
        LazyLock::new(|| load(|_| true).map(Arc::new));
    ALL.clone()
}

/// libphonenumber for the regions that are `wanted`.
fn load(wanted: impl Fn(&RegionHeader) -> bool) -> Option<PhoneNumberUtil> {
    let regions = REGIONS.iter().filter(|(header, _)| wanted(header));
    let metadata: Vec<_> =
        regions.filter_map(|(_, region)| PhoneMetadata::decode(region.clone()).ok()).collect();
    (!metadata.is_empty())
        .then(|| PhoneNumberUtil::new_for_metadata(PhoneMetadataCollection { metadata }).ok())
        .flatten()
}
