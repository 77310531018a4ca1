//! The settings of bringing users along.

use super::CognitoPool;
use crate::base::Reader;

/// Where people come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationSettings {
    /// `COGNITO_USER_POOL`: the user pool that is asked about passwords of people who are not here
    /// yet.
    pub cognito: Option<CognitoPool>,
}

impl MigrationSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            cognito: reader.optional(
                "COGNITO_USER_POOL",
                "region, id of the user pool and id of a public app client, separated by commas, like \
                 eu-central-1,eu-central-1_AbC123dEf,1h57kf5cpq17m0eml12example",
                CognitoPool::parse,
            ),
        }
    }
}
