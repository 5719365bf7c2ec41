"""Colours of a BMP without a profile: the calibrated RGB of headers from version 4 on (BITMAPV4HEADER of Windows)."""

import struct
from pathlib import Path

from caesr.files.colour.icc import BT709

FILE_HEADER, V4_BYTES = 14, 108
SPACE_AT, POINTS_AT = FILE_HEADER + 56, FILE_HEADER + 60
CALIBRATED = 0  # as the kind of space: the fields that follow say which
POINT_UNIT, GAMMA_UNIT = 1 << 30, 1 << 16
SRGB_GAMMA, GAMMA_TOLERANCE = 2.2, 0.1
SAME_CHROMATICITY = 0.005


def is_calibrated(path: Path) -> bool:
    """Return whether a BMP names primaries and gammas other than those of sRGB."""
    with path.open("rb") as file:
        header = file.read(FILE_HEADER + V4_BYTES)
    if len(header) < FILE_HEADER + V4_BYTES or struct.unpack_from("<L", header, FILE_HEADER)[0] < V4_BYTES:
        return False
    (space,) = struct.unpack_from("<L", header, SPACE_AT)
    points = [value / POINT_UNIT for value in struct.unpack_from("<9l", header, POINTS_AT)]
    gammas = [value / GAMMA_UNIT for value in struct.unpack_from("<3L", header, POINTS_AT + 36)]
    if space != CALIBRATED or not any(points) or not all(gammas):  # most programs leave them empty
        return False
    if any(abs(gamma - SRGB_GAMMA) > GAMMA_TOLERANCE for gamma in gammas):
        return True
    for index, expected in enumerate(BT709[:6]):  # x and y of X, Y and Z
        x, y, z = points[index // 2 * 3 : index // 2 * 3 + 3]
        coordinate = (x, y)[index % 2] / (x + y + z) if x + y + z > 0 else -1.0
        if abs(coordinate - expected) > SAME_CHROMATICITY:
            return True
    return False
