"""Kinds of picture files, recognised by how a file begins, whatever its name says."""

import re

SIGNATURE_BYTES = 65536  # read before a file is opened; an animated PNG says within these that it is one
SIGNATURES = {
    "jpg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"(?s)RIFF....WEBP",
    "tif": rb"II[*+]\0|MM\0[*+]",
    "gif": rb"GIF8[79]a",
}


def recognise(beginning: bytes) -> str | None:
    """Return the format of a file that begins with these bytes, None if it is no picture that can be read."""
    return next((format for format, signature in SIGNATURES.items() if re.match(signature, beginning)), None)
