//! S3: s3s over a folder.

use std::path::Path;

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{AVATAR_BUCKET, CREDENTIALS, StartError};

pub(crate) fn serve(listener: TcpListener, folder: &Path) -> Result<JoinHandle<()>, StartError> {
    std::fs::create_dir_all(folder.join(AVATAR_BUCKET)).map_err(|error| format!("S3: {error}"))?;
    let files = FileSystem::new(folder).map_err(|error| format!("S3: {error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(CREDENTIALS.0, CREDENTIALS.1));
    let service = builder.build();
    Ok(tokio::spawn(async move {
        loop {
            let Ok((socket, _)) = listener.accept().await else { return };
            let service = service.clone();
            tokio::spawn(async move {
                // A client that goes away is no fault of the server.
                let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    }))
}
