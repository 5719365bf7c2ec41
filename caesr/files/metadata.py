"""ICC profiles and EXIF: what is kept of a picture's metadata when it is read and written."""

import io
import re
from pathlib import Path
from typing import Any

from PIL import ImageCms

from caesr.files.picture import Density, Metadata
from caesr.files.vips import field_of, pyvips


def profile_name(icc: bytes) -> str | None:
    """Return the description in an ICC profile; None if the profile is damaged."""
    for text in re.finditer(rb"mluc\0{4}(....)", icc, re.DOTALL):  # number of translations, 12 bytes each:
        if 12 * int.from_bytes(text[1]) > len(icc):  # lcms allocates memory for as many as are claimed
            return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except (OSError, ImageCms.PyCMSError):
        return None


def fitting_profile(icc: bytes | None, channels: int) -> bytes | None:
    """Return an ICC profile without any bytes after its end; None if it is damaged or not for so many channels."""
    if not icc or icc[16:20] != (b"GRAY" if channels <= 2 else b"RGB "):
        return None
    size, version = int.from_bytes(icc[:4]), icc[8]
    icc = icc[:size]
    complete = len(icc) == size and (size % 4 == 0 or version < 4)
    return icc if complete and profile_name(icc) is not None else None


def read_metadata(image: Any, path: Path, format: str) -> Metadata:
    """Return what a file says beside its pixels.

    Args:
        image: of libvips, as the decoder of `format` opened it.
    """
    exif = field_of(image, "exif-data")
    dpi = image.xres * 25.4 if image.xres > 1 else None  # 1 a millimetre: the file does not say
    return Metadata(
        exif=edit_exif(exif, dpi or 72.0, keep_location=True) if exif else None,
        density=Density(dpi, dpi) if dpi else None,
    )


def edit_exif(exif: bytes, dpi: float, keep_location: bool) -> bytes:
    """Return EXIF that says upright, without its thumbnail and, unless `keep_location`, without the GPS tags.

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
