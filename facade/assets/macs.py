"""Normalise MAC addresses, which Butlr, spreadsheets and people write in different ways."""

import re

# Six octets, or the eight of a sensor. Butlr's docs write x for digits that they hide.
_DIGITS = re.compile(r"[0-9a-fx]{12}(?:[0-9a-fx]{4})?")
_BETWEEN = re.compile(r"[-:.\s]+")


def is_mac(text: str) -> bool:
    return _digits(text) is not None


def normal_mac(text: str) -> str:
    """Return a MAC address in lower case with `-` between octets. Any other text is only trimmed."""
    digits = _digits(text)
    if digits is None:
        return text.strip().lower().replace(":", "-")
    return "-".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _digits(text: str) -> str | None:
    digits = _BETWEEN.sub("", text.strip()).lower()
    return digits if _DIGITS.fullmatch(digits) else None
