use std::io::Cursor;

use image::{DynamicImage, Frame, ImageFormat, codecs::gif::GifEncoder};

use super::{FILE, refused};
use crate::testing::{
    PHONE, TestApp,
    pictures::{assert_clean, assert_upright, encoded, form, jpeg, picture},
};

const FORBIDDEN_NAME: &str =
    "content-disposition: form-data; name=\"x\"; filename*=UTF-8''%e2%80%aegpj.exe";

/// A CRC of PNG (ISO/IEC 15948, annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 }
        })
    })
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [kind.as_slice(), content].concat();
    [
        &u32::try_from(content.len()).unwrap().to_be_bytes(),
        named.as_slice(),
        &crc(&named).to_be_bytes(),
    ]
    .concat()
}

/// A PNG of this size, bit depth and colour type with these chunks.
fn png((width, height): (u32, u32), (depth, colour): (u8, u8), chunks: &[Vec<u8>]) -> Vec<u8> {
    let header =
        [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunks.concat(), &chunk(b"IEND", b"")]
        .concat()
}

/// A zlib stream of `bytes` that decompresses to 158 times its size: zeroes, 258 at a time (RFC
/// 1951 §3.2.6).
fn bomb(bytes: usize) -> Vec<u8> {
    let mut bits = vec![1, 1, 0];
    // A literal zero, of 8 bits, with the highest first.
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0]);

    for _ in 0..(bytes - 8) * 8 / 13 {
        // Length 258, distance 1.
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }

    bits.extend([0; 7]);
    let packed = bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit));
    [0x78, 0x01].into_iter().chain(packed).collect()
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut gif = encoded(&DynamicImage::from(picture(8, 8)), ImageFormat::Gif);
    gif[6..8].copy_from_slice(&width.to_le_bytes());
    gif[8..10].copy_from_slice(&height.to_le_bytes());
    gif
}

/// A progressive JPEG of one component, with `count` scans that change nothing.
fn scans(side: u16, count: usize) -> Vec<u8> {
    let blocks = usize::from(side / 8).pow(2);
    let size = side.to_be_bytes();
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    jpeg.extend([1; 64]);
    jpeg.extend([0xff, 0xc2, 0, 11, 8, size[0], size[1], size[0], size[1], 1, 1, 0x11, 0]);

    // Each table has one code: a difference of zero, and the end of 2^14 blocks.
    for (table, symbol) in [(0x00, 0x00), (0x10, 0xe0)] {
        jpeg.extend([0xff, 0xc4, 0, 20, table, 1]);
        jpeg.extend([0; 15]);
        jpeg.push(symbol);
    }

    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]);
    jpeg.extend(vec![0; blocks / 8 + 1]);
    for _ in 0..count {
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0]);
        jpeg.extend(vec![0; blocks * 15 / (1 << 14) / 8 + 2]);
    }

    jpeg.extend([0xff, 0xd9]);
    jpeg
}

#[tokio::test]
async fn a_file_that_is_not_a_picture_is_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let good = jpeg(&picture(200, 200));
    let base64 = data_encoding::BASE64.encode(&good);
    for (what, body) in [
        (
            "SVG",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec(),
        ),
        ("SVG with a declaration", b"<?xml version=\"1.0\"?><svg onload=\"alert(1)\"/>".to_vec()),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec()),
        ("PDF", b"%PDF-1.7\n".to_vec()),
        ("ZIP", b"PK\x03\x04".to_vec()),
        (
            "BMP",
            b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0".to_vec(),
        ),
        ("TIFF", b"II*\0\x08\0\0\0\0\0".to_vec()),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("a script that starts like a GIF", b"GIF89a=1/*\0*/;alert(1)//".to_vec()),
        (
            "HTML that starts like a JPEG",
            b"\xff\xd8\xff\xe0<html><script>alert(1)</script>".to_vec(),
        ),
        ("HTML before a JPEG", [b"<script>alert(1)</script>", good.as_slice()].concat()),
        ("a picture after a space", [b" ", good.as_slice()].concat()),
        ("base64", base64.into_bytes()),
        ("a data URL", b"data:image/png;base64,iVBORw0KGgo=".to_vec()),
        ("only the start of a JPEG", b"\xff\xd8\xff".to_vec()),
        ("only the start of a PNG", b"\x89PNG\r\n\x1a\n".to_vec()),
        ("only the start of a GIF", b"GIF89a".to_vec()),
        ("only the start of a WebP", b"RIFF\0\0\0\0WEBP".to_vec()),
        ("zeroes", vec![0; 4 * 1024 * 1024]),
        ("nothing", Vec::new()),
    ] {
        refused(&app, &me.access, what, body).await;
    }
}

#[tokio::test]
async fn a_truncated_or_corrupted_picture_is_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let noise = DynamicImage::from(image::RgbImage::from_fn(160, 160, |x, y| {
        let value = (x * 7919 + y * 104_729) ^ (x * y * 31);
        image::Rgb([value as u8, (value >> 8) as u8, (value >> 3) as u8])
    }));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = encoded(&noise, format);
        for percent in [5, 50, 95] {
            let short = whole[..whole.len() * percent / 100].to_vec();
            refused(&app, &me.access, &format!("{percent} % of a {format:?}"), short).await;
        }
    }

    // If any byte is wrong, the result is a picture or a refusal, never an internal error.
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        let whole = encoded(&DynamicImage::from(picture(16, 16)), format);
        for index in (0..whole.len()).step_by(whole.len() / 15 + 1) {
            let mut spoilt = whole.clone();
            spoilt[index] ^= 0xff;
            let answer = app.put_avatar(&me.access, spoilt).await;
            assert!(
                answer.status == 200 || answer.json["code"] == "invalid_image",
                "{format:?}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn bombs_are_refused_by_their_header() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let zeroes = [chunk(b"IDAT", &bomb(60_000))];
    let mut wide = jpeg(&picture(16, 16));
    let frame = wide.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    wide[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);

    let webp_header = [b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".as_slice(), &[0xff; 6]].concat();
    for (what, body) in [
        ("a PNG of 65,535 pixels a side", png((65_535, 65_535), (8, 0), &zeroes)),
        ("a PNG of the maximum size", png((i32::MAX as u32, i32::MAX as u32), (8, 6), &zeroes)),
        ("a PNG of zero width", png((0, 100), (8, 0), &zeroes)),
        ("a PNG one pixel too wide", png((4097, 1), (8, 0), &zeroes)),
        ("a PNG one pixel too high", png((1, 4097), (8, 0), &zeroes)),
        ("a PNG of 128 MiB", png((4096, 4096), (16, 6), &zeroes)),
        ("a GIF of 65,535 pixels a side", gif(65_535, 65_535)),
        ("a GIF of zero width", gif(0, 8)),
        ("a JPEG of 65,535 pixels a side", wide),
        ("a WebP of 16,777,216 pixels a side", webp_header),
    ] {
        refused(&app, &me.access, what, body).await;
    }
}

#[tokio::test]
async fn bombs_behind_an_honest_header_end_in_time() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let small = (8, 8);
    let text = [b"Comment\0\0".as_slice(), &bomb(4_000_000)].concat();
    let profile = [b"name\0\0".as_slice(), &bomb(4_000_000)].concat();
    let pixels = chunk(b"IDAT", &bomb(200));
    for (what, body) in [
        ("pixels", png(small, (8, 0), &[chunk(b"IDAT", &bomb(4_000_000))])),
        ("a text", png(small, (8, 0), &[chunk(b"zTXt", &text), pixels.clone()])),
        ("a colour profile", png(small, (8, 2), &[chunk(b"iCCP", &profile), pixels])),
        ("scans", scans(4096, 50_000)),
    ] {
        let put = async || {
            let put = app.put_avatar(&me.access, body.clone());
            let answer = tokio::time::timeout(std::time::Duration::from_secs(30), put).await;
            answer.unwrap_or_else(|_| panic!("{what} take too long"))
        };
        let mut answer = put().await;
        // A machine that is busy with something else gets more attempts.
        for _ in 0..2 {
            if answer.status == 503 {
                answer = put().await;
            }
        }

        // A decoder may leave data unread that the picture does not need.
        assert!(
            answer.status == 200 || answer.json["code"] == "invalid_image",
            "{what}: {}",
            answer.text
        );
    }

    // As many scans as the decoder accepts.
    app.put_avatar(&me.access, scans(4096, 90)).await;
}

#[tokio::test]
async fn the_first_frame_of_an_animation_is_used() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let mut gif = Cursor::new(Vec::new());
    let mut encoder = GifEncoder::new_with_speed(&mut gif, 30);
    let first = DynamicImage::from(picture(64, 64)).into_rgba8();
    encoder.encode_frame(Frame::new(first)).unwrap();

    for _ in 0..300 {
        let black = image::RgbaImage::from_pixel(64, 64, image::Rgba([0, 0, 0, 255]));
        encoder.encode_frame(Frame::new(black)).unwrap();
    }

    drop(encoder);
    app.put_avatar(&me.access, gif.into_inner()).await.assert_ok();
    assert_upright(&assert_clean(&app.only_picture().0, 512));
}

/// A polyglot is a picture and a file of another format at the same time. Only the picture is kept.
#[tokio::test]
async fn only_the_picture_of_a_polyglot_is_kept() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let shown = DynamicImage::from(picture(64, 64));
    let script = b"*/=1;alert(1)/*<script>alert(1)</script>";
    let archive = b"PK\x03\x04alert(1)PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let jpeg = encoded(&shown, ImageFormat::Jpeg);
    let comment = [b"\xff\xfe\0\x2a".as_slice(), script].concat();
    let gif = encoded(&shown, ImageFormat::Gif);
    let mut polyglots = vec![
        ("a JPEG and a ZIP", [jpeg.as_slice(), archive].concat()),
        ("a JPEG and HTML", [jpeg.as_slice(), script].concat()),
        ("a JPEG with a script as its comment", [&jpeg[..2], &comment, &jpeg[2..]].concat()),
        ("a GIF and JavaScript", [gif.as_slice(), script].concat()),
        (
            "a PNG and PHP",
            [encoded(&shown, ImageFormat::Png).as_slice(), b"<?php alert(1) ?>"].concat(),
        ),
    ];

    let text = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>");
    let png = encoded(&shown, ImageFormat::Png);
    polyglots.push(("a PNG with a script in a text", [&png[..33], &text, &png[33..]].concat()));

    for (what, body) in polyglots {
        let answer = app.put_avatar(&me.access, body).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        let (full, thumbnail) = app.only_picture();
        assert_upright(&assert_clean(&full, 512));
        assert_clean(&thumbnail, 96);
    }
}

#[tokio::test]
async fn other_media_types_are_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let good = jpeg(&picture(64, 64));
    let jpeg_type = ("content-type", "image/jpeg");
    for headers in [
        vec![("content-type", "text/html")],
        vec![("content-type", "application/json")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![("content-type", "multipart/mixed; boundary=edge")],
        vec![("content-type", "multipart/form-data")],
        vec![jpeg_type, ("content-encoding", "gzip")],
    ] {
        let answer = app.put_avatar_with(&me.access, &headers, good.clone()).await;
        assert_eq!(answer.json["code"], "unsupported_media_type", "{headers:?}: {}", answer.text);
        answer.assert_problem(415, "unsupported_media_type");
    }

    assert!(app.objects().is_empty());
}

#[tokio::test]
async fn hostile_forms_are_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let good = jpeg(&picture(64, 64));
    let field = "content-disposition: form-data; name=\"file\"";
    for (what, files) in [
        ("two files", vec![(FILE, good.as_slice()), (FILE, &good)]),
        ("a file and a field", vec![(FILE, &good), (field, b"x".as_slice())]),
        ("a field and a file", vec![(field, b"x".as_slice()), (FILE, &good)]),
        ("a field", vec![(field, &good)]),
        ("nothing", vec![]),
        ("a name that RFC 7578 forbids", vec![(FORBIDDEN_NAME, &good)]),
        ("no name", vec![("content-type: image/jpeg", good.as_slice())]),
        ("a hundred files", vec![(FILE, b"".as_slice()); 100]),
    ] {
        let (content_type, body) = form(&files);
        let answer =
            app.put_avatar_with(&me.access, &[("content-type", &content_type)], body).await;
        assert_eq!(answer.json["code"], "invalid_request", "{what}: {}", answer.text);
    }

    let form_type = ("content-type", "multipart/form-data; boundary=edge");
    let (_, whole) = form(&[(FILE, &good)]);
    for body in [
        whole[..whole.len() / 2].to_vec(),
        good.clone(),
        b"--edge--".to_vec(),
        b"--edge\r\n\r\n".to_vec(),
        vec![],
    ] {
        app.put_avatar_with(&me.access, &[form_type], body)
            .await
            .assert_problem(400, "invalid_request");
    }

    let (_, empty) = form(&[(FILE, b"")]);
    app.put_avatar_with(&me.access, &[form_type], empty).await.assert_problem(400, "invalid_image");
    let (_, svg) = form(&[(FILE, b"<svg/>")]);
    app.put_avatar_with(&me.access, &[form_type], svg).await.assert_problem(400, "invalid_image");
    assert!(app.objects().is_empty());
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_undecoded() {
    let app = TestApp::with(&[("AVATAR_MAX_BYTES", "20000")]).await;
    let me = app.sign_in(PHONE).await;
    let good = jpeg(&picture(64, 64));
    let padded = |bytes: usize| [good.as_slice(), &vec![0; bytes - good.len()]].concat();
    app.put_avatar(&me.access, padded(20_001)).await.assert_problem(413, "body_too_large");

    for bytes in [20_001, 40_000] {
        let (content_type, body) = form(&[(FILE, &padded(bytes))]);
        let headers = [("content-type", content_type.as_str())];
        app.put_avatar_with(&me.access, &headers, body).await.assert_problem(413, "body_too_large");
    }

    assert!(app.objects().is_empty());
    app.put_avatar(&me.access, padded(20_000)).await.assert_ok();
    let (content_type, body) = form(&[(FILE, &padded(20_000))]);
    app.put_avatar_with(&me.access, &[("content-type", &content_type)], body).await.assert_ok();

    // The default is the most that API Gateway and Lambda let through.
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, padded(4 * 1024 * 1024)).await.assert_ok();
    app.put_avatar(&me.access, padded(4 * 1024 * 1024 + 1))
        .await
        .assert_problem(413, "body_too_large");
}
