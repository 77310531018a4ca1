//! The formats, with hashes that other services made.

use proptest::prelude::*;

use super::{
    genuine::{GENUINE, SUPABASE_FIREBASE},
    *,
};

fn parse(text: &str) -> ForeignHash {
    ForeignHash::parse(text).unwrap_or_else(|reason| panic!("{text} {reason}"))
}

fn refusal(text: &str) -> String {
    ForeignHash::parse(text).expect_err(text).reason().to_owned()
}

#[test]
fn a_genuine_hash_matches_its_password_and_no_other() {
    for (class, password, text) in GENUINE {
        let hash = parse(text);
        assert_eq!(hash.class(), *class, "{text}");
        assert_eq!(hash.as_str(), *text);
        assert_eq!(hash.matches_blocking(&["another", password]), Ok(true), "{text}");
        assert_eq!(hash.matches_blocking(&[&format!("{password}1")]), Ok(false), "{text}");
    }
}

#[test]
fn a_hash_that_is_cut_or_has_something_before_or_after_it_is_refused() {
    for (_, _, text) in GENUINE {
        for around in
            [format!(" {text}"), format!("{text} "), format!("{text}\n"), format!("{text}$")]
        {
            refusal(&around);
        }
        // The padding of Base64 is no part of what is compared.
        let text = text.trim_end_matches('=');
        for left in [text.len() - 1, text.len() - 3, text.len() / 2, 1, 0] {
            assert!(ForeignHash::parse(&text[..left]).is_err() || is_argon2(text), "{text} {left}");
        }
        assert!(!refusal(&format!("{text} ")).contains(text), "the hash is repeated");
    }
}

/// A hash of Argon2 of any length is one. It depends on its length, so that a cut one matches no
/// password.
fn is_argon2(text: &str) -> bool {
    text.contains("argon2")
}

#[test]
fn junk_is_refused() {
    let long = format!("$pbkdf2$1000${}$paSCM0joC8gG0D5M4AjwihU/LDo", "a".repeat(1024));
    assert_eq!(refusal(&long), "is longer than 1024 characters");
    for junk in [
        "",
        "$",
        "$$$$",
        ":",
        "password",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a",
        "$6$rounds=5000$usesomesalt$Kx8s0rQ0r0p5vJv8",
        "88a434c88cca4e900f7874cd98123f43",
    ] {
        assert!(refusal(junk).starts_with("has none of the formats that are known"), "{junk}");
    }
    for junk in [
        "$2",
        "$2b$12$",
        "bcrypt$$$$$",
        "bcrypt_sha256$",
        "$argon2id$",
        "$argon2id$v=19$m=16,t=2,p=1$",
        "$argon2id$v=18$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
        "$argon2id$v=19$m=16,t=2,p=1,data=abc$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
        "$argon2id$v=19$m=16,t=2,p=1$!!!$NfEnUOuUpb7F2fQkgFUG4g",
        "$argon2id$v=19$m=+16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
        "$argon2id$v=19$m=016,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
        "$pbkdf2-sha256$aaaa$1jP+5Zxpxgtee$QJxzfvdbHYBpydCb",
        "$pbkdf2-sha256$I=1000,l=32$1jP+5Zxpxgtee$QJxzfvdbHYBpydCb",
        "pbkdf2_sha256$$$",
        "pbkdf2:sha256$wvhiJHvQ$8671484965b267adbb05de1f933928b6cde3391a57b4204f4f523736f95901ab",
        "scrypt$",
        "scrypt:1:2",
        "$scrypt$ln=16384,r=8$2npRo7P03Mt8$MiCzNcIplSMqSBrm4HckjQ==",
        "$fbscrypt$v=1",
        "$firescrypt$$$$$",
    ] {
        assert_eq!(refusal(junk), UnusableHash::damaged().reason(), "{junk}");
    }
}

#[test]
fn parameters_out_of_bounds_are_refused_with_the_reason() {
    let bcrypt =
        |start: &str| format!("{start}$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6");
    assert_eq!(parse(&bcrypt("$2a$14")).class(), "bcrypt 14");
    assert_eq!(refusal(&bcrypt("$2a$15")), "has a cost of bcrypt above 14");
    assert_eq!(refusal(&bcrypt("$2a$31")), "has a cost of bcrypt above 14");
    for wrong in ["$2a$03", "$2a$4", "$2a$012", "$2a$+9"] {
        assert_eq!(refusal(&bcrypt(wrong)), UnusableHash::damaged().reason(), "{wrong}");
    }
    for version in ["$2$12", "$2x$12", "$2c$12"] {
        let reason = refusal(&bcrypt(version));
        assert_eq!(reason, "is not bcrypt of the versions 2a, 2b and 2y", "{version}");
    }

    let argon2 = |costs: &str| {
        format!("$argon2id$v=19${costs}$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g")
    };
    assert_eq!(parse(&argon2("m=131072,t=10,p=16")).memory_kib(), 131_072);
    for (costs, reason) in [
        ("m=131073,t=1,p=1", "needs more than 128 MiB of memory for Argon2"),
        ("m=4294967297,t=1,p=1", "needs more than 128 MiB of memory for Argon2"),
        ("m=1024,t=11,p=1", "has more than 10 passes of Argon2"),
        ("m=1024,t=1,p=17", "has more than 16 lanes of Argon2"),
        ("m=31,t=1,p=4", UnusableHash::damaged().reason()),
        ("m=1024,t=0,p=1", UnusableHash::damaged().reason()),
        ("m=1024,t=1,p=0", UnusableHash::damaged().reason()),
    ] {
        assert_eq!(refusal(&argon2(costs)), reason, "{costs}");
    }
    let other = "$argon2d$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g";
    assert_eq!(refusal(other), "is neither Argon2id nor Argon2i");
}

#[test]
fn iterations_and_digests_of_pbkdf2_are_bounded() {
    let django = |start: &str| format!("{start}$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=");
    assert_eq!(parse(&django("pbkdf2_sha1$2000000")).class(), "pbkdf2-sha1 2000000");
    let too_many = "has more than 2,000,000 iterations of PBKDF2";
    assert_eq!(refusal(&django("pbkdf2_sha1$2000001")), too_many);
    assert_eq!(refusal(&django("pbkdf2_sha1$99999999999")), too_many);
    assert_eq!(refusal(&django("pbkdf2_sha1$0")), UnusableHash::damaged().reason());
    assert_eq!(refusal("pbkdf2_sha1$1000$$iQvkNOF1wEL4Khh8eogJ8rUhipM="), "has no salt");

    // A hash of 32 bytes takes SHA-1 twice.
    let phc = |costs: &str| {
        format!("$pbkdf2-sha1${costs}$c2Vhc2FsdA$31VplrYvATBORF/W1SDIIwxLHg49ZGbGA1j6EYJIM0Q")
    };
    assert_eq!(parse(&phc("i=1000000,l=32")).class(), "pbkdf2-sha1 2000000");
    assert_eq!(refusal(&phc("i=1000001,l=32")), too_many);
    assert_eq!(refusal(&phc("i=1000,l=33")), UnusableHash::damaged().reason());

    // hash/hasher_test.go: SHA-384 is SHA3-384 there.
    let kratos = "$pbkdf2-sha384$i=100000,l=32$xDInuz7Y/DPzZUnCaQXJmg$7ICaEa6jEqxbbCBbv4YzrBf39KYNAtc3Bj0QWKeB3Ck";
    let reason = "is PBKDF2 with another digest than SHA-1, SHA-256 and SHA-512";
    assert_eq!(refusal(kratos), reason);
    // PasswordHasherTest.cs: too short, with something after it; a digest that does not exist.
    for asp_net in [
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=",
        "AQAAAAkAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
        "AQAAAAH/////AAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
        "AQAAAAEAACcQ/////wABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
    ] {
        refusal(asp_net);
    }
    let longer = "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHwAAAAAAAAAAAA";
    assert_eq!(parse(longer).matches_blocking(&["my password"]), Ok(false));
}

#[test]
fn memory_and_work_of_scrypt_are_bounded() {
    let phc = |costs: &str| {
        format!("$scrypt${costs}$c2Vhc2FsdA$mvzvlin6wa8binYh/HyNW4BstN5tfnskx1YOAA6VJCc")
    };
    assert_eq!(parse(&phc("ln=16,r=8,p=4")).memory_kib(), 65_536);
    assert_eq!(parse(&phc("ln=65536,r=8,p=4")).class(), "scrypt ln=16,r=8,p=4");
    // The OWASP Password Storage Cheat Sheet.
    assert_eq!(parse(&phc("ln=13,r=8,p=10")).memory_kib(), 8192);

    let (memory, work) = (
        "needs more than 64 MiB of memory for scrypt",
        "needs more than 256 MiB of memory for scrypt, multiplied by its parallelization",
    );
    let block = "has a block size of scrypt above 32, or a parallelization above 16";
    for (costs, reason) in [
        ("ln=17,r=8,p=1", memory),
        ("ln=16,r=9,p=1", memory),
        ("ln=31,r=32,p=1", memory),
        ("ln=131072,r=8,p=1", memory),
        ("ln=2147483648,r=32,p=16", memory),
        ("ln=16,r=8,p=5", work),
        ("ln=10,r=33,p=1", block),
        ("ln=10,r=8,p=17", block),
        ("ln=10,r=8,p=4294967297", block),
        ("ln=0,r=8,p=1", UnusableHash::damaged().reason()),
        ("ln=10,r=0,p=1", UnusableHash::damaged().reason()),
        ("ln=10,r=8,p=0", UnusableHash::damaged().reason()),
        ("ln=16385,r=8,p=1", UnusableHash::damaged().reason()),
    ] {
        assert_eq!(refusal(&phc(costs)), reason, "{costs}");
    }

    let firebase = |from: &str, to: &str| refusal(&SUPABASE_FIREBASE.replace(from, to));
    assert_eq!(firebase("n=14", "n=17"), memory);
    for (from, to) in [
        ("v=1", "v=2"),
        ("n=14", "n=0"),
        ("r=8", "r=0"),
        ("p=1", "p=2"),
        ("p=1", "p=0"),
        ("ss=Bw==", "ss=!!!"),
        ("sk=ou9t", "sk="),
        ("$C0sHCg9ek77hsg==$", "$!!!$"),
        ("+hfTw==", "+hf"),
    ] {
        assert_eq!(firebase(from, to), UnusableHash::damaged().reason(), "{from} {to}");
    }
}

#[test]
fn bcrypt_reads_72_bytes_of_a_password() {
    // bcrypt 4.0.1 of PyPI, of ten digits again and again.
    let hash = parse("$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S");
    let digits = "0123456789".repeat(10);
    for read in [&digits[..72], &digits[..80], &digits] {
        assert_eq!(hash.matches_blocking(&[read]), Ok(true));
    }
    assert_eq!(hash.matches_blocking(&[&digits[..71]]), Ok(false));

    // Bcrypt repeats the password with a NUL after it, so that this would be the same password.
    let (_, _, text) = GENUINE[7];
    assert_eq!(parse(text).matches_blocking(&["test"]), Ok(true));
    assert_eq!(parse(text).matches_blocking(&["test\0test", "test\0"]), Ok(false));
}

#[test]
fn a_password_is_compared_in_the_form_that_was_hashed() {
    // bcrypt 4.0.1 of PyPI, of a decomposed é.
    let hash = parse("$2b$04$abcdefghijklmnopqrstuu.oMTCQjdCbYvSW3IQEvGWmdb6wOIFXe");
    let (typed, composed) = ("cafe\u{301} au lait", "caf\u{e9} au lait");
    assert_eq!(hash.matches_blocking(&[typed, composed]), Ok(true));
    assert_eq!(hash.matches_blocking(&[composed]), Ok(false));

    // Better Auth hashes NFKC, here of "ﬁsh and chips" with a ligature.
    let hash = parse(
        "f5881473200727db1ecad9df1972ed83:d84d55a070a49e14afe257fcc4ac1127514187acd82eaf2534eba9bd6c1732cea8791c5de7aea6ba1fab2cc700dbb495570308b03cf8141850af1643397354f2",
    );
    assert_eq!(hash.matches_blocking(&["fish and chips"]), Ok(true));
    assert_eq!(hash.matches_blocking(&["\u{fb01}sh and chips"]), Ok(true));
    assert_eq!(hash.matches_blocking(&["Fish and chips"]), Ok(false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    /// However a hash is changed, it is refused, or it is another hash within the bounds.
    #[test]
    fn a_changed_hash_is_refused_or_within_the_bounds(
        which in 0..GENUINE.len(), at in 0_usize..300, cut in 0_usize..6, insert in r"[0-9a-z$,=:./+]{0,6}|\PC{0,6}",
    ) {
        let (_, _, text) = GENUINE[which];
        let at = at % text.chars().count();
        let rest = text.chars().skip(at + cut);
        let changed: String = text.chars().take(at).chain(insert.chars()).chain(rest).collect();

        if let Ok(hash) = ForeignHash::parse(&changed) {
            prop_assert_eq!(hash.as_str(), &changed);
            prop_assert!((1..=128 * 1024).contains(&hash.memory_kib()));
        }
    }
}
