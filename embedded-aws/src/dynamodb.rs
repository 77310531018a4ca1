//! DynamoDB: dynoxide, with the table of the deployment's template.

use std::path::Path;

use dynoxide::Database;
use serde_yaml_ng::Value;

use crate::{StartError, TABLE};

/// Opens the database, and creates the table if it does not exist.
pub(crate) fn open(template: &str, folder: Option<&Path>) -> Result<Database, StartError> {
    let database = match folder {
        Some(folder) => Database::new(&folder.join("dynamodb.sqlite").to_string_lossy()),
        None => Database::memory(),
    };
    let database = database.map_err(|error| format!("DynamoDB: {error}"))?;

    let table = database.get_table_metadata(TABLE).map_err(|error| format!("DynamoDB: {error}"))?;
    match table {
        None => make_table(&database, &table_properties(template)?)?,
        // An older version made the table without a stream.
        Some(table) if !table.stream_enabled => {
            add_stream(&database, &table_properties(template)?)?
        }
        Some(_) => {}
    }

    Ok(database)
}

fn make_table(database: &Database, properties: &Value) -> Result<(), StartError> {
    let failed = |error: String| format!("the template's table: {error}");
    let mut request = serde_json::Map::from_iter([("TableName".to_owned(), TABLE.into())]);
    for name in ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"] {
        if let Some(value) = properties.get(name) {
            request.insert(
                name.to_owned(),
                serde_json::to_value(value).map_err(|error| failed(error.to_string()))?,
            );
        }
    }

    request.insert("StreamSpecification".to_owned(), stream_specification(properties)?);
    let request =
        serde_json::from_value(request.into()).map_err(|error| failed(error.to_string()))?;
    database.create_table(request).map_err(|error| failed(error.to_string()))?;

    let ttl = properties
        .get("TimeToLiveSpecification")
        .ok_or_else(|| failed("it has no TimeToLiveSpecification".into()))?;
    let ttl = serde_json::json!({"TableName": TABLE, "TimeToLiveSpecification": ttl});
    let ttl = serde_json::from_value(ttl).map_err(|error| failed(error.to_string()))?;
    database.update_time_to_live(ttl).map_err(|error| failed(error.to_string()))?;

    Ok(())
}

fn add_stream(database: &Database, properties: &Value) -> Result<(), StartError> {
    let failed = |error: &dyn std::fmt::Display| format!("the stream of the table: {error}");
    let specification = stream_specification(properties)?;
    let request = serde_json::json!({"TableName": TABLE, "StreamSpecification": specification});
    let request = serde_json::from_value(request).map_err(|error| failed(&error))?;
    database.update_table(request).map(drop).map_err(|error| failed(&error))
}

/// The stream of the table. CloudFormation switches it on by naming its view type alone.
fn stream_specification(properties: &Value) -> Result<serde_json::Value, StartError> {
    let view_type = properties
        .get("StreamSpecification")
        .and_then(|specification| specification.get("StreamViewType"))
        .and_then(Value::as_str)
        .ok_or("the template's table has no StreamSpecification")?;
    Ok(serde_json::json!({"StreamEnabled": true, "StreamViewType": view_type}))
}

/// The properties of the one table in the template.
fn table_properties(template: &str) -> Result<Value, StartError> {
    let template: Value =
        serde_yaml_ng::from_str(template).map_err(|error| format!("the template: {error}"))?;
    let resources = template
        .get("Resources")
        .and_then(Value::as_mapping)
        .ok_or("the template has no Resources")?;

    let mut tables = resources.values().filter(|resource| {
        resource.get("Type").and_then(Value::as_str) == Some("AWS::DynamoDB::Table")
    });
    match (tables.next().and_then(|table| table.get("Properties")), tables.next()) {
        (Some(properties), None) => Ok(properties.clone()),
        _ => Err("the template must have exactly one table".into()),
    }
}
