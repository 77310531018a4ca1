# "clave", not "código", since á, í, ó and ú are not in the GSM 7-bit alphabet: one of them would
# halve how many characters fit into a segment. No text has one; subjects and pages may.
sign-in = { $code } es tu clave de { $app }. Vale { $minutes } min. No la compartas con nadie.
    .subject = Tu clave de { $app }
account-exists = { $code } es tu clave de { $app }. Tienes una cuenta: entra con esta clave. No la compartas.
    .subject = Ya tienes una cuenta de { $app }
password-reset = { $code } es tu clave de { $app } para nueva contraseña. Vale { $minutes } min. ¿No es tuya? No la uses.
    .subject = Cambia tu contraseña de { $app }
new-address = { $code } es tu clave de { $app } para confirmar tus datos. Vale { $minutes } min. No la compartas.
    .subject = Confirma tus datos de { $app }
password-changed = Se ha cambiado tu contraseña de { $app }. Si no reconoces el cambio, pon una nueva ya.
    .subject = Se ha cambiado tu contraseña de { $app }
address-changed = Ha cambiado el teléfono o el e-mail de tu cuenta de { $app }. Si no reconoces el cambio, contacta ya con nosotros.
    .subject = Tu cuenta de { $app } ha cambiado
second-factor-added = Hay una nueva app de autenticador en tu cuenta de { $app }. Si no reconoces el cambio, contacta ya con nosotros.
    .subject = Se ha añadido una app de autenticador a tu cuenta de { $app }
second-factor-removed = Se ha quitado una app de autenticador de tu cuenta de { $app }. Si no reconoces el cambio, contacta ya con nosotros.
    .subject = Se ha quitado una app de autenticador de tu cuenta de { $app }
app-changed = Ha cambiado una app de { $app }: sus orígenes, su texto o su secreto. Si no sabes por qué, mira ya el registro de auditoría.
    .subject = Ha cambiado una app de { $app }
stop-texts = Detener estos SMS: { $link }
stop-mails = ¿No fuiste tú? Detener estos correos: { $link }

## The pages behind that link.

stop-question = ¿No pediste esta clave?
    .explanation = Puede que alguien haya introducido tu número o tu correo por error. Sin la clave no puede iniciar sesión, así que no la compartas.
    .button = Detener las claves durante 24 horas
stopped = Claves detenidas
    .explanation = No te enviaremos claves hasta el { $until } (UTC).
