//! Senders of texts that are not SNS, as far as one text goes.

mod end_user_messaging;
mod kaleyra;
mod social_messaging;
mod twilio;
mod vonage;
mod whatsapp;

use axum::Router;

pub(crate) use self::{end_user_messaging::end_user_messaging, social_messaging::social_messaging};
use crate::inbox::Inbox;

/// The vendors beside AWS, each with the setting that names its host.
pub(crate) fn all(inbox: &Inbox) -> [(&'static str, Router); 5] {
    [
        ("TWILIO_URL", twilio::twilio(inbox.clone())),
        ("TWILIO_VERIFY_URL", twilio::twilio_verify(inbox.clone())),
        ("VONAGE_URL", vonage::vonage(inbox.clone())),
        ("KALEYRA_URL", kaleyra::kaleyra(inbox.clone())),
        ("WHATSAPP_URL", whatsapp::whatsapp(inbox.clone())),
    ]
}
