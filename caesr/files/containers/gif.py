"""Metadata in GIF: extensions beside the frames (GIF89a, 24 and 26; XMP: ISO 16684-3, 1.1.2)."""

from collections.abc import Iterator

from caesr.files.containers.jpeg import decode_text
from caesr.files.directories import Source
from caesr.files.picture import Metadata

XMP_TRAILER = bytes((1, *range(255, -1, -1), 0))  # which leads those who take XMP for blocks to its end
EXTENSION, COMMENT, APPLICATION, FRAME = 0x21, 0xFE, 0xFF, 0x2C
MAX_BYTES = 16_000_000  # of a comment or of XMP
MAX_COMMENTS = 1000


def read(source: Source) -> Metadata:
    """Return the metadata of a GIF as they are."""
    comments: list[tuple[str, str]] = []
    xmp: bytes | None = None
    for label, start, stop in _read_extensions(source):
        if stop - start > MAX_BYTES:
            continue
        if label == COMMENT and len(comments) < MAX_COMMENTS:
            comments.append(("Comment", decode_text(_join_blocks(source, start, stop))))
        elif label == APPLICATION and bytes(source[start + 1 : start + 12]) == b"XMP DataXMP":
            xmp = bytes(source[start + 12 : stop]).partition(b"\x01\xff\xfe")[0]  # not in blocks; 258 bytes follow it
    return Metadata(xmp=xmp or None, texts=tuple(comments))


def _read_extensions(source: Source) -> Iterator[tuple[int, int, int]]:
    """Yield label, start and stop of the blocks of each extension, up to where they are damaged."""
    at = 13 + _table_bytes(source, 10)
    while at + 2 <= len(source):
        introducer, label = source[at], source[at + 1]
        if introducer == EXTENSION:
            start = at + 2
        elif introducer == FRAME:
            start = at + 11 + _table_bytes(source, at + 9)
        else:
            return
        at = start
        while at < len(source) and source[at]:
            at += 1 + source[at]
        if at >= len(source):
            return
        if introducer == EXTENSION:
            yield label, start, at
        at += 1


def edit_beginning(data: bytes, metadata: Metadata) -> bytes | None:
    """Return the beginning of a GIF with XMP and comments in it; None: more than these bytes are needed."""
    start = 13 + _table_bytes(data, 10)
    if len(data) < max(13, start):
        return None
    extensions = b""
    for _, text in metadata.texts:
        comment = text.encode(errors="replace")
        blocks = (comment[at : at + 255] for at in range(0, len(comment), 255))
        extensions += bytes((EXTENSION, COMMENT)) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    if metadata.xmp and b"\0" not in metadata.xmp:
        extensions += bytes((EXTENSION, APPLICATION)) + b"\x0bXMP DataXMP" + metadata.xmp + XMP_TRAILER
    return data[:start] + extensions + data[start:]


def _table_bytes(source: Source, at: int) -> int:
    """Return the size of the table of colours that flags announce."""
    flags = source[at] if at < len(source) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _join_blocks(source: Source, start: int, stop: int) -> bytes:
    """Return the data of blocks, each of which begins with its length."""
    data = bytearray()
    while start < stop:
        data += source[start + 1 : start + 1 + source[start]]
        start += 1 + source[start]
    return bytes(data)
