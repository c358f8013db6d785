"""Resource quantities ("100m", "1Gi") in the one spelling the API server writes back."""

import re
from fractions import Fraction

_FORM = re.compile(r"^(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<suffix>[a-zA-Z]{0,2}|[eE][+-]?\d+)$")
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def canonical_quantity(text: str) -> str:
    """The canonical form of a quantity, e.g. `1Gi` for `1024Mi` and `100m` for `0.1`.

    Raises:
        ValueError: `text` is not a quantity.
    """
    number, suffix = _read(text)
    if suffix in _BINARY:
        return _binary(number)
    return _decimal(number) if suffix in _DECIMAL else _exponent(number)


def quantity_value(text: str) -> Fraction:
    """The amount a quantity stands for, exactly.

    Raises:
        ValueError: `text` is not a quantity.
    """
    return _read(text)[0]


def _read(text: str) -> tuple[Fraction, str]:
    matched = _FORM.match(text)
    if matched is None:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, suffix = Fraction(matched["number"]), matched["suffix"]
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix], suffix
    if suffix in _DECIMAL:
        return number * Fraction(1000) ** _DECIMAL[suffix], suffix
    if suffix[0] in "eE" and suffix[1:].lstrip("+-").isdigit():
        return number * Fraction(10) ** int(suffix[1:]), suffix
    raise ValueError(f"unable to parse quantity's suffix {suffix!r}")


def _binary(value: Fraction) -> str:
    if abs(value) < 1024 or value.denominator != 1:
        return _decimal(value)
    for suffix, power in reversed(_BINARY.items()):
        if value.numerator % 1024**power == 0:
            return f"{value.numerator // 1024**power}{suffix}"
    return str(value.numerator)


def _decimal(value: Fraction) -> str:
    if value == 0:
        return "0"
    for suffix, power in reversed(_DECIMAL.items()):
        scaled = value / Fraction(1000) ** power
        if scaled.denominator == 1:
            return f"{scaled.numerator}{suffix}"
    # Finer than nano: rounded up, as the real server does.
    nano = value * 10**9
    return f"{-((-nano.numerator) // nano.denominator)}n"


def _exponent(value: Fraction) -> str:
    for power in range(18, -10, -3):
        scaled = value / Fraction(10) ** power
        if scaled.denominator == 1 and value:
            return f"{scaled.numerator}e{power}" if power else str(scaled.numerator)
    return _decimal(value)
