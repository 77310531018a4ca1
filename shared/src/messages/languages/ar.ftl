sign-in = { $code } هو رمز { $app }. صالح { $minutes } دقائق. لا تشاركه مع أحد.
    .subject = رمز { $app }
account-exists = { $code } هو رمز { $app }. لديك حساب، وهذا الرمز يدخلك إليه. لا تشاركه.
    .subject = لديك حساب { $app } بالفعل
password-reset = { $code } رمز { $app } لكلمة مرور جديدة. صالح { $minutes } دقائق. لم تطلبه؟ أهمله.
    .subject = كلمة مرور { $app } جديدة
new-address = { $code } هو رمز { $app } لتأكيد بياناتك. صالح { $minutes } دقائق. لا تشاركه.
    .subject = تأكيد بياناتك في { $app }
password-changed = تم تغيير كلمة مرور { $app }. إن لم تكن أنت، فغيّرها الآن.
    .subject = تم تغيير كلمة مرور { $app }
address-changed = تم تغيير هاتف أو بريد حسابك في { $app }. إن لم تكن أنت فاتصل بنا الآن.
    .subject = تم تغيير حسابك في { $app }
second-factor-added = أضيف تطبيق مصادقة إلى حسابك في { $app }. إن لم تكن أنت فاتصل بنا الآن.
    .subject = أضيف تطبيق مصادقة إلى حسابك في { $app }
second-factor-removed = أزيل تطبيق مصادقة من حسابك في { $app }. إن لم تكن أنت فاتصل بنا الآن.
    .subject = أزيل تطبيق مصادقة من حسابك في { $app }
stop-texts = أوقف هذه الرسائل: { $link }
stop-mails = لم تكن أنت؟ أوقف رسائل البريد هذه: { $link }

## The pages behind that link.

stop-question = ألم تطلب هذا الرمز؟
    .explanation = ربما أدخل شخص ما رقمك أو بريدك الإلكتروني عن طريق الخطأ. لا يمكنه تسجيل الدخول بدون الرمز، فلا تشاركه مع أحد.
    .button = إيقاف الرموز لمدة 24 ساعة
stopped = تم إيقاف الرموز
    .explanation = لن نرسل إليك رموزًا حتى { $until } (UTC).
