//! S3: s3s over a folder, with the support for tags that s3s lacks.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    auth::SimpleAuth,
    dto::{
        DeleteObjectInput, DeleteObjectOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
        GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
        ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output,
        PutObjectInput, PutObjectOutput,
    },
    s3_error,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{AUDIT_BUCKET, AVATAR_BUCKET, CREDENTIALS, StartError, locked_bucket::LockedBucket};

/// The names of the objects that have tags. No lifecycle rule runs here, but a test can see which
/// objects one would delete.
#[derive(Clone, Default)]
pub(crate) struct PendingObjects(Arc<Mutex<BTreeSet<String>>>);

impl PendingObjects {
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, name: &str, is_tagged: bool) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_tagged {
            names.insert(name.to_owned());
        } else {
            names.remove(name);
        }
    }
}

/// The S3 operations that the service calls. Others are not implemented.
struct Bucket {
    files: FileSystem,
    pending: PendingObjects,
    anchors: LockedBucket,
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        if request.input.bucket == AUDIT_BUCKET {
            return self.anchors.put(request).await;
        }
        let (name, is_tagged) = (request.input.key.clone(), request.input.tagging.is_some());
        let answer = self.files.put_object(request).await?;
        self.pending.set(&name, is_tagged);
        Ok(answer)
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        if request.input.bucket == AUDIT_BUCKET {
            return self.anchors.get(&request);
        }
        self.files.get_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        if request.input.bucket == AUDIT_BUCKET {
            return self.anchors.list(&request);
        }
        Err(s3_error!(NotImplemented))
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        if request.input.bucket == AUDIT_BUCKET {
            return self.anchors.list_versions(&request);
        }
        Err(s3_error!(NotImplemented))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        if request.input.bucket == AUDIT_BUCKET {
            return Err(s3_error!(AccessDenied, "the object is locked"));
        }
        self.pending.set(&request.input.key.clone(), false);
        self.files.delete_object(request).await
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        self.pending.set(&request.input.key, false);
        Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
    }
}

pub(crate) fn serve(
    listener: TcpListener,
    folder: &Path,
    pending: PendingObjects,
) -> Result<JoinHandle<()>, StartError> {
    std::fs::create_dir_all(folder.join(AVATAR_BUCKET)).map_err(|error| format!("S3: {error}"))?;
    let files = FileSystem::new(folder).map_err(|error| format!("S3: {error:?}"))?;
    let anchors =
        LockedBucket::open(folder.join(AUDIT_BUCKET)).map_err(|error| format!("S3: {error}"))?;
    let mut builder = S3ServiceBuilder::new(Bucket { files, pending, anchors });
    builder.set_auth(SimpleAuth::from_single(CREDENTIALS.0, CREDENTIALS.1));

    let service = builder.build();
    Ok(tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { return };
            let service = service.clone();
            tokio::spawn(async move {
                // A client that disconnects is not an error of the server.
                let _ = Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    }))
}
