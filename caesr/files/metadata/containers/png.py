"""Metadata in PNG: chunks beside the pixels (PNG, third edition, 11.3.3 and 11.3.4; XMP; ImageMagick's profiles)."""

import re
import struct
import zlib

from caesr.files.metadata.containers.jpeg import decode_text
from caesr.files.metadata.directories import Source
from caesr.files.metadata.iptc import IPTC_RESOURCE, encode_resource, find_resource
from caesr.files.picture import Density, Metadata
from caesr.files.png_chunks import SIGNATURE, chunks, png_chunk

MAX_TEXT_BYTES = 16_000_000  # of one text, decompressed
MAX_TEXTS_BYTES = 64_000_000  # of all
COMPRESSED_BYTES = 1024  # a longer text is compressed
XMP_KEYWORD, XMP_PREFIX = "XML:com.adobe.xmp", b"http://ns.adobe.com/xap/1.0/\0"
RAW_PROFILE = "Raw profile type "
INCH = 0.0254  # metres


def read(source: Source) -> Metadata:
    """Return the metadata of a PNG as they are."""
    exif: bytes | None = None
    density: Density | None = None
    texts, profiles, bytes_left = [], {}, MAX_TEXTS_BYTES
    for kind, start, stop in chunks(source):
        if stop + 4 > len(source):  # cut short
            break
        if kind == b"eXIf":
            exif = bytes(source[start:stop])
        elif kind == b"pHYs" and stop - start == 9:
            density = _decode_density(bytes(source[start:stop]))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and stop - start <= MAX_TEXT_BYTES and bytes_left > 0:
            found = _decode_text(kind, bytes(source[start:stop]))
            if found is None:
                continue
            keyword, text = found
            bytes_left -= len(text)
            if keyword.startswith(RAW_PROFILE):
                profiles[keyword.removeprefix(RAW_PROFILE).lower()] = _decode_profile(text)
            else:
                texts.append(found)
    xmp = next((text.encode() for keyword, text in texts if keyword == XMP_KEYWORD), None)
    iptc = profiles.get("iptc") or profiles.get("8bim") or b""
    app1 = profiles.get("app1") or b""
    exif = exif or profiles.get("exif") or (app1 if app1.startswith(b"Exif") else None)
    xmp = xmp or profiles.get("xmp") or (app1[len(XMP_PREFIX) :] if app1.startswith(XMP_PREFIX) else None)
    texts = [(keyword, text) for keyword, text in texts if keyword != XMP_KEYWORD and not _is_copy(keyword, exif, xmp)]
    return Metadata(
        exif=exif,
        xmp=xmp,
        iptc=(find_resource(iptc, IPTC_RESOURCE) if iptc.startswith(b"8BIM") else iptc) or None,
        texts=tuple(texts),
        density=density,
    )


def _is_copy(keyword: str, exif: bytes | None, xmp: bytes | None) -> bool:
    """Return whether a text is a copy that ImageMagick makes of a tag of EXIF or a property of XMP in the same file."""
    prefix, colon, _ = keyword.partition(":")
    if not colon:
        return False
    return bool((exif and prefix == "exif") or (xmp and f"xmlns:{prefix}=".encode() in xmp))


def _decode_density(data: bytes) -> Density | None:
    """Return the density of a pHYs chunk; 11811 pixels a metre are 300 an inch."""
    x, y, unit = struct.unpack(">LLB", data)
    if not x or not y or unit > 1 or (unit == 0 and x == y):
        return None
    if unit == 0:
        return Density(x, y, is_ratio=True)
    return Density(per_inch(x), per_inch(y))


def per_inch(number: int) -> float:
    """Return the dots an inch of a whole number of dots a metre: 300 for 11811, which is 299.9994."""
    whole = round(number * INCH)
    return whole if round(whole / INCH) == number else number * INCH


def _decode_text(kind: bytes, data: bytes) -> tuple[str, str] | None:
    """Return keyword and text of a chunk; None if it is damaged or too long."""
    name, separator, data = data.partition(b"\0")
    keyword = decode_text(name)
    if not separator:
        return None
    is_compressed = kind == b"zTXt"
    if kind == b"zTXt":
        data = data[1:]
    if kind == b"iTXt":
        is_compressed = data[:1] == b"\1"
        _, _, data = data[2:].partition(b"\0")  # its language
        _, _, data = data.partition(b"\0")  # the keyword in that language
    if is_compressed:
        try:
            decompressor = zlib.decompressobj()
            data = decompressor.decompress(data, MAX_TEXT_BYTES)
        except zlib.error:
            return None
        if decompressor.unconsumed_tail:
            return None
    return keyword, decode_text(data)  # UTF-8 in iTXt; elsewhere Latin-1, but ImageMagick and others write UTF-8


def _decode_profile(text: str) -> bytes:
    """Return the bytes of a profile as ImageMagick writes it: name, length, and pairs of hexadecimal digits."""
    match = re.match(r"\s*\S+\s+\d+\s", text)
    try:
        return bytes.fromhex(text[match.end() :]) if match else b""
    except ValueError:
        return b""


def edit_beginning(data: bytes, metadata: Metadata) -> bytes | None:
    """Return the beginning of a PNG with metadata in it; None: more than these bytes are needed.

    libvips's own chunk of density, which it writes even where there is none to say, is left out.
    """
    at = len(SIGNATURE)
    kept = data[:at]
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">L", data, at)
        kind, stop = data[at + 4 : at + 8], at + 12 + size
        if kind == b"IDAT":
            return kept + _encode_chunks(metadata) + data[at:]
        if stop > len(data):
            return None
        kept += data[at:stop] if kind != b"pHYs" else b""
        at = stop
    return None


def _encode_chunks(metadata: Metadata) -> bytes:
    """Encode metadata as chunks."""
    encoded, density = b"", metadata.density
    if density:
        unit = 1 if density.is_ratio else INCH
        x, y = (min(max(round(number / unit), 1), 2**31 - 1) for number in (density.x, density.y))
        encoded += png_chunk(b"pHYs", struct.pack(">LLB", x, y, not density.is_ratio))
    if metadata.exif:
        encoded += png_chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        encoded += png_chunk(b"iTXt", XMP_KEYWORD.encode() + bytes(5) + metadata.xmp)
    if metadata.iptc:
        resource = encode_resource(metadata.iptc)
        digits = "\n".join(re.findall(".{1,72}", resource.hex()))
        text = f"\niptc\n{len(resource):8d}\n{digits}\n"
        encoded += png_chunk(b"zTXt", f"{RAW_PROFILE}iptc".encode() + bytes(2) + zlib.compress(text.encode()))
    for keyword, text in metadata.texts:
        encoded += _encode_text(keyword, text)
    return encoded


def _encode_text(keyword: str, text: str) -> bytes:
    """Encode a text, as Latin-1 if it can be, else as UTF-8."""
    name = keyword.encode("latin-1", errors="replace").replace(b"\0", b"")[:79] or b"Comment"
    text = text.replace("\0", "")
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode(errors="replace")
        if len(data) > COMPRESSED_BYTES:
            return png_chunk(b"iTXt", name + b"\0\1\0\0\0" + zlib.compress(data))
        return png_chunk(b"iTXt", name + bytes(5) + data)
    if len(data) > COMPRESSED_BYTES:
        return png_chunk(b"zTXt", name + bytes(2) + zlib.compress(data))
    return png_chunk(b"tEXt", name + b"\0" + data)
