# "clave", not "código"; no other accents in texts either: á, í, ó and ú are not in the GSM 7-bit alphabet and would
# halve what fits into one.
sign-in = { $code } es tu clave de { $app }. Vale { $minutes } min. No la compartas con nadie.
    .subject = Tu clave de { $app }
account-exists = { $code } es tu clave de { $app }. Ya tienes una cuenta: con ella entras. No la compartas.
    .subject = Ya tienes una cuenta de { $app }
password-reset = { $code } es tu clave de { $app } para cambiar la contraseña. Vale { $minutes } min.
    .subject = Cambia tu contraseña de { $app }
new-address = { $code } es tu clave de { $app } para confirmar. Vale { $minutes } min. No la compartas.
    .subject = Confirma tus datos de { $app }
password-changed = Se ha cambiado tu contraseña de { $app }. Si no lo has hecho, pon una nueva ya.
    .subject = Se ha cambiado tu contraseña de { $app }
address-changed = Se han cambiado tus datos de { $app }. Si no lo has hecho, contacta con nosotros.
    .subject = Se han cambiado tus datos de { $app }
second-factor-added = Tu cuenta de { $app } pide ahora una app de autenticador. Si no lo has hecho, contacta con nosotros.
    .subject = Una app de autenticador protege tu cuenta de { $app }
second-factor-removed = Se ha quitado la app de autenticador de { $app }. Si no lo has hecho, contacta con nosotros.
    .subject = Se ha quitado tu app de autenticador de { $app }
stop-texts = Detener estos SMS: { $link }

## The pages behind that link.

stop-question = ¿No pediste esta clave?
    .explanation = Entonces alguien escribió tu número por error o para molestar. Nadie entra sin la clave: no la compartas.
    .button = No me envíen claves durante 24 horas
stopped = Envío detenido
    .explanation = No se te enviarán claves hasta el { $until } (UTC).
