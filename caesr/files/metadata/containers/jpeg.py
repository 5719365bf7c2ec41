"""Metadata in JPEG: segments before its pixels (ITU T.81, B.1.1.4; JFIF 1.02; ISO 16684-3, 1.1.3)."""

import struct
from fractions import Fraction

from caesr.files.jpeg_segments import APP1, SOS, segments
from caesr.files.metadata.directories import Source
from caesr.files.metadata.iptc import IPTC_RESOURCE, encode_resource, find_resource, resource_density
from caesr.files.metadata.xmp import merge_xmp, split_xmp
from caesr.files.picture import Density, Metadata

APP0, APP13, COMMENT = 0xE0, 0xED, 0xFE
JFIF, EXIF, PHOTOSHOP = b"JFIF\0", b"Exif\0", b"Photoshop 3.0\0"
XMP, EXTENDED_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
SEGMENT_BYTES = 65533  # that one segment holds beside its length
MAX_EXIF_BYTES = SEGMENT_BYTES - 6
MAX_XMP_BYTES = SEGMENT_BYTES - len(XMP)  # of the packet without the extended one


def read(source: Source) -> Metadata:
    """Return the metadata of a JPEG as they are.

    Of density, EXIF's word counts more than JFIF's and Photoshop's, as for ExifTool.
    """
    exif, resources, comments = b"", b"", []
    xmp: bytes | None = None
    extended: dict[bytes, dict[int, bytes]] = {}  # digest -> place -> piece
    jfif: Density | None = None
    for marker, start, stop in segments(source):
        if marker == SOS:
            break
        if marker < APP0:
            continue
        data = bytes(source[start:stop])
        if marker == APP0 and data.startswith(JFIF):
            jfif = _decode_density(data)
        elif marker == APP1 and data.startswith(EXIF):
            is_first = not exif or data[6:10] not in (b"II*\0", b"MM\0*")  # what is too long for one segment goes on
            exif += data[6:] if is_first else b""
        elif marker == APP1 and data.startswith(XMP):
            xmp = xmp or data[len(XMP) :]
        elif marker == APP1 and data.startswith(EXTENDED_XMP) and len(data) > len(EXTENDED_XMP) + 40:
            at = len(EXTENDED_XMP)
            (place,) = struct.unpack_from(">L", data, at + 36)
            extended.setdefault(data[at : at + 32], {})[place] = data[at + 40 :]
        elif marker == APP13 and data.startswith(PHOTOSHOP):
            resources += data[len(PHOTOSHOP) :]
        elif marker == COMMENT:
            comments.append(("Comment", decode_text(data)))
    return Metadata(
        exif=exif or None,
        xmp=_join_xmp(xmp, extended),
        iptc=find_resource(resources, IPTC_RESOURCE),
        texts=tuple(comments),
        density=jfif or resource_density(resources),
    )


def _decode_density(jfif: bytes) -> Density | None:
    """Return the density that a segment of JFIF says."""
    if len(jfif) < 12:
        return None
    unit, x, y = struct.unpack_from(">BHH", jfif, 7)
    if not x or not y or unit > 2 or (unit == 0 and x == y):
        return None
    factor = 2.54 if unit == 2 else 1
    return Density(x * factor, y * factor, is_ratio=unit == 0)


def _join_xmp(xmp: bytes | None, extended: dict[bytes, dict[int, bytes]]) -> bytes | None:
    """Return a packet with what its extended packet says."""
    for digest, pieces in extended.items():
        if xmp and digest in xmp:
            whole = b"".join(piece for _, piece in sorted(pieces.items()))
            try:
                return merge_xmp(xmp, whole)
            except ValueError:
                return xmp
    return xmp


def decode_text(data: bytes) -> str:
    """Return a text of unknown encoding: UTF-8, else Latin-1."""
    data = data.rstrip(b"\0")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def edit_beginning(data: bytes, metadata: Metadata) -> bytes | None:
    """Return the beginning of a JPEG of libvips, which has no segment of JFIF, with that and metadata in it."""
    if len(data) < 4:
        return None
    jfif = JFIF + b"\1\1" + encode_density(metadata.density) + bytes(2)  # version 1.1; no thumbnail
    return data[:2] + _segment(APP0, jfif) + _encode_segments(metadata) + data[2:]


def encode_density(density: Density | None) -> bytes:
    """Encode unit, x and y of JFIF: whole numbers of dots an inch or a centimetre, whichever is closer."""
    if density is None:
        return struct.pack(">BHH", 0, 1, 1)
    if density.is_ratio:
        ratio = Fraction(density.x / density.y).limit_denominator(255)
        x, y = min(ratio.numerator, 65535) or 1, ratio.denominator
        return struct.pack(">BHH", 0, x, y)

    def rounded(factor: float) -> tuple[int, int]:
        x, y = (min(max(round(number * factor), 1), 65535) for number in (density.x, density.y))
        return x, y

    def error(factor: float) -> float:
        x, y = rounded(factor)
        return abs(x / (density.x * factor) - 1) + abs(y / (density.y * factor) - 1)

    inch, centimetre = 1.0, 1 / 2.54
    is_metric = error(centimetre) < error(inch) - 1e-9
    return struct.pack(">BHH", 2 if is_metric else 1, *rounded(centimetre if is_metric else inch))


def _encode_segments(metadata: Metadata) -> bytes:
    """Encode metadata as segments: EXIF, XMP, IPTC, comments."""
    encoded = b""
    if metadata.exif:
        encoded += _segment(APP1, EXIF + b"\0" + metadata.exif)
    if metadata.xmp:
        xmp, extended = split_xmp(metadata.xmp, MAX_XMP_BYTES)
        encoded += _segment(APP1, XMP + xmp)
        digest = xmp.partition(b'HasExtendedXMP="')[2][:32]
        step = SEGMENT_BYTES - len(EXTENDED_XMP) - 40
        for place in range(0, len(extended), step):
            head = EXTENDED_XMP + digest + struct.pack(">LL", len(extended), place)
            encoded += _segment(APP1, head + extended[place : place + step])
    if metadata.iptc:
        resource = encode_resource(metadata.iptc)
        step = SEGMENT_BYTES - len(PHOTOSHOP)
        for place in range(0, len(resource), step):
            encoded += _segment(APP13, PHOTOSHOP + resource[place : place + step])
    for _, text in metadata.texts:
        encoded += _segment(COMMENT, text.encode()[:SEGMENT_BYTES])
    return encoded


def _segment(marker: int, data: bytes) -> bytes:
    """Encode a segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
