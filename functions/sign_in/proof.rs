//! The step of the hosted page at which the browser solves a proof of work, before a suspected text
//! is sent.

use axum::response::Response;
use shared::{authorization::Step, base::Error};

use super::Desk;
use crate::hosted::Text;

#[cfg(test)]
mod tests;

impl Desk {
    /// Shows the challenge. If the browser has just brought a proof, which was used before or too
    /// old, the person starts again, since the page would send the next one by itself.
    pub(super) fn ask_for_proof(
        self,
        identifier: String,
        challenge: serde_json::Value,
    ) -> Result<Response, Error> {
        match self.form.proof.is_empty() {
            true => self.show(Step::Prove { identifier, challenge }, None),
            false => self.start_again(Text::Expired),
        }
    }

    /// Sends the code to the address that was typed, now with the proof. A browser without
    /// JavaScript brings none.
    pub(super) async fn prove(self, identifier: String) -> Result<Response, Error> {
        if self.form.proof.is_empty() {
            let same = self.flow.step.clone();
            return self.show(same, None);
        }
        self.send_to(identifier, None, Step::Identify).await
    }
}
