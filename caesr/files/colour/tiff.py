"""Colours of a TIFF: its samples become grey or RGB, with or without alpha, by what its tags say."""

from typing import Any

import numpy as np

from caesr.files.colour import icc
from caesr.files.colour.icc import BT709, D50, TABLE_LENGTH, Chromaticities
from caesr.files.decoders import tiff_layout as tags
from caesr.files.decoders.tiff_layout import TiffLayout
from caesr.files.vips import pyvips
from zoo.messages import Message

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in YCbCr, if the file does not say (TIFF 6.0, section 21)
DEFAULT_GAMMA = 2.2  # of a picture that names its primaries alone (TIFF 6.0, section 20)
D65 = np.array([0.3127 / 0.3290, 1.0, 0.3583 / 0.3290])
XYZ_TO_SRGB = np.array([[3.24096994, -1.53738318, -0.49861076], [-0.96924364, 1.8759675, 0.04155506],
                        [0.05563008, -0.20397696, 1.05697151]])  # fmt: skip
CACHED_ROWS = 8
LAB_BEND = 6 / 29  # above it L* is a cube root, below a line (CIE 15:2004)


def split_channels(samples: Any, layout: TiffLayout) -> tuple[Any, Any | None, tuple[Message, ...]]:
    """Return the channels that are colours, alpha if there is any, and what is to be said about the rest.

    Of several channels of alpha the first counts. Colours into which it is multiplied are divided by it.
    """
    if layout.comes_as_rgb or samples.bands == 1:
        return samples[0:3] if samples.bands > 3 else samples, None, ()
    if tags.ASSOCIATED_ALPHA in layout.extras:  # samples are asked for several times below, but computed once
        samples = samples.linecache(tile_height=CACHED_ROWS, access="sequential")
    extras, count = layout.extras, samples.bands - len(layout.extras)
    if extras == (tags.UNASSOCIATED_ALPHA,) and layout.photometric in (tags.RGB, tags.BLACK_IS_ZERO):
        return samples, None, ()  # all is as it should be: to part and join them takes memory
    alphas = [index for index, kind in enumerate(extras) if kind in (tags.ASSOCIATED_ALPHA, tags.UNASSOCIATED_ALPHA)]
    colours = samples[0:count] if extras else samples
    alpha: Any = samples[count + alphas[0]] if alphas else None
    if alphas and extras[alphas[0]] == tags.ASSOCIATED_ALPHA:
        divided = (colours * _white(samples) / alpha).rint()
        colours = (alpha == 0).ifthenelse(colours, divided.cast(samples.format))
    unused = [str(count + 1 + index) for index in range(len(extras)) if [index] != alphas[:1]]
    notes: tuple[Message, ...] = ()
    if len(unused) == 1 and extras[int(unused[0]) - count - 1] == tags.UNSPECIFIED:
        message = "Its channel {channel} is not transparency and is left out."
        notes = (Message(message, channel=unused[0]),)
    elif unused:
        message = "Its channels {channels} are neither colours nor the first transparency, and are left out."
        notes = (Message(message, channels=", ".join(unused)),)
    return colours, alpha, notes


def _white(image: Any) -> int:
    """Return the largest value of an image's samples."""
    return 255 if image.format == "uchar" else 65535


def to_grey_or_rgb(colours: Any, layout: TiffLayout) -> Any:
    """Return colours as grey, RGB or, still, CMYK, with as many bits."""
    kind, deep = layout.photometric, colours.format == "ushort"
    space, grey = ("rgb16", "grey16") if deep else ("srgb", "b-w")
    if kind == tags.WHITE_IS_ZERO:
        colours = (_white(colours) - colours).cast(colours.format)
    elif kind == tags.CMYK:
        return _ink(colours, layout).copy(interpretation="cmyk")
    elif kind in (tags.CIE_LAB, tags.ICC_LAB):
        colours = _lab_to_srgb(colours, layout)
    elif kind == tags.YCBCR and not layout.comes_as_rgb:
        colours = _ycbcr_to_rgb(colours, layout)
    return colours.copy(interpretation=grey if colours.bands <= 2 else space)


def _ink(colours: Any, layout: TiffLayout) -> Any:
    """Return CMYK in which all values are used, where the tag DotRange says otherwise."""
    low, high = (float(value) for value in layout.numbers.get(tags.DOT_RANGE, np.array([0, 0]))[:2])
    white = (1 << layout.bits) - 1
    if high == low or (low, high) == (0, white):
        return colours
    scaled = (colours * (1 / _white(colours)) - low / white) * (white / (high - low) * _white(colours))
    return scaled.rint().cast(colours.format)


def _lab_to_srgb(colours: Any, layout: TiffLayout) -> Any:
    """Convert CIELab, whose a* and b* have a sign, or ICCLab, where zero is in the middle, to sRGB.

    The white is that of the tag WhitePoint; without it D50, as Adobe's notes on TIFF say.
    """
    deep, is_icc = colours.format == "ushort", layout.photometric == tags.ICC_LAB
    white, unit = (65280 if is_icc else 65535, 256) if deep else (255, 1)
    # f(Y) is (L* + 16) / 116, f(X) differs from it by a* / 500 and f(Z) by b* / 200 (CIE 15:2004)
    lightness = 100 / white / 116
    if colours.bands == 1:
        linear = _from_lab_curve(colours * lightness + 16 / 116)
        grey = linear.bandjoin([linear, linear]).copy(interpretation="scrgb")
        return grey.colourspace("rgb16" if deep else "srgb")[0]
    middle = 128 * unit
    if not is_icc:  # the sign becomes an offset, too
        colours = colours ^ [0, middle, middle]
    red_green, yellow_blue = 1 / unit / 500, 1 / unit / 200
    matrix = [[lightness, red_green, 0], [lightness, 0, 0], [lightness, 0, -yellow_blue]]
    offsets = [16 / 116 - middle * red_green, 16 / 116, 16 / 116 + middle * yellow_blue]
    curves = colours.recomb(pyvips.Image.new_from_array(matrix)) + offsets
    to_srgb = XYZ_TO_SRGB @ icc.adaptation(_lab_white(layout), D65) @ np.diag(_lab_white(layout))
    linear = _from_lab_curve(curves).recomb(pyvips.Image.new_from_array(to_srgb.tolist()))
    return linear.copy(interpretation="scrgb").colourspace("rgb16" if deep else "srgb")


def _from_lab_curve(values: Any) -> Any:
    """Return X, Y or Z, relative to white, of values of the curve f."""
    return (values > LAB_BEND).ifthenelse(values**3, (values - 4 / 29) * (3 * LAB_BEND**2))


def _lab_white(layout: TiffLayout) -> np.ndarray:
    """Return X, Y and Z of the white of Lab."""
    point = layout.numbers.get(tags.WHITE_POINT, np.zeros(0))
    if layout.photometric == tags.ICC_LAB or len(point) != 2 or not (np.isfinite(point).all() and point.min() > 0.1):
        return D50
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _ycbcr_to_rgb(colours: Any, layout: TiffLayout) -> Any:
    """Convert YCbCr by the tags YCbCrCoefficients and ReferenceBlackWhite (TIFF 6.0, section 21)."""
    luma = layout.numbers.get(tags.YCBCR_COEFFICIENTS, np.array(LUMA))
    if len(luma) != 3 or not np.isfinite(luma).all() or luma[1] <= 0:
        luma = np.array(LUMA)
    red, green, blue = luma
    white, middle = (1 << layout.bits) - 1, 1 << (layout.bits - 1)
    reference = layout.numbers.get(tags.REFERENCE_BLACK_WHITE, np.zeros(0))
    if len(reference) != 6 or not np.isfinite(reference).all() or (reference[1::2] == reference[::2]).any():
        reference = np.array([0, white, middle, white, middle, white], float)
    spread = _white(colours) / white  # of samples of fewer bits
    steps = np.array([white, white - middle, white - middle]) / (reference[1::2] - reference[::2])
    matrix = np.array([
        [1, 0, 2 - 2 * red],
        [1, -blue * (2 - 2 * blue) / green, -red * (2 - 2 * red) / green],
        [1, 2 - 2 * blue, 0],
    ])  # fmt: skip
    full = (colours - (reference[::2] * spread).tolist()) * steps.tolist()
    return full.recomb(pyvips.Image.new_from_array(matrix.tolist())).rint().cast(colours.format)


def read_tiff_profile(layout: TiffLayout, channels: int) -> bytes | None:
    """Return the profile for the tags WhitePoint, PrimaryChromaticities and TransferFunction; None: they say sRGB.

    Args:
        channels: of the picture, alpha among them.
    Raises:
        ValueError: numbers that mean no colours.
    """
    if layout.photometric not in (tags.WHITE_IS_ZERO, tags.BLACK_IS_ZERO, tags.RGB, tags.PALETTE, tags.YCBCR):
        return None
    chromaticities, curves = _chromaticities(layout), _transfer_curves(layout)
    if not curves and (channels <= 2 or icc.has_srgb_primaries(chromaticities)):
        return None
    name = "TIFF transfer function" if curves else "TIFF primaries"
    return icc.make_profile(name, channels, chromaticities, curves or [icc.gamma_curve(DEFAULT_GAMMA)])


def _chromaticities(layout: TiffLayout) -> Chromaticities:
    """Return the primaries and the white of a TIFF; those of sRGB where it does not say."""
    primaries = layout.numbers.get(tags.PRIMARIES, np.zeros(0))
    white = layout.numbers.get(tags.WHITE_POINT, np.zeros(0))
    numbers = [*(primaries if len(primaries) == 6 else BT709[:6]), *(white if len(white) == 2 else BT709[6:])]
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (float(number) for number in numbers)
    return red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y


def _transfer_curves(layout: TiffLayout) -> list[bytes]:
    """Return the curves of the tag TransferFunction, one or three; none if there is no such tag."""
    function, length = layout.numbers.get(tags.TRANSFER_FUNCTION, np.zeros(0)), 1 << layout.bits
    if layout.photometric == tags.WHITE_IS_ZERO or len(function) not in (length, 3 * length):
        return []
    places = np.linspace(0, length - 1, min(length, TABLE_LENGTH))
    tables = function.reshape(-1, length) / 65535
    return [icc.table_curve(np.interp(places, np.arange(length), table)) for table in tables]
