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
password-changed = Se ha cambiado tu contraseña de { $app }. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha cambiado tu contraseña de { $app }
address-changed = Tu cuenta de { $app } tiene un nuevo teléfono o e-mail. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Tu cuenta de { $app } ha cambiado
second-factor-added = Tu cuenta de { $app } tiene una nueva app de autenticador. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha añadido una app de autenticador a tu cuenta de { $app }
second-factor-removed = Tu cuenta de { $app } ya no tiene app de autenticador. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha quitado una app de autenticador de tu cuenta de { $app }
phone-detached = Tu número ha pasado a una cuenta nueva de { $app }, porque la tuya no se usaba hace tiempo. ¿Eras tú? Recupéralo: { $undo }
    .subject = Tu número ya no está en tu cuenta de { $app }
account-erasure = Tu cuenta de { $app } se eliminará el { $date }. ¿No has sido tú o has cambiado de idea? Consérvala: { $undo }
    .subject = Tu cuenta de { $app } se eliminará
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

undo-question = ¿Deshacer los cambios de tu cuenta?
    .explanation = Tu teléfono y tu correo volverán a ser los de antes del primer cambio de los últimos tres días. Se quitarán la contraseña y las apps de autenticador que se hayan añadido desde entonces, una cuenta que se iba a eliminar se conserva, y se cerrará la sesión en todos los dispositivos.
    .button = Deshacer los cambios
undone = Cambios deshechos
    .explanation = Tu cuenta vuelve a ser como antes. Inicia sesión con un código y, si tenías contraseña, pon una nueva.
