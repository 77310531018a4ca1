sign-in = { $code } is your { $app } code. It is valid for { $minutes } min. Do not share it with anyone.
    .subject = Your { $app } code
    .mail = Enter this code to sign in. It is valid for { $minutes } min. Do not share it with anyone.
account-exists = { $code } is your { $app } code. You have an account: this code signs you in. Do not share it.
    .subject = You already have a { $app } account
    .mail = You already have an account. Enter this code to sign in to it. It is valid for { $minutes } min. Do not share it with anyone.
password-reset = { $code } is your { $app } code to set a new password. Valid for { $minutes } min. Not you? Ignore it.
    .subject = Set a new { $app } password
    .mail = Enter this code to set a new password. It is valid for { $minutes } min. Do not share it with anyone.
    .button = Set a new password
new-address = { $code } is your { $app } code to confirm this address. Valid for { $minutes } min. Do not share it.
    .subject = Confirm your address for { $app }
    .mail = Enter this code to confirm your address. It is valid for { $minutes } min. Do not share it with anyone.
password-changed = Your { $app } password was changed. Not you? Undo it: { $undo }
    .subject = Your { $app } password was changed
    .mail = If it was you, there is nothing to do. If not, undo it now.
    .button = Undo the change
address-changed = Your { $app } phone or e-mail address was changed. Not you? Undo it: { $undo }
    .subject = Your { $app } account was changed
    .mail = Your phone or e-mail address was changed. If it was you, there is nothing to do. If not, undo it now.
    .button = Undo the change
second-factor-added = An authenticator app was added to your { $app } account. Not you? Undo it: { $undo }
    .subject = An authenticator app was added to your { $app } account
    .mail = If it was you, there is nothing to do. If not, undo it now.
    .button = Undo the change
second-factor-removed = An authenticator app was removed from your { $app } account. Not you? Undo it: { $undo }
    .subject = An authenticator app was removed from your { $app } account
    .mail = If it was you, there is nothing to do. If not, undo it now.
    .button = Undo the change
phone-detached = A new { $app } account now has your phone number, because yours was not used for long. Was it you? Get it back: { $undo }
    .subject = Your phone number left your { $app } account
    .mail = A new account now has your phone number, because yours was not used for long. If the new account is not yours, there is nothing to do. If it was you, get your account back.
    .button = Get it back
account-erasure = Your { $app } account will be deleted on { $date }. Not you, or changed your mind? Keep it: { $undo }
    .subject = Your { $app } account will be deleted
    .mail = It will be deleted on { $date }. If it was not you, or if you changed your mind, keep it.
    .button = Keep my account
app-changed = An app of { $app } was changed: its origins, text or secret. If you do not know why, check the audit trail now.
    .subject = An app of { $app } was changed
    .mail = Its origins, its text or its secret were changed. If you do not know why, check the audit trail now.
stop-texts = Stop these texts: { $link }
stop-mails = Not you? Stop these e-mails: { $link }
    .button = Not you? Stop these e-mails
reason-code = You get this e-mail because someone entered your address at { $app }.
reason-notice = You get this e-mail because your { $app } account has, or had, this address.
reason-administrator = You get this e-mail because you administer { $app }.

## The pages behind that link.

stop-question = Did you ask for a code?
    .explanation = Someone asked { $app } for a code and gave your number or e-mail address, maybe by mistake. Without the code they can't sign in, so don't share it with anybody. If it was you, close this page; if it wasn't, you can stop these codes for a day.
    .button = Stop codes for 24 hours
stopped = Codes stopped
    .explanation = { $app } won't send you codes until { $until } (UTC). If you need to sign in before that, take this back.
    .button = Send me codes again
resumed = You get codes again
    .explanation = { $app } sends codes to your number or e-mail address again.

undo-question = Undo the changes to your account?
    .explanation = Your phone and e-mail address will be as they were before the first change of the last three days. A password or authenticator app that was added since is removed, an account that was to be deleted is kept, and every device is signed out.
    .button = Undo the changes
undone = Changes undone
    .explanation = Your account is as it was. Sign in with a code, and set a new password if you had one.

## The pages of refusals.

link-refused = This link no longer works
    .explanation = It is too old, was used already, or is not complete. If you still get messages that you did not ask for, open the link in the newest one.
no-page = There is no page here
    .explanation = Check the address, or go back to the page that you came from.
sign-in-elsewhere = This sign-in cannot go on here
    .explanation = It was begun in another browser or tab. Go back there and go on, or start again in the app.
page-failed = This did not work
    .explanation = Something went wrong on our side. Try again in a moment.
spoken-code = Your { $app } code is: { $code }. Once more: { $code }. Do not tell anyone.
