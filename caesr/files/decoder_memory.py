"""How much memory libvips's decoders take for a while: for some pictures several times what their pixels do."""

from typing import Any

ROWS = 8  # of these, whatever the height: one being unpacked, one on its way from each step to the next
CANVASES = 2  # RGBA, of WebP and GIF: animations are drawn one frame onto the other


def decoder_memory(image: Any) -> int:
    """About how many bytes reading an image takes at most, its pixels included, by what its header says.

    Not counted are the bytes of the file, nor a TIFF's tile, of which libvips bears 100 MB.
    `benchmarks/reading.py` compares it with what is taken.

    Args:
        image: as a loader of libvips gives it, nothing decoded yet; of 8 or 16 bits a channel.
    """
    row = image.width * image.bands * (1 if image.format == "uchar" else 2)
    pixels = image.height * row

    def says(field: str) -> bool:
        return bool(image.get_typeof(field) and image.get(field))

    held = 0  # by decoders that need the whole before they give the first row
    if image.get("vips-loader") in ("webpload", "gifload"):
        held = CANVASES * 4 * image.width * image.height
    elif says("jpeg-multiscan"):
        held = 2 * pixels  # coefficients of 16 bits
    elif says("interlaced"):
        held = pixels
    return 2 * pixels + held + ROWS * row  # the result, and rows that wait to become it: all of them if they are few
