//! The colours that the pixels of a picture mean, in sRGB.

use image::{DynamicImage, RgbaImage};
use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    TransferCharacteristics, TransformOptions,
};

/// The length of the checksum after each chunk of a PNG.
const CHECKSUM_BYTES: usize = 4;

/// The colour profile of a picture: the code points in the chunk `cICP` of a PNG, which come first
/// (PNG, third edition, §4.3), else the ICC profile. `None` if it has neither, or one that cannot be
/// read.
pub(super) fn profile(file: &[u8], icc: Option<Vec<u8>>) -> Option<ColorProfile> {
    code_points(file).or_else(|| ColorProfile::new_from_slice(&icc?).ok())
}

/// The picture with the colours that its profile means, in sRGB. A profile that is not one of the
/// picture's kind of pixels is left out, as browsers do.
pub(super) fn in_srgb(image: DynamicImage, profile: Option<&ColorProfile>) -> DynamicImage {
    profile.and_then(|profile| converted(&image, profile)).unwrap_or(image)
}

/// The picture converted from `profile` to sRGB; `None` if the profile does not fit.
fn converted(image: &DynamicImage, profile: &ColorProfile) -> Option<DynamicImage> {
    let is_gray = !image.color().has_color();
    let (pixels, layout) = match profile.color_space {
        DataColorSpace::Rgb => (image.to_rgba8().into_raw(), Layout::Rgba),
        DataColorSpace::Gray if is_gray => (image.to_luma_alpha8().into_raw(), Layout::GrayAlpha),
        _ => return None,
    };

    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(layout, &srgb, Layout::Rgba, options).ok()?;
    let mut converted = RgbaImage::new(image.width(), image.height());
    transform.transform(&pixels, &mut converted).ok()?;
    Some(if image.color().has_alpha() {
        DynamicImage::ImageRgba8(converted)
    } else {
        DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(converted).into_rgb8())
    })
}

/// The profile that the chunk `cICP` of a PNG names (ITU-T H.273). `None` for curves of high dynamic
/// range, which need tone mapping: such a picture keeps its pixels.
fn code_points(file: &[u8]) -> Option<ColorProfile> {
    let &[primaries, transfer, 0, full_range] = png_chunk(file, *b"cICP")? else { return None };
    let transfer = TransferCharacteristics::try_from(transfer).ok()?;
    let is_high_range =
        matches!(transfer, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg);
    if is_high_range {
        return None;
    }

    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: full_range == 1,
    });
    // Without a curve, the code points are unknown.
    profile.red_trc.is_some().then_some(profile)
}

/// The content of a chunk of a PNG that comes before its pixels; `None` for any other file.
fn png_chunk(file: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    loop {
        let (length, after) = rest.split_first_chunk()?;
        let (kind, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        match *kind {
            kind if kind == name => return after.get(..length),
            _ if kind == b"IDAT" => return None,
            _ => rest = after.get(length.checked_add(CHECKSUM_BYTES)?..)?,
        }
    }
}
