sign-in-code = { $code } is your { $app } code. It is valid for { $minutes } min. Do not share it with anyone.
