"""The quality that a JPEG was saved with, estimated from its quantisation tables."""

import statistics
from pathlib import Path

from PIL import Image

# The luminance table of the standard, in rows (ITU-T T.81, table K.1), which libjpeg scales by the quality.
STANDARD_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip


def jpeg_quality(file: Path) -> int | None:
    """Return the quality of a JPEG, 1 to 100, on libjpeg's scale; None if the file does not say.

    The tables of other encoders are compared with the standard's at the same strength: the median of the ratios counts.
    """
    try:
        with Image.open(file, formats=["JPEG"]) as image:
            tables = getattr(image, "quantization", {})
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if not tables:
        return None
    ratios = [100 * q / standard for q, standard in zip(tables[min(tables)], STANDARD_LUMINANCE, strict=True)]
    percent = max(1.0, statistics.median(ratios))
    quality = 100 - percent / 2 if percent <= 100 else 5000 / percent
    return max(1, min(100, round(quality)))
