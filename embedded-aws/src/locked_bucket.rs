//! The bucket whose objects are locked: it keeps every version of an object, adds an object only if
//! there is none (`If-None-Match: *`), and deletes nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use s3s::{
    Body, S3Error, S3Request, S3Response, S3Result,
    dto::{
        ETagCondition, GetObjectInput, GetObjectOutput, ListObjectVersionsInput,
        ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectVersion,
        PutObjectInput, PutObjectOutput,
    },
    s3_error,
};

/// The largest object that is accepted.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most names of a page.
const PAGE: usize = 1000;

/// The objects in a folder: one folder for each, in which the versions are numbered, beginning
/// with 1.
#[derive(Clone)]
pub(crate) struct LockedBucket {
    folder: PathBuf,
    /// One request at a time adds an object.
    adding: Arc<Mutex<()>>,
}

impl LockedBucket {
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, adding: Arc::default() })
    }

    pub(crate) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let mut body = input.body.map_or_else(Body::empty, Body::from);
        let bytes = body.store_all_limited(MAX_BYTES).await;
        let bytes = bytes.map_err(|_| s3_error!(IncompleteBody))?;

        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.object(&input.key);
        let versions = versions(&folder).map_err(S3Error::internal_error)?;
        if matches!(input.if_none_match, Some(ETagCondition::Any)) && !versions.is_empty() {
            return Err(s3_error!(PreconditionFailed));
        }

        let version = versions.len() + 1;
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(version.to_string()), &bytes))
            .map_err(S3Error::internal_error)?;
        Ok(S3Response::new(PutObjectOutput {
            version_id: Some(version.to_string()),
            ..PutObjectOutput::default()
        }))
    }

    pub(crate) fn get(
        &self,
        request: &S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let folder = self.object(&request.input.key);
        let versions = versions(&folder).map_err(S3Error::internal_error)?;
        let newest = versions.last().map(usize::to_string);
        let version = request.input.version_id.clone().or(newest);
        let version = version.ok_or_else(|| s3_error!(NoSuchKey))?;

        let bytes = fs::read(folder.join(version)).map_err(|_| s3_error!(NoSuchVersion))?;
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(bytes.len()).ok(),
            body: Some(Body::from(bytes).into()),
            ..GetObjectOutput::default()
        }))
    }

    pub(crate) fn list(
        &self,
        request: &S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = &request.input;
        let names = self.names(input.prefix.as_deref()).map_err(S3Error::internal_error)?;
        let limit = input.max_keys.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE);
        let objects = names
            .iter()
            .take(limit)
            .map(|name| Object { key: Some(name.clone()), ..Object::default() });
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(objects.collect()),
            is_truncated: Some(names.len() > limit),
            ..ListObjectsV2Output::default()
        }))
    }

    /// All versions in one page.
    pub(crate) fn list_versions(
        &self,
        request: &S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let mut listed = Vec::new();
        let prefix = request.input.prefix.as_deref();
        for name in self.names(prefix).map_err(S3Error::internal_error)? {
            let versions = versions(&self.object(&name)).map_err(S3Error::internal_error)?;
            listed.extend(versions.iter().rev().map(|version| ObjectVersion {
                key: Some(name.clone()),
                version_id: Some(version.to_string()),
                is_latest: Some(versions.last() == Some(version)),
                ..ObjectVersion::default()
            }));
        }
        Ok(S3Response::new(ListObjectVersionsOutput {
            versions: Some(listed),
            is_truncated: Some(false),
            ..ListObjectVersionsOutput::default()
        }))
    }

    /// The folder of an object. The slashes in its name are no folders.
    fn object(&self, name: &str) -> PathBuf {
        self.folder.join(name.replace('/', "%2F"))
    }

    fn names(&self, prefix: Option<&str>) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().replace("%2F", "/");
            if name.starts_with(prefix.unwrap_or_default()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The numbers of the versions of an object, oldest first.
fn versions(folder: &Path) -> io::Result<Vec<usize>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut versions = Vec::new();
    for entry in entries {
        versions.extend(entry?.file_name().to_str().and_then(|name| name.parse::<usize>().ok()));
    }
    versions.sort_unstable();
    Ok(versions)
}
