//! All that people read on the hosted page, in each language. `{app}`, `{who}`, `{hint}`, `{to}`,
//! `{digits}`, `{code}` and `{wait}` stand for values.

use shared::messages::Language;

/// Declares the texts, each in English, Spanish, Hindi and Arabic.
macro_rules! words {
    ($($name:ident: $en:literal, $es:literal, $hi:literal, $ar:literal;)+) => {
        /// A text of the page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Text { $($name),+ }

        /// A text, in a language.
        pub(crate) fn words(language: Language, text: Text) -> &'static str {
            match (text, language) {
                $(
                    (Text::$name, Language::English) => $en,
                    (Text::$name, Language::Spanish) => $es,
                    (Text::$name, Language::Hindi) => $hi,
                    (Text::$name, Language::Arabic) => $ar,
                )+
            }
        }

        #[cfg(test)]
        const ALL: &[Text] = &[$(Text::$name),+];
    };
}

words! {
    SignIn: "Sign in to {app}", "Entra en {app}", "{app} में साइन इन करें", "تسجيل الدخول إلى {app}";
    Identifier: "Phone, e-mail or username", "Teléfono, correo o nombre de usuario", "फ़ोन, ईमेल या यूज़रनेम", "الهاتف أو البريد الإلكتروني أو اسم المستخدم";
    Phone: "Phone number", "Teléfono", "फ़ोन नंबर", "رقم الهاتف";
    Email: "E-mail address", "Correo electrónico", "ईमेल पता", "البريد الإلكتروني";
    PhoneOrEmail: "Phone or e-mail address", "Teléfono o correo electrónico", "फ़ोन या ईमेल पता", "الهاتف أو البريد الإلكتروني";
    PhoneOrUsername: "Phone or username", "Teléfono o nombre de usuario", "फ़ोन या यूज़रनेम", "الهاتف أو اسم المستخدم";
    Terms: "Terms", "Condiciones", "शर्तें", "الشروط";
    Privacy: "Privacy", "Privacidad", "गोपनीयता", "الخصوصية";
    Help: "Help", "Ayuda", "मदद", "المساعدة";
    Continue: "Continue", "Continuar", "जारी रखें", "متابعة";
    Cancel: "Cancel", "Cancelar", "रद्द करें", "إلغاء";
    EnterCode: "Enter the code", "Escribe el código", "कोड डालें", "أدخل الرمز";
    OneMoment: "One moment", "Un momento", "एक क्षण", "لحظة واحدة";
    ProofRuns: "Your browser does a calculation that keeps programs out. The page goes on by itself.", "Tu navegador hace un cálculo que deja fuera a los programas. La página continúa sola.", "आपका ब्राउज़र एक गणना कर रहा है, जो प्रोग्रामों को बाहर रखती है। पेज अपने आप आगे बढ़ेगा।", "يجري متصفحك عملية حسابية تمنع البرامج. ستتابع الصفحة من تلقاء نفسها.";
    ProofNeedsScript: "Your browser has to do a calculation first, which keeps programs out. Switch on JavaScript for this page, then choose Continue.", "Antes, tu navegador tiene que hacer un cálculo que deja fuera a los programas. Activa JavaScript para esta página y elige Continuar.", "पहले आपके ब्राउज़र को एक गणना करनी होगी, जो प्रोग्रामों को बाहर रखती है। इस पेज के लिए JavaScript चालू करें, फिर जारी रखें चुनें।", "يجب أن يجري متصفحك أولًا عملية حسابية تمنع البرامج. فعّل JavaScript لهذه الصفحة ثم اختر متابعة.";
    CodeSent: "We sent a code of {digits} digits to {to}.", "Enviamos un código de {digits} dígitos a {to}.", "हमने {to} पर {digits} अंकों का कोड भेजा है।", "أرسلنا رمزًا من {digits} أرقام إلى {to}.";
    Code: "Code", "Código", "कोड", "الرمز";
    Resend: "Resend code", "Reenviar el código", "कोड फिर भेजें", "إعادة إرسال الرمز";
    CallMe: "Call me", "Llamarme", "मुझे कॉल करें", "اتصل بي";
    SendInWhatsapp: "Send it in WhatsApp", "Enviar por WhatsApp", "WhatsApp पर भेजें", "أرسل عبر واتساب";
    SendSms: "Send a text", "Enviar un SMS", "SMS भेजें", "أرسل رسالة نصية";
    UsePassword: "Use a password", "Usar una contraseña", "पासवर्ड इस्तेमाल करें", "استخدام كلمة مرور";
    UseCode: "Send me a code instead", "Prefiero recibir un código", "इसके बजाय मुझे कोड भेजें", "أرسل إليّ رمزًا بدلًا من ذلك";
    EnterPassword: "Enter your password", "Escribe tu contraseña", "अपना पासवर्ड डालें", "أدخل كلمة المرور";
    Password: "Password", "Contraseña", "पासवर्ड", "كلمة المرور";
    SecondFactor: "Two-step verification", "Verificación en dos pasos", "दो चरणों में पुष्टि", "التحقق بخطوتين";
    EnterSecondFactor: "Enter the code of your authenticator app, or a recovery code.", "Escribe el código de tu aplicación de autenticación o un código de recuperación.", "अपने ऑथेंटिकेटर ऐप का कोड या रिकवरी कोड डालें।", "أدخل رمز تطبيق المصادقة أو رمز استرداد.";
    SetUpSecondFactor: "Set up two-step verification?", "¿Configurar la verificación en dos pasos?", "दो चरणों में पुष्टि सेट करें?", "هل تريد إعداد التحقق بخطوتين؟";
    OfferSecondFactor: "{app} asks for a second step: a code from an authenticator app. From then on, you need one at every sign-in.", "{app} pide un segundo paso: un código de una aplicación de autenticación. Desde entonces necesitarás uno cada vez que entres.", "{app} दूसरा चरण माँगता है: ऑथेंटिकेटर ऐप का कोड। इसके बाद हर बार साइन इन करते समय आपको कोड की ज़रूरत होगी।", "يطلب {app} خطوة ثانية: رمزًا من تطبيق مصادقة. بعد ذلك ستحتاج إلى رمز عند كل تسجيل دخول.";
    Skip: "Skip", "Omitir", "छोड़ें", "تخطي";
    SetUpAuthenticator: "Set up your authenticator app", "Configura tu aplicación de autenticación", "अपना ऑथेंटिकेटर ऐप सेट करें", "إعداد تطبيق المصادقة";
    ScanQrCode: "Scan the QR code with your authenticator app.", "Escanea el código QR con tu aplicación de autenticación.", "अपने ऑथेंटिकेटर ऐप से QR कोड स्कैन करें।", "امسح رمز QR بتطبيق المصادقة.";
    QrCode: "QR code", "Código QR", "QR कोड", "رمز QR";
    OpenAuthenticator: "Open an authenticator app on this device", "Abrir una aplicación de autenticación en este dispositivo", "इस डिवाइस पर ऑथेंटिकेटर ऐप खोलें", "فتح تطبيق مصادقة على هذا الجهاز";
    TypeKey: "Or type this key into the app:", "O escribe esta clave en la aplicación:", "या ऐप में यह कुंजी डालें:", "أو أدخل هذا المفتاح في التطبيق:";
    EnterFirstCode: "Then enter the 6 digits that the app shows.", "Después escribe los 6 dígitos que muestra la aplicación.", "फिर ऐप में दिखने वाले 6 अंक डालें।", "ثم أدخل الأرقام الستة التي يعرضها التطبيق.";
    RecoveryCodes: "Keep your recovery codes", "Guarda tus códigos de recuperación", "अपने रिकवरी कोड सँभालकर रखें", "احتفظ برموز الاسترداد";
    KeepRecoveryCodes: "If you lose the authenticator app, each of these codes works once in its place. They are shown only now.", "Si pierdes la aplicación de autenticación, cada uno de estos códigos sirve una vez en su lugar. Solo se muestran ahora.", "अगर ऑथेंटिकेटर ऐप खो जाए, तो उसकी जगह इनमें से हर कोड एक बार काम करेगा। ये सिर्फ़ अभी दिखाए जा रहे हैं।", "إذا فقدت تطبيق المصادقة، يعمل كل رمز من هذه الرموز مرة واحدة بدلًا منه. تظهر الآن فقط.";
    SignInFirst: "Sign in again to set up two-step verification.", "Vuelve a entrar para configurar la verificación en dos pasos.", "दो चरणों में पुष्टि सेट करने के लिए फिर से साइन इन करें।", "سجّل الدخول مرة أخرى لإعداد التحقق بخطوتين.";
    ContinueTo: "Continue to {app}", "Continuar a {app}", "{app} पर जाएँ", "المتابعة إلى {app}";
    ContinueAs: "Continue as {who}", "Continuar como {who}", "{who} के रूप में जारी रखें", "المتابعة باسم {who}";
    UseAnother: "Use another account", "Usar otra cuenta", "दूसरा खाता इस्तेमाल करें", "استخدام حساب آخر";
    UseAnotherNumber: "Use another number", "Usar otro número", "दूसरा नंबर इस्तेमाल करें", "استخدام رقم آخر";
    UseAnotherEmail: "Use another e-mail address", "Usar otro correo", "दूसरा ईमेल पता इस्तेमाल करें", "استخدام بريد إلكتروني آخر";
    AskedFor: "You are signed in as {who}, but {app} asked for {hint}.", "Has entrado como {who}, pero {app} pidió {hint}.", "आप {who} के रूप में साइन इन हैं, पर {app} ने {hint} माँगा है।", "أنت مسجّل الدخول باسم {who}، لكن {app} طلب {hint}.";
    SignedInAs: "You are signed in as {who}.", "Has entrado como {who}.", "आप {who} के रूप में साइन इन हैं।", "أنت مسجّل الدخول باسم {who}.";
    WillGet: "{app} will get:", "{app} recibirá:", "{app} को मिलेगा:", "سيحصل {app} على:";
    GetsId: "who you are here", "quién eres aquí", "यहाँ आपकी पहचान", "هويتك هنا";
    GetsProfile: "your name, username, picture and language", "tu nombre, nombre de usuario, foto e idioma", "आपका नाम, यूज़रनेम, तस्वीर और भाषा", "اسمك واسم المستخدم وصورتك ولغتك";
    GetsEmail: "your e-mail address", "tu correo electrónico", "आपका ईमेल पता", "بريدك الإلكتروني";
    GetsPhone: "your phone number", "tu número de teléfono", "आपका फ़ोन नंबर", "رقم هاتفك";
    Allow: "Allow", "Permitir", "अनुमति दें", "السماح";
    Deny: "Deny", "Rechazar", "मना करें", "الرفض";
    SignedInTo: "You are signed in to {app}", "Has entrado en {app}", "आप {app} में साइन इन हैं", "أنت مسجّل الدخول إلى {app}";
    ToApp: "Go to {app}", "Ir a {app}", "{app} पर जाएँ", "الانتقال إلى {app}";
    SignInDevice: "Sign in a device", "Iniciar sesión en un dispositivo", "किसी डिवाइस में साइन इन करें", "تسجيل الدخول على جهاز";
    EnterUserCode: "Enter the code that your device shows.", "Escribe el código que muestra tu dispositivo.", "वह कोड डालें जो आपका डिवाइस दिखाता है।", "أدخل الرمز الذي يظهر على جهازك.";
    BadUserCode: "No device waits with this code. Check it, or start again on the device.", "Ningún dispositivo espera con este código. Compruébalo o empieza de nuevo en el dispositivo.", "इस कोड के साथ कोई डिवाइस इंतज़ार नहीं कर रहा। कोड जाँचें, या डिवाइस पर फिर से शुरू करें।", "لا يوجد جهاز ينتظر بهذا الرمز. تحقق منه أو ابدأ من جديد على الجهاز.";
    AllowDevice: "Allow {app} on your device?", "¿Permitir {app} en tu dispositivo?", "अपने डिवाइस पर {app} को अनुमति दें?", "هل تسمح لـ {app} على جهازك؟";
    DeviceGets: "{app} on the device with the code {code} will be signed in as {who}.", "{app} iniciará sesión como {who} en el dispositivo con el código {code}.", "कोड {code} वाले डिवाइस पर {app} में {who} के रूप में साइन इन होगा।", "سيتم تسجيل دخول {app} باسم {who} على الجهاز ذي الرمز {code}.";
    DeviceWarning: "Allow it only if the device is with you and shows this code. If somebody sent you the code or a link, they want to get into your account: choose Deny.", "Permítelo solo si tienes el dispositivo contigo y muestra este código. Si alguien te envió el código o un enlace, quiere entrar en tu cuenta: elige Rechazar.", "अनुमति तभी दें जब डिवाइस आपके पास हो और यही कोड दिखाए। अगर किसी ने आपको कोड या लिंक भेजा है, तो वह आपके खाते में घुसना चाहता है: मना करें चुनें।", "اسمح بذلك فقط إذا كان الجهاز معك ويعرض هذا الرمز. إذا أرسل إليك أحد الرمز أو رابطًا، فهو يريد الدخول إلى حسابك: اختر الرفض.";
    DeviceAllowed: "The device is signed in", "El dispositivo ha iniciado sesión", "डिवाइस साइन इन हो गया", "تم تسجيل الدخول على الجهاز";
    BackToDevice: "Go on with the device. You may close this page.", "Continúa en el dispositivo. Puedes cerrar esta página.", "डिवाइस पर जारी रखें। आप यह पेज बंद कर सकते हैं।", "تابع على الجهاز. يمكنك إغلاق هذه الصفحة.";
    DeviceDenied: "The device was not signed in", "El dispositivo no ha iniciado sesión", "डिवाइस साइन इन नहीं हुआ", "لم يتم تسجيل الدخول على الجهاز";
    SignOutQuestion: "Sign out?", "¿Cerrar la sesión?", "साइन आउट करें?", "هل تريد تسجيل الخروج؟";
    SignOutOf: "You will be signed out of this browser and of the apps that you entered from it.", "Se cerrará la sesión de este navegador y de las aplicaciones a las que entraste desde él.", "आप इस ब्राउज़र से और यहाँ से खोले गए ऐप से साइन आउट हो जाएँगे।", "ستخرج من هذا المتصفح ومن التطبيقات التي دخلتها منه.";
    SignOut: "Sign out", "Cerrar la sesión", "साइन आउट करें", "تسجيل الخروج";
    SignedOut: "You are signed out", "Has cerrado la sesión", "आप साइन आउट हो गए हैं", "تم تسجيل خروجك";
    YouMayClose: "You can close this page.", "Puedes cerrar esta página.", "आप यह पेज बंद कर सकते हैं।", "يمكنك إغلاق هذه الصفحة.";
    WrongCode: "That code is not right.", "Ese código no es correcto.", "यह कोड सही नहीं है।", "هذا الرمز غير صحيح.";
    NoTriesLeft: "Too many wrong codes. Ask for a new code.", "Demasiados códigos incorrectos. Pide uno nuevo.", "बहुत सारे गलत कोड। नया कोड माँगें।", "رموز خاطئة كثيرة. اطلب رمزًا جديدًا.";
    SignInAgain: "Too many wrong codes. Sign in again.", "Demasiados códigos incorrectos. Vuelve a entrar.", "बहुत सारे गलत कोड। फिर से साइन इन करें।", "رموز خاطئة كثيرة. سجّل الدخول مرة أخرى.";
    TooManyCodes: "Too many wrong codes. Wait {wait}, then try again.", "Demasiados códigos incorrectos. Espera {wait} e inténtalo de nuevo.", "बहुत सारे गलत कोड। {wait} रुकें, फिर कोशिश करें।", "رموز خاطئة كثيرة. انتظر {wait} ثم حاول مجددًا.";
    SentLately: "A code was sent a moment ago. Wait {wait} before you ask for another one.", "Se envió un código hace un momento. Espera {wait} antes de pedir otro.", "कोड अभी-अभी भेजा गया है। दूसरा माँगने से पहले {wait} रुकें।", "أُرسل رمز قبل قليل. انتظر {wait} قبل أن تطلب رمزًا آخر.";
    LimitReached: "No more codes can be sent for now. Wait {wait}, then try again.", "Por ahora no se pueden enviar más códigos. Espera {wait} e inténtalo de nuevo.", "अभी और कोड नहीं भेजे जा सकते। {wait} रुकें, फिर कोशिश करें।", "لا يمكن إرسال مزيد من الرموز الآن. انتظر {wait} ثم حاول مجددًا.";
    NotThisWay: "A code cannot be sent in this way.", "No se puede enviar un código de esta forma.", "कोड इस तरीके से नहीं भेजा जा सकता।", "لا يمكن إرسال رمز بهذه الطريقة.";
    WrongPassword: "The name or the password is not right.", "El nombre o la contraseña no es correcto.", "नाम या पासवर्ड सही नहीं है।", "الاسم أو كلمة المرور غير صحيح.";
    PasswordsWait: "Too many wrong passwords. Wait {wait}, then try again.", "Demasiadas contraseñas incorrectas. Espera {wait} e inténtalo de nuevo.", "बहुत सारे गलत पासवर्ड। {wait} रुकें, फिर कोशिश करें।", "كلمات مرور خاطئة كثيرة. انتظر {wait} ثم حاول مجددًا.";
    PasswordsWaitOrCode: "Too many wrong passwords. Wait {wait}, or sign in with a code.", "Demasiadas contraseñas incorrectas. Espera {wait} o entra con un código.", "बहुत सारे गलत पासवर्ड। {wait} रुकें, या कोड से साइन इन करें।", "كلمات مرور خاطئة كثيرة. انتظر {wait} أو سجّل الدخول برمز.";
    PasswordsCode: "Too many wrong passwords. Sign in with a code.", "Demasiadas contraseñas incorrectas. Entra con un código.", "बहुत सारे गलत पासवर्ड। कोड से साइन इन करें।", "كلمات مرور خاطئة كثيرة. سجّل الدخول برمز.";
    PasswordsHelp: "Too many wrong passwords. Ask {app} for help.", "Demasiadas contraseñas incorrectas. Pide ayuda a {app}.", "बहुत सारे गलत पासवर्ड। {app} से मदद माँगें।", "كلمات مرور خاطئة كثيرة. اطلب المساعدة من {app}.";
    BadIdentifier: "Enter a phone number with its country code, an e-mail address or a username.", "Escribe un teléfono con su prefijo de país, un correo o un nombre de usuario.", "देश कोड के साथ फ़ोन नंबर, ईमेल पता या यूज़रनेम डालें।", "أدخل رقم هاتف مع رمز البلد أو بريدًا إلكترونيًا أو اسم مستخدم.";
    BadPhone: "Enter a phone number with its country code.", "Escribe un teléfono con su prefijo de país.", "देश कोड के साथ फ़ोन नंबर डालें।", "أدخل رقم هاتف مع رمز البلد.";
    BadEmail: "Enter a complete e-mail address.", "Escribe un correo electrónico completo.", "पूरा ईमेल पता डालें।", "أدخل بريدًا إلكترونيًا كاملًا.";
    BadPhoneOrEmail: "Enter a phone number with its country code, or an e-mail address.", "Escribe un teléfono con su prefijo de país o un correo.", "देश कोड के साथ फ़ोन नंबर, या ईमेल पता डालें।", "أدخل رقم هاتف مع رمز البلد أو بريدًا إلكترونيًا.";
    BadPhoneOrUsername: "Enter a phone number with its country code, or a username.", "Escribe un teléfono con su prefijo de país o un nombre de usuario.", "देश कोड के साथ फ़ोन नंबर, या यूज़रनेम डालें।", "أدخل رقم هاتف مع رمز البلد أو اسم مستخدم.";
    CountryNotAllowed: "Numbers of this country cannot be used here.", "Aquí no se pueden usar números de este país.", "इस देश के नंबर यहाँ इस्तेमाल नहीं किए जा सकते।", "لا يمكن استخدام أرقام هذا البلد هنا.";
    Undeliverable: "Texts to this number are refused. Use another number or your e-mail address.", "Este número no acepta mensajes de texto. Usa otro número o tu correo electrónico.", "इस नंबर पर संदेश नहीं भेजे जा सकते। दूसरा नंबर या अपना ईमेल पता इस्तेमाल करें।", "هذا الرقم لا يقبل الرسائل النصية. استخدم رقمًا آخر أو بريدك الإلكتروني.";
    UndeliverableNumber: "Texts to this number are refused. Use another number.", "Este número no acepta mensajes de texto. Usa otro número.", "इस नंबर पर संदेश नहीं भेजे जा सकते। दूसरा नंबर इस्तेमाल करें।", "هذا الرقم لا يقبل الرسائل النصية. استخدم رقمًا آخر.";
    Expired: "That took too long, or was done already. Start again.", "Tardó demasiado o ya se hizo. Empieza de nuevo.", "समय समाप्त हो गया या यह पहले ही हो चुका है। फिर से शुरू करें।", "انتهت المهلة أو تم ذلك من قبل. ابدأ من جديد.";
    Disabled: "This account is switched off.", "Esta cuenta está desactivada.", "यह खाता बंद है।", "هذا الحساب معطّل.";
    PhoneIdle: "This account was not used for a long time, so a text alone does not open it. Sign in in another way, or ask {app} for help.", "Esta cuenta no se ha usado en mucho tiempo, así que un SMS no basta para abrirla. Entra de otra forma o pide ayuda a {app}.", "यह खाता लंबे समय से इस्तेमाल नहीं हुआ, इसलिए सिर्फ़ SMS से नहीं खुलेगा। किसी और तरीके से साइन इन करें, या {app} से मदद माँगें।", "لم يُستخدم هذا الحساب منذ مدة طويلة، لذلك لا تكفي رسالة نصية لفتحه. سجّل الدخول بطريقة أخرى أو اطلب المساعدة من {app}.";
    AppDisabled: "Nobody can sign in to {app} now: it is switched off.", "Ahora nadie puede entrar en {app}: está desactivada.", "अभी {app} में कोई साइन इन नहीं कर सकता: यह बंद है।", "لا يمكن لأحد تسجيل الدخول إلى {app} الآن: فهو متوقف.";
    NotNow: "This cannot be done now. Try again later.", "No se puede hacer ahora. Inténtalo más tarde.", "यह अभी नहीं हो सकता। बाद में कोशिश करें।", "لا يمكن ذلك الآن. حاول لاحقًا.";
    Failed: "This did not work", "No ha funcionado", "यह नहीं हो सका", "لم ينجح ذلك";
    OurFault: "Something went wrong on our side. Try again in a moment.", "Algo ha fallado por nuestra parte. Inténtalo de nuevo en un momento.", "हमारी ओर से कुछ गड़बड़ हुई। थोड़ी देर में फिर कोशिश करें।", "حدث خطأ من جانبنا. حاول مرة أخرى بعد قليل.";
    TryAgain: "Try again", "Intentarlo de nuevo", "फिर कोशिश करें", "حاول مرة أخرى";
    BadLink: "This link does not work", "Este enlace no funciona", "यह लिंक काम नहीं करता", "هذا الرابط لا يعمل";
    NothingWasSent: "The app that sent you here is not set up for this. Nothing was sent to it.", "La aplicación que te envió aquí no está configurada para esto. No se le envió nada.", "जिस ऐप ने आपको यहाँ भेजा, वह इसके लिए तैयार नहीं है। उसे कुछ नहीं भेजा गया।", "التطبيق الذي أرسلك إلى هنا غير مُعدّ لذلك. لم يُرسل إليه شيء.";
    Lost: "Start again", "Empieza de nuevo", "फिर से शुरू करें", "ابدأ من جديد";
    StartAgain: "This page is done already, was opened in another browser, or cookies are switched off. Go back to the app and start again there.", "Esta página ya terminó, se abrió en otro navegador o las cookies están desactivadas. Vuelve a la aplicación y empieza de nuevo.", "यह पेज पूरा हो चुका है, दूसरे ब्राउज़र में खोला गया था, या कुकी बंद हैं। ऐप पर लौटें और फिर से शुरू करें।", "انتهت هذه الصفحة أو فُتحت في متصفح آخر أو أن ملفات تعريف الارتباط معطّلة. عُد إلى التطبيق وابدأ من جديد.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_language_has_every_text_with_the_same_values() {
        let values = |text: &str| {
            let names = text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
            names.map(str::to_owned).collect::<BTreeSet<_>>()
        };
        for text in ALL {
            let english = words(Language::English, *text);
            for language in Language::ALL {
                let translated = words(language, *text);
                assert!(!translated.is_empty());
                assert_eq!(values(translated), values(english), "{text:?} in {language:?}");
            }
        }
    }
}
