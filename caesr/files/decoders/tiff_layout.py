"""What a TIFF says about its pixels: the tags of a page, read by themselves, and refusals of what is not understood."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caesr.files.picture import PictureError, damaged
from zoo.messages import Message

# Tags (TIFF 6.0, and Adobe's notes).
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_BYTES, PLANES, PREDICTOR = 273, 274, 277, 279, 284, 317
TRANSFER_FUNCTION, WHITE_POINT, PRIMARIES = 301, 318, 319
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
INK_SET, INKS, DOT_RANGE, EXTRA_SAMPLES, SAMPLE_FORMAT, INDEXED = 332, 334, 336, 338, 339, 346
YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING, REFERENCE_BLACK_WHITE = 529, 530, 532
IGNORED = 289  # FreeByteCounts, of which no reader takes notice
READ = {BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANES, PREDICTOR, WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT}
READ |= {TRANSFER_FUNCTION, WHITE_POINT, PRIMARIES, INK_SET, INKS, DOT_RANGE, EXTRA_SAMPLES, SAMPLE_FORMAT, INDEXED}
READ |= {YCBCR_COEFFICIENTS, YCBCR_SUBSAMPLING, REFERENCE_BLACK_WHITE}
# Kinds of pixels, values of the tag PHOTOMETRIC.
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIE_LAB, ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIE_LAB: 3, ICC_LAB: 3}
REFUSED_KINDS = {
    4: "a transparency mask",
    10: "colours of ITULab",
    32803: "a raw photograph (CFA)",
    32844: "an HDR picture (LogL)",
    32845: "an HDR picture (LogLuv)",
    34892: "a raw photograph (LinearRaw)",
    51177: "a map of depths",
    52527: "a semantic mask",
}
UNCOMPRESSED, OLD_JPEG, JPEG = 1, 6, 7
COMPRESSIONS = {1, 2, 3, 4, 5, OLD_JPEG, JPEG, 8, 32773, 32946, 50001}  # that libvips has
REFUSED_COMPRESSIONS = {
    32766: "NeXT",
    32771: "CCITT RLE with words",
    32809: "ThunderScan",
    32908: "PixarFilm",
    32909: "PixarLog",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI Log",
    34677: "SGI Log24",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "JPEG, lossy or of 12 bits",
    34925: "LZMA",
    50000: "Zstandard",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
UNSPECIFIED, ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA = 0, 1, 2  # values of EXTRA_SAMPLES
UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4  # values of SAMPLE_FORMAT
FORMAT_NAMES = {SIGNED: "signed integer", FLOAT: "float", 5: "complex integer", 6: "complex"}
MAX_EXTRA_GREY = 2  # more channels beside grey: measurements of some kind, of which none is the picture
TYPES = {1: "B", 2: "B", 3: "H", 4: "L", 5: "L", 6: "b", 7: "B", 8: "h", 9: "l", 10: "l", 11: "f", 12: "d"}
TYPES |= {13: "L", 16: "Q", 17: "q", 18: "Q"}
FRACTIONS = (5, 10)  # types of which a value is two numbers
MAX_CHANNELS = 64
MAX_VALUES = 3 << 16  # of a tag that is read: a transfer function of 16 bits has so many
MAX_PAGES = 100_000


@dataclass(frozen=True)
class Entry:
    """A tag as it stands in the file."""

    position: int  # of the entry in the file
    kind: int  # of its values
    count: int
    place: int  # of its values in the file


@dataclass(frozen=True)
class TiffLayout:
    """What one page says about its pixels."""

    order: str  # of bytes: '<' or '>'
    is_big: bool  # BigTIFF
    entries: dict[int, Entry]
    numbers: dict[int, np.ndarray]  # float64, by tag

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag."""
        return int(self.numbers[tag][0]) if tag in self.numbers else default

    @property
    def photometric(self) -> int:
        return self.number(PHOTOMETRIC, -1)

    @property
    def bits(self) -> int:
        """Bits of a sample; all have the same number."""
        return self.number(BITS, 1)

    @property
    def samples(self) -> int:
        """Channels, those beside the colours among them."""
        return self.number(SAMPLES, 1)

    @property
    def colours(self) -> int:
        """Channels that are colours."""
        lightness_only = self.photometric in (CIE_LAB, ICC_LAB) and self.samples < 3
        return 1 if lightness_only else COLOURS[self.photometric]

    @property
    def extras(self) -> tuple[int, ...]:
        """The kind of each channel after the colours; unspecified where the file does not say."""
        kinds = [int(kind) for kind in self.numbers.get(EXTRA_SAMPLES, ())]
        count = max(0, self.samples - self.colours)
        return tuple((kinds + [UNSPECIFIED] * count)[:count])

    @property
    def is_tiled(self) -> bool:
        return TILE_WIDTH in self.entries

    @property
    def has_planes(self) -> bool:
        """Whether each channel is stored by itself."""
        return self.number(PLANES, 1) == 2 and self.samples > 1

    @property
    def compression(self) -> int:
        return self.number(COMPRESSION, UNCOMPRESSED)

    @property
    def comes_as_rgb(self) -> bool:
        """Whether decoding makes RGB of YCbCr: that of JPEG, and that whose colours have fewer samples."""
        subsampling = self.numbers.get(YCBCR_SUBSAMPLING, np.array([2, 2]))
        reduced = tuple(subsampling[:2]) != (1, 1)
        return self.photometric == YCBCR and (reduced or self.compression in (OLD_JPEG, JPEG))

    @property
    def is_packed(self) -> bool:
        """Whether samples begin within bytes, other than those of one channel that libvips unpacks."""
        return self.bits < 16 and self.bits != 8 and not (self.bits in (1, 2, 4) and self.samples == 1)


def read_layout(path: Path, page: int = 0) -> TiffLayout:
    """Read the tags of a page, of which the first is 0.

    Raises:
        PictureError: they are damaged.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            return _read_layout(source, page)
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise damaged(path.name) from error


def _read_layout(source: mmap.mmap, page: int) -> TiffLayout:
    """Read the tags of a page of a file in memory."""
    order = {b"II": "<", b"MM": ">"}[bytes(source[:2])] if source[:2] in (b"II", b"MM") else ""
    if not order:
        raise ValueError("no TIFF")
    is_big = struct.unpack_from(order + "H", source, 2)[0] == 43
    offset, count, head, inline = ("Q", "Q", 12, 8) if is_big else ("L", "H", 8, 4)
    entry_bytes, count_bytes = head + inline, 8 if is_big else 2
    (at,) = struct.unpack_from(order + offset, source, 8 if is_big else 4)
    for _ in range(min(page, MAX_PAGES)):
        (length,) = struct.unpack_from(order + count, source, at)
        (at,) = struct.unpack_from(order + offset, source, at + count_bytes + entry_bytes * length)
    (length,) = struct.unpack_from(order + count, source, at)
    entries: dict[int, Entry] = {}
    numbers: dict[int, np.ndarray] = {}
    for position in range(at + count_bytes, at + count_bytes + entry_bytes * min(length, 65535), entry_bytes):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if is_big else "HHL"), source, position)
        if kind not in TYPES or tag in entries:
            continue
        values *= 2 if kind in FRACTIONS else 1
        size = struct.calcsize(order + TYPES[kind]) * values
        place = position + head
        if size > inline:
            (place,) = struct.unpack_from(order + offset, source, place)
        if place + size > len(source):
            continue
        entries[tag] = Entry(position, kind, values, place)
        if tag in READ and 0 < values <= MAX_VALUES:
            read = np.frombuffer(source[place : place + size], np.dtype(order + _dtype(kind))).astype(np.float64)
            numbers[tag] = _divide(read) if kind in FRACTIONS else read
    return TiffLayout(order, is_big, entries, numbers)


def _dtype(kind: int) -> str:
    """Return numpy's name of the numbers of a type."""
    letter = TYPES[kind]
    return f"{'f' if letter in 'fd' else 'i' if letter.islower() else 'u'}{struct.calcsize('<' + letter)}"


def _divide(fractions: np.ndarray) -> np.ndarray:
    """Return the values of pairs of numerator and denominator; nan where that is zero."""
    pairs = fractions.reshape(-1, 2)
    return np.divide(pairs[:, 0], pairs[:, 1], out=np.full(len(pairs), np.nan), where=pairs[:, 1] != 0)


def check_layout(layout: TiffLayout, name: str) -> None:
    """Raise PictureError, which names the kind, for pixels or a compression that are not understood."""
    kind = _refused_kind(layout)
    if kind:
        message = "{name} holds {kind}, which cannot be read; save it as grey, RGB or CMYK with 8 or 16 bits each."
        raise PictureError(Message(message, name=name, kind=kind))
    if layout.compression not in COMPRESSIONS:
        compression = REFUSED_COMPRESSIONS.get(layout.compression, f"method {layout.compression}")
        message = "{name} is compressed by {compression}, which cannot be read; save it with LZW or Deflate."
        raise PictureError(Message(message, name=name, compression=compression))
    formats = {int(format) for format in layout.numbers.get(SAMPLE_FORMAT, (UNSIGNED,))}
    if layout.photometric in (CIE_LAB, ICC_LAB):  # some say that a* and b* are signed, as they are
        formats -= {SIGNED}
    named = [FORMAT_NAMES[format] for format in formats if format in FORMAT_NAMES]
    if named or layout.bits > 16 or layout.bits < 1:
        kind = named[0] if named else f"{layout.bits}-bit integer"
        message = "{name} has {kind} pixels, black and white unknown; save it with 8 or 16 bits each."
        raise PictureError(Message(message, name=name, kind=kind))
    most = MAX_CHANNELS if layout.colours > 1 else 1 + MAX_EXTRA_GREY
    if not layout.colours <= layout.samples <= most:
        message = "{name} has {count} channels; save it as grey, RGB or RGBA."
        raise PictureError(Message(message, name=name, count=layout.samples))


def _refused_kind(layout: TiffLayout) -> str | None:
    """Return what the pixels are if they are not understood."""
    depths = {int(bits) for bits in layout.numbers.get(BITS, (1,))}
    if layout.photometric not in COLOURS:
        unknown = f"pixels of an unknown kind (photometric {layout.photometric})"
        return REFUSED_KINDS.get(layout.photometric, unknown)
    if len(depths) > 1:
        return "channels with different numbers of bits"
    if layout.number(INDEXED, 0) and layout.photometric != PALETTE:
        return "a palette of other colours than RGB"
    if layout.photometric == CMYK and (layout.number(INK_SET, 1) != 1 or layout.number(INKS, 4) != 4):
        return "separations for other inks than CMYK"
    if layout.photometric in (CIE_LAB, ICC_LAB) and layout.bits not in (8, 16):
        return f"colours of Lab with {layout.bits} bits"
    if layout.photometric == PALETTE and ((layout.bits not in (8, 16) and layout.samples > 1) or layout.has_planes):
        return "a palette with further channels"
    if layout.photometric == PALETTE and layout.bits not in (1, 2, 4, 8, 16):
        return f"a palette of {layout.bits} bits"
    if layout.is_packed and layout.compression in (OLD_JPEG, JPEG):
        return f"JPEG of {layout.bits} bits"
    if layout.is_packed and layout.number(PREDICTOR, 1) != 1:
        return f"a predictor for samples of {layout.bits} bits"
    if layout.comes_as_rgb and layout.has_planes:
        return "YCbCr in separate planes"
    return None
