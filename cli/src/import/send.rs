//! Sends records in batches, and notes each result.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{Api, Call},
    failure::Failure,
    import::{draft::Unusable, progress::Journal, record::Record, row::Place},
};

/// The most records of a request.
const BATCH: usize = 25;

/// Entries of an export that are finished together.
#[derive(Default)]
pub(crate) struct Batch {
    users: Vec<(Place, Record)>,
    /// Users that cannot be sent.
    refused: Vec<(Place, Unusable)>,
    entries: u64,
}

/// The response to a batch.
#[derive(Deserialize)]
struct Answer {
    results: Vec<Outcome>,
}

/// The result of a record.
#[derive(Deserialize)]
struct Outcome {
    status: String,
    id: Option<String>,
    #[serde(default)]
    left_out: Vec<String>,
    reason: Option<String>,
}

impl Batch {
    /// Adds an entry of the export that is not sent.
    pub(crate) fn skip(&mut self) {
        self.entries += 1;
    }

    /// Adds a user who cannot be sent.
    pub(crate) fn refuse(&mut self, place: Place, unusable: Unusable) {
        self.entries += 1;
        self.refused.push((place, unusable));
    }

    /// Adds a user.
    pub(crate) fn add(&mut self, place: Place, record: Record) {
        self.entries += 1;
        self.users.push((place, record));
    }

    /// Whether it is time to send it. Entries that are not sent are finished in batches, too.
    pub(crate) fn is_full(&self) -> bool {
        self.users.len() >= BATCH || self.entries >= 40 * BATCH as u64
    }

    /// Sends the records, notes the results, and writes the progress. Returns the number of records.
    ///
    /// # Errors
    /// Those of the request and of the files. Nothing of the batch is then noted as finished.
    pub(crate) async fn finish(
        &mut self,
        api: &Api,
        journal: &mut Journal,
    ) -> Result<u64, Failure> {
        let batch = std::mem::take(self);
        for (place, Unusable { id, reason }) in &batch.refused {
            journal.add_refused(id.as_deref().unwrap_or_default(), *place, reason)?;
            journal.progress.counts.refused += 1;
        }

        // From the last to the first: a body that is too large for the service is halved.
        let mut parts: Vec<&[(Place, Record)]> = vec![&batch.users];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match send(api, part).await {
                Ok(results) => note(journal, part, &results)?,
                Err(Failure::Refused(problem)) if problem.status == 413 && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(failure) => return Err(failure),
            }
        }
        journal.progress.entries += batch.entries;
        journal.save()?;
        Ok(batch.users.len() as u64)
    }
}

async fn send(api: &Api, part: &[(Place, Record)]) -> Result<Vec<Outcome>, Failure> {
    let users: Vec<&Record> = part.iter().map(|(_, record)| record).collect();
    let call =
        Call::with_body(Method::POST, "/v1/users/import", json!({"users": users})).idempotent();
    let answer: Option<Answer> = serde_json::from_value(api.ask(&call).await?).ok();
    answer.map(|answer| answer.results).filter(|results| results.len() == part.len()).ok_or_else(
        || {
            Failure::Unavailable(format!(
                "the response from {} does not have a result for each user: check the URL",
                api.url()
            ))
        },
    )
}

fn note(
    journal: &mut Journal,
    part: &[(Place, Record)],
    results: &[Outcome],
) -> Result<(), Failure> {
    for ((place, record), result) in part.iter().zip(results) {
        // Without an id, people find the user by the phone or the address.
        let named = [&record.external_id, &record.phone, &record.email];
        let old = named.into_iter().flatten().next().map(String::as_str).unwrap_or_default();
        let counts = &mut journal.progress.counts;
        match result.status.as_str() {
            "created" => counts.created += 1,
            "updated" => counts.updated += 1,
            "unchanged" => counts.unchanged += 1,
            _ => {
                counts.refused += 1;
                let reason = result.reason.as_deref().unwrap_or("the service gave no reason");
                journal.add_refused(old, *place, reason)?;
                continue;
            }
        }

        for field in &result.left_out {
            *counts.left_out.entry(field.clone()).or_default() += 1;
        }
        if !result.left_out.is_empty() {
            let reason = format!("brought along without: {}", result.left_out.join(", "));
            journal.add_refused(old, *place, &reason)?;
        }
        journal.add_id(old, result.id.as_deref().unwrap_or_default())?;
    }
    Ok(())
}
