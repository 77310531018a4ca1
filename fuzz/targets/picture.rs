//! A file that somebody uploads as their picture. It becomes two square pictures without any other
//! data. `.ci/fuzz` limits the memory that it may take.

#![no_main]

use functions::me::avatar::put::picture;
use image::ImageFormat;
use libfuzzer_sys::fuzz_target;
use shared::base::Error;

fuzz_target!(|file: &[u8]| {
    match picture::redrawn(file) {
        Ok(picture) => {
            check(&picture.full, 512);
            check(&picture.thumbnail, 96);
        }
        Err(error) => assert!(matches!(error, Error::InvalidImage(_)), "{error}"),
    }
});

fn check(jpeg: &[u8], side: u32) {
    let image = image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).expect("a JPEG");
    assert_eq!((image.width(), image.height()), (side, side));

    // ITU-T T.81, B.1.1.3: start, JFIF's header, tables, one scan, end. No EXIF, comment, thumbnail
    // or profile.
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8]).expect("a start");

    loop {
        let [0xff, marker, high, low, ..] = *rest else { panic!("no segment") };
        assert!(matches!(marker, 0xe0 | 0xdb | 0xc0 | 0xc4 | 0xda), "a segment {marker:02x}");

        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xe0 {
            assert!(length == 18 && rest[4..].starts_with(b"JFIF\0"), "JFIF's header is too long");
        }

        rest = &rest[length..];
        if marker == 0xda {
            break;
        }
    }

    let end = rest.windows(2).position(|two| two[0] == 0xff && two[1] != 0);
    assert_eq!(
        end.map(|end| &rest[end..]),
        Some([0xff, 0xd9].as_slice()),
        "data after the picture"
    );
}
