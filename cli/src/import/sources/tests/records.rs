//! Each export of `cli/tests/import` becomes these records, whole.

use super::*;

/// The hash of `cli/tests/import/README.md`.
const BCRYPT: &str = "$2b$10$U4C0ZY8OG8y41F9LusfKyu3HRMBL0rCZcKBVsXhgr.n8Ou6FPhzO2";

#[test]
fn users_of_cognito_become_records() {
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro"}, "created_at": "2024-01-15T10:30:00Z",
                "email": "ann@example.com",
                "external_id": "5f9d3a52-7031-70c5-b3a6-c2d0a9f7c001", "locale": "en-US",
                "name": "Ann Lee", "phone": "+14155550101", "phone_verified": true,
                "username": "ann.lee"
            },
            [],
            []
        ],
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "bob@example.com",
                "email_verified": true, "external_id": "5f9d3a52-7031-70c5-b3a6-c2d0a9f7c002",
                "status": "disabled"
            },
            ["social identities and those of other providers"],
            []
        ],
        ["5f9d3a52-7031-70c5-b3a6-c2d0a9f7c003", "neither a phone nor an e-mail address"]
    ]);
    assert_eq!(converted(Source::Cognito, "cognito.json", &Terms::for_tests()), expected);

    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro"}, "email": "ann@example.com",
                "email_verified": true, "name": "Ann Lee", "phone": "+14155550101",
                "phone_verified": true, "username": "ann.lee"
            },
            ["second factors"],
            []
        ],
        [{"phone": "+14155550102"}, [], []],
        [
            {
                "email": "kim@example.com", "email_verified": true,
                "external_id": "5f9d3a52-7031-70c5-b3a6-c2d0a9f7c004"
            },
            [],
            []
        ]
    ]);
    assert_eq!(converted(Source::Cognito, "cognito.csv", &Terms::for_tests()), expected);
}

#[test]
fn users_of_firebase_become_records() {
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro", "roles": ["editor"]},
                "created_at": "2024-01-01T00:00:00Z", "email": "user1@example.com",
                "external_id": "kYi4EvWQlQTKSfnJ3dRSP6IH3ed2", "name": "Test User",
                "phone": "+14155550101", "phone_verified": true
            },
            [
                "passwords (--firebase-parameters is needed to read them)",
                "social identities: google.com"
            ],
            ["editor"]
        ],
        [
            {
                "created_at": "2024-01-01T00:00:00Z", "email": "kim@example.com",
                "email_verified": true, "external_id": "abc123def456ghi789jk0002",
                "status": "disabled"
            },
            [],
            []
        ],
        ["anonymous0001", "neither a phone nor an e-mail address"]
    ]);
    assert_eq!(converted(Source::Firebase, "firebase.json", &Terms::for_tests()), expected);

    let parameters = Parameters::read(&file("firebase-parameters.txt")).unwrap();
    let with_parameters = Terms { firebase: Some(parameters), ..Terms::for_tests() };
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro"}, "created_at": "2024-01-01T00:00:00Z",
                "email": "user1@example.com", "external_id": "kYi4EvWQlQTKSfnJ3dRSP6IH3ed2",
                "name": "Test User, Jr.",
                "password_hash": "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
                "phone": "+14155550101", "phone_verified": true
            },
            ["social identities: github.com"],
            []
        ]
    ]);
    assert_eq!(converted(Source::Firebase, "firebase.csv", &with_parameters), expected);
}

#[test]
fn users_of_supabase_become_records() {
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro"}, "created_at": "2024-01-15T10:29:00Z",
                "email": "jane.doe@example.com", "email_verified": true,
                "external_id": "7d7f6c1e-0a55-4b7e-9d3a-2f0c9b3a1101",
                "metadata": {"color": "blue", "full_name": "Jane Doe"}, "name": "Jane Doe",
                "password_hash": BCRYPT,
                "phone": "+14155550101", "phone_verified": true
            },
            ["social identities: google"],
            []
        ],
        [
            {
                "created_at": "2024-01-16T10:30:00Z",
                "external_id": "7d7f6c1e-0a55-4b7e-9d3a-2f0c9b3a1102", "phone": "+14155550102",
                "status": "disabled"
            },
            [],
            []
        ],
        ["7d7f6c1e-0a55-4b7e-9d3a-2f0c9b3a1103", "neither a phone nor an e-mail address"],
        ["7d7f6c1e-0a55-4b7e-9d3a-2f0c9b3a1104", "the account was deleted there"]
    ]);
    assert_eq!(converted(Source::Supabase, "supabase.csv", &Terms::for_tests()), expected);

    let expected = json!([
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "kim@example.com",
                "external_id": "7d7f6c1e-0a55-4b7e-9d3a-2f0c9b3a1105"
            },
            [],
            []
        ]
    ]);
    assert_eq!(converted(Source::Supabase, "supabase.json", &Terms::for_tests()), expected);
}

#[test]
fn users_of_auth0_become_records() {
    let hashes = Hashes::read(&file("auth0-hashes.ndjson")).unwrap();
    let with_hashes = Terms { hashes: Some(hashes), ..Terms::for_tests() };
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro", "roles": ["admin"]},
                "created_at": "2025-02-09T16:34:22.611Z", "email": "ann@example.com",
                "email_verified": true, "external_id": "auth0|60425dc43519d90068f82973",
                "metadata": {"preferences": {"theme": "dark"}}, "name": "Ann Lee",
                "phone": "+14155550101", "phone_verified": true, "username": "ann.lee",
                "password_hash": BCRYPT
            },
            [],
            ["admin"]
        ],
        [
            {
                "created_at": "2025-02-10T08:00:00Z", "email": "bob@example.com",
                "email_verified": true, "external_id": "google-oauth2|115015401343387192604",
                "status": "disabled"
            },
            ["social identities: google-oauth2", "second factors"],
            []
        ],
        [
            {
                "created_at": "2025-02-11T08:00:00Z", "external_id": "sms|5f1a",
                "phone": "+14155550103"
            },
            [],
            []
        ],
        ["samlp|corp|eve", "neither a phone nor an e-mail address"],
        [
            {
                "created_at": "2025-02-12T08:00:00Z", "email": "kim@example.com",
                "email_verified": true, "external_id": "google-oauth2|115015401343387192605",
                "name": "Kim", "password_hash": BCRYPT
            },
            ["social identities: google-oauth2"],
            []
        ]
    ]);
    assert_eq!(converted(Source::Auth0, "auth0.ndjson", &with_hashes), expected);
}

#[test]
fn users_of_clerk_become_records() {
    let expected = json!([
        [
            {
                "email": "jane.doe@example.com", "email_verified": true,
                "external_id": "user_2YDryYFVMM1W1plDDKz7Gzf4we6", "name": "Jane Doe",
                "password_hash": BCRYPT,
                "phone": "+14155550101", "phone_verified": true,
                "totp_secret": "JBSWY3DPEHPK3PXP", "username": "jane_doe"
            },
            ["further phones", "further e-mail addresses"],
            []
        ],
        [
            {
                "email": "john@example.com", "external_id": "user_2ZZCgLE7kJG2CRBxTZ6YUIvzS10",
                "name": "John"
            },
            ["passwords whose hash is of a format that is not read: md5"],
            []
        ],
        ["user_2cWszPHuo6P2lCdnhhZbVMfbAIC", "neither a phone nor an e-mail address"]
    ]);
    assert_eq!(converted(Source::Clerk, "clerk.csv", &Terms::for_tests()), expected);
}

#[test]
fn users_of_keycloak_become_records() {
    let expected = json!([
        [
            {
                "app_metadata": {"department": "sales", "teams": ["a", "b"]},
                "created_at": "2024-01-15T10:30:00Z", "email": "ann@example.com",
                "email_verified": true, "external_id": "95985b21-d884-4bbd-b852-cb8cd365afc2",
                "locale": "de", "name": "Ann Lee",
                "password_hash": "$pbkdf2-sha512$i=210000,l=64$AAECAwQFBgcICQoLDA0ODw$i8MEbJEntlaFgLOnIsIXgO0aPF4DYs7H6fl1KcMdXffNZCnnR8pN4bE1CdLP+hq1XxAKYsiteZvUHLB6Fjk0Kw",
                "phone": "+14155550101", "phone_verified": true,
                "totp_secret": "KF2W62DQG52DE3LSJRGVK53GOQZWOOJQ", "username": "ann.lee"
            },
            ["groups"],
            ["default-roles-example", "manager"]
        ],
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "bob@example.com", "email_verified": true,
                "external_id": "95985b21-d884-4bbd-b852-cb8cd365afc3",
                "password_hash": "$argon2id$v=19$m=7168,t=5,p=1$AAECAwQFBgcICQoLDA0ODw$VVatals5hXp5h2oxfsxiF6kzhtIf76FMvLQt3LHjOPQ",
                "status": "disabled"
            },
            [
                "authenticator apps with other codes than SHA-1, 6 digits, 30 s",
                "second factors and passkeys: webauthn-passwordless",
                "social identities: google"
            ],
            ["default-roles-example"]
        ],
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "kim@example.com",
                "email_verified": true, "external_id": "95985b21-d884-4bbd-b852-cb8cd365afc4",
                "password_hash": "$pbkdf2-sha256$i=27500,l=64$AAECAwQFBgcICQoLDA0ODw$VVatals5hXp5h2oxfsxiF6kzhtIf76FMvLQt3LHjOPTh+NaxYdlTOPwDZ23eIyR9i752/A/GtET2PfLHzgkqPg",
                "username": "kim"
            },
            [],
            []
        ],
        ["95985b21-d884-4bbd-b852-cb8cd365afc5", "neither a phone nor an e-mail address"]
    ]);
    assert_eq!(converted(Source::Keycloak, "keycloak.json", &Terms::for_tests()), expected);
}

#[test]
fn users_of_django_become_records() {
    let verified = Verified { phone: false, email: true };
    let vouched_for = Terms { verified, ..Terms::for_tests() };
    let expected = json!([
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "ann@example.com", "email_verified": true,
                "external_id": "1", "name": "Ann Lee",
                "password_hash": "pbkdf2_sha256$1000$salt$hHq2CwjSpsUCltVF/ZDe25M5jA5hBHN9+inXRaOGbjU=",
                "username": "ann.lee"
            },
            [],
            ["superuser", "staff", "editors"]
        ],
        [
            {
                "created_at": "2024-01-15T10:30:00.123Z", "email": "bob@example.com", "email_verified": true,
                "external_id": "2", "status": "disabled"
            },
            [],
            ["group 3"]
        ],
        ["3", "neither a phone nor an e-mail address"]
    ]);
    assert_eq!(converted(Source::Django, "django.json", &vouched_for), expected);

    let expected = json!([
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "kim@example.com", "email_verified": true,
                "external_id": "7", "name": "Kim",
                "password_hash": "pbkdf2_sha256$1000$salt$hHq2CwjSpsUCltVF/ZDe25M5jA5hBHN9+inXRaOGbjU=",
                "username": "kim"
            },
            ["phones without a country code (--region gives one)"],
            []
        ]
    ]);
    assert_eq!(converted(Source::Django, "django.csv", &vouched_for), expected);
}

#[test]
fn users_of_tables_become_records() {
    let expected = json!([
        [
            {
                "email": "ann@example.com", "email_verified": true,
                "external_id": "3f1c1c1e-0a55-4b7e-9d3a-2f0c9b3a1101",
                "password_hash": BCRYPT
            },
            [],
            ["superuser"]
        ],
        [
            {
                "email": "bob@example.com",
                "external_id": "3f1c1c1e-0a55-4b7e-9d3a-2f0c9b3a1102", "status": "disabled"
            },
            ["passwords whose hash has none of the formats that are known: bcrypt, Argon2, PBKDF2, scrypt and Firebase's scrypt"],
            []
        ]
    ]);
    assert_eq!(converted(Source::Sqlalchemy, "fastapi-users.csv", &Terms::for_tests()), expected);

    let expected = json!([
        [
            {
                "created_at": "2024-01-15T10:30:00Z", "email": "ann@example.com",
                "email_verified": true, "external_id": "1", "username": "ann.lee"
            },
            [
                "passwords of Flask-Security, which hashes them twice, with a key",
                "second factors",
                "phones that are not verified, beside a verified e-mail address"
            ],
            []
        ]
    ]);
    assert_eq!(converted(Source::Sqlalchemy, "flask-security.csv", &Terms::for_tests()), expected);
}

#[test]
fn lines_of_own_csv_become_records() {
    let expected = json!([
        [
            {
                "app_metadata": {"plan": "pro"}, "created_at": "2024-01-15T10:30:00Z",
                "email": "ann@example.com", "external_id": "1", "locale": "de",
                "metadata": {"color": "blue"}, "name": "Ann Lee",
                "password_hash": BCRYPT,
                "phone": "+14155550101", "phone_verified": true, "roles": ["User", "Guest"],
                "status": "disabled", "totp_secret": "JBSWY3DPEHPK3PXP", "username": "ann.lee"
            },
            [],
            []
        ],
        ["2", "phone_verified is neither true nor false"],
        [{"external_id": "3", "phone": "+14155550103"}, [], []]
    ]);
    assert_eq!(converted(Source::Csv, "own.csv", &Terms::for_tests()), expected);
}
