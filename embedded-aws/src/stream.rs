//! The stream of the table, as Lambda's event source mapping reads it.

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
};

use dynoxide::{
    Database,
    actions::{
        describe_stream::DescribeStreamRequest, get_records::GetRecordsRequest,
        get_shard_iterator::GetShardIteratorRequest, list_streams::ListStreamsRequest,
    },
};
use serde_json::{Value, json};

use crate::StartError;

/// The most changes that are read together, as in the template.
const BATCH_SIZE: usize = 100;

/// The changes of the table. A clone reads on from the same place.
#[derive(Clone)]
pub struct Stream {
    database: Database,
    iterator: Arc<Mutex<String>>,
}

/// Changes that were read together.
pub struct Batch {
    /// The event of Lambda.
    pub event: Value,
    next: String,
}

impl Stream {
    /// The stream of the one table, from now on: what happened before the start is not in it.
    pub(crate) fn open(database: Database) -> Result<Self, StartError> {
        let iterator = latest(&database).map_err(|error| format!("the stream: {error}"))?;
        Ok(Self { database, iterator: Arc::new(Mutex::new(iterator)) })
    }

    /// The next changes; `None` if there are none. They come again until [`Self::advance`].
    pub fn next(&self) -> Option<Batch> {
        let shard_iterator = self.iterator.lock().ok()?.clone();
        let request = GetRecordsRequest { shard_iterator, limit: Some(BATCH_SIZE) };
        let read = self.database.get_records(request);
        let read = read.inspect_err(|error| tracing::error!(%error, "the stream cannot be read"));
        let read = read.ok().filter(|read| !read.records.is_empty())?;
        Some(Batch { event: json!({"Records": read.records}), next: read.next_shard_iterator? })
    }

    /// Goes on behind a batch.
    pub fn advance(&self, batch: Batch) {
        if let Ok(mut iterator) = self.iterator.lock() {
            *iterator = batch.next;
        }
    }
}

/// Where the stream ends now.
fn latest(database: &Database) -> Result<String, String> {
    let text = |error: &dyn Display| error.to_string();
    let streams = database.list_streams(ListStreamsRequest::default());
    let streams = streams.map_err(|error| text(&error))?.streams;
    let stream_arn = streams.first().ok_or("the table has none")?.stream_arn.clone();

    let described = DescribeStreamRequest { stream_arn: stream_arn.clone(), ..Default::default() };
    let described = database.describe_stream(described).map_err(|error| text(&error))?;
    let shard = described.stream_description.shards.first().ok_or("it has no shard")?;

    let request = GetShardIteratorRequest {
        stream_arn,
        shard_id: shard.shard_id.clone(),
        shard_iterator_type: "LATEST".to_owned(),
        sequence_number: None,
    };
    let found = database.get_shard_iterator(request).map_err(|error| text(&error))?;
    found.shard_iterator.ok_or_else(|| "it has no end".to_owned())
}
