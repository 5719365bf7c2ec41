"""Small ICC profiles made from numbers: primaries and white as chromaticities, and a curve for the brightness.

Files that describe their colours without a profile get one, so that every format that is written can carry it.
"""

import struct

import numpy as np

D50 = np.array([0.9642, 1.0, 0.8249])  # XYZ of the white to which a profile refers (ICC.1:2001-04, 6.1.1)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# x and y of red, green, blue and white.
Chromaticities = tuple[float, float, float, float, float, float, float, float]
BT709: Chromaticities = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)  # those of sRGB
SAME_CHROMATICITY = 0.0015  # closer ones are the same, rounded otherwise
TABLE_LENGTH = 1024  # of the table of a curve that is no power; between its entries readers interpolate
MAX_GAMMA = 10.0
VERSION = b"\2\x10\0\0"  # 2.1, which every program reads
MAX_TAGS = 100


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Return linear light, 0 to 1, of values of sRGB, 0 to 1 (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def has_srgb_primaries(chromaticities: Chromaticities) -> bool:
    """Return whether these are the primaries and the white of sRGB."""
    return bool(np.allclose(chromaticities, BT709, rtol=0, atol=SAME_CHROMATICITY))


def gamma_curve(gamma: float) -> bytes:
    """Encode the curve of a power function from stored values to linear light.

    Raises:
        ValueError: a gamma that no picture has.
    """
    if not 1 / MAX_GAMMA <= gamma <= MAX_GAMMA:
        raise ValueError(f"gamma {gamma}")
    if gamma == 1:
        return b"curv" + bytes(8)
    return b"curv" + struct.pack(">LLH", 0, 1, round(gamma * 256)) + bytes(2)


def table_curve(linear: np.ndarray) -> bytes:
    """Encode the curve whose entries are linear light, 0 to 1, of evenly spaced stored values."""
    entries = np.round(np.clip(linear, 0, 1) * 65535).astype(">u2").tobytes()
    curve = b"curv" + struct.pack(">LL", 0, len(linear)) + entries
    return curve + bytes(-len(curve) % 4)


def srgb_curve() -> bytes:
    """Encode the curve of sRGB."""
    return table_curve(srgb_to_linear(np.linspace(0, 1, TABLE_LENGTH)))


def rgb_profile(name: str, chromaticities: Chromaticities, curves: list[bytes], version: bytes = VERSION) -> bytes:
    """Return a profile of RGB colours.

    Args:
        name: what viewers show, of ASCII.
        curves: of `gamma_curve` and the like: one for all channels, or three.
    Raises:
        ValueError: chromaticities that span no colours.
    """
    matrix = _primaries_to_d50(chromaticities)
    tags = {b"wtpt": _xyz(D50)}
    for channel, letter in enumerate((b"r", b"g", b"b")):
        tags[letter + b"XYZ"] = _xyz(matrix[:, channel])
        tags[letter + b"TRC"] = curves[channel % len(curves)]
    return _encode(b"RGB ", name, tags, version)


def grey_profile(name: str, curve: bytes) -> bytes:
    """Return a profile of grey values; their white is the viewer's."""
    return _encode(b"GRAY", name, {b"wtpt": _xyz(D50), b"kTRC": curve}, VERSION)


def grey_as_rgb(icc: bytes) -> bytes | None:
    """Return the profile that shows R = G = B as a grey profile shows grey; None if it has no curve of its own.

    Formats without grey can hold that one, so that nothing has to be converted.
    """
    (count,) = struct.unpack_from(">L", icc, 128)
    for entry in range(132, 132 + 12 * min(count, MAX_TAGS), 12):
        tag, start, length = struct.unpack_from(">4sLL", icc.ljust(entry + 12, b"\0"), entry)
        if tag == b"kTRC" and icc[start : start + 4] in (b"curv", b"para"):
            return rgb_profile("Grey", BT709, [icc[start : start + length]], version=icc[8:12])
    return None


def make_profile(name: str, channels: int, chromaticities: Chromaticities, curves: list[bytes]) -> bytes:
    """Return the profile of a picture with so many channels, alpha among them.

    Raises:
        ValueError: chromaticities that span no colours.
    """
    return grey_profile(name, curves[0]) if channels <= 2 else rgb_profile(name, chromaticities, curves)


def _primaries_to_d50(chromaticities: Chromaticities) -> np.ndarray:
    """Return the matrix (3, 3) from linear RGB to XYZ under D50 (ICC.1:2001-04, annex E; B. Lindbloom)."""
    points = np.array(chromaticities).reshape(4, 2)
    if not np.isfinite(points).all() or (np.abs(points) > 10).any() or points[3].min() <= 0.01:
        raise ValueError(f"chromaticities {chromaticities}")
    # of y = 1 each: columns may be scaled freely, so a primary with y = 0 (of ACES and others) needs no division
    columns = np.stack([points[:3, 0], points[:3, 1], 1 - points[:3].sum(axis=1)])
    white = np.array([points[3, 0], points[3, 1], 1 - points[3].sum()]) / points[3, 1]
    if abs(np.linalg.det(columns)) < 1e-4:
        raise ValueError(f"chromaticities {chromaticities}")
    matrix = columns * np.linalg.solve(columns, white)
    adapted = adaptation(white, D50) @ matrix
    if not (np.abs(adapted) < 100).all():
        raise ValueError(f"chromaticities {chromaticities}")
    return adapted


def adaptation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the matrix that adapts X, Y and Z from one white to another, by Bradford's cones."""
    return np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ target) / (BRADFORD @ source)) @ BRADFORD


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + struct.pack(">L3l", 0, *(round(float(value) * 65536) for value in values))


def _encode(space: bytes, name: str, tags: dict[bytes, bytes], version: bytes) -> bytes:
    """Encode a profile for monitors, of version 2 (ICC.1:2001-04) or 4 (ICC.1:2010), which differ in their texts."""
    if version[0] < 4:
        text = name.encode("ascii", "replace") + b"\0"
        description = b"desc" + struct.pack(">LL", 0, len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
        rights = b"text" + bytes(4) + b"No copyright\0"
    else:
        description, rights = (
            b"mluc" + struct.pack(">LLL2s2sLL", 0, 1, 12, b"en", b"US", 2 * len(text), 28) + text.encode("utf-16-be")
            for text in (name, "No copyright")
        )
    tags = {b"desc": description, b"cprt": rights} | tags
    start = 128 + 4 + 12 * len(tags)
    entries, data, places = b"", b"", {}
    for tag, value in tags.items():
        if value not in places:  # the same curve for three channels is stored once
            places[value] = start + len(data)
            data += value + bytes(-len(value) % 4)
        entries += tag + struct.pack(">LL", places[value], len(value))
    header = struct.pack(">L4x4s4s4s4s", start + len(data), version, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
    header = header.ljust(68, b"\0") + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">L", len(tags)) + entries + data
