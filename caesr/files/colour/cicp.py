"""Code points for colours (ITU-T H.273), as PNG, AVIF and HEIC carry them, and the profiles that say the same."""

from typing import NamedTuple

import numpy as np

from caesr.files.colour import icc
from caesr.files.colour.icc import BT709, TABLE_LENGTH, Chromaticities

# x and y of red, green, blue and white (H.273, table 2).
PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    10: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, 0.3127, 0.3290),
}
NAMES = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
UNSPECIFIED, SRGB = 2, 13
VIDEO_TRANSFERS = (1, 6, 11, 14, 15)  # of BT.709 and its kin
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
SMPTE_240 = 7
SMPTE_428 = 17
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


class CodePoints(NamedTuple):
    """The numbers for a picture's colours."""

    primaries: int
    transfer: int  # from stored values to light
    matrix: int  # 0: the channels are R, G and B
    full_range: bool  # False: black is 16 and white 235, of 255


class HdrColours(ValueError):
    """Colours brighter than white, for which the formats that are written have no profile; names the transfer."""


def profile_of(points: CodePoints, channels: int, video_gamma: float | None) -> bytes | None:
    """Return the profile for code points; None: they say sRGB.

    Args:
        channels: of the picture, alpha among them.
        video_gamma: the power that stands for the transfer of BT.709; None: the curve of sRGB. Browsers show a PNG with
            2.4, as screens of that standard do (BT.1886), and an AVIF with that of sRGB.
    Raises:
        HdrColours: for PQ and HLG.
        ValueError: code points that are not known, or unspecified.
    """
    if points.transfer in HDR_TRANSFERS:
        raise HdrColours(HDR_TRANSFERS[points.transfer])
    primaries = PRIMARIES.get(points.primaries)
    if primaries is None:
        raise ValueError(f"primaries {points.primaries}")
    is_srgb = points.transfer == SRGB or (points.transfer in VIDEO_TRANSFERS and video_gamma is None)
    if is_srgb and (primaries == BT709 or channels <= 2):
        return None
    curve = icc.srgb_curve() if is_srgb else _curve(points.transfer, video_gamma)
    name = NAMES.get(points.primaries, f"primaries {points.primaries}")
    return icc.make_profile(f"{name}, transfer {points.transfer}", channels, primaries, [curve])


def _curve(transfer: int, video_gamma: float | None) -> bytes:
    """Encode the curve of a transfer (H.273, table 3).

    Raises:
        ValueError: it is not known, or unspecified.
    """
    if transfer in VIDEO_TRANSFERS and video_gamma:
        return icc.gamma_curve(video_gamma)
    if transfer in GAMMAS:
        return icc.gamma_curve(GAMMAS[transfer])
    values = np.linspace(0, 1, TABLE_LENGTH)
    if transfer == SMPTE_240:
        return icc.table_curve(np.where(values < 0.0913, values / 4, ((values + 0.1115) / 1.1115) ** (1 / 0.45)))
    if transfer == SMPTE_428:  # white of the picture is 48 of 52.37 candelas
        return icc.table_curve(values**2.6 * 52.37 / 48)
    raise ValueError(f"transfer {transfer}")
