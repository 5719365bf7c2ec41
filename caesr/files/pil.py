"""PIL images in and out: every mode as grey or RGB, upright, with the metadata that still hold of the result."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from caesr.files.colour.interpret import interpret
from caesr.files.metadata.containers.tiff import STRUCTURE
from caesr.files.metadata.exif import encode_block, read_block
from caesr.files.metadata.transfer import fitting_profile, prepare_metadata
from caesr.files.picture import Metadata, PictureError
from caesr.files.vips import pyvips
from zoo.messages import Message

GREY = {"1", "L", "LA", "La"}
COLOUR = {"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr", "HSV"}  # which Pillow converts to RGB as they are defined
DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I"}
CONVERTED = {"CMYK", "LAB"}  # to sRGB
MAX_DEEP = 65535
ON_ITS_SIDE = (5, 6, 7, 8)  # EXIF's orientations that swap width and height
KEPT = ("dpi", "comment", "gamma", "chromaticity", "srgb")  # of `info`: density, a JPEG's comment, PNG's colours
NO_TEXTS = ("XML:com.adobe.xmp", "compression", "exif", "xmp", "icc_profile")  # keys of `info` that are no keywords
RAW_PROFILES = "Raw profile type "  # keywords of texts in which ImageMagick stores EXIF, IPTC and XMP
EXIF_HEADER = b"Exif\0\0"  # before the block in `info` and in a JPEG


def from_pil(image: Image.Image) -> np.ndarray:
    """Return the pixels of a PIL image, upright: of the frame that it shows, if it has several.

    Palettes, YCbCr, HSV and Lab become RGB, and a transparent colour becomes alpha. CMYK becomes sRGB as that of a file
    does: through its profile, or a common one for print. Modes of one channel of 16 bits, and "I", which older versions
    of Pillow made of such files, keep their 16 bits.

    Returns:
        (H, W) or (H, W, C), uint8 or uint16, as `caesr.imaging.arrays.to_tensors` takes it.
    Raises:
        PictureError: a mode that is neither, such as "F", or "I" with values that are not of 16 bits.
        OSError: the file is damaged.
    """
    image.load()
    if _exif(image).get(ExifTags.Base.Orientation, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode in DEEP:
        return _deep_pixels(image)
    if image.mode == "CMYK":
        return _cmyk_pixels(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
        return np.array(ImageCms.applyTransform(image, transform))
    if image.mode in GREY:
        return np.array(image.convert("LA" if image.has_transparency_data else "L"))
    if image.mode in COLOUR:
        return np.array(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    message = "A PIL image of mode {mode} has no known black and white; convert it to L, RGB or I;16 first."
    raise PictureError(Message(message, mode=image.mode))


def to_pil(pixels: np.ndarray, source: Image.Image) -> Image.Image:
    """Return pixels as a PIL image, of mode L, LA, RGB, RGBA or I;16, with what of another's `info` holds of it, too.

    That is the ICC profile unless the colours were converted, EXIF and XMP that say upright and the new size, without
    thumbnail and location, the density, comment and texts.

    Args:
        pixels: made of those that `from_pil` returned.
        source: the image that it was given.
    """
    info: dict[Any, Any] = source.info
    kept = {key: info[key] for key in KEPT if key in info}
    if "dpi" in kept and _exif(source).get(ExifTags.Base.Orientation) in ON_ITS_SIDE:
        kept["dpi"] = kept["dpi"][::-1]
    icc = fitting_profile(_block(source, "icc_profile"), (*pixels.shape, 1)[2])
    if icc and source.mode not in CONVERTED:
        kept["icc_profile"] = icc
    texts = [(key, value) for key, value in info.items() if isinstance(key, str) and isinstance(value, str)]
    texts = [(key, text) for key, text in texts if key not in NO_TEXTS and not key.startswith(RAW_PROFILES)]
    found = Metadata(_exif_block(source), _block(source, "xmp"), texts=tuple(texts))
    metadata = prepare_metadata(found, "png", "no location", pixels.shape[:2])  # a PNG holds all of it
    kept |= dict(metadata.texts)
    if metadata.exif:
        kept["exif"] = EXIF_HEADER + metadata.exif
    if metadata.xmp:
        kept["xmp"] = metadata.xmp
    result = Image.fromarray(pixels)
    result.info.update(kept)
    return result


def _deep_pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels of an image with one channel of 16 or 32 bits: (H, W) uint16."""
    if "transparency" in image.info:
        message = (
            "A PIL image of mode {mode} with a transparent colour would need grey with alpha of 16 bits, which Pillow "
            "does not have; upscale the file itself, or an array (H, W, 2)."
        )
        raise PictureError(Message(message, mode=image.mode))
    pixels = np.array(image)
    least, most = int(pixels.min(initial=0)), int(pixels.max(initial=0))
    if least < 0 or most > MAX_DEEP:
        message = "A PIL image of mode {mode} has values from {least} to {most}; bring them to 0 to {limit} first."
        raise PictureError(Message(message, mode=image.mode, least=least, most=most, limit=MAX_DEEP))
    return pixels.astype(np.uint16)


def _cmyk_pixels(image: Image.Image) -> np.ndarray:
    """Return the pixels of a CMYK image in sRGB, converted as those of a file."""
    inks = pyvips.Image.new_from_array(np.array(image), interpretation="cmyk")
    profile = _block(image, "icc_profile")
    if profile:
        inks.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return interpret(inks, Path("image"), "pil").image.numpy()


def _block(image: Image.Image, key: str) -> bytes | None:
    """Return bytes of `info`; None if there are none, or something else."""
    block = image.info.get(key)
    return block if isinstance(block, bytes) and block else None


def _exif(image: Image.Image) -> Image.Exif:
    """Return the EXIF of an image; none if it is damaged."""
    try:
        return image.getexif()
    except (SyntaxError, TypeError):
        return Image.Exif()


def _exif_block(image: Image.Image) -> bytes | None:
    """Return the block of EXIF of an image; of a TIFF, whose directory it is, without the tags that describe pixels."""
    block, exif = _block(image, "exif"), _exif(image)
    if block or not exif:
        return block.removeprefix(EXIF_HEADER) if block else None
    order, root = read_block(exif.tobytes().removeprefix(EXIF_HEADER))
    root.tags = {tag: value for tag, value in root.tags.items() if tag not in STRUCTURE}
    return encode_block(root, order) if root.tags else None
