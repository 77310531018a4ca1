use std::time::Duration;

use axum::http::{Method, Request};
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgba, RgbaImage, codecs::png::PngEncoder};
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    pictures::{assert_clean, assert_upright, encoded, exif, form, jpeg, key_of, photo, picture},
};

mod attacks;
mod faults;

const FILE: &str = "content-disposition: form-data; name=\"file\"; filename=\"me.jpg\"\r\ncontent-type: image/jpeg";

#[tokio::test]
async fn a_photo_of_a_phone_becomes_two_clean_squares() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let sent = photo(&picture(4000, 3000), 6);
    let answer = app.put_avatar_with(&me.access, &[("content-type", "image/jpeg")], sent).await;
    let key = answer.avatar_key();
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    assert_eq!(answer.json.as_object().unwrap().len(), 2);

    let (full, thumbnail) = app.only_picture();
    assert_upright(&assert_clean(&full, 512));
    assert_upright(&assert_clean(&thumbnail, 96));

    let shown = app.get_as(&me.access, "/v1/me").await;
    for (name, file) in [("avatar_url", "512.jpg"), ("avatar_thumbnail_url", "96.jpg")] {
        let url = shown.json[name].as_str().unwrap();
        assert!(url.contains(&format!("/avatars/{key}/{file}?")), "{url}");
        assert_eq!(
            answer.json[name], shown.json[name],
            "the URL stays the same for a while, so that it can be cached"
        );
    }

    let export = app.get_as(&me.access, "/v1/me/export").await;
    assert_eq!(export.json["user"]["avatar_url"], shown.json["avatar_url"]);
}

#[tokio::test]
async fn the_picture_is_upright_however_the_camera_was_held() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    for orientation in 1..=8 {
        for (width, height) in [(400, 300), (301, 399)] {
            app.put_avatar(&me.access, photo(&picture(width, height), orientation))
                .await
                .assert_ok();
            let (full, thumbnail) = app.only_picture();
            assert_upright(&assert_clean(&full, 512));
            assert_upright(&assert_clean(&thumbnail, 96));
        }
    }

    // An invalid orientation does not turn the picture.
    for orientation in [0, 9, 255] {
        app.put_avatar(&me.access, photo(&picture(200, 200), orientation)).await.assert_ok();
        assert_upright(&assert_clean(&app.only_picture().0, 512));
    }
}

#[tokio::test]
async fn each_format_is_recognised_by_its_content_not_by_its_media_type() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let shown = DynamicImage::from(picture(700, 500));
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        for media_type in ["image/png", "Image/WebP; q=1"] {
            let headers = [("content-type", media_type)];
            app.put_avatar_with(&me.access, &headers, encoded(&shown, format)).await.assert_ok();
            assert_upright(&assert_clean(&app.only_picture().0, 512));
        }
    }

    for media_type in
        ["image/jpeg", "image/jpg", "image/heic", "image/*", "binary/octet-stream", "*/*", ""]
    {
        let headers = [("content-type", media_type)];
        app.put_avatar_with(&me.access, &headers, encoded(&picture(9, 9).into(), ImageFormat::Png))
            .await
            .assert_ok();
    }
}

#[tokio::test]
async fn every_kind_of_pixel_becomes_a_picture() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let shown = DynamicImage::from(picture(130, 90));
    for shown in [
        shown.to_luma8().into(),
        shown.to_luma_alpha8().into(),
        shown.to_rgba8().into(),
        shown.to_luma16().into(),
        shown.to_rgb16().into(),
        shown.to_rgba16().into(),
        DynamicImage::from(picture(1, 1)),
        DynamicImage::from(picture(4096, 1)),
        DynamicImage::from(picture(1, 4096)),
    ] {
        app.put_avatar(&me.access, encoded(&shown, ImageFormat::Png)).await.assert_ok();
        let (full, thumbnail) = app.only_picture();
        assert_clean(&full, 512);
        assert_clean(&thumbnail, 96);
    }

    // A PNG can have an orientation, too.
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif(3)).unwrap();

    let turned = image::imageops::rotate180(&picture(300, 200));
    encoder.write_image(&turned, 300, 200, image::ExtendedColorType::Rgb8).unwrap();
    app.put_avatar(&me.access, png).await.assert_ok();
    assert_upright(&assert_clean(&app.only_picture().0, 512));
}

#[tokio::test]
async fn transparent_pixels_become_white() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;

    // It would be black if its transparency were ignored.
    let glass = DynamicImage::from(RgbaImage::from_pixel(64, 64, Rgba([0; 4])));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif] {
        app.put_avatar(&me.access, encoded(&glass, format)).await.assert_ok();
        let shown = assert_clean(&app.only_picture().0, 512);
        assert!(shown.pixels().all(|pixel| pixel.0.iter().all(|value| *value > 250)), "{format:?}");
    }
}

#[tokio::test]
async fn a_form_with_one_file_is_accepted() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let sent = photo(&picture(300, 300), 8);
    for headers in [
        FILE,
        "content-disposition: form-data; name=\"avatar\"; filename=\"../../../etc/passwd\"",
        "content-disposition: form-data; name=\"x\"; filename=\"a.svg\"\r\ncontent-type: image/svg+xml",
        "content-disposition: form-data; name=\"x\"; filename=\"<script>alert(1)</script>.html\"\r\ncontent-type: text/html",
        "content-disposition: form-data; name=\"x\"; filename=\"nul\\0.php%00.jpg\"",
        "content-disposition: form-data; name=\"x\"; filename=\"\"",
    ] {
        let (content_type, body) = form(&[(headers, &sent)]);
        let answer =
            app.put_avatar_with(&me.access, &[("content-type", &content_type)], body).await;
        assert_eq!(answer.status, 200, "{headers}: {}", answer.text);
        let key = answer.avatar_key();
        let names: Vec<_> = app.objects().into_keys().collect();
        assert_eq!(names, [format!("{key}/512.jpg"), format!("{key}/96.jpg")], "{headers}");
        assert_upright(&assert_clean(&app.only_picture().0, 512));
    }
}

#[tokio::test]
async fn a_new_picture_replaces_the_old_one() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let first = app.put_avatar(&me.access, jpeg(&picture(100, 100))).await.avatar_key();
    app.advance(5);

    let second = app.put_avatar(&me.access, jpeg(&picture(100, 100))).await.avatar_key();
    assert_ne!(first, second);
    app.only_picture();
    assert_eq!(key_of(app.me(&me.access).await["avatar_url"].as_str().unwrap()), second);
    assert_ne!(app.me(&me.access).await["updated_at"], me.json["user"]["updated_at"]);

    // The pictures of others are not touched.
    let others = app.put_avatar(&other.access, jpeg(&picture(100, 100))).await.avatar_key();
    assert_eq!(app.objects().len(), 4);
    assert_eq!(key_of(app.me(&me.access).await["avatar_url"].as_str().unwrap()), second);
    app.put_avatar(&me.access, jpeg(&picture(100, 100))).await.assert_ok();
    assert_eq!(key_of(app.me(&other.access).await["avatar_url"].as_str().unwrap()), others);
    assert!(app.objects().contains_key(&format!("{others}/512.jpg")));
}

#[tokio::test]
async fn a_new_picture_is_in_the_audit_trail_and_in_every_view() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    let tag = app
        .get_as(&admin.access, &format!("/v1/users/{}", me.id()))
        .await
        .header("etag")
        .to_owned();
    let key = app.put_avatar(&me.access, jpeg(&picture(100, 100))).await.avatar_key();
    let seen = app.get_as(&admin.access, &format!("/v1/users/{}", me.id())).await;
    assert_eq!(key_of(seen.assert_ok()["avatar_url"].as_str().unwrap()), key);
    assert_ne!(seen.header("etag"), tag);

    let trail = app.get_as(&admin.access, "/v1/audit").await;
    let events = trail.assert_ok()["items"].as_array().unwrap().clone();
    let changes: Vec<_> =
        events.iter().filter(|event| event["action"] == "avatar_change").collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (&changes[0]["actor"], &changes[0]["target"]),
        (&json!(me.id()), &json!(format!("user:{}", me.id())))
    );

    // A signed URL changes although the picture is the same. The entity tag stays.
    app.advance(900);
    let admin =
        app.refresh(&admin.refresh).await.assert_ok()["access_token"].as_str().unwrap().to_owned();
    let later = app.get_as(&admin, &format!("/v1/users/{}", me.id())).await;
    assert_ne!(later.json["avatar_url"], seen.json["avatar_url"]);
    assert_eq!(later.header("etag"), seen.header("etag"));
}

#[tokio::test]
async fn urls_start_with_avatar_base_url_if_it_is_set() {
    let app = TestApp::with(&[("AVATAR_BASE_URL", "https://avatars.example.com/of/")]).await;
    let me = app.sign_in(PHONE).await;
    let answer = app.put_avatar(&me.access, jpeg(&picture(100, 100))).await;
    let key = answer.avatar_key();
    assert_eq!(answer.json["avatar_url"], format!("https://avatars.example.com/of/{key}/512.jpg"));
    assert_eq!(
        answer.json["avatar_thumbnail_url"],
        format!("https://avatars.example.com/of/{key}/96.jpg")
    );
    assert_eq!(app.me(&me.access).await["avatar_url"], answer.json["avatar_url"]);

    let again = app.refresh(&me.refresh).await;
    assert!(again.json["access_token"].is_string());
}

#[tokio::test]
async fn a_browser_can_open_a_signed_url() {
    let app = TestApp::start().await;
    // S3 has its own clock.
    #[expect(clippy::disallowed_methods, reason = "the time of S3")]
    app.advance(jiff::Timestamp::now().as_second() - 1_800_000_000);

    let me = app.sign_in(PHONE).await;
    let answer = app.put_avatar(&me.access, jpeg(&picture(100, 100))).await;
    let url = answer.assert_ok()["avatar_url"].as_str().unwrap().to_owned();
    let (head, body) = fetch(&url).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: image/jpeg"), "{head}");
    assert_eq!(body, app.only_picture().0);

    // The signature is valid only for this file.
    let (head, _) = fetch(&url.replace("/512.jpg", "/96.jpg")).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");

    let (head, _) = fetch(url.split('?').next().unwrap()).await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

/// The head and the body of the response from a URL.
async fn fetch(url: &str) -> (String, Vec<u8>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn a_stranger_is_refused_before_anything_is_read() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let stranger = Request::builder()
        .method(Method::PUT)
        .uri("/v1/me/avatar")
        .header("content-type", "image/jpeg");
    let body = axum::body::Body::from(jpeg(&picture(50, 50)));
    app.send(stranger.body(body).unwrap()).await.assert_problem(401, "token_invalid");
    app.put_avatar(&me.refresh, jpeg(&picture(50, 50))).await.assert_problem(401, "token_invalid");
    app.put_avatar("nonsense", b"nonsense".to_vec()).await.assert_problem(401, "token_invalid");
    app.disable(me.id()).await;
    app.put_avatar(&me.access, jpeg(&picture(50, 50))).await.assert_problem(403, "user_disabled");
    assert!(app.objects().is_empty());
}

/// Asserts that a body is refused, and soon: a decoder that does not end would be a way to spend
/// the owner's money.
async fn refused(app: &TestApp, token: &str, what: &str, body: Vec<u8>) {
    let answer = tokio::time::timeout(Duration::from_secs(30), app.put_avatar(token, body)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{what} takes too long"));
    assert_eq!(answer.json["code"], "invalid_image", "{what}: {}", answer.text);
    answer.assert_problem(400, "invalid_image");
    assert!(app.objects().is_empty(), "{what}: something is stored");
}
