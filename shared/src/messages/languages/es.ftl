# "clave", not "código", since á, í, ó and ú are not in the GSM 7-bit alphabet: one of them would
# halve how many characters fit into a segment. No text has one; subjects and pages may.
sign-in = { $code } es tu clave de { $app }. Vale { $minutes } min. No la compartas con nadie.
    .subject = Tu clave de { $app }
    .mail = Introduce esta clave para iniciar sesión. Vale { $minutes } min. No la compartas con nadie.
account-exists = { $code } es tu clave de { $app }. Tienes una cuenta: entra con esta clave. No la compartas.
    .subject = Ya tienes una cuenta de { $app }
    .mail = Ya tienes una cuenta. Introduce esta clave para entrar en ella. Vale { $minutes } min. No la compartas con nadie.
password-reset = { $code } es tu clave de { $app } para nueva contraseña. Vale { $minutes } min. ¿No es tuya? No la uses.
    .subject = Cambia tu contraseña de { $app }
    .mail = Introduce esta clave para crear una nueva contraseña. Vale { $minutes } min. No la compartas con nadie.
    .button = Crear una nueva contraseña
new-address = { $code } es tu clave de { $app } para confirmar tus datos. Vale { $minutes } min. No la compartas.
    .subject = Confirma tus datos de { $app }
    .mail = Introduce esta clave para confirmar tu dirección. Vale { $minutes } min. No la compartas con nadie.
password-changed = Se ha cambiado tu contraseña de { $app }. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha cambiado tu contraseña de { $app }
    .mail = Si fuiste tú, no tienes que hacer nada. Si no, deshaz el cambio ahora.
    .button = Deshacer el cambio
address-changed = Tu cuenta de { $app } tiene un nuevo teléfono o e-mail. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Tu cuenta de { $app } ha cambiado
    .mail = Tu teléfono o tu correo ha cambiado. Si fuiste tú, no tienes que hacer nada. Si no, deshaz el cambio ahora.
    .button = Deshacer el cambio
second-factor-added = Tu cuenta de { $app } tiene una nueva app de autenticador. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha añadido una app de autenticador a tu cuenta de { $app }
    .mail = Si fuiste tú, no tienes que hacer nada. Si no, deshaz el cambio ahora.
    .button = Deshacer el cambio
second-factor-removed = Tu cuenta de { $app } ya no tiene app de autenticador. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha quitado una app de autenticador de tu cuenta de { $app }
    .mail = Si fuiste tú, no tienes que hacer nada. Si no, deshaz el cambio ahora.
    .button = Deshacer el cambio
passkey-added = Tu cuenta de { $app } tiene una nueva llave de acceso. ¿No reconoces el cambio? Deshazlo: { $undo }
    .subject = Se ha añadido una llave de acceso a tu cuenta de { $app }
    .mail = Si fuiste tú, no tienes que hacer nada. Si no, deshaz el cambio ahora.
    .button = Deshacer el cambio
phone-detached = Tu número ha pasado a una cuenta nueva de { $app }, porque la tuya no se usaba hace tiempo. ¿Eras tú? Recupéralo: { $undo }
    .subject = Tu número ya no está en tu cuenta de { $app }
    .mail = Una cuenta nueva tiene ahora tu número, porque la tuya no se usaba hace tiempo. Si la cuenta nueva no es tuya, no tienes que hacer nada. Si eras tú, recupera tu cuenta.
    .button = Recuperar mi cuenta
account-erasure = Tu cuenta de { $app } se eliminará el { $date }. ¿No has sido tú o has cambiado de idea? Consérvala: { $undo }
    .subject = Tu cuenta de { $app } se eliminará
    .mail = Se eliminará el { $date }. Si no has sido tú o has cambiado de idea, consérvala.
    .button = Conservar mi cuenta
app-changed = Ha cambiado una app de { $app }: sus orígenes, su texto o su secreto. Si no sabes por qué, mira ya el registro de auditoría.
    .subject = Ha cambiado una app de { $app }
    .mail = Han cambiado sus orígenes, su texto o su secreto. Si no sabes por qué, mira ya el registro de auditoría.
stop-texts = Detener estos SMS: { $link }
stop-mails = ¿No fuiste tú? Detener estos correos: { $link }
    .button = ¿No fuiste tú? Detener estos correos
reason-code = Recibes este correo porque alguien ha introducido tu dirección en { $app }.
reason-notice = Recibes este correo porque esta dirección está, o estaba, en tu cuenta de { $app }.
reason-administrator = Recibes este correo porque administras { $app }.

## The pages behind that link.

stop-question = ¿Pediste una clave?
    .explanation = Alguien pidió una clave a { $app } con tu número o tu correo, quizá por error. Sin la clave no puede iniciar sesión, así que no la compartas con nadie. Si fuiste tú, cierra esta página; si no, puedes detener estas claves durante un día.
    .button = Detener las claves durante 24 horas
stopped = Claves detenidas
    .explanation = { $app } no te enviará claves hasta el { $until } (UTC). Si necesitas iniciar sesión antes, anula esto.
    .button = Volver a recibir claves
resumed = Recibes claves otra vez
    .explanation = { $app } vuelve a enviar claves a tu número o tu correo.

undo-question = ¿Deshacer los cambios de tu cuenta?
    .explanation = Tu teléfono y tu correo volverán a ser los de antes del primer cambio de los últimos tres días. Se quitarán la contraseña, las apps de autenticador y las llaves de acceso que se hayan añadido desde entonces, una cuenta que se iba a eliminar se conserva, y se cerrará la sesión en todos los dispositivos.
    .button = Deshacer los cambios
undone = Cambios deshechos
    .explanation = Tu cuenta vuelve a ser como antes. Inicia sesión con un código y, si tenías contraseña, pon una nueva.

## The pages of refusals.

link-refused = Este enlace ya no funciona
    .explanation = Es demasiado antiguo, ya se usó o no está completo. Si sigues recibiendo mensajes que no pediste, abre el enlace del más reciente.
no-page = Aquí no hay ninguna página
    .explanation = Revisa la dirección o vuelve a la página de la que vienes.
sign-in-elsewhere = Este inicio de sesión no puede seguir aquí
    .explanation = Empezó en otro navegador o en otra pestaña. Vuelve allí y continúa, o empieza de nuevo en la aplicación.
page-failed = No ha funcionado
    .explanation = Algo ha fallado por nuestra parte. Inténtalo de nuevo en un momento.
    .again = Intentarlo de nuevo
spoken-code = Tu clave de { $app } es: { $code }. Otra vez: { $code }. No la digas a nadie.
