"""Metadata in GIF: extensions beside the frames (GIF89a, 24 and 26; XMP: ISO 16684-3, 1.1.2)."""

from collections.abc import Iterator

from caesr.files.metadata.containers.jpeg import decode_text
from caesr.files.metadata.directories import Source
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
            comments.append(("Comment", decode_text(read_blocks(source, start)[0])))
        elif label == APPLICATION and bytes(source[start + 1 : start + 12]) == b"XMP DataXMP":
            xmp = bytes(source[start + 12 : stop]).partition(b"\x01\xff\xfe")[0]  # not in blocks; 258 bytes follow it
    return Metadata(xmp=xmp or None, texts=tuple(comments))


def _read_extensions(source: Source) -> Iterator[tuple[int, int, int]]:
    """Yield label, start and stop of the blocks of each extension, up to where they are damaged."""
    at = 13 + table_bytes(source[10] if len(source) > 10 else 0)
    while at + 2 <= len(source):
        introducer, label = source[at], source[at + 1]
        if introducer == EXTENSION:
            start = at + 2
        elif introducer == FRAME:
            start = at + 11 + table_bytes(source[at + 9] if at + 9 < len(source) else 0)
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
    start = 13 + table_bytes(data[10]) if len(data) >= 13 else 13
    if len(data) < start:
        return None
    extensions = b""
    for _, text in metadata.texts:
        comment = text.encode(errors="replace")
        blocks = (comment[at : at + 255] for at in range(0, len(comment), 255))
        extensions += bytes((EXTENSION, COMMENT)) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    if metadata.xmp and b"\0" not in metadata.xmp:
        extensions += bytes((EXTENSION, APPLICATION)) + b"\x0bXMP DataXMP" + metadata.xmp + XMP_TRAILER
    return data[:start] + extensions + data[start:]


def table_bytes(flags: int) -> int:
    """Return the size of the table of colours that flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def read_blocks(source: Source, at: int) -> tuple[bytes, int]:
    """Return the content of blocks, each after its length, and where they stop: beyond the end if that is missing."""
    parts: list[bytes] = []
    while at < len(source):
        size = source[at]
        if size == 0:
            return b"".join(parts), at + 1
        parts.append(source[at + 1 : at + 1 + size])
        at += 1 + size
    return b"".join(parts), len(source) + 1
