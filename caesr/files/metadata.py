"""What travels with a picture's pixels: the profile of its colours, and its EXIF."""

import io
import re

from PIL import ImageCms

from caesr.files.vips import pyvips


def profile_name(icc: bytes) -> str | None:
    """What a profile calls itself; None: it is damaged."""
    for text in re.finditer(rb"mluc\0{4}(....)", icc, re.DOTALL):  # translations of 12 bytes each: lcms takes memory
        if 12 * int.from_bytes(text[1]) > len(icc):  # for as many as are claimed
            return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except (OSError, ImageCms.PyCMSError):
        return None


def fitting(icc: bytes | None, channels: int) -> bytes | None:
    """The profile if it is sound and of the kind of the pixels, without what may follow its end."""
    if not icc or icc[16:20] != (b"GRAY" if channels <= 2 else b"RGB "):
        return None
    icc = icc[: int.from_bytes(icc[:4])]
    whole = len(icc) == int.from_bytes(icc[:4]) and (len(icc) % 4 == 0 or icc[8] < 4)
    return icc if whole and profile_name(icc) is not None else None


def edited(exif: bytes, dpi: float, keep_location: bool) -> bytes:
    """EXIF that says upright, without its thumbnail and, unless wanted, without the location.

    libvips edits EXIF only on its way through a file, so a PNG of one pixel carries it.
    """
    pixel = pyvips.Image.black(1, 1).copy(xres=dpi / 25.4, yres=dpi / 25.4)
    pixel.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    pixel = pyvips.Image.pngload_buffer(pixel.pngsave_buffer(keep="exif")).copy()
    for field in pixel.get_fields():
        thumbnail = field.startswith("exif-ifd1-") or field == "jpeg-thumbnail-data"
        location = field.startswith("exif-ifd3-")
        if thumbnail or (location and not keep_location):
            pixel.remove(field)
    pixel.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return pyvips.Image.pngload_buffer(pixel.pngsave_buffer(keep="exif")).get("exif-data")
