"""What travels with a picture: its profile, EXIF, XMP, IPTC, texts and density, read from and prepared for a file."""

import io
import mmap
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import ImageCms

from caesr.files.metadata.containers import gif, jpeg, jxl, png, tiff, webp
from caesr.files.metadata.directories import EXIF_DIRECTORY, MAKER_NOTE, Directory, Source, read_block
from caesr.files.metadata.exif import add_texts, density_of, edit_exif
from caesr.files.metadata.iptc import remove_location
from caesr.files.metadata.location import names_location
from caesr.files.metadata.maker_notes import move_note
from caesr.files.metadata.xmp import edit_xmp, split_xmp
from caesr.files.picture import Density, Metadata, Picture
from caesr.files.vips import field_of
from zoo.messages import Message

READERS: dict[str, Callable[[Source], Metadata]] = {
    "jpg": jpeg.read,
    "png": png.read,
    "webp": webp.read,
    "tif": tiff.read,
    "gif": gif.read,
    "jxl": jxl.read,
}
FORMAT_NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WebP", "tif": "TIFF", "avif": "AVIF", "jxl": "JPEG XL"}
FORMAT_NAMES |= {"gif": "GIF"}
IPTC_FORMATS = {"jpg", "png", "tif"}
EXIF_DENSITY_FORMATS = {"webp", "avif", "jxl"}  # that have no other place for it
LIBVIPS_DENSITY = 25.4  # a dot a millimetre, which programs with libvips write where none is known


def profile_name(icc: bytes) -> str | None:
    """Return the description in an ICC profile; None if the profile is damaged."""
    for text in re.finditer(rb"mluc\0{4}(....)", icc, re.DOTALL):  # number of translations, 12 bytes each:
        if 12 * int.from_bytes(text[1]) > len(icc):  # lcms allocates memory for as many as are claimed
            return None
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except (OSError, ImageCms.PyCMSError):
        return None


def is_srgb(icc: bytes) -> bool:
    """Return whether a profile is one of sRGB, by its name."""
    return (profile_name(icc) or "").startswith("sRGB")


def fitting_profile(icc: bytes | None, channels: int) -> bytes | None:
    """Return an ICC profile without any bytes after its end; None if it is damaged or not for so many channels."""
    if not icc or icc[16:20] != (b"GRAY" if channels <= 2 else b"RGB "):
        return None
    size, version = int.from_bytes(icc[:4]), icc[8]
    icc = icc[:size]
    complete = len(icc) == size and (size % 4 == 0 or version < 4)
    return icc if complete and profile_name(icc) is not None else None


def read_metadata(image: Any, path: Path, format: str, page: int = 0) -> Metadata:
    """Return what a file says beside its pixels: it says upright, and nothing of a thumbnail.

    Args:
        image: of libvips, as the decoder of `format` opened it, with the fields exif-data and xmp-data where the format
            is none of `READERS`.
        page: of a TIFF, which `image` is.
    """
    read = READERS.get(format)
    if read is None:
        raw = Metadata(field_of(image, "exif-data"), field_of(image, "xmp-data"), density=_bmp_density(path, format))
    else:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            raw = tiff.read(source, page) if format == "tif" else read(source)
    exif, density, notes = None, raw.density, list(raw.notes)
    if raw.exif:
        try:
            block = raw.exif.removeprefix(b"Exif\0\0")
            order, root = read_block(block)
            exif = edit_exif(block)
            said = density_of(root, order)
            density = (said or density) if format == "jpg" else (density or said)
            notes += _moved_note(root) if format == "tif" else []
        except ValueError:
            notes.append(Message("Its EXIF is damaged and is left out."))
    if density and abs(density.x - LIBVIPS_DENSITY) + abs(density.y - LIBVIPS_DENSITY) < 0.01:
        density = None
    if density and field_of(image, "orientation", 1) in (5, 6, 7, 8):  # it is that of the picture on its side
        density = replace(density, x=density.y, y=density.x)
    xmp = raw.xmp
    with suppress(ValueError):  # of what is damaged, only whole packets can be kept
        xmp = edit_xmp(xmp) if xmp else None
    return Metadata(exif, xmp, raw.iptc, raw.texts, density, tuple(notes))


def _bmp_density(path: Path, format: str) -> Density | None:
    """Return the density of a BMP: dots a metre in its header."""
    if format != "bmp":
        return None
    with path.open("rb") as file:
        header = file.read(46).ljust(46, b"\0")
    size, x, y = *struct.unpack_from("<L", header, 14), *struct.unpack_from("<ll", header, 38)
    return Density(png.per_inch(x), png.per_inch(y)) if size >= 40 and x > 0 and y > 0 else None


def lost_metadata(picture: Picture[Any], format: str, keep: str) -> tuple[Message, ...]:
    """Return what a file of this format cannot hold of a picture's metadata, for people.

    Args:
        format: one of `FORMATS`.
        keep: one of `METADATA`.
    """
    notes = prepare_metadata(picture.metadata, format, keep).notes
    if format == "jxl" and picture.icc and not is_srgb(picture.icc):
        notes += (Message("JPEG XL is written without a colour profile; the colours become sRGB."),)
    return notes


def prepare_metadata(metadata: Metadata, format: str, keep: str, size: tuple[int, int] | None = None) -> Metadata:
    """Return the metadata to write into a file of a format; its notes say what is left out because it cannot be kept.

    A JPEG's comment becomes a text of a PNG and the other way round; texts that the format does not have, and the
    density in WebP, AVIF and JPEG XL, become EXIF.

    Args:
        keep: 'all', 'no location' (all but where the photograph was taken), 'none'.
        size: (H, W) of the picture in the file.
    """
    if keep == "none":
        return Metadata()
    keep_location = keep == "all"
    damaged = "Its {kind} is damaged, so that it cannot be told where it says the location, and is left out."
    exif, xmp, iptc, notes = metadata.exif, metadata.xmp, metadata.iptc, list(metadata.notes)
    if exif:
        try:
            exif = edit_exif(exif, size, metadata.density, keep_location)
        except ValueError:
            exif = None
            notes.append(Message("Its EXIF is damaged and is left out."))
    if xmp:
        try:
            xmp = edit_xmp(xmp, size, metadata.density, keep_location)
            if format == "jpg":
                split_xmp(xmp, jpeg.MAX_XMP_BYTES)
        except ValueError:
            if not keep_location or (format == "jpg" and len(xmp) > jpeg.MAX_XMP_BYTES):
                xmp = None
                notes.append(Message(damaged, kind="XMP"))
    if iptc and format not in IPTC_FORMATS:
        iptc = None
        notes.append(Message("{format} holds no IPTC, which is left out; save as JPEG, PNG or TIFF to keep it.",
                             format=FORMAT_NAMES[format]))  # fmt: skip
    if iptc and not keep_location:
        try:
            iptc = remove_location(iptc)
        except ValueError:
            iptc = None
            notes.append(Message(damaged, kind="IPTC"))
    texts = [(key, text) for key, text in metadata.texts if keep_location or not names_location(key)]
    exif, texts = _move_texts(exif, texts, metadata.density, format, notes)
    if exif and format == "tif":
        _, root = read_block(exif)
        notes += _moved_note(root)
    if exif and format == "jpg" and len(exif) > jpeg.MAX_EXIF_BYTES:
        exif = None
        notes.append(Message("Its EXIF is too large for a JPEG and is left out; save as PNG or TIFF to keep it."))
    return Metadata(exif, xmp or None, iptc or None, tuple(texts), metadata.density, tuple(dict.fromkeys(notes)))


def _move_texts(
    exif: bytes | None, texts: list[tuple[str, str]], density: Density | None, format: str, notes: list[Message]
) -> tuple[bytes | None, list[tuple[str, str]]]:
    """Return EXIF with what a format has no other place for, and the texts that stay; what is lost goes to `notes`."""
    if format == "png":
        return exif, texts
    kept: list[tuple[str, str]] = []
    moved: dict[str, str] = {}
    for key, text in texts:
        if format in ("jpg", "gif") and key.lower() == "comment":
            kept.append((key, text))
        else:
            moved[key] = f"{moved[key]}\n{text}" if key in moved else text
    exif, lost = add_texts(exif, moved, density if format in EXIF_DENSITY_FORMATS else None)
    if lost:
        message = "{format} has no place for the texts {keywords}, which are left out; save as PNG to keep them."
        keywords = ", ".join(key[:40] for key in lost)
        notes.append(Message(message, format=FORMAT_NAMES[format], keywords=keywords[:200]))
    return exif, kept


def _moved_note(root: Directory) -> list[Message]:
    """Return what is to be said of a maker's notes that are moved and may point to places of the file."""
    note = (root.inner(EXIF_DIRECTORY) or root).value(MAKER_NOTE)
    if note is None or move_note(note.data, note.place, 0) is not None:
        return []
    return [Message("The notes of the camera's maker in its EXIF were moved; not all programs will read all of them.")]
