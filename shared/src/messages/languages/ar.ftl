sign-in-code = { $code } هو رمز { $app }. صالح { $minutes } دقائق. لا تشاركه.
