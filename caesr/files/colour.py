"""What the channels of a picture file mean, and which colours its numbers are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files.decode import explain_damage
from caesr.files.metadata import fitting_profile
from caesr.files.picture import PictureError
from caesr.files.vips import field_of
from zoo.messages import Message


@dataclass(frozen=True)
class Interpreted:
    """An image of grey or RGB, 8 or 16 bits, with or without alpha; computed from the file's as its rows are read."""

    image: Any  # of libvips: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    icc: bytes | None  # the profile of its colours; None: sRGB
    notes: tuple[Message, ...] = ()  # for people: what was left out or guessed


def interpret(image: Any, path: Path, format: str) -> Interpreted:
    """Return an image in colours that networks process.

    Colours are not converted, and the profile is kept, so that a picture in Display P3 stays right; only CMYK and Lab
    become sRGB.

    Args:
        image: of libvips, as the decoder of `format` opened it.
        path: the file.
    Raises:
        PictureError: pixels of a kind that is not understood.
    """
    icc = field_of(image, "icc-profile-data")
    is_lab = image.interpretation == "labs"  # the one kind with signed numbers
    depth = 16 if is_lab else {"uchar": 8, "ushort": 16}.get(image.format)
    if depth is None:  # float above all, for which no number is known to be white
        message = "{name} has {kind} pixels, black and white unknown; save it with 8 or 16 bits each."
        raise PictureError(Message(message, name=path.name, kind=image.format))
    channels = image.bands - (image.interpretation == "cmyk")  # whose four become three
    if channels not in ((1, 2) if image.interpretation in ("b-w", "grey16") else (3, 4)):
        message = "{name} has {count} channels; save it as grey, RGB or RGBA."
        raise PictureError(Message(message, name=path.name, count=image.bands))
    with explain_damage(path):
        if image.interpretation == "cmyk":  # through the file's profile, or a common one for print if there is none
            options = {"intent": "relative", "black_point_compensation": True, "depth": depth}
            image, icc = image.icc_transform("srgb", embedded=True, input_profile="cmyk", **options), None
        elif is_lab:
            image, icc = image.colourspace("rgb16"), None
    return Interpreted(image, fitting_profile(icc, image.bands))
