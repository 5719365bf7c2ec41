"""Metadata in WebP: chunks beside the pixels, which an extended header announces (RFC 9649, 2.7)."""

import struct
from collections.abc import Iterator

from caesr.files.metadata.directories import Source
from caesr.files.picture import Metadata, Timing

HAS_ALPHA, HAS_EXIF, HAS_XMP = 0x10, 0x08, 0x04


def read(source: Source) -> Metadata:
    """Return the metadata of a WebP as they are."""
    exif: bytes | None = None
    xmp: bytes | None = None
    for kind, start, stop in chunks(source):
        if stop > len(source):
            break
        if kind == b"EXIF":
            exif = bytes(source[start:stop])
        elif kind in (b"XMP ", b"XMP\0"):
            xmp = bytes(source[start:stop])
    return Metadata(exif=exif, xmp=xmp)


def chunks(source: Source, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and stop of the data of each chunk; the last one may be cut short.

    Args:
        stop: where the file ends that the chunks are of; None: with the source.
    """
    at, stop = 12, len(source) if stop is None else min(stop, len(source))
    while at + 8 <= stop:
        (size,) = struct.unpack_from("<L", source, at + 4)
        yield bytes(source[at : at + 4]), at + 8, at + 8 + size
        at += 8 + size + size % 2


def add(data: bytes, metadata: Metadata, size: tuple[int, int], has_alpha: bool) -> bytes:
    """Return a WebP of libvips with metadata in it.

    Args:
        size: (H, W) of the picture.
    """
    if not metadata.exif and not metadata.xmp:
        return data
    flags = (HAS_EXIF if metadata.exif else 0) | (HAS_XMP if metadata.xmp else 0)
    if data[12:16] == b"VP8X":
        content = data[12:20] + bytes([data[20] | flags]) + data[21:]
    else:
        sides = b"".join(struct.pack("<L", side - 1)[:3] for side in (size[1], size[0]))
        content = chunk(b"VP8X", bytes([flags | (HAS_ALPHA if has_alpha else 0), 0, 0, 0]) + sides) + data[12:]
    content += chunk(b"EXIF", metadata.exif) if metadata.exif else b""
    content += chunk(b"XMP ", metadata.xmp) if metadata.xmp else b""
    return b"RIFF" + struct.pack("<L", len(content) + 4) + b"WEBP" + content


def read_background(source: Source) -> bytes | None:
    """Return the background of an animated WebP, of which the pixels take no notice: blue, green, red, alpha."""
    starts = [start for kind, start, stop in chunks(source) if kind == b"ANIM" and stop - start == 6]
    return bytes(source[starts[0] : starts[0] + 4]) if starts else None


def set_timing(data: bytes, timing: Timing) -> bytes:
    """Return an animated WebP of libvips with the background and the exact durations of frames.

    libvips lets frames of 10 ms or less last 100 ms, as browsers do. Where it joined equal frames, its durations stay.
    """
    edited = bytearray(data)
    found = list(chunks(data))
    frames = [start for kind, start, _ in found if kind == b"ANMF"]
    for kind, start, _ in found:
        if kind == b"ANIM" and timing.background:
            edited[start : start + 4] = timing.background
    if len(frames) == len(timing.seconds):
        for start, seconds in zip(frames, timing.seconds, strict=True):
            milliseconds = min(round(seconds * 1000), (1 << 24) - 1)
            edited[start + 12 : start + 15] = milliseconds.to_bytes(3, "little")
    return bytes(edited)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Encode a chunk."""
    return kind + struct.pack("<L", len(data)) + data + bytes(len(data) % 2)
