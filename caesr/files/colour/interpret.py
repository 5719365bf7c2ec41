"""What the channels of a picture file mean, and which colours its numbers are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files.colour import cicp
from caesr.files.colour import tiff as tiff_colour
from caesr.files.colour.bmp import is_calibrated
from caesr.files.colour.cicp import CodePoints
from caesr.files.colour.png import read_png_profile
from caesr.files.decoders.decode import explain_damage
from caesr.files.decoders.tiff_layout import CIE_LAB, ICC_LAB, TiffLayout, read_layout
from caesr.files.metadata.transfer import fitting_profile, profile_name
from caesr.files.picture import PictureError
from caesr.files.vips import field_of
from zoo.messages import Message

PRINT_OPTIONS = {"intent": "relative", "black_point_compensation": True}
SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}  # of the profile that fits so many channels
ADOBE_RGB = "R03"  # in EXIF, how cameras name it (DCF 2.0)


@dataclass(frozen=True)
class Interpreted:
    """An image of grey or RGB, 8 or 16 bits, with or without alpha; computed from the file's as its rows are read."""

    image: Any  # of libvips: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    icc: bytes | None  # the profile of its colours; None: sRGB
    notes: tuple[Message, ...] = ()  # for people: what was left out or guessed


def interpret(image: Any, path: Path, format: str, page: int = 0) -> Interpreted:
    """Return an image in colours that networks process.

    Colours are not converted, and the profile is kept, so that a picture in Display P3 stays right; a picture that
    describes its colours without a profile gets one that says the same. Only CMYK, Lab and YCbCr become sRGB or RGB.

    Args:
        image: of libvips, as the decoder of `format` opened it.
        path: the file.
        page: of a TIFF, which `image` is.
    Raises:
        PictureError: pixels of a kind that is not understood, or brighter than white (HDR).
    """
    layout: TiffLayout | None = None
    alpha: Any | None = None
    notes: tuple[Message, ...] = ()
    with explain_damage(path):
        if format == "tif":
            layout = read_layout(path, page)
            image, alpha, notes = tiff_colour.split_channels(image, layout)
            image = tiff_colour.to_grey_or_rgb(image, layout)
        _check_channels(image, path.name)
        is_cmyk = image.interpretation == "cmyk"
        embedded, profile_notes = _embedded_profile(image, is_cmyk, layout)
        notes = (*notes, *profile_notes)
        if is_cmyk:
            image, embedded = _cmyk_to_srgb(image, embedded), None
        if alpha is not None:
            image = image.bandjoin(alpha)
    if is_cmyk:
        return Interpreted(image, None, notes)
    icc, colour_notes = _described_profile(image, embedded, path, format, layout)
    notes = (*notes, *colour_notes)
    if not icc and str(field_of(image, "exif-ifd4-InteroperabilityIndex", "")).startswith(ADOBE_RGB):
        # no browser takes notice of it, so a profile would make the result look otherwise than the picture
        message = "Its EXIF names Adobe RGB, but it has no profile; its colours are taken for sRGB, as browsers do."
        notes = (*notes, Message(message))
    return Interpreted(image, icc, notes)


def _check_channels(image: Any, name: str) -> None:
    """Raise PictureError for pixels that are not 8 or 16 bits of grey, RGB or CMYK."""
    if image.format not in ("uchar", "ushort"):  # float above all, for which no number is known to be white
        message = "{name} has {kind} pixels, black and white unknown; save it with 8 or 16 bits each."
        raise PictureError(Message(message, name=name, kind=image.format))
    channels = {"cmyk": (4,), "b-w": (1, 2), "grey16": (1, 2)}.get(image.interpretation, (3, 4))
    if image.bands not in channels:
        message = "{name} has {count} channels; save it as grey, RGB or RGBA."
        raise PictureError(Message(message, name=name, count=image.bands))


def _embedded_profile(image: Any, is_cmyk: bool, layout: TiffLayout | None) -> tuple[bytes | None, tuple[Message, ...]]:
    """Return the profile in the file if it fits, and what is to be said if it does not."""
    icc = field_of(image, "icc-profile-data")
    if layout and layout.photometric in (CIE_LAB, ICC_LAB):  # which needs none
        return None, ()
    fitting: bytes | None
    if is_cmyk:
        fitting = icc if icc and icc[16:20] == b"CMYK" and profile_name(icc) is not None else None
    else:
        fitting = fitting_profile(icc, image.bands)
    notes = []
    if icc and not fitting:
        if icc[36:40] == b"acsp" and icc[16:20] != (b"CMYK" if is_cmyk else SPACES[image.bands]):
            message = "Its colour profile is for {space}, not for its pixels, and is left out."
            space = icc[16:20].decode("ascii", "replace").strip()
            notes.append(Message(message, space=space))
        else:
            notes.append(Message("Its colour profile is damaged and is left out."))
    if is_cmyk and not fitting:
        message = "It is CMYK without a profile of its inks; a common one for print was taken."
        notes.append(Message(message))
    return fitting, tuple(notes)


def _cmyk_to_srgb(image: Any, icc: bytes | None) -> Any:
    """Convert CMYK to sRGB through its profile, or a common one for print if there is none."""
    image = image.copy()
    if not icc and field_of(image, "icc-profile-data"):
        image.remove("icc-profile-data")
    depth = 8 if image.format == "uchar" else 16
    return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth, **PRINT_OPTIONS)


def _described_profile(
    image: Any, embedded: bytes | None, path: Path, format: str, layout: TiffLayout | None
) -> tuple[bytes | None, tuple[Message, ...]]:
    """Return the profile of a picture's colours, the embedded one or one made of what the file says otherwise.

    Raises:
        PictureError: HDR colours.
    """
    try:
        if format == "png":
            return read_png_profile(path, image.bands, embedded)
        points = _code_points(image)
        if points and points.transfer in cicp.HDR_TRANSFERS:
            raise cicp.HdrColours(cicp.HDR_TRANSFERS[points.transfer])
        if embedded:
            return embedded, ()
        if layout:
            return tiff_colour.read_tiff_profile(layout, image.bands), ()
        if format == "bmp" and is_calibrated(path):
            return None, (Message("Its primaries and gamma are left out, as by browsers; they show it as sRGB."),)
        return (cicp.profile_of(points, image.bands, video_gamma=None) if points else None), ()
    except cicp.HdrColours as error:
        message = "{name} is an HDR picture ({transfer}), whose colours cannot be kept; convert it to SDR first."
        raise PictureError(Message(message, name=path.name, transfer=error)) from error
    except ValueError:
        return None, (Message("The description of its colours is not understood and is left out."),)


def _code_points(image: Any) -> CodePoints | None:
    """Return the code points for colours that the decoder of a HEIF or JPEG XL found; None: they say nothing."""
    primaries = field_of(image, "cicp-colour-primaries", cicp.UNSPECIFIED)
    transfer = field_of(image, "cicp-transfer-characteristics", cicp.UNSPECIFIED)
    if cicp.UNSPECIFIED in (primaries, transfer):
        return None
    return CodePoints(primaries, transfer, 0, True)  # the decoder has made full-range RGB of them
