//! Failures of the service on the hosted page: what a person reads, and how they try again.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use shared::{authorization::Flow, base::Error};

use super::{
    Text, Visit,
    html::{button, form, hidden, paragraph},
};

/// The action of the button that shows a step again. No step takes it for an answer.
const AGAIN: &str = "again";

impl Visit {
    /// The response for a request that failed, with the status that alarms see. A browser gets a page,
    /// whose button shows the step of `flow` again, and the cookies: a person who is signed in stays so.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn failed(self, error: Error, flow: &Flow) -> Result<Response, Error> {
        if !self.prefers_page {
            return Err(error);
        }
        let say = |text| self.say(text, &[]);
        let typed = self.typed.as_deref().map(|typed| hidden("identifier", typed));
        let inside = typed.unwrap_or_default() + &button(AGAIN, &say(Text::TryAgain), true);
        let body = paragraph(&say(Text::OurFault)) + &form(&self.sealed(flow)?, &inside);
        let page = self.page(StatusCode::SERVICE_UNAVAILABLE, say(Text::Failed), body);

        let page = page.in_place_of_problem(self.sets)?;
        let mut response = error.into_response();
        response.extensions_mut().insert(page);
        Ok(response)
    }
}
