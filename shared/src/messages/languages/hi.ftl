sign-in-code = { $code } आपका { $app } कोड है। { $minutes } मिनट तक मान्य।
