//! The file of a request: its body, or the one file of a form.

use std::convert::Infallible;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use futures_util::{future, stream};
use multer::{Constraints, Multipart, SizeLimit};
use shared::{base::Error, http::check_encoding, latchkey::Latchkey};
use utoipa::ToSchema;

/// The media type of a form with a file.
const FORM_TYPE: &str = "multipart/form-data";
/// The maximum number of bytes of a form around its file: boundaries and headers.
const FORM_BYTES: usize = 16 * 1024;

/// The uploaded file, of 1 to `AVATAR_MAX_BYTES` bytes.
pub(super) struct Upload(pub(super) Bytes);

/// The bytes of a JPEG, PNG, WebP or GIF: up to 4 MiB, unless the deployment allows less.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "for the document")]
pub(super) struct AvatarFile(Vec<u8>);

/// A form with one file and no other field. The field may have any name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document")]
pub(super) struct AvatarForm {
    /// The picture.
    file: AvatarFile,
}

impl FromRequest<Latchkey> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, latchkey: &Latchkey) -> Result<Self, Error> {
        let max_bytes = latchkey.settings().avatars.max_bytes;
        let (head, body) = request.into_parts();

        check_encoding(&head.headers)?;
        let content_type = content_type(&head.headers)?;
        let essence =
            content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_form = essence == FORM_TYPE;
        if !is_form && !may_be_picture(&essence) {
            return Err(unsupported(
                "must be a picture (image/*, application/octet-stream or no Content-Type) or a form \
                 with one (multipart/form-data)",
            ));
        }

        let most = if is_form { max_bytes + FORM_BYTES } else { max_bytes };
        let body = to_bytes(body, most).await.map_err(|_| Error::BodyTooLarge { max_bytes })?;
        let file = if is_form { only_file(content_type, body, max_bytes).await? } else { body };
        if file.is_empty() { Err(Error::InvalidImage("is empty")) } else { Ok(Self(file)) }
    }
}

/// Whether a body of this media type is looked at: its content decides, and the label is often wrong
/// or missing.
fn may_be_picture(essence: &str) -> bool {
    essence.starts_with("image/")
        || essence.ends_with("/octet-stream")
        || matches!(essence, "" | "*/*")
}

/// The only `Content-Type` of a request; an empty text without one.
fn content_type(headers: &HeaderMap) -> Result<&str, Error> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next().map_or(Ok(""), |value| value.to_str());
    match (value, values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(unsupported("must have one Content-Type, in ASCII")),
    }
}

fn unsupported(reason: &str) -> Error {
    Error::UnsupportedMediaType(reason.to_owned())
}

/// The file of a form that contains nothing else (RFC 7578). Its name and media type are ignored.
async fn only_file(content_type: &str, form: Bytes, max_bytes: usize) -> Result<Bytes, Error> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| {
        unsupported("is a form whose Content-Type has no boundary: let the HTTP library set it")
    })?;
    let one_file = || Error::field("", "the form must contain one file and nothing else");
    let unreadable = || {
        Error::field(
            "",
            "the form cannot be read: it must end each part with its boundary and CRLF",
        )
    };

    let limits = SizeLimit::new().per_field(max_bytes as u64);
    let whole = stream::once(future::ready(Ok::<_, Infallible>(form)));
    let mut fields =
        Multipart::with_constraints(whole, boundary, Constraints::new().size_limit(limits));
    let refused = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { .. } => Error::BodyTooLarge { max_bytes },
        _ => unreadable(),
    };

    let field = fields.next_field().await.map_err(refused)?.ok_or_else(one_file)?;
    if field.file_name().is_none() {
        return Err(Error::field(
            "",
            "the form has a part without a file name: it must be one file",
        ));
    }
    let file = field.bytes().await.map_err(refused)?;

    match fields.next_field().await {
        Ok(None) => Ok(file),
        _ => Err(one_file()),
    }
}
