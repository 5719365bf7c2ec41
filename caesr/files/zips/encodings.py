"""Guess the encoding of names in a zip that does not say it (APPNOTE 6.3.10, appendix D): programs write their own.

A name is decoded as it reads most like one: by which characters are common in the language of an encoding, and by how
the other names of the zip read in it.
"""

import locale
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache

UNICODE_PATH = 0x7075  # extra field of Info-ZIP: version 1, CRC-32 of the plain name, name in UTF-8
UNSAID = "cp437"  # what the format prescribes; it decodes every byte
UTF8 = 1.2  # plausibility of what is valid UTF-8, which is hardly ever so by chance
ODD = 0.2  # of a character that no word has there
SAMPLE = 1000  # names that are evidence for the others
EVIDENCE = 0.3  # its weight

Judge = Callable[[str, bytes], float]  # how common a character is in an encoding, by its bytes there: 0 to 1


def decode_names(names: Sequence[bytes]) -> list[str]:
    """Return the names of a zip as texts; none is lost, even if it may be misread."""
    guessed = [name for name in names if not name.isascii()]
    together = b"/".join(guessed[:SAMPLE])
    evidence = {encoding: EVIDENCE * max(0, plausibility(together, encoding)) for encoding in ENCODINGS}
    order = sorted(ENCODINGS, key=lambda encoding: encoding not in ("utf-8", local_encoding()))

    def decode(name: bytes) -> str:
        best = max(order, key=lambda encoding: plausibility(name, encoding) + evidence[encoding])
        return name.decode(best if plausibility(name, best) >= 0 else UNSAID)

    return [name.decode() if name.isascii() else decode(name) for name in names]


def unicode_path(name: bytes, field: bytes) -> str | None:
    """Return the name that the extra field of Info-ZIP gives in UTF-8 for this plain name, None if it gives none."""
    is_of_this = field[:1] == b"\1" and field[1:5] == zlib.crc32(name).to_bytes(4, "little")
    return field[5:].decode() if is_of_this and plausibility(field[5:], "utf-8") >= 0 else None


@lru_cache(maxsize=1)
def local_encoding() -> str:
    """Return the encoding of this machine's language."""
    return locale.getpreferredencoding(False).lower()


def plausibility(names: bytes, encoding: str) -> float:
    """Return how much bytes read like names in an encoding: about 0 to 1, or -1 if they cannot be decoded."""
    try:
        text = names.decode(encoding)
    except UnicodeDecodeError:
        return -1
    if encoding == "utf-8":
        scripts = {unicodedata.name(char, "").split(" ")[0] for char in text if not char.isascii() and char.isalpha()}
        is_of_one_script = len(scripts) < 2 or max(text) > "\u07ff"  # by chance, it is two bytes a character
        return UTF8 if is_of_one_script else UTF8 / 2
    points = []
    for before, char, after in zip(f"/{text}", text, f"{text[1:]}/", strict=False):
        if char.isascii():
            continue
        is_odd = (char.isupper() and before.islower()) or (char.islower() and after.isupper())
        points.append(ODD if is_odd else _fit(char, before, after, encoding))
    return sum(points) / max(1, len(points))


def _fit(char: str, before: str, after: str, encoding: str) -> float:
    """Return how common a character is between two others: in Latin among ASCII letters, in Cyrillic not."""
    judge = ENCODINGS[encoding]
    points = judge(char, char.encode(encoding))
    if judge not in (_western, _russian):
        return points
    letters = [near.isascii() for near in (before, after) if near.isalpha()]
    if not letters:  # one letter is hardly evidence
        return points * (0.9 if judge is _western else 0.8)
    if judge is _western:
        return points * (1 if any(letters) else 0.5)
    return points * (ODD if any(letters) else 1)


def _western(char: str, _: bytes) -> float:
    return 1.0 if unicodedata.name(char, "").startswith("LATIN ") else 0.0


def _russian(char: str, _: bytes) -> float:
    return 1.0 if "А" <= char <= "я" or char in "Ёё" else ODD * char.isalpha()


def _simplified_chinese(_: str, code: bytes) -> float:
    """GB 2312: the common characters come first, from B0 to D7, then the others; GBK has the rare ones."""
    if code[0] < 0xA1 or code[-1] < 0xA1:
        return ODD
    return 1.0 if 0xB0 <= code[0] <= 0xD7 else 0.6


def _japanese(char: str, code: bytes) -> float:
    """JIS X 0208: kana, the common characters up to lead byte 97, then the others; half-width kana are rare."""
    if "\u3041" <= char <= "\u30fe":
        return 1.0
    if len(code) == 1 or unicodedata.east_asian_width(char) == "F":
        return 0.3
    return 1.0 if 0x88 <= code[0] <= 0x97 else 0.6


def _traditional_chinese(_: str, code: bytes) -> float:
    """Big5: the common characters from A4 to C6, then the others."""
    return 1.0 if 0xA4 <= code[0] <= 0xC6 else 0.5


def _korean(_: str, code: bytes) -> float:
    """KS X 1001: the common syllables from B0 to C8."""
    return 1.0 if 0xB0 <= code[0] <= 0xC8 and code[-1] >= 0xA1 else 0.3


ENCODINGS: dict[str, Judge] = {  # of equals the first is taken
    "utf-8": lambda *_: UTF8,
    "cp437": _western,
    "cp850": _western,
    "cp1252": _western,
    "gbk": _simplified_chinese,
    "cp932": _japanese,
    "cp949": _korean,
    "big5": _traditional_chinese,
    "cp866": _russian,
    "cp1251": _russian,
}
