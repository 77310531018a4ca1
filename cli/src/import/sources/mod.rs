//! The services that users come from. Each file knows the export of one.

mod auth0;
mod clerk;
mod cognito;
mod columns;
mod django;
mod firebase;
mod keycloak;
mod own;
mod sqlalchemy;
mod supabase;

use clap::ValueEnum;

pub(crate) use self::{auth0::Hashes, firebase::Parameters};
use crate::import::{
    Terms,
    draft::{Draft, Unusable},
    row::Fields,
    rows::Header,
};

#[cfg(test)]
mod tests;

/// A service that users come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// Amazon Cognito: JSON of `aws cognito-idp list-users`, or CSV with the columns of its import
    Cognito,
    /// Firebase: JSON or CSV of `firebase auth:export`
    Firebase,
    /// Supabase: CSV or JSON of the table auth.users
    Supabase,
    /// Auth0: NDJSON or JSON of a job users-exports, with --hashes for passwords
    Auth0,
    /// Clerk: CSV of the dashboard
    Clerk,
    /// Keycloak: JSON of a realm's export with users
    Keycloak,
    /// Django: JSON of `manage.py dumpdata auth.user`, or CSV of the table
    Django,
    /// A table of users: FastAPI Users, Flask-Security, SQLAlchemy; CSV with a header
    Sqlalchemy,
    /// CSV with the fields of a record as columns
    Csv,
}

impl Source {
    /// The names of the columns of its CSV.
    pub(crate) fn header(self) -> Header {
        match self {
            Self::Firebase => Header::Fixed(firebase::COLUMNS),
            _ => Header::First,
        }
    }

    /// Whether the service may say nothing about which phones and addresses are verified, so that the
    /// operator may.
    pub(crate) fn may_be_vouched_for(self) -> bool {
        matches!(self, Self::Django | Self::Sqlalchemy)
    }

    /// Lines that the report has for this service.
    pub(crate) fn notes(self) -> &'static [&'static str] {
        match self {
            Self::Cognito => {
                &["Cognito exports no passwords and no secrets of authenticator apps."]
            }
            Self::Firebase => &[
                "Firebase exports no second factors, and no passwords that were imported into it with another hash.",
            ],
            Self::Supabase => {
                &["Second factors are in the table auth.mfa_factors, which is not read."]
            }
            _ => &[],
        }
    }

    /// Makes a record of an entry; `None` if the entry is not a user.
    ///
    /// # Errors
    /// Why the user cannot be brought along.
    pub(crate) fn convert<'a>(
        self,
        fields: &Fields,
        terms: &'a Terms,
    ) -> Result<Option<Draft<'a>>, Unusable> {
        let draft = match self {
            Self::Cognito => cognito::draft(fields, terms),
            Self::Firebase => firebase::draft(fields, terms),
            Self::Supabase => supabase::draft(fields, terms)?,
            Self::Auth0 => auth0::draft(fields, terms),
            Self::Clerk => clerk::draft(fields, terms),
            Self::Keycloak => keycloak::draft(fields, terms),
            Self::Django => match django::draft(fields, terms) {
                None => return Ok(None),
                Some(draft) => draft,
            },
            Self::Sqlalchemy => sqlalchemy::draft(fields, terms),
            Self::Csv => own::draft(fields, terms)?,
        };
        draft.finish().map(Some)
    }
}
