sign-in = { $code } is your { $app } code. It is valid for { $minutes } min. Do not share it with anyone.
    .subject = Your { $app } code
account-exists = { $code } is your { $app } code. You already have an account: it signs you in. Do not share it.
    .subject = You already have a { $app } account
password-reset = { $code } is your { $app } code for a new password. Valid for { $minutes } min. Not you? Ignore it.
    .subject = Set a new { $app } password
new-address = { $code } is your { $app } code to confirm this address. Valid for { $minutes } min. Do not share it.
    .subject = Confirm your address for { $app }
password-changed = Your { $app } password was changed. If that was not you, set a new one now.
    .subject = Your { $app } password was changed
address-changed = Your { $app } phone or e-mail address was changed. If that was not you, contact us now.
    .subject = Your { $app } account was changed
second-factor-added = Your { $app } account now asks for an authenticator app. If that was not you, contact us now.
    .subject = An authenticator app protects your { $app } account
second-factor-removed = The authenticator app of your { $app } account was removed. If that was not you, contact us now.
    .subject = Your { $app } authenticator app was removed
stop-texts = Stop these texts: { $link }

## The pages behind that link.

stop-question = Did you not ask for this code?
    .explanation = Then somebody typed your number by mistake, or as a nuisance. Nobody gets in without the code: keep it to yourself.
    .button = Send me no codes for 24 hours
stopped = Stopped
    .explanation = No codes are sent to you until { $until } (UTC).
