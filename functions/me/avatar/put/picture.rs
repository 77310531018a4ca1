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

use super::colours;

/// The maximum number of pixels per side.
const MAX_SIDE: u32 = 4096;
/// The maximum memory, in bytes, of a decoded picture, and the same again for its decoder.
const MAX_DECODED_BYTES: u64 = 64 * 1024 * 1024;
/// The JPEG quality, from 1 to 100. With 85 no defect is visible, and a portrait has about 40 kB.
const QUALITY: u8 = 85;

const UNREADABLE: Error = Error::InvalidImage("is damaged, or was not sent whole");
/// The end marker of a JPEG.
const JPEG_END: [u8; 2] = [0xff, 0xd9];
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

/// The picture in a file: upright, cropped to a square, in sRGB, in both sizes, and without metadata.
///
/// # Errors
/// [`Error::InvalidImage`].
pub fn redrawn(file: &[u8]) -> Result<Picture, Error> {
    if file.starts_with(&[0xff, 0xd8, 0xff]) && !has_end(file) {
        return without_end(file);
    }
    drawn(file)
}

fn drawn(file: &[u8]) -> Result<Picture, Error> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);

    let mut decoder = decoder(file, &limits)?;
    check_size(&*decoder)?;
    decoder.set_limits(limits).map_err(|_| TOO_LARGE)?;

    let orientation = decoder.orientation().map_err(|_| UNREADABLE)?;
    let profile = colours::profile(file, decoder.icc_profile().ok().flatten());
    let image = DynamicImage::from_decoder(decoder).map_err(|_| UNREADABLE)?;
    let mut full = square(image);
    full.apply_orientation(orientation);
    let full = on_white(colours::in_srgb(full, profile.as_ref()));

    let side = Size::Thumbnail.pixels();
    let thumbnail = imageops::resize(&full, side, side, FilterType::Lanczos3);
    Ok(Picture { full: jpeg(&full)?, thumbnail: jpeg(&thumbnail)? })
}

/// The picture in a JPEG that lacks its end marker, as the panoramas of some phones do. The decoder
/// would draw what follows the file, so a picture that changes with what follows was cut off.
///
/// # Errors
/// [`Error::InvalidImage`] if the picture was cut off.
fn without_end(file: &[u8]) -> Result<Picture, Error> {
    const FILLER_BYTES: usize = 4_096;
    let file = file.strip_suffix(&[0xff]).unwrap_or(file);
    let followed_by = |filler: u8| drawn(&[file, &[filler; FILLER_BYTES], &JPEG_END].concat());

    let (picture, other) = (followed_by(0x00)?, followed_by(0x5a)?);
    if picture.full == other.full { Ok(picture) } else { Err(UNREADABLE) }
}

/// The decoder of the format that the first bytes of a file name. Other formats, such as SVG and
/// HTML, are refused.
fn decoder<'a>(file: &'a [u8], limits: &Limits) -> Result<Box<dyn ImageDecoder + 'a>, Error> {
    let reader = Cursor::new(file);
    let decoder: Result<Box<dyn ImageDecoder>, _> = match file {
        [0xff, 0xd8, 0xff, ..] => JpegDecoder::new(reader).map(|decoder| Box::new(decoder) as _),
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
        _ => return Err(Error::InvalidImage("is not a JPEG, PNG, WebP or GIF: send one of these")),
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
            return rest.windows(2).any(|two| two == JPEG_END);
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

#[cfg(test)]
mod tests {
    use image::{
        ExtendedColorType, ImageEncoder, Rgb,
        codecs::{png::PngEncoder, webp::WebPEncoder},
    };
    use moxcms::ColorProfile;

    use super::*;

    /// Skin, in Display P3.
    const IN_P3: [u8; 3] = [201, 148, 122];
    /// The same colour in sRGB.
    const IN_SRGB: [u8; 3] = [211, 145, 117];

    fn p3() -> Vec<u8> {
        ColorProfile::new_display_p3().encode().unwrap()
    }

    fn encoded(mut encoder: impl ImageEncoder, profile: Option<Vec<u8>>) {
        if let Some(profile) = profile {
            encoder.set_icc_profile(profile).unwrap();
        }
        let picture = RgbImage::from_pixel(40, 40, Rgb(IN_P3));
        encoder.write_image(&picture, 40, 40, ExtendedColorType::Rgb8).unwrap();
    }

    fn as_jpeg(profile: Option<Vec<u8>>) -> Vec<u8> {
        let mut file = Vec::new();
        encoded(JpegEncoder::new_with_quality(&mut file, 95), profile);
        file
    }

    /// A GIF, with the profile in its application extension.
    fn as_gif(profile: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let picture = RgbImage::from_pixel(40, 40, Rgb(IN_P3));
        let encoded = image::codecs::gif::GifEncoder::new(&mut file).encode(
            &picture,
            40,
            40,
            ExtendedColorType::Rgb8,
        );
        encoded.unwrap();
        let mut extension = b"\x21\xff\x0bICCRGBG1012".to_vec();
        for block in profile.chunks(255) {
            extension.push(u8::try_from(block.len()).unwrap());
            extension.extend(block);
        }
        extension.push(0);
        // After the header and the global colour table.
        let colours = if file[10] & 0x80 == 0 { 0 } else { 3 << ((file[10] & 7) + 1) };
        file.splice(13 + colours..13 + colours, extension);
        file
    }

    /// The colour in the middle of the published picture.
    fn shown(file: &[u8]) -> [u8; 3] {
        let picture = redrawn(file).unwrap();
        let picture = image::load_from_memory(&picture.full).unwrap().into_rgb8();
        picture.get_pixel(256, 256).0
    }

    #[track_caller]
    fn assert_shows(file: &[u8], colour: [u8; 3], what: &str) {
        let shown = shown(file);
        let is_close = shown.iter().zip(colour).all(|(shown, wanted)| shown.abs_diff(wanted) <= 3);
        assert!(is_close, "{what}: {shown:?} instead of {colour:?}");
    }

    #[test]
    fn colours_are_converted_to_srgb_in_every_format_with_a_profile() {
        let (mut png, mut webp) = (Vec::new(), Vec::new());
        encoded(PngEncoder::new(&mut png), Some(p3()));
        encoded(WebPEncoder::new_lossless(&mut webp), Some(p3()));
        let files =
            [("jpeg", as_jpeg(Some(p3()))), ("png", png), ("webp", webp), ("gif", as_gif(&p3()))];
        for (format, file) in files {
            assert_shows(&file, IN_SRGB, format);
        }
    }

    /// A PNG with one more chunk before its pixels.
    fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        const AFTER_HEADER: usize = 8 + 25;
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(content);
        let length = u32::try_from(content.len()).unwrap();
        let chunk = [&length.to_be_bytes(), name, content, &sum.sum().to_be_bytes()].concat();
        [&png[..AFTER_HEADER], &chunk, &png[AFTER_HEADER..]].concat()
    }

    #[test]
    fn the_code_points_of_a_png_come_before_its_profile() {
        let (mut plain, mut srgb) = (Vec::new(), Vec::new());
        encoded(PngEncoder::new(&mut plain), None);
        let profile = ColorProfile::new_srgb().encode().unwrap();
        encoded(PngEncoder::new(&mut srgb), Some(profile));

        let of_p3 = [12, 13, 0, 1];
        assert_shows(&with_chunk(&plain, b"cICP", &of_p3), IN_SRGB, "Display P3");
        assert_shows(&with_chunk(&srgb, b"cICP", &of_p3), IN_SRGB, "with another profile");
        for (what, other) in [
            ("sRGB", &[1, 13, 0, 1][..]),
            ("PQ, which needs tone mapping", &[9, 16, 0, 1]),
            ("HLG, too", &[9, 18, 0, 1]),
            ("unknown primaries", &[2, 13, 0, 1]),
            ("reserved primaries", &[200, 13, 0, 1]),
            ("an unknown curve", &[12, 2, 0, 1]),
        ] {
            assert_shows(&with_chunk(&plain, b"cICP", other), IN_P3, what);
        }
        let gamma = 55_556_u32.to_be_bytes();
        assert_shows(&with_chunk(&plain, b"gAMA", &gamma), IN_P3, "gAMA alone is left out");
    }

    #[test]
    fn a_profile_that_cannot_be_used_is_left_out() {
        assert_shows(&as_jpeg(None), IN_P3, "no profile");
        let profiles = [
            ("nothing", vec![]),
            ("garbage", vec![7; 200]),
            ("half", p3()[..p3().len() / 2].to_vec()),
            ("gray", ColorProfile::new_gray_with_gamma(2.2).encode().unwrap()),
            ("srgb", ColorProfile::new_srgb().encode().unwrap()),
        ];
        for (what, profile) in profiles {
            assert_shows(&as_jpeg(Some(profile)), IN_P3, what);
        }
    }

    #[test]
    fn a_jpeg_without_its_end_is_shown_if_it_is_whole() {
        let noise = RgbImage::from_fn(160, 160, |x, y| {
            let value = (x * 7919 + y * 104_729) ^ (x * y * 31);
            Rgb([value, value >> 3, value >> 8].map(|value| (value & 0xff) as u8))
        });
        let whole = jpeg(&noise).unwrap();
        let end = whole.len() - JPEG_END.len();
        let shown = redrawn(&whole).unwrap().full;

        for (what, file) in [
            ("without the marker", whole[..end].to_vec()),
            ("with half the marker", whole[..=end].to_vec()),
            ("with a trailer instead", [&whole[..end], b"SEFH trailer of a panorama"].concat()),
            ("with a trailer", [&whole[..], b"SEFH trailer of a panorama"].concat()),
        ] {
            assert!(redrawn(&file).unwrap().full == shown, "{what}");
        }
        for percent in [5, 30, 50, 80, 95, 99] {
            let refused = redrawn(&whole[..end * percent / 100]).err();
            assert_eq!(refused, Some(UNREADABLE), "{percent} %");
        }
    }

    #[test]
    fn a_damaged_picture_is_not_called_another_format() {
        let mut png = Vec::new();
        encoded(PngEncoder::new(&mut png), None);
        assert_eq!(redrawn(&png[..png.len() / 2]).err(), Some(UNREADABLE));
        for other in [&b"<svg/>"[..], b"\0\0\0\x18ftypheic", b"BM", b"x"] {
            assert_eq!(
                redrawn(other).err(),
                Some(Error::InvalidImage("is not a JPEG, PNG, WebP or GIF: send one of these"))
            );
        }
    }
}
