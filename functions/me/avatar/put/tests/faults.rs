use serde_json::Value;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, at_once,
    pictures::{assert_clean, assert_upright, jpeg, key_of, picture},
};

fn new_picture() -> Vec<u8> {
    jpeg(&picture(120, 80))
}

#[tokio::test]
async fn without_s3_the_old_picture_stays() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let cut_off = app.cut_off("S3");
    let refused = cut_off.put_avatar(&me.access, new_picture()).await;
    assert_eq!(refused.assert_wait(503, "unavailable"), 5);
    assert_eq!(app.me(&me.access).await["avatar_url"], Value::Null);

    let key = app.put_avatar(&me.access, new_picture()).await.avatar_key();
    let before = app.objects();
    cut_off.put_avatar(&me.access, new_picture()).await.assert_wait(503, "unavailable");
    cut_off.delete_avatar(&me.access).await.assert_wait(503, "unavailable");
    cut_off.delete_me(&me.access).await.assert_wait(503, "unavailable");
    assert_eq!(app.objects(), before);
    assert_eq!(key_of(app.me(&me.access).await["avatar_url"].as_str().unwrap()), key);

    // A user without a picture needs no S3.
    let other = app.sign_in(OTHER_PHONE).await;
    cut_off.delete_avatar(&other.access).await.assert_done();
    cut_off.delete_me(&other.access).await.assert_done();
    app.delete_me(&me.access).await.assert_done();
    assert!(app.objects().is_empty());
}

#[tokio::test]
async fn concurrent_uploads_end_with_one_picture() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, new_picture()).await.assert_ok();

    for times in [2, 10] {
        let answers = at_once(times, |_| {
            let (app, token) = (app.clone(), me.access.clone());
            async move { app.put_avatar(&token, new_picture()).await }
        })
        .await;

        let keys: Vec<_> =
            answers.iter().filter(|answer| answer.status == 200).map(|a| a.avatar_key()).collect();
        assert!(!keys.is_empty());
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.assert_wait(503, "unavailable");
        }
        // The next change deletes any picture that one of them could not delete.
        let (full, _) = app.only_picture_after_a_change(&me.access).await;
        assert_upright(&assert_clean(&full, 512));
    }
}

#[tokio::test]
async fn concurrent_uploads_and_deletions_keep_the_shown_picture() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    for _ in 0..3 {
        at_once(8, |index| {
            let (app, token) = (app.clone(), me.access.clone());
            async move {
                if index % 2 == 0 {
                    app.put_avatar(&token, new_picture()).await
                } else {
                    app.delete_avatar(&token).await
                }
            }
        })
        .await;

        let shown = app.me(&me.access).await["avatar_url"].as_str().map(key_of);
        if let Some(key) = shown {
            assert!(
                app.objects().contains_key(&format!("{key}/512.jpg")),
                "the picture that is shown exists"
            );
        }
        app.delete_avatar(&me.access).await.assert_done();
        assert!(app.objects().is_empty(), "{:?}", app.objects().keys());
    }
}

#[tokio::test]
async fn an_upload_while_the_account_is_deleted_leaves_nothing() {
    let app = TestApp::start().await;
    for round in 0..4 {
        let me = app.sign_in(PHONE).await;
        app.put_avatar(&me.access, new_picture()).await.assert_ok();
        at_once(3, |index| {
            let (app, token) = (app.clone(), me.access.clone());
            async move {
                if index == 0 {
                    app.delete_me(&token).await
                } else {
                    app.put_avatar(&token, new_picture()).await
                }
            }
        })
        .await;

        if app.get_as(&me.access, "/v1/me").await.status == 200 {
            app.delete_me(&me.access).await.assert_done();
        }
        assert!(app.objects().is_empty(), "round {round}: {:?}", app.objects().keys());
        app.advance(3600);
    }
}

#[tokio::test]
async fn a_picture_that_could_not_be_deleted_goes_with_the_next_change() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, new_picture()).await.assert_ok();

    let old: Vec<_> = app.objects().into_keys().collect();
    // A folder in the place of an object cannot be deleted.
    let stuck = app.aws.buckets().join(embedded_aws::AVATAR_BUCKET).join(&old[0]);
    std::fs::remove_file(&stuck).unwrap();
    std::fs::create_dir_all(stuck.join("x")).unwrap();

    let key = app.put_avatar(&me.access, new_picture()).await.avatar_key();
    assert_eq!(
        key_of(app.me(&me.access).await["avatar_url"].as_str().unwrap()),
        key,
        "the new picture is set all the same"
    );
    std::fs::remove_dir_all(&stuck).unwrap();
    std::fs::write(&stuck, b"stuck").unwrap();
    app.put_avatar(&me.access, new_picture()).await.assert_ok();
    app.only_picture();
}

impl TestApp {
    async fn only_picture_after_a_change(&self, token: &str) -> (Vec<u8>, Vec<u8>) {
        let names = self.objects().len();
        if names > 2 {
            self.put_avatar(token, new_picture()).await.assert_ok();
        }
        let key = key_of(self.me(token).await["avatar_url"].as_str().unwrap());
        assert!(self.objects().keys().all(|name| name.starts_with(&key)));
        self.only_picture()
    }
}
