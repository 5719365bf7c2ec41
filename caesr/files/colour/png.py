"""Colours of a PNG without a profile: the chunks cICP, sRGB, gAMA and cHRM (PNG, third edition, 4.3 and 11.3.2)."""

import mmap
import struct
from pathlib import Path

from caesr.files.colour import cicp, icc
from caesr.files.colour.cicp import CodePoints
from caesr.files.colour.icc import BT709, Chromaticities
from caesr.files.png_chunks import chunks, has_right_checksum
from zoo.messages import Message

CHUNKS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}  # bytes of each
VIDEO_GAMMA = 2.4  # with which browsers show the transfer of BT.709 in a PNG
SRGB_GAMMA = 1 / 2.2  # written for sRGB by programs that know no other chunk
GAMMA_THRESHOLD = 0.05  # by which libpng, and with it browsers, take a gamma for another one


def read_chunks(path: Path) -> dict[bytes, bytes]:
    """Return the chunks about colours that stand before the pixels; damaged ones are left out."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for kind, start, stop in chunks(data):
            if kind == b"IDAT":
                break
            if kind not in found and CHUNKS.get(kind) == stop - start and has_right_checksum(data, start, stop):
                found[kind] = data[start:stop]
    return found


def read_png_profile(path: Path, channels: int, embedded: bytes | None) -> tuple[bytes | None, tuple[Message, ...]]:
    """Return the profile of a PNG's colours, None for sRGB, and what is to be said about it.

    cICP comes before iCCP, that before sRGB, and that before gAMA and cHRM.

    Args:
        channels: of the picture, alpha among them.
        embedded: the profile of iCCP, if it fits.
    Raises:
        HdrColours: PQ and HLG.
    """
    found, notes = read_chunks(path), []
    if b"cICP" in found:
        primaries, transfer, matrix, full_range = found[b"cICP"]
        points = CodePoints(primaries, transfer, matrix, full_range == 1)
        try:
            if points.matrix or not points.full_range:
                raise ValueError("not allowed in a PNG")
            return cicp.profile_of(points, channels, VIDEO_GAMMA), ()
        except cicp.HdrColours:
            raise
        except ValueError:
            message = "Its description of colours (cICP {numbers}) is not understood and is left out."
            notes.append(Message(message, numbers="/".join(str(number) for number in found[b"cICP"])))
    if embedded:
        return embedded, tuple(notes)
    if b"sRGB" in found:
        return None, tuple(notes)
    if b"cHRM" in found and b"gAMA" not in found and channels >= 3:
        message = "Its primaries (cHRM) come without a gamma and are left out, as by browsers."
        notes.append(Message(message))
    try:
        return _measured_profile(found, channels), tuple(notes)
    except ValueError:
        message = "Its gamma or its primaries (gAMA, cHRM) are damaged and are left out."
        return None, (*notes, Message(message))


def _measured_profile(found: dict[bytes, bytes], channels: int) -> bytes | None:
    """Return the profile for gAMA and cHRM; None: browsers show the picture as sRGB.

    They take no notice of cHRM without gAMA, and of gAMA alone where it is about that of sRGB.

    Raises:
        ValueError: damaged numbers.
    """
    if b"gAMA" not in found:
        return None
    stored_gamma = int.from_bytes(found[b"gAMA"]) / 100_000
    if b"cHRM" not in found and abs(stored_gamma / SRGB_GAMMA - 1) <= GAMMA_THRESHOLD:
        return None
    if not stored_gamma:
        raise ValueError("gamma 0")
    chromaticities = _read_chromaticities(found[b"cHRM"]) if b"cHRM" in found else BT709
    name = f"gAMA {stored_gamma:g}" + (", cHRM" if b"cHRM" in found else "")
    return icc.make_profile(name, channels, chromaticities, [icc.gamma_curve(1 / stored_gamma)])


def _read_chromaticities(chunk: bytes) -> Chromaticities:
    """Return the chromaticities of cHRM, where white comes first."""
    white_x, white_y, *primaries = (number / 100_000 for number in struct.unpack(">8L", chunk))
    red_x, red_y, green_x, green_y, blue_x, blue_y = primaries
    return red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y
