//! The hash of a password, as somebody who imports users might send it. An accepted hash is within
//! the bounds of cost, and nothing can stand before or after it.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use shared::users::ForeignHash;

const MAX_MEMORY_KIB: u32 = 128 * 1024;

fuzz_target!(|input: &str| -> Corpus {
    let hash = match ForeignHash::parse(input) {
        Ok(hash) => hash,
        Err(unusable) => {
            // The reason is made of our words and numbers alone.
            assert!(unusable.reason().len() < 120, "{unusable}");
            return Corpus::Keep;
        }
    };

    assert!(input.len() <= 1024, "{input}");
    assert_eq!(hash.as_str(), input);
    assert!((1..=MAX_MEMORY_KIB).contains(&hash.memory_kib()), "{input}");
    assert!(is_bounded(&hash.class(), hash.memory_kib()), "{input} is of {}", hash.class());

    let around = [" ", "\n", "\0", "$", ":"];
    for with in around {
        assert!(ForeignHash::parse(&format!("{input}{with}")).is_err(), "{input}{with}");
        assert!(ForeignHash::parse(&format!("{with}{input}")).is_err(), "{with}{input}");
    }
    Corpus::Keep
});

/// Whether the costs in a class like `argon2id m=65536,t=3,p=4` are within the bounds.
fn is_bounded(class: &str, memory_kib: u32) -> bool {
    let (name, costs) = class.split_once(' ').expect("a name and costs");
    let costs: Vec<u32> = costs
        .split(',')
        .map(|cost| cost.split_once('=').map_or(cost, |(_, cost)| cost).parse().expect("a number"))
        .collect();

    match (name, costs.as_slice()) {
        ("bcrypt", [cost]) => (4..=14).contains(cost),
        ("argon2id" | "argon2i", [memory, passes, lanes]) => {
            *memory == memory_kib
                && *memory >= 8 * lanes
                && (1..=10).contains(passes)
                && (1..=16).contains(lanes)
        }
        ("pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512", [work]) => {
            (1..=2_000_000).contains(work)
        }
        ("scrypt" | "firebase-scrypt", [log_n, block, parallel]) => {
            (1..=31).contains(log_n)
                && (1..=32).contains(block)
                && (1..=16).contains(parallel)
                && memory_kib <= 64 * 1024
                && memory_kib * parallel <= 256 * 1024
                && (1_u64 << log_n) * u64::from(*block) <= u64::from(memory_kib) * 8
        }
        _ => false,
    }
}
