"""IPTC: records of the Information Interchange Model 4.2, and Photoshop's image resources that hold them."""

import struct
from collections.abc import Iterator

from caesr.files.metadata.location import IPTC_DATASETS
from caesr.files.picture import Density

IPTC_RESOURCE, RESOLUTION_RESOURCE = 0x0404, 0x03ED  # Adobe Photoshop File Formats Specification, image resource IDs


def find_resource(resources: bytes, number: int) -> bytes | None:
    """Return the data of a resource of Photoshop, None if it is not there."""
    return next((data for key, data in _read_resources(resources) if key == number), None)


def _read_resources(resources: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and data of each resource, up to where they are damaged."""
    at = 0
    while at + 12 <= len(resources) and resources[at : at + 4] in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        at += 6 + (resources[at + 6] | 1) + 1  # a name, with its length padded to an even number
        if at + 4 > len(resources):
            return
        (size,) = struct.unpack_from(">L", resources, at)
        if at + 4 + size > len(resources):
            return
        yield number, resources[at + 4 : at + 4 + size]
        at += 4 + size + size % 2


def encode_resource(iptc: bytes) -> bytes:
    """Encode IPTC as a resource of Photoshop."""
    return b"8BIM" + struct.pack(">HHL", IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)


def resource_density(resources: bytes) -> Density | None:
    """Return the density of Photoshop's ResolutionInfo: fixed-point dots per inch, whatever unit is displayed."""
    data = find_resource(resources, RESOLUTION_RESOURCE)
    if data is None or len(data) < 16:
        return None
    x, y = struct.unpack_from(">L", data)[0] / 65536, struct.unpack_from(">L", data, 8)[0] / 65536
    return Density(x, y) if x > 0 and y > 0 else None


def remove_location(iptc: bytes) -> bytes:
    """Return IPTC without the datasets that say where a photograph was taken.

    Raises:
        ValueError: it is damaged.
    """
    kept, at = b"", 0
    while at < len(iptc) and iptc[at:].strip(b"\0"):
        if iptc[at] != 0x1C or at + 5 > len(iptc):
            raise ValueError("not a dataset of IPTC")
        record, dataset, size = struct.unpack_from(">BBH", iptc, at + 1)
        stop = at + 5 + size
        if size & 0x8000:  # an extended dataset: the number of bytes of its length
            stop = at + 5 + (size & 0x7FFF) + int.from_bytes(iptc[at + 5 : at + 5 + (size & 0x7FFF)][:8])
        if stop > len(iptc):
            raise ValueError("IPTC is cut short")
        if record != 2 or dataset not in IPTC_DATASETS:
            kept += iptc[at:stop]
        at = stop
    return kept
