//! Hashes that other services made, or that they test themselves with.

/// Hashes with their classes and passwords.
pub(super) const GENUINE: &[(&str, &str, &str)] = &[
    // ory/kratos hash/hasher_test.go (b86338d).
    ("bcrypt 12", "test", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
    (
        "argon2id m=32,t=2,p=4",
        "test",
        "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw",
    ),
    (
        "argon2i m=65536,t=3,p=4",
        "test",
        "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c",
    ),
    (
        "pbkdf2-sha256 100000",
        "test",
        "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
    ),
    (
        "pbkdf2-sha512 100000",
        "test",
        "$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc",
    ),
    (
        "scrypt ln=14,r=8,p=1",
        "test",
        "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
    ),
    (
        "firebase-scrypt ln=14,r=8,p=1",
        "8x4WjoDbSxJZdR",
        "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==",
    ),
    // supabase/auth internal/crypto/password_test.go (bc32168).
    ("bcrypt 4", "test", "$2y$04$mIJxfrCaEI3GukZe11CiXublhEFanu5.ododkll1WphfSp6pn4zIu"),
    (
        "argon2i m=16,t=2,p=1",
        "test",
        "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g",
    ),
    (
        "argon2id m=32,t=3,p=2",
        "test",
        "$argon2id$v=19$m=32,t=3,p=2$SFVpOWJ0eXhjRzVkdGN1RQ$RXnb8rh7LaDcn07xsssqqulZYXOM/EUCEFMVcAcyYVk",
    ),
    ("firebase-scrypt ln=14,r=8,p=1", "mytestpassword", SUPABASE_FIREBASE),
    // firebase/scrypt README.md (36feb92), in the format of Supabase.
    (
        "firebase-scrypt ln=14,r=8,p=1",
        "user1password",
        "$firebase-scrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
    ),
    // And in that of Ory Kratos.
    (
        "firebase-scrypt ln=14,r=8,p=1",
        "user1password",
        "$firebase-scrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$Bw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    ),
    // django/django tests/auth_tests/test_hashers.py (02dbf16).
    (
        "pbkdf2-sha256 390000",
        "lètmein",
        "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
    ),
    (
        "argon2i m=8,t=1,p=1",
        "secret",
        "argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO4NAYysnqRt1GSQLE55m+2GYDt9FEjPMHhP2Cuf0nOEXXMocVrsJAtNSsKyfg",
    ),
    (
        "argon2i m=8,t=1,p=1",
        "secret",
        "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
    ),
    (
        "argon2id m=102400,t=2,p=8",
        "secret",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw",
    ),
    (
        "scrypt ln=14,r=8,p=1",
        "lètmein",
        "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
    ),
    // Django 5.2.19 with bcrypt 4.0.1, by the `encode` of each hasher.
    ("pbkdf2-sha1 1000", "correct horse", "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM="),
    (
        "scrypt ln=14,r=8,p=5",
        "correct horse",
        "scrypt$16384$seasalt$8$5$nXachnDoZ26UFUF1o3PD3FjYfKq/mD4nZm22d5L0rp+Bi3DZTjkayk+fTW77FlT+2IelThLoihBYgWjZHfwh3Q==",
    ),
    (
        "bcrypt 4",
        "correct horse",
        "bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    ),
    (
        "bcrypt 4",
        "correct horse",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq",
    ),
    // passlib 1.7.4.
    (
        "pbkdf2-sha1 1000",
        "correct horse",
        "$pbkdf2$1000$c2Vhc2FsdHNlYXNhbHQ$paSCM0joC8gG0D5M4AjwihU/LDo",
    ),
    (
        "pbkdf2-sha256 1000",
        "correct horse",
        "$pbkdf2-sha256$1000$....c2Vhc2FsdA$31VplrYvATBORF/W1SDIIwxLHg4.9ZGbGA1j6EYJIM0",
    ),
    (
        "pbkdf2-sha512 1000",
        "correct horse",
        "$pbkdf2-sha512$1000$c2Vhc2FsdHNlYXNhbHQ$BmJzt4dr2x66NBIVdWdcGB5eX8J0FXt3mv8iWlLItfjoxew3xr3Roj5JekA.mgkz2SlzztAoEWw9kfatrbWlPA",
    ),
    (
        "scrypt ln=10,r=8,p=1",
        "correct horse",
        "$scrypt$ln=10,r=8,p=1$c2Vhc2FsdHNlYXNhbHQ$mvzvlin6wa8binYh/HyNW4BstN5tfnskx1YOAA6VJCc",
    ),
    // passlib's documentation of pbkdf2_digest.
    (
        "pbkdf2-sha256 6400",
        "password",
        "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
    ),
    // Werkzeug 3.1.9.
    (
        "pbkdf2-sha256 1000",
        "correct horse",
        "pbkdf2:sha256:1000$wvhiJHvQ$8671484965b267adbb05de1f933928b6cde3391a57b4204f4f523736f95901ab",
    ),
    (
        "pbkdf2-sha1 1000",
        "correct horse",
        "pbkdf2:sha1:1000$JTWMlowm$687b16f660360678e3ac79640d12deb71ab1196a",
    ),
    (
        "scrypt ln=15,r=8,p=1",
        "correct horse",
        "scrypt:32768:8:1$sStEzuW9eNpimm0W$1042f915928dc11897f4db34f950b277745d6cfdc68b51d07e9d757539c2d0cde7066282e724eb4177168baf2baadec62ea1bfbacaf7a637d2cb24f94a070e25",
    ),
    // @better-auth/utils 0.5.1, which Better Auth 1.7 uses.
    (
        "scrypt ln=14,r=16,p=1",
        "correct horse",
        "36687bb1e23a81c4a8f7d78a764dd69b:5f4daf62228e08dbeac7f49b105c58c363ca51724e131a156033d0423c430956f38ed28e69826f2cb2689f8d2c4d10944934382fed125bf0cba6ee3c820bc960",
    ),
    // dotnet/aspnetcore src/Identity/test/Identity.Test/PasswordHasherTest.cs (03741a0).
    (
        "pbkdf2-sha256 10000",
        "my password",
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
    ),
    (
        "pbkdf2-sha512 50",
        "my password",
        "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
    ),
    (
        "pbkdf2-sha1 250",
        "my password",
        "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M",
    ),
];

/// A hash of Firebase in the format of Supabase, from the same tests.
pub(super) const SUPABASE_FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hfTw==";
