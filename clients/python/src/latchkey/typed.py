"""Reads what people type or paste: digits of any script, with spaces, hyphens and characters that nobody sees.

The rules are those of the TypeScript client, and the tests of both run the files in corpus/.
"""

import re
import unicodedata

# The format characters that contacts, messengers and keyboards add.
_FORMAT = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
# Hyphens and dashes, the minus sign, and the Japanese long vowel mark, which keyboards put for a hyphen.
_DASHES = "\\-\u058a\u2010-\u2015\u2043\u2212\u30fc\ufe58\ufe63\uff0d\uff70"
_BLANK = re.compile(f"[\\s{_FORMAT}{_DASHES}]")
_PUNCTUATION = re.compile("[.\u00b7\u2024\u30fb\uff0e()\\[\\]\uff08\uff09\uff3b\uff3d]")
_INTERNATIONAL = re.compile("^[.(\\[\uff08\uff3b]*(\\+|00)")
_TRUNK_ZERO = re.compile("[(\uff08\\[\uff3b]0[)\uff09\\]\uff3d]")


def _fold_digits(text: str) -> str:
    return "".join(str(unicodedata.digit(sign)) if unicodedata.category(sign) == "Nd" else sign for sign in text)


def read_phone(typed: str) -> str:
    """Reads a phone number as people write it. The result is empty if there are no digits.

    It has no `+` if the person typed none: such a number is accepted only if the service has a
    `default_region`. Raises `ValueError` with the first character that no phone number has, such as
    the `x` of an extension, whose digits would belong to another phone.
    """
    folded = re.sub("[\uff0b\ufe62]", "+", _fold_digits(typed))
    folded = re.sub("^tel:", "", _BLANK.sub("", folded), flags=re.IGNORECASE)
    if _INTERNATIONAL.match(folded):
        folded = _TRUNK_ZERO.sub("", folded, count=1)
    number = re.sub("^00", "+", _PUNCTUATION.sub("", folded))
    for index, sign in enumerate(number):
        if sign not in "0123456789" and not (sign == "+" and index == 0):
            raise ValueError(sign)
    return "" if number == "+" else number


def read_code(typed: str) -> str:
    """Reads a code of a text, an e-mail or an authenticator app."""
    return _BLANK.sub("", _fold_digits(typed))


def read_recovery_code(typed: str) -> str:
    """Reads a recovery code, of which only letters and digits count."""
    return re.sub("[^A-Za-z0-9]", "", _fold_digits(unicodedata.normalize("NFKC", typed)))
