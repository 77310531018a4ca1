//! The step of the hosted page at which the browser solves a proof of work.

use shared::{
    apps::{App, SignInMethod},
    messages::escape,
};

use super::{
    Text, Visit,
    html::{CONTINUE, button},
};

impl Visit {
    /// The challenge for the script of the page: the title, and what the form has. A browser that
    /// cannot solve it shows what the person can do instead.
    pub(super) fn proof_of_work(
        &self,
        challenge: &serde_json::Value,
        app: Option<&App>,
    ) -> (String, String) {
        let say = |text| self.say(text, &[]);
        let has_password = self.offers(app, SignInMethod::Password);
        let password = has_password.then(|| button("password", &say(Text::UsePassword), false));
        let inside = format!(
            "<p id=\"work\" role=\"status\" hidden>{}</p>\n<p id=\"help\">{}</p>\n\
             <input type=\"hidden\" name=\"proof\" data-challenge=\"{}\">\n",
            escape(&say(Text::ProofRuns)),
            escape(&say(Text::ProofNeedsScript)),
            escape(&challenge.to_string()),
        ) + &button(CONTINUE, &say(Text::Continue), true)
            + &password.unwrap_or_default()
            + &button("another", &say(self.takes(app).another()), false)
            + &button("cancel", &say(Text::Cancel), false);
        (say(Text::OneMoment), inside)
    }
}
