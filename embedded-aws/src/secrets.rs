//! Secrets Manager: the versions of secrets and their stages, as far as rotation needs them (JSON
//! 1.1).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::StartError;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Version {
    value: Option<String>,
    stages: BTreeSet<String>,
}

/// Secrets by name, versions by id.
type Stored = BTreeMap<String, BTreeMap<String, Version>>;

/// The secrets.
#[derive(Clone)]
pub struct Secrets {
    stored: Arc<Mutex<Stored>>,
    file: Option<PathBuf>,
}

impl Secrets {
    pub(crate) fn open(file: Option<PathBuf>) -> Result<Self, StartError> {
        let stored = match &file {
            Some(file) if file.exists() => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
                serde_json::from_str(&text)
                    .map_err(|error| format!("{}: {error}", file.display()))?
            }
            _ => Stored::default(),
        };
        Ok(Self { stored: Arc::new(Mutex::new(stored)), file })
    }

    /// The current value of a secret.
    pub fn get(&self, name: &str) -> Option<String> {
        let stored = self.stored.lock().ok()?;
        let version =
            stored.get(name)?.values().find(|version| version.stages.contains(CURRENT))?;
        version.value.clone()
    }

    /// Creates a secret if it does not exist.
    pub fn create(&self, name: &str, value: String) {
        if self.get(name).is_none() {
            let version =
                Version { value: Some(value), stages: BTreeSet::from([CURRENT.to_owned()]) };
            self.change(|stored| {
                stored.insert(
                    name.to_owned(),
                    BTreeMap::from([(uuid::Uuid::new_v4().to_string(), version)]),
                );
            });
        }
    }

    /// Creates a secret, or replaces its value.
    pub fn replace(&self, name: &str, value: String) {
        self.change(|stored| stored.remove(name));
        self.create(name, value);
    }

    /// Starts a rotation as on AWS: adds an empty, pending version. Returns its id.
    pub fn begin_rotation(&self, name: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let pending = Version { value: None, stages: BTreeSet::from([PENDING.to_owned()]) };
        self.change(|stored| {
            let versions = stored.entry(name.to_owned()).or_default();
            // A stage belongs to one version only.
            for version in versions.values_mut() {
                version.stages.remove(PENDING);
            }
            versions.insert(id.clone(), pending);
        });

        id
    }

    fn change<T>(&self, change: impl FnOnce(&mut Stored) -> T) -> Option<T> {
        let mut stored = self.stored.lock().ok()?;
        let answer = change(&mut stored);
        if let Some(file) = &self.file {
            let text = serde_json::to_string(&*stored).unwrap_or_default();
            if let Err(error) = write_private(file, &text) {
                tracing::error!(%error, file = %file.display(), "secrets could not be saved");
            }
        }

        Some(answer)
    }
}

/// Writes a file that only its owner may read.
fn write_private(file: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};

    let new = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?
        .write_all(text.as_bytes())?;

    std::fs::rename(new, file)
}

pub(crate) fn router(secrets: Secrets) -> Router {
    Router::new().route("/", post(call)).with_state(secrets)
}

async fn call(State(secrets): State<Secrets>, headers: HeaderMap, body: String) -> Response {
    let target =
        headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let name = request.get("SecretId").and_then(Value::as_str).unwrap_or_default().to_owned();

    let answer = secrets.change(|stored| {
        let versions = stored.get_mut(&name).ok_or("ResourceNotFoundException")?;
        match target.rsplit('.').next().unwrap_or_default() {
            "GetSecretValue" => get_secret_value(&name, versions, &request),
            "DescribeSecret" => Ok(describe(&name, versions)),
            "PutSecretValue" => put_secret_value(&name, versions, &request),
            "UpdateSecretVersionStage" => update_stage(&name, versions, &request),
            _ => Err("InvalidRequestException"),
        }
    });
    match answer {
        Some(Ok(answer)) => Json(answer).into_response(),
        Some(Err(code)) => {
            (StatusCode::BAD_REQUEST, Json(json!({"__type": code, "Message": code})))
                .into_response()
        }
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

type Answer = Result<Value, &'static str>;
type Versions = BTreeMap<String, Version>;

fn get_secret_value(name: &str, versions: &Versions, request: &Value) -> Answer {
    let id = request.get("VersionId").and_then(Value::as_str);
    let stage = request.get("VersionStage").and_then(Value::as_str);
    let stage = if id.is_none() { stage.or(Some(CURRENT)) } else { stage };
    let (id, version) = versions
        .iter()
        .find(|(version_id, version)| {
            id.is_none_or(|id| id == version_id.as_str())
                && stage.is_none_or(|stage| version.stages.contains(stage))
        })
        .ok_or("ResourceNotFoundException")?;

    let value = version.value.as_ref().ok_or("ResourceNotFoundException")?;
    Ok(
        json!({"ARN": name, "Name": name, "VersionId": id, "SecretString": value, "VersionStages": version.stages}),
    )
}

fn describe(name: &str, versions: &Versions) -> Value {
    let stages: BTreeMap<_, _> = versions
        .iter()
        .filter(|(_, v)| !v.stages.is_empty())
        .map(|(id, v)| (id, &v.stages))
        .collect();
    json!({"ARN": name, "Name": name, "RotationEnabled": true, "VersionIdsToStages": stages})
}

fn put_secret_value(name: &str, versions: &mut Versions, request: &Value) -> Answer {
    let answer = put_version(name, versions, request)?;
    let id = answer.get("VersionId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_current =
        |versions: &Versions| versions.get(&id).is_some_and(|it| it.stages.contains(CURRENT));
    if is_current(versions) {
        // As on AWS, the version that was current becomes the previous one.
        let before: Vec<_> = versions
            .iter_mut()
            .filter(|(other, version)| **other != id && version.stages.contains(CURRENT))
            .map(|(other, version)| {
                version.stages.remove(CURRENT);
                other.clone()
            })
            .collect();
        if let Some(before) = before.first() {
            for (other, version) in versions.iter_mut() {
                version.stages.remove(PREVIOUS);
                if other == before {
                    version.stages.insert(PREVIOUS.to_owned());
                }
            }
        }
    }
    Ok(answer)
}

fn put_version(name: &str, versions: &mut Versions, request: &Value) -> Answer {
    let id = request
        .get("ClientRequestToken")
        .and_then(Value::as_str)
        .ok_or("InvalidRequestException")?;
    let value =
        request.get("SecretString").and_then(Value::as_str).ok_or("InvalidRequestException")?;

    let version = versions.entry(id.to_owned()).or_default();
    match &version.value {
        Some(there) if there != value => return Err("ResourceExistsException"),
        _ => version.value = Some(value.to_owned()),
    }

    let stages = request
        .get("VersionStages")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_else(|| vec![CURRENT.into()]);
    version.stages.extend(stages.iter().filter_map(Value::as_str).map(str::to_owned));

    Ok(json!({"ARN": name, "Name": name, "VersionId": id, "VersionStages": version.stages}))
}

fn update_stage(name: &str, versions: &mut Versions, request: &Value) -> Answer {
    let field = |name: &str| request.get(name).and_then(Value::as_str).map(str::to_owned);
    let stage = field("VersionStage").ok_or("InvalidRequestException")?;
    let (from, to) = (field("RemoveFromVersionId"), field("MoveToVersionId"));
    let holder = versions
        .iter()
        .find(|(_, version)| version.stages.contains(&stage))
        .map(|(id, _)| id.clone());
    if holder.is_some() && holder != from && holder != to {
        return Err("InvalidParameterException");
    }

    for version in versions.values_mut() {
        version.stages.remove(&stage);
    }

    if let Some(to) = to {
        versions.get_mut(&to).ok_or("ResourceNotFoundException")?.stages.insert(stage.clone());
    }

    // As on AWS, the version that was current becomes the previous one.
    if stage == CURRENT
        && let Some(from) = from.or(holder)
    {
        for version in versions.values_mut() {
            version.stages.remove(PREVIOUS);
        }
        versions
            .get_mut(&from)
            .ok_or("ResourceNotFoundException")?
            .stages
            .insert(PREVIOUS.to_owned());
    }

    Ok(json!({"ARN": name, "Name": name}))
}
