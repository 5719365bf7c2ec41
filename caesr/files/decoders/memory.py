"""Estimate of the memory that decoders take: for some kinds of files several times that of the pixels."""

from typing import Any

from caesr.files.vips import field_of

BUFFERED_ROWS = 8  # whatever the height: one being unpacked, one on its way from each step to the next
TIFF_ROWS = 24  # the same of a TIFF, whose rows pass through more steps
COMPUTED_ROWS = 300  # of pixels that many steps make of what is stored: Lab, 12 bits, colours multiplied by alpha
WHOLE = {"heifload": 3, "heic": 3, "jxl": 3, "bmp": 3}  # times the pixels, that are held by decoders of whole pictures
CANVASES = 2  # RGBA, of WebP and GIF: each frame of an animation is drawn onto the one before


def decoder_memory(image: Any) -> int:
    """Estimate from its header how many bytes reading an image takes at most, its pixels included.

    Neither the bytes of the file nor a TIFF's tile, which libvips limits to 100 MB, are counted.
    `benchmarks/measure/reading.py` compares the estimate with measurements.

    Args:
        image: of libvips, as `open_file` returns it, 8 or 16 bits a channel, not decoded yet.
    """
    row = image.width * image.bands * (1 if image.format == "uchar" else 2)
    pixels = image.height * row
    held = 0  # by decoders that need the whole file before they give the first row
    loader = field_of(image, "vips-loader")
    if loader in WHOLE:
        held = WHOLE[loader] * pixels
    elif loader in ("webpload", "gifload"):
        held = CANVASES * 4 * image.width * image.height
    elif field_of(image, "jpeg-multiscan"):
        held = 2 * pixels  # coefficients of 16 bits
    elif field_of(image, "interlaced"):
        held = pixels
    rows = TIFF_ROWS if loader == "tiffload" else BUFFERED_ROWS
    if loader == "tiffload_source" or image.interpretation == "cmyk":
        rows = COMPUTED_ROWS
    return 2 * pixels + held + rows * row  # the result, and rows that become it: all of them if they are few
