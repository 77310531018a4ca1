# "clave", not "código": ó is not in the GSM 7-bit alphabet and would halve what fits into a text.
sign-in-code = { $code } es tu clave de { $app }. Vale { $minutes } min. No la compartas con nadie.
