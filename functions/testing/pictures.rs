//! Pictures such as phones and attackers make, and a look into the bucket.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

use super::{Answer, TestApp, bearer};

/// The colours of the corners: top left, top right, bottom left, bottom right.
pub(crate) const CORNERS: [[u8; 3]; 4] =
    [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 40]];
/// Marks of the metadata that a camera writes into a picture. None may be published.
pub(crate) const SECRETS: [&[u8]; 8] = [
    b"Exif",
    b"SecretCam",
    b"GPS",
    b"ICC_PROFILE",
    b"http://ns.adobe.com/xap",
    b"Photoshop",
    b"a comment",
    b"alert(",
];

/// A picture with a colour in each corner.
pub(crate) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(CORNERS[usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2)])
    })
}

/// The position, in the upright picture, of the pixel that a camera stores at (`column`, `row`)
/// (Exif 2.3, Orientation).
fn upright((width, height): (u32, u32), orientation: u8, column: u32, row: u32) -> (u32, u32) {
    match orientation {
        2 => (width - 1 - column, row),
        3 => (width - 1 - column, height - 1 - row),
        4 => (column, height - 1 - row),
        5 => (row, column),
        6 => (width - 1 - row, column),
        7 => (width - 1 - row, height - 1 - column),
        8 => (row, height - 1 - column),
        _ => (column, row),
    }
}

/// A picture as a camera stores it that was held in this Exif `orientation`.
pub(crate) fn turned(picture: &RgbImage, orientation: u8) -> RgbImage {
    let size = picture.dimensions();
    let (width, height) = if orientation >= 5 { (size.1, size.0) } else { size };
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = upright(size, orientation, column, row);
        *picture.get_pixel(x, y)
    })
}

pub(crate) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(picture).unwrap();
    bytes
}

pub(crate) fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Exif data of a camera: its maker, how it was held, and its GPS position.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let mut bytes = [tag.to_le_bytes(), kind.to_le_bytes()].concat();
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        bytes
    };
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();

    tiff.extend(3_u16.to_le_bytes());
    tiff.extend(entry(0x010f, 2, 10, 50));
    tiff.extend(entry(0x0112, 3, 1, u32::from(orientation)));
    tiff.extend(entry(0x8825, 4, 1, 60));
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(b"SecretCam\0");
    assert_eq!(tiff.len(), 60);

    tiff.extend(2_u16.to_le_bytes());
    tiff.extend(entry(1, 2, 2, u32::from(b'N')));
    tiff.extend(entry(2, 5, 3, 90));
    tiff.extend(0_u32.to_le_bytes());
    for part in [50, 6, 40] {
        tiff.extend([u32::to_le_bytes(part), 1_u32.to_le_bytes()].concat());
    }

    tiff
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], length.as_slice(), content].concat()
}

/// A photograph as a phone makes it, with place, maker, colour profile, edits and a comment in it.
pub(crate) fn photo(picture: &RgbImage, orientation: u8) -> Vec<u8> {
    let plain = jpeg(&turned(picture, orientation));
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/' GPS='50'/>";
    [
        &plain[..2],
        &segment(0xe1, &[b"Exif\0\0", exif(orientation).as_slice()].concat()),
        &segment(0xe1, xmp),
        &segment(0xe2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), &[7; 200]].concat()),
        &segment(0xed, b"Photoshop 3.0\08BIM"),
        &segment(0xfe, b"a comment"),
        &plain[2..],
    ]
    .concat()
}

/// The markers of a JPEG, up to its first scan.
pub(crate) fn markers(jpeg: &[u8]) -> BTreeSet<u8> {
    let (mut markers, mut at) = (BTreeSet::new(), 2);
    while jpeg[at] == 0xff && !markers.contains(&0xda) {
        markers.insert(jpeg[at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    markers
}

/// Asserts that this is a square picture of `side` pixels without any metadata. Returns its pixels.
#[track_caller]
pub(crate) fn assert_clean(jpeg: &[u8], side: u32) -> RgbImage {
    // JFIF, quantisation, frame, Huffman tables, scan. No other application segment, and no
    // comment.
    assert_eq!(markers(jpeg), [0xc0, 0xc4, 0xda, 0xdb, 0xe0].into());

    for secret in SECRETS {
        assert!(
            !jpeg.windows(secret.len()).any(|bytes| bytes == secret),
            "{}",
            String::from_utf8_lossy(secret)
        );
    }

    assert!(jpeg.ends_with(&[0xff, 0xd9]));
    let picture = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), (side, side));

    picture
}

/// Asserts that a picture shows the colours of [`picture`], the right way up.
#[track_caller]
pub(crate) fn assert_upright(picture: &RgbImage) {
    let (near, far) = (picture.width() / 8, picture.width() * 7 / 8);
    for (index, (x, y)) in
        [(near, near), (far, near), (near, far), (far, far)].into_iter().enumerate()
    {
        let Rgb(shown) = *picture.get_pixel(x, y);
        let close =
            shown.iter().zip(CORNERS[index]).all(|(shown, wanted)| shown.abs_diff(wanted) < 12);
        assert!(close, "corner {index} is {shown:?}");
    }
}

/// A multipart form with files. For each: its headers and its content. Returns the content type and
/// body.
pub(crate) fn form(files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (headers, content) in files {
        body.extend([b"--edge\r\n", headers.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat());
    }
    body.extend(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

impl TestApp {
    /// Uploads a picture with any headers.
    pub(crate) async fn put_avatar_with(
        &self,
        token: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(Method::PUT).uri("/v1/me/avatar");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(
            request.header(header::AUTHORIZATION, bearer(token)).body(Body::from(body)).unwrap(),
        )
        .await
    }

    /// Uploads a picture.
    pub(crate) async fn put_avatar(&self, token: &str, picture: Vec<u8>) -> Answer {
        self.put_avatar_with(token, &[("content-type", "application/octet-stream")], picture).await
    }

    /// Removes the caller's picture.
    pub(crate) async fn delete_avatar(&self, token: &str) -> Answer {
        self.call_as(token, Method::DELETE, "/v1/me/avatar").await
    }

    /// Everything in the bucket.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        for folder in
            std::fs::read_dir(self.aws.buckets().join(embedded_aws::AVATAR_BUCKET)).unwrap()
        {
            let folder = folder.unwrap();

            // The emulation keeps other files beside the objects, and leaves empty folders.
            if !folder.file_type().unwrap().is_dir() {
                continue;
            }

            for file in std::fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap();
                let name =
                    format!("{}/{}", folder.file_name().display(), file.file_name().display());
                if !name.contains(".s3s-fs") && !name.starts_with('.') {
                    objects.insert(name, std::fs::read(file.path()).unwrap());
                }
            }
        }

        objects
    }

    /// The two sizes of the only picture in the bucket, which must be a user's by now.
    #[track_caller]
    pub(crate) fn only_picture(&self) -> (Vec<u8>, Vec<u8>) {
        let objects = self.objects();
        let names: Vec<_> = objects.keys().cloned().collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(names[0].split_once('/').unwrap().0, names[1].split_once('/').unwrap().0);
        assert!(
            self.aws.pending_objects().is_empty(),
            "a rule would delete a picture that is shown"
        );

        let sized =
            |size: &str| objects.iter().find(|(name, _)| name.ends_with(size)).unwrap().1.clone();
        (sized("/512.jpg"), sized("/96.jpg"))
    }
}

impl Answer {
    /// The key in the response's `avatar_url`.
    #[track_caller]
    pub(crate) fn avatar_key(&self) -> String {
        key_of(self.assert_ok()["avatar_url"].as_str().expect("an avatar"))
    }
}

/// The key in a picture's URL.
pub(crate) fn key_of(url: &str) -> String {
    url.split('?').next().unwrap().rsplit('/').nth(1).unwrap().to_owned()
}
