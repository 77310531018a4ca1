//! From a file that may be anything to a picture that is nothing else.

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

/// The most pixels a side.
const MAX_SIDE: u32 = 4096;
/// The most bytes that a decoded picture, and a decoder beside it, may take.
const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;
/// Of JPEG, from 1 to 100: no fault can be seen, and a portrait has some 40 kB.
const QUALITY: u8 = 85;

const UNREADABLE: Error = Error::InvalidImage("cannot be read");
const TOO_LARGE: Error =
    Error::InvalidImage("is larger than 4,096 pixels a side, or 64 MiB once decoded");

/// The picture in a file.
///
/// # Errors
/// [`Error::InvalidImage`].
pub(super) async fn portrait(file: Bytes) -> Result<Picture, Error> {
    // A decoder that panics has found nothing to decode. (Where a panic aborts, the Lambda begins anew.)
    tokio::task::spawn_blocking(move || redrawn(&file)).await.unwrap_or(Err(UNREADABLE))
}

/// The same picture, upright, square, and without anything but its pixels.
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

/// The decoder of what a file begins with. SVG, HTML and everything else have none.
fn decoder<'a>(file: &'a [u8], limits: &Limits) -> Result<Box<dyn ImageDecoder + 'a>, Error> {
    let reader = Cursor::new(file);
    let decoder: Result<Box<dyn ImageDecoder>, _> = match file {
        [0xff, 0xd8, 0xff, ..] if has_end(file) => {
            JpegDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            // What stands before the pixels may be packed, too.
            PngDecoder::with_limits(reader, limits.clone()).map(|decoder| Box::new(decoder) as _)
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            GifDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            WebPDecoder::new(reader).map(|decoder| Box::new(decoder) as _)
        }
        _ => return Err(Error::InvalidImage("is no JPEG, PNG, WebP or GIF")),
    };
    decoder.map_err(|_| UNREADABLE)
}

/// Whether a JPEG ends: its decoder would fill what is missing with grey.
fn has_end(file: &[u8]) -> bool {
    // Segments, up to the first scan (ITU-T T.81, B.1.1.4): what is embedded in one has an end, too.
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

/// By the header: before anything is decoded.
fn check_size(decoder: &dyn ImageDecoder) -> Result<(), Error> {
    let (width, height) = decoder.dimensions();
    let fits = |side: u32| (1..=MAX_SIDE).contains(&side);
    let fits = fits(width) && fits(height) && decoder.total_bytes() <= MAX_DECODED_BYTES;
    if fits { Ok(()) } else { Err(TOO_LARGE) }
}

/// The middle, in full size.
fn square(image: DynamicImage) -> DynamicImage {
    let side = image.width().min(image.height());
    let (left, top) = ((image.width() - side) / 2, (image.height() - side) / 2);
    let middle = image.crop_imm(left, top, side, side);
    drop(image);
    let pixels = Size::Full.pixels();
    // By averages to twice the size, which is quick; then well.
    let middle =
        if side > 2 * pixels { middle.thumbnail_exact(2 * pixels, 2 * pixels) } else { middle };
    middle.resize_exact(pixels, pixels, FilterType::Lanczos3)
}

/// What is transparent becomes white, as JPEG has no transparency.
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
