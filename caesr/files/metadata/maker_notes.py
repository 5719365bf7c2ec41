"""Notes of a camera's maker inside EXIF, of which only the maker knows the format: moved within a file."""

import struct

KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # by type of value
# How maker's notes begin that point only to places within themselves, counted from their own beginning.
SELF_CONTAINED = (b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM", b"FUJIFILM", b"Apple iOS\0", b"GENERALE", b"HDRP")


def move_note(note: bytes, origin: int, place: int) -> bytes | None:
    """Return a maker's notes that point to places of themselves for another place; None if that cannot be told.

    Such notes are a directory, after up to 12 bytes for a name, with offsets from the beginning of the block: those of
    Canon, Panasonic and Sony. (ExifTool's MakerNotes.pm lists how makers build theirs.)

    Args:
        origin: where the notes were.
        place: where they will be.
    """
    if note.startswith(SELF_CONTAINED) or origin == place:
        return note
    for begin in (0, 12, 6, 8, 10):
        for order in ("<", ">"):
            entries = _note_entries(note, begin, order, origin)
            if entries is not None:
                moved = bytearray(note)
                for entry in entries:
                    (offset,) = struct.unpack_from(order + "L", moved, entry + 8)
                    struct.pack_into(order + "L", moved, entry + 8, (offset + place - origin) % 2**32)
                return bytes(moved)
    return None


def _note_entries(note: bytes, begin: int, order: str, origin: int) -> list[int] | None:
    """Return where the entries are whose values are elsewhere in a maker's notes; None if this is no directory."""
    if begin + 2 > len(note):
        return None
    (count,) = struct.unpack_from(order + "H", note, begin)
    stop = begin + 2 + 12 * count
    if not 0 < count <= 512 or stop > len(note):
        return None
    outside = []
    for entry in range(begin + 2, stop, 12):
        _, kind, number, offset = struct.unpack_from(order + "HHLL", note, entry)
        if kind not in KIND_BYTES:
            return None
        size = KIND_BYTES[kind] * number
        if size > 4:
            if not origin + stop <= offset <= origin + len(note) - size:
                return None
            outside.append(entry)
    return outside
