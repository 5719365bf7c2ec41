"""XMP packets (ISO 16684-1): edited in their text, so that all the rest stays as it is, byte for byte.

XML is parsed by expat, and a packet with a document type, and so any entity of its own, counts as damaged.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from caesr.files.metadata.location import names_location
from caesr.files.picture import Density

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP, XMP_NOTE = "http://ns.adobe.com/xap/1.0/", "http://ns.adobe.com/xmp/note/"
TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
# Namespaces of what is appended to a file or cut out of it, which no result has: gain maps, motion photos, depth.
APPENDED = {"http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.google.com/photos/1.0/container/"}
CAMERA = "http://ns.google.com/photos/1.0/camera/"
MAX_BYTES = 16_000_000
MAX_NODES = 100_000  # elements and attributes
MAX_DECLARATIONS = 1000  # of namespaces

START_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")

ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*("[^"]*"|'[^']*')""")


@dataclass
class Node:
    """An element or attribute: where it is in the bytes of a packet."""

    namespace: str
    name: str
    start: int
    stop: int = 0
    inside: tuple[int, int] = (0, 0)  # between an element's tags, or an attribute's quotation marks
    parent: "Node | None" = None
    is_attribute: bool = False
    prefixes: Mapping[str, str] = field(default_factory=dict)  # declared for it: prefix -> namespace

    def named(self, namespace: str, name: str) -> bool:
        return (self.namespace, self.name) == (namespace, name)

    @property
    def is_property(self) -> bool:
        """Whether it is a property of the picture itself, and not part of another property's value."""
        description = self.parent
        return bool(
            description
            and description.named(RDF, "Description")
            and description.parent
            and description.parent.named(RDF, "RDF")
            and self.namespace != RDF
        )


Edit = tuple[int, int, bytes]  # start and stop in a packet, and what replaces it


def edit_xmp(
    packet: bytes, size: tuple[int, int] | None = None, density: Density | None = None, keep_location: bool = True
) -> bytes:
    """Return XMP that says upright, without thumbnails and without words on data that are not in the file any more.

    Args:
        size: (H, W) that its properties shall say; None: as it is.
        density: that its properties shall say; None: as it is.
        keep_location: whether properties that say where the photograph was taken stay.
    Raises:
        ValueError: it is damaged.
    """
    data = _decode(packet)
    values = {(TIFF, "Orientation"): "1"}
    if size is not None:
        values |= {(TIFF, "ImageLength"): str(size[0]), (EXIF, "PixelYDimension"): str(size[0])}
        values |= {(TIFF, "ImageWidth"): str(size[1]), (EXIF, "PixelXDimension"): str(size[1])}
    if density is not None:
        for name, number in zip(("XResolution", "YResolution"), density.rationals, strict=True):
            values[TIFF, name] = f"{number.numerator}/{number.denominator}"
        values |= {(TIFF, "ResolutionUnit"): "1" if density.is_ratio else "2"}
    edits: list[Edit] = []
    for node in _parse(data):
        is_location = not keep_location and names_location(node.name, node.namespace)
        if is_location or _is_outdated(node):
            edits.append((node.start, node.stop, b""))
        elif (node.namespace, node.name) in values and node.is_property:
            edits.append((*node.inside, values[node.namespace, node.name].encode()))
    return _apply(data, edits)


def _is_outdated(node: Node) -> bool:
    """Return whether a node is about data that are not in the result: a thumbnail, a gain map, a film."""
    if node.namespace in APPENDED or node.named(XMP, "Thumbnails") or node.named(XMP_NOTE, "HasExtendedXMP"):
        return True
    return node.namespace == CAMERA and node.name.startswith(("Micro", "Motion"))


def merge_xmp(packet: bytes, extended: bytes) -> bytes:
    """Return a packet with the properties of an extended one (ISO 16684-3, 1.1.3.1).

    Raises:
        ValueError: one of them is damaged.
    """
    data, more = _decode(packet), _decode(extended)
    pieces = b""
    for node in _parse(more):
        if node.named(RDF, "Description") and node.parent and node.parent.named(RDF, "RDF"):
            piece = more[node.start : node.stop]
            tag = _match(more, node.start)
            end = len(tag) - (2 if tag.endswith(b"/>") else 1)
            pieces += tag[:end] + _declarations(node.prefixes, tag) + piece[end:]
    holder = next((node for node in _parse(data) if node.named(RDF, "RDF") and node.inside[0] < node.stop), None)
    if holder is None:
        raise ValueError("XMP without RDF")
    return _apply(data, [(holder.inside[1], holder.inside[1], pieces)])


def split_xmp(packet: bytes, max_bytes: int) -> tuple[bytes, bytes]:
    """Return a packet of at most `max_bytes`, and an extended one with its largest properties (ISO 16684-3, 1.1.3.1).

    The extended one is empty if all fits without the blanks that fill up the packet.

    Raises:
        ValueError: it is damaged, or cannot be split so far.
    """
    data = re.sub(rb"\s+(<\?xpacket end)", rb"\n\1", _decode(packet)) if len(packet) > max_bytes else packet
    if len(data) <= max_bytes:
        return data, b""
    properties = [node for node in _parse(data) if node.is_property]
    edits: list[Edit] = []
    elements, attributes, prefixes, size = b"", b"", {"rdf": RDF}, len(data)
    for node in sorted(properties, key=lambda node: node.start - node.stop):
        if size <= max_bytes - 300:  # the room for what is added below
            break
        size -= node.stop - node.start
        edits.append((node.start, node.stop, b""))
        prefixes |= node.prefixes
        if node.is_attribute:
            attributes += data[node.start : node.stop]
        else:
            elements += data[node.start : node.stop]
    description = properties[0].parent if properties else None
    if description is None or size > max_bytes - 300:
        raise ValueError("XMP that cannot be split")
    extended = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF' + _declarations(prefixes) + b'><rdf:Description rdf:about=""'
        + attributes + b">" + elements + b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )  # fmt: skip
    digest = hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()
    tag = _match(data, description.start)
    place = description.start + len(re.match(rb"<[^\s/>]+", tag)[0])  # type: ignore[index]
    note = f' xmlns:xmpNote="{XMP_NOTE}" xmpNote:HasExtendedXMP="{digest}"'
    if b"xmlns:xmpNote" in tag:
        note = f' xmpNote:HasExtendedXMP="{digest}"'
    return _apply(data, [*edits, (place, place, note.encode())]), extended


def _decode(packet: bytes) -> bytes:
    """Return a packet in UTF-8, without the bytes 0 that some programs put behind it."""
    if len(packet) > MAX_BYTES:
        raise ValueError("XMP that is far too long")
    if packet.startswith((b"\xff\xfe", b"\xfe\xff")):
        packet = packet.decode("utf-16").encode()
    elif b"\0" in packet[:2]:
        packet = packet.decode("utf-16-le" if packet[1:2] == b"\0" else "utf-16-be").encode()
    return packet.rstrip(b"\0")


def _parse(data: bytes) -> list[Node]:
    """Return the elements and attributes of a packet, in the order in which they begin.

    Raises:
        ValueError: not XML, or with a document type, or more than a packet should hold.
    """
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.namespace_prefixes = True
    nodes: list[Node] = []
    open_nodes: list[Node] = []
    prefixes: dict[str, str] = {}
    declarations = 0

    def declare(prefix: str | None, namespace: str | None) -> None:
        nonlocal prefixes, declarations
        if prefixes.get(prefix or "") != namespace:
            declarations += 1
            prefixes = {**prefixes, prefix or "": namespace or ""}
        if declarations > MAX_DECLARATIONS:
            raise ValueError("XMP with too many namespaces")

    def start(name: str, attributes: dict[str, str]) -> None:
        begin = parser.CurrentByteIndex
        tag = _match(data, begin)
        namespace, local, _ = _split_name(name)
        parent = open_nodes[-1] if open_nodes else None
        end = begin + len(tag)
        node = Node(namespace, local, begin, end, (end, end), parent, prefixes=prefixes)
        nodes.append(node)
        open_nodes.append(node)
        places = {found[1]: found for found in ATTRIBUTE.finditer(tag)}
        for name in attributes:
            namespace, local, qualified = _split_name(name)
            found = places.get(qualified.encode())
            if found:
                inside = begin + found.start(2) + 1, begin + found.end(2) - 1
                place = begin + found.start(), begin + found.end()
                nodes.append(Node(namespace, local, *place, inside, node, is_attribute=True, prefixes=prefixes))
        if len(nodes) > MAX_NODES:
            raise ValueError("XMP with too many properties")

    def end(_: str) -> None:
        node = open_nodes.pop()
        if not data[node.start : node.stop].endswith(b"/>"):
            close = parser.CurrentByteIndex
            node.inside = (node.inside[0], close)
            node.stop = data.index(b">", close) + 1

    def refuse(*_: object) -> None:
        raise ValueError("XMP with a document type")

    parser.StartNamespaceDeclHandler = declare
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError("not XML") from error
    return nodes


def _split_name(name: str) -> tuple[str, str, str]:
    """Return namespace, name and name with prefix out of expat's 'namespace name prefix'."""
    parts = name.split(" ")
    if len(parts) == 1:
        return "", name, name
    return parts[0], parts[1], f"{parts[2]}:{parts[1]}" if len(parts) > 2 else parts[1]


def _match(data: bytes, start: int) -> bytes:
    """Return the start tag at a place, which expat has found to be one."""
    match = START_TAG.match(data, start)
    if match is None:
        raise ValueError("not a tag")
    return match[0]


def _declarations(prefixes: Mapping[str, str], tag: bytes = b"") -> bytes:
    """Return attributes that declare the namespaces which a tag does not declare itself."""
    missing = {key: name for key, name in prefixes.items() if key and f"xmlns:{key}".encode() not in tag}
    return "".join(f" xmlns:{prefix}={quoteattr(name)}" for prefix, name in missing.items()).encode()


def _apply(data: bytes, edits: list[Edit]) -> bytes:
    """Return bytes with edits made; those inside of a part that is removed count for nothing."""
    pieces, at = [], 0
    for start, stop, new in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= at:
            pieces += [data[at:start], new]
            at = stop
    return b"".join([*pieces, data[at:]])
