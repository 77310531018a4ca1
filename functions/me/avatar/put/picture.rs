//! Makes a picture of an untrusted file: the result has pixels and nothing else.

use std::io::Cursor;

use axum::body::Bytes;
use image::{
    DynamicImage, ImageDecoder, Limits, RgbImage, Rgba, RgbaImage,
    codecs::{
        gif::GifDecoder,
        jpeg::{JpegDecoder, JpegEncoder},
        png::PngDecoder,
        webp::WebPDecoder,
    },
    imageops::{self, FilterType},
};
use shared::{avatars::Picture, base::Error, users::Size};

/// The maximum number of pixels per side.
const MAX_SIDE: u32 = 4096;
/// The maximum memory, in bytes, of a decoded picture, and the same again for its decoder.
const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;
/// The JPEG quality, from 1 to 100. With 85 no defect is visible, and a portrait has about 40 kB.
const QUALITY: u8 = 85;

const UNREADABLE: Error = Error::InvalidImage("cannot be read");
const TOO_LARGE: Error =
    Error::InvalidImage("has more than 4,096 pixels per side, or more than 64 MiB once decoded");

/// The picture in a file, as [`redrawn`] makes it. Runs on a thread for blocking work.
///
/// # Errors
/// [`Error::InvalidImage`].
pub(super) async fn portrait(file: Bytes) -> Result<Picture, Error> {
    // If a decoder panics, the file cannot be read. (In a build where a panic aborts, the Lambda
    // restarts.)
    tokio::task::spawn_blocking(move || redrawn(&file)).await.unwrap_or(Err(UNREADABLE))
}

/// The picture in a file: upright, cropped to a square, in both sizes, and without metadata.
///
/// # Errors
/// [`Error::InvalidImage`].
pub fn redrawn(file: &[u8]) -> Result<Picture, Error> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);

    let mut decoder = decoder(file, &limits)?;
    check_size(&*decoder)?;
    decoder.set_limits(limits).map_err(|_| TOO_LARGE)?;

    let orientation = decoder.orientation().map_err(|_| UNREADABLE)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|_| UNREADABLE)?;
    let mut full = square(image);
    full.apply_orientation(orientation);
    let full = on_white(full);

    let side = Size::Thumbnail.pixels();
    let thumbnail = imageops::resize(&full, side, side, FilterType::Lanczos3);
    Ok(Picture { full: jpeg(&full)?, thumbnail: jpeg(&thumbnail)? })
}

/// The decoder of the format that the first bytes of a file name. Other formats, such as SVG and
/// HTML, are refused.
fn decoder<'a>(file: &'a [u8], limits: &Limits) -> Result<Box<dyn ImageDecoder + 'a>, Error> {
    let reader = Cursor::new(file);
    let decoder: Result<Box<dyn ImageDecoder>, _> = match file {
        [0xff, 0xd8, 0xff, ..] if has_end(file) => {
            JpegDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            // Chunks before the pixels may be compressed, too, so the limits apply from the start.
            PngDecoder::with_limits(reader, limits.clone()).map(|decoder| Box::new(decoder) as _)
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            GifDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            WebPDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        _ => return Err(Error::InvalidImage("is not a JPEG, PNG, WebP or GIF")),
    };
    decoder.map_err(|_| UNREADABLE)
}

/// Whether a JPEG has an end marker. If the file is cut off, the decoder would fill the rest with
/// grey.
fn has_end(file: &[u8]) -> bool {
    // Skips the segments before the first scan (ITU-T T.81, B.1.1.4): a picture that is embedded in
    // one, such as a thumbnail, has its own end marker.
    let mut rest = file.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, ..] = *rest {
        let length =
            if marker == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
        rest = rest.get(length..).unwrap_or_default();
        if marker == 0xda {
            return rest.windows(2).any(|two| two == [0xff, 0xd9]);
        }
    }
    false
}

/// Checks the size in the header, before anything is decoded.
fn check_size(decoder: &dyn ImageDecoder) -> Result<(), Error> {
    let (width, height) = decoder.dimensions();
    let fits = |side: u32| (1..=MAX_SIDE).contains(&side);
    let fits = fits(width) && fits(height) && decoder.total_bytes() <= MAX_DECODED_BYTES;
    if fits { Ok(()) } else { Err(TOO_LARGE) }
}

/// The square in the middle, scaled to [`Size::Full`].
fn square(image: DynamicImage) -> DynamicImage {
    let side = image.width().min(image.height());
    let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let middle = image.crop_imm(left, top, side, side);
    drop(image);

    let pixels = Size::Full.pixels();
    // First averages down to twice the size, which is quick, then uses the better filter.
    let middle =
        if side > 2 * pixels { middle.thumbnail_exact(2 * pixels, 2 * pixels) } else { middle };
    middle.resize_exact(pixels, pixels, FilterType::Lanczos3)
}

/// Puts the picture on a white background, because JPEG has no transparency.
fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let mut paper = RgbaImage::from_pixel(image.width(), image.height(), Rgba([255; 4]));
    imageops::overlay(&mut paper, &image.into_rgba8(), 0, 0);
    DynamicImage::ImageRgba8(paper).into_rgb8()
}

fn jpeg(image: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let encoded = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(image);
    encoded.map_err(|error| Error::Internal(error.to_string()))?;
    Ok(bytes)
}
