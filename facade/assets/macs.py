"""MAC addresses, which Butlr, spreadsheets and people each write in their own way."""

import re

# Six octets, or the eight of a sensor. Butlr's docs write x for digits that they do not tell.
_DIGITS = re.compile(r"[0-9a-fx]{12}(?:[0-9a-fx]{4})?")
_BETWEEN = re.compile(r"[-:.\s]+")


def is_mac(text: str) -> bool:
    return _digits(text) is not None


def normal_mac(text: str) -> str:
    """A MAC address in the one spelling of the facade, lower case with `-` between octets; what is none, trimmed."""
    digits = _digits(text)
    if digits is None:
        return text.strip().lower().replace(":", "-")
    return "-".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _digits(text: str) -> str | None:
    digits = _BETWEEN.sub("", text.strip()).lower()
    return digits if _DIGITS.fullmatch(digits) else None
