"""Colours of a BMP without a profile: the calibrated RGB of headers from version 4 on (BITMAPV4HEADER of Windows)."""

import struct
from pathlib import Path

from caesr.files import icc

FILE_HEADER, V4_BYTES = 14, 108
SPACE_AT, POINTS_AT = FILE_HEADER + 56, FILE_HEADER + 60
CALIBRATED = 0  # as the kind of space: the fields that follow say which
POINT_UNIT, GAMMA_UNIT = 1 << 30, 1 << 16


def read_bmp_profile(path: Path, channels: int) -> bytes | None:
    """Return the profile for the primaries and the gammas of a BMP; None: it names none, or sRGB's.

    Args:
        channels: of the picture, alpha among them.
    Raises:
        ValueError: numbers that mean no colours.
    """
    with path.open("rb") as file:
        header = file.read(FILE_HEADER + V4_BYTES)
    if len(header) < FILE_HEADER + V4_BYTES or struct.unpack_from("<L", header, FILE_HEADER)[0] < V4_BYTES:
        return None
    (space,) = struct.unpack_from("<L", header, SPACE_AT)
    numbers = struct.unpack_from("<9l3L", header, POINTS_AT)
    if space != CALIBRATED or not any(numbers[:9]) or not all(numbers[9:]):  # most programs leave them empty
        return None
    points = [[value / POINT_UNIT for value in numbers[start : start + 3]] for start in (0, 3, 6)]
    white = [sum(values) for values in zip(*points, strict=True)]
    chromaticities: list[float] = []
    for x, y, z in (*points, white):
        if x + y + z <= 0:
            raise ValueError("a primary without light")
        chromaticities += [x / (x + y + z), y / (x + y + z)]
    curves = [icc.gamma_curve(value / GAMMA_UNIT) for value in numbers[9:]]
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = chromaticities
    primaries = (red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y)
    return icc.make_profile("BMP, calibrated RGB", channels, primaries, curves)
