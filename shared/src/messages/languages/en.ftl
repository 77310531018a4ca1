sign-in = { $code } is your { $app } code. It is valid for { $minutes } min. Do not share it with anyone.
    .subject = Your { $app } code
account-exists = { $code } is your { $app } code. You have an account: this code signs you in. Do not share it.
    .subject = You already have a { $app } account
password-reset = { $code } is your { $app } code to set a new password. Valid for { $minutes } min. Not you? Ignore it.
    .subject = Set a new { $app } password
new-address = { $code } is your { $app } code to confirm this address. Valid for { $minutes } min. Do not share it.
    .subject = Confirm your address for { $app }
password-changed = Your { $app } password was changed. Not you? Undo it: { $undo }
    .subject = Your { $app } password was changed
address-changed = Your { $app } phone or e-mail address was changed. Not you? Undo it: { $undo }
    .subject = Your { $app } account was changed
second-factor-added = An authenticator app was added to your { $app } account. Not you? Undo it: { $undo }
    .subject = An authenticator app was added to your { $app } account
second-factor-removed = An authenticator app was removed from your { $app } account. Not you? Undo it: { $undo }
    .subject = An authenticator app was removed from your { $app } account
phone-detached = A new { $app } account now has your phone number, because yours was not used for long. Was it you? Get it back: { $undo }
    .subject = Your phone number left your { $app } account
account-erasure = Your { $app } account will be deleted on { $date }. Not you, or changed your mind? Keep it: { $undo }
    .subject = Your { $app } account will be deleted
app-changed = An app of { $app } was changed: its origins, text or secret. If you do not know why, check the audit trail now.
    .subject = An app of { $app } was changed
stop-texts = Stop these texts: { $link }
stop-mails = Not you? Stop these e-mails: { $link }

## The pages behind that link.

stop-question = Didn't request this code?
    .explanation = Someone may have entered your number or e-mail address by mistake. They can't sign in without the code, so don't share it.
    .button = Stop codes for 24 hours
stopped = Codes stopped
    .explanation = We won't send you codes until { $until } (UTC).

undo-question = Undo the changes to your account?
    .explanation = Your phone and e-mail address will be as they were before the first change of the last three days. A password or authenticator app that was added since is removed, an account that was to be deleted is kept, and every device is signed out.
    .button = Undo the changes
undone = Changes undone
    .explanation = Your account is as it was. Sign in with a code, and set a new password if you had one.
