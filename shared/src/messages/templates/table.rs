//! Templates of e-mails in the table: one item each, beside the app, which has their names.

use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, TransactWriteItem};
use futures_util::FutureExt;

use super::MailTemplate;
use crate::{
    apps::App,
    aws::unavailable,
    base::Error,
    table::{Key, MAIL, Store, from_item, text, to_item},
};

impl Store {
    /// A template. `None` if there is none.
    pub(super) async fn mail_template(
        &self,
        client_id: &str,
        name: &str,
    ) -> Result<Option<MailTemplate>, Error> {
        self.get(Key::mail_template(client_id, name)).await
    }

    /// All templates of an app, by name. They may be more than one page of DynamoDB, which has 1 MB.
    pub(super) async fn mail_templates(&self, client_id: &str) -> Result<Vec<MailTemplate>, Error> {
        let (mut templates, mut start) = (Vec::new(), None);
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :mail)")
                .expression_attribute_values(":pk", Key::app(client_id).pk())
                .expression_attribute_values(":mail", text(MAIL))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .boxed()
                .await
                .map_err(unavailable)?;
            self.count_read(page.consumed_capacity.as_ref());
            for item in page.items.unwrap_or_default() {
                templates.push(from_item(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(templates);
            }
        }
    }

    /// Writes a template together with the change of its app, by [`Store::change_app`].
    ///
    /// # Errors
    /// The errors of `change`; [`Error::NotFound`] if there is no such app.
    pub(super) async fn put_mail_template(
        &self,
        app: (&str, &App),
        template: &MailTemplate,
        change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let item = to_item(Key::mail_template(app.0, &template.name), template)?;
        self.change_with(app, self.put_always(item)?, change).await
    }

    /// Deletes a template together with the change of its app.
    ///
    /// # Errors
    /// As [`Self::put_mail_template`].
    pub(super) async fn delete_mail_template(
        &self,
        app: (&str, &App),
        name: &str,
        change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let delete = self.delete_always(Key::mail_template(app.0, name))?;
        self.change_with(app, delete, change).await
    }

    async fn change_with(
        &self,
        (client_id, default_app): (&str, &App),
        write: TransactWriteItem,
        change: impl FnMut(&mut App) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.change_app_and(client_id, default_app, &[write], change).await.map(drop)
    }
}
