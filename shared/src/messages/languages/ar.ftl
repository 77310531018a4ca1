sign-in = { $code } هو رمز { $app }. صالح { $minutes } دقائق. لا تشاركه.
    .subject = رمز { $app }
account-exists = { $code } هو رمز { $app }. لديك حساب بالفعل، وبه تدخل. لا تشاركه.
    .subject = لديك حساب { $app } بالفعل
password-reset = { $code } هو رمز { $app } لكلمة مرور جديدة. صالح { $minutes } دقائق.
    .subject = كلمة مرور { $app } جديدة
new-address = { $code } هو رمز { $app } للتأكيد. صالح { $minutes } دقائق. لا تشاركه.
    .subject = تأكيد بياناتك في { $app }
password-changed = تم تغيير كلمة مرور { $app }. إن لم تكن أنت، فغيّرها الآن.
    .subject = تم تغيير كلمة مرور { $app }
address-changed = تم تغيير هاتف أو بريد حسابك في { $app }. إن لم تكن أنت، فاتصل بنا.
    .subject = تم تغيير حسابك في { $app }
second-factor-added = أضيف تطبيق مصادقة إلى حسابك في { $app }. إن لم تكن أنت، فاتصل بنا.
    .subject = تطبيق مصادقة يحمي حسابك في { $app }
second-factor-removed = أزيل تطبيق المصادقة من حسابك في { $app }. إن لم تكن أنت، فاتصل بنا.
    .subject = أزيل تطبيق المصادقة من حسابك في { $app }
stop-texts = أوقف هذه الرسائل: { $link }

## The pages behind that link.

stop-question = ألم تطلب هذا الرمز؟
    .explanation = إذن فقد أدخل شخص ما رقمك عن طريق الخطأ أو بقصد الإزعاج. لا يمكن لأحد الدخول بدون الرمز: لا تشاركه مع أحد.
    .button = لا ترسلوا إليّ رموزًا لمدة 24 ساعة
stopped = تم الإيقاف
    .explanation = لن تُرسل إليك أي رموز حتى { $until } (UTC).
