"""Decode the kinds of pictures that libvips does not: BMP, and by optional packages HEIC and JPEG XL.

They are decoded as a whole. Before that their header is returned as a black image, whose size can be checked.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin

from caesr.files.colour.cicp import HDR_TRANSFERS
from caesr.files.decoders.heif import HeifFacts, read_heif
from caesr.files.decoders.jxl import read_jxl
from caesr.files.picture import PictureError, damaged
from caesr.files.vips import pyvips
from zoo.messages import Message

# What the decoders raise on damaged files.
DAMAGE = (
    OSError,
    ValueError,
    OverflowError,
    SyntaxError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    struct.error,
    MemoryError,
    pyvips.Error,
)
MAX_SIDE = 10_000_000  # pixels, of libvips
DIB_HEADER, BMP_V5_BYTES, EMBEDDED_PROFILE = 14, 124, b"DEBM"
CICP_FIELDS = ("colour-primaries", "transfer-characteristics", "matrix-coefficients", "full-range-flag")


@dataclass
class Opened:
    """A file whose header has been read."""

    shape: tuple[int, int, int]  # (H, W, C), upright
    depth: int  # 8 or 16 bits a channel
    decode: Callable[[], Any]  # returns an array of that shape, or an image of libvips with fields of its own
    fields: dict[str, bytes | int | str] = field(default_factory=dict)  # of the libvips image
    notes: list[Message] = field(default_factory=list)


def open_header(path: Path, format: str) -> tuple[Any, list[Message]]:
    """Return a black image of libvips with the size and the fields of a file, and what people should know.

    Raises:
        PictureError: the file is damaged, or the package that reads such files is not there.
    """
    opened = _open(path, format)
    height, width, channels = opened.shape
    black = pyvips.Image.black(width, height, bands=channels).cast("uchar" if opened.depth == 8 else "ushort")
    return _with_fields(black, opened), opened.notes


def decode(path: Path, format: str) -> tuple[Any, list[Message]]:
    """Return a picture as an image of libvips, decoded, and what people should know.

    Raises:
        PictureError: the file is damaged.
    """
    opened = _open(path, format)
    try:
        pixels = opened.decode()
    except DAMAGE as error:
        raise damaged(path.name) from error
    if isinstance(pixels, pyvips.Image):
        return pixels, opened.notes
    if pixels.shape != opened.shape:
        raise damaged(path.name)
    return _with_fields(pyvips.Image.new_from_array(np.ascontiguousarray(pixels)), opened), opened.notes


def _open(path: Path, format: str) -> Opened:
    """Read the header of a file."""
    try:
        opened = {"bmp": _open_bmp, "heic": _open_heic, "jxl": _open_jxl}[format](path)
        if not all(0 < side <= MAX_SIDE for side in opened.shape[:2]):
            raise ValueError("no pixels, or too many")
        return opened
    except DAMAGE as error:
        if isinstance(error, PictureError):
            raise
        raise damaged(path.name) from error


def _missing(path: Path, kind: str, extra: str) -> PictureError:
    message = (
        "{name} is a {kind} picture, and the package that reads these is not installed; run: "
        "pip install 'caesr[{extra}]', or save it as a JPEG or PNG."
    )
    return PictureError(Message(message, name=path.name, kind=kind, extra=extra))


def _with_fields(image: Any, opened: Opened) -> Any:
    """Return an image of libvips with the fields of a file."""
    grey, deep = opened.shape[2] <= 2, opened.depth == 16
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=space)
    for name, value in opened.fields.items():
        types = {bytes: pyvips.GValue.blob_type, int: pyvips.GValue.gint_type, str: pyvips.GValue.gstr_type}
        image.set_type(types[type(value)], name, value)
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # the pixels are upright, whatever the EXIF says
    return image


def _straighten(pixels: np.ndarray) -> np.ndarray:
    """Return colours that are not multiplied by alpha, of those that are: (H, W, 2 or 4)."""
    most = np.iinfo(pixels.dtype).max
    alpha = pixels[..., -1:].astype(np.uint64)
    colours = (pixels[..., :-1] * np.uint64(most) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate((np.minimum(colours, most), alpha), axis=-1).astype(pixels.dtype)


# --- BMP ------------------------------------------------------------------------------------------


def _open_bmp(path: Path) -> Opened:
    """Read the header of a BMP, by Pillow; its profile, which Pillow does not give, from the file."""
    with path.open("rb") as file:
        beginning = file.read(DIB_HEADER + BMP_V5_BYTES)
        fields: dict[str, bytes | int | str] = {"vips-loader": "bmp"}
        (header_bytes,) = struct.unpack_from("<I", beginning, DIB_HEADER)
        if header_bytes == BMP_V5_BYTES and beginning[DIB_HEADER + 56 : DIB_HEADER + 60] == EMBEDDED_PROFILE:
            start, size = struct.unpack_from("<II", beginning, DIB_HEADER + 112)
            file.seek(DIB_HEADER + start)
            if size <= path.stat().st_size:
                fields["icc-profile-data"] = file.read(size)
    notes: list[Message] = []
    with BmpImagePlugin.BmpImageFile(path) as image:
        width, height = image.size
        channels = {"1": 1, "L": 1, "P": 3, "RGB": 3, "RGBA": 4}[image.mode]
    return Opened((height, width, channels), 8, lambda: _decode_bmp(path, notes), fields, notes)


def _decode_bmp(path: Path, notes: list[Message]) -> np.ndarray:
    """Return the pixels of a BMP; rows that are missing are grey, if they are less than half."""
    data, missing = path.read_bytes(), 0
    with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as image:
        (width, height), tile = image.size, image.tile[0]
        bits = struct.unpack_from("<H", data, DIB_HEADER + (10 if data[DIB_HEADER] == 12 else 14))[0]
    if tile.codec_name == "raw":
        args: Any = tile.args
        _, stride, direction = args
        unpadded = (width * bits + 7) // 8
        rows = max(0, len(data) - tile.offset + stride - unpadded) // stride
        missing = max(0, height - rows)
        if 2 * missing > height:
            raise ValueError("mostly gone")
        data += bytes(max(0, tile.offset + stride * height - len(data)))
    with BmpImagePlugin.BmpImageFile(io.BytesIO(data)) as image:
        image.load()
        plain = image.convert({"1": "L", "P": "RGB"}.get(image.mode, image.mode))
    pixels = np.asarray(plain).reshape(height, width, -1)
    if pixels.shape[2] == 4 and not pixels[..., 3].any():  # of programs that leave the fourth byte alone
        pixels = np.dstack((pixels[..., :3], np.full((height, width), 255, np.uint8)))
    if missing:
        rows = np.s_[:missing] if direction == -1 else np.s_[height - missing :]  # mostly from the bottom up
        pixels = pixels.copy()
        pixels[rows] = 128
        message = "It is cut short: {missing} of its {height} rows are missing and are grey."
        notes.append(Message(message, missing=missing, height=height))
    return pixels


# --- HEIC -----------------------------------------------------------------------------------------


def _open_heic(path: Path) -> Opened:
    """Read the header of a HEIC photograph, by pillow-heif, which applies its rotations itself."""
    try:
        import pillow_heif
    except ImportError as error:
        raise _missing(path, "HEIC", "heic") from error
    file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    image, facts = file[file.primary_index], read_heif(path)
    info: dict[str, Any] = image.info
    bits, (width, height) = info["bit_depth"], image.size
    channels = {"L": 1, "LA": 2, "RGB": 3}.get(image.mode.split(";")[0], 4)
    fields: dict[str, bytes | int | str] = {"vips-loader": "heic", "n-pages": max(len(file), facts.frames)}
    fields |= cicp_fields(facts)
    for name, key in {"exif-data": "exif", "xmp-data": "xmp", "icc-profile-data": "icc_profile"}.items():
        if info.get(key):
            fields[name] = bytes(info[key])

    def decode_heic() -> np.ndarray:
        pixels = np.asarray(image).reshape(height, width, channels)
        if pixels.dtype == np.uint16:
            pixels = pixels | pixels >> bits  # white is 65535
        return _straighten(pixels) if image.premultiplied_alpha else pixels

    notes = [left_out(part) for part in facts.left_out]
    return Opened((height, width, channels), 16 if bits > 8 else 8, decode_heic, fields, notes)


def cicp_fields(facts: HeifFacts) -> dict[str, int]:
    """Return the colours of a HEIF file (ITU-T H.273) as fields that newer versions of libvips give."""
    return {f"cicp-{name}": value for name, value in zip(CICP_FIELDS, facts.cicp or (), strict=False)}


def left_out(part: Message) -> Message:
    """Return the note about a part of a file that is no page."""
    return Message("It holds {part} as well, which was left out.", part=part)


# --- JPEG XL --------------------------------------------------------------------------------------


def _open_jxl(path: Path) -> Opened:
    """Read the header of a JPEG XL picture; pillow-jxl-plugin, which has no function for that, decodes it."""
    try:
        from pillow_jxl import Decoder
    except ImportError as error:
        raise _missing(path, "JPEG XL", "jxl") from error
    header = read_jxl(path)
    notes: list[Message] = []
    if header.is_animated or header.is_float or header.has_black:
        kind = (
            Message("an animated JPEG XL")
            if header.is_animated
            else Message("a JPEG XL with floating-point numbers or CMYK")
        )
        message = "{name} is {kind}, which cannot be read here; export it as a PNG, JPEG or TIFF."
        raise PictureError(Message(message, name=path.name, kind=kind))
    shape = (header.height, header.width, (1 if header.is_grey else 3) + header.has_alpha)
    deep = header.depth > 8 and shape[2] == 1
    if header.depth > 8 and not deep:
        message = "It has {depth} bits a channel, of which its decoder gives 8; export it as a PNG to keep them."
        notes.append(Message(message, depth=header.depth))
    opened = Opened(shape, 16 if deep else 8, lambda: None, {"vips-loader": "jxl"}, notes)
    if header.cicp and header.cicp[1] in HDR_TRANSFERS:
        opened.fields |= cicp_fields(HeifFacts((*header.cicp, 0, 1)))

    def decode_jxl() -> Any:
        is_jpeg, _, data, icc, boxes = Decoder(num_threads=-1)(path.read_bytes())
        if is_jpeg:  # a JPEG that was packed without loss
            return pyvips.Image.jpegload_buffer(data, fail_on="error").copy_memory()
        if icc and header.cicp != (1, 13):
            opened.fields["icc-profile-data"] = bytes(icc)
        for box in boxes:
            content = bytes(box.data)
            if box.box_type == b"Exif" and len(content) > 8:
                opened.fields["exif-data"] = content[4 + int.from_bytes(content[:4]) :]
            if box.box_type == b"xml ":
                opened.fields["xmp-data"] = content
        pixels = np.frombuffer(data, np.uint16 if deep else np.uint8).reshape(shape)
        return _straighten(pixels) if header.is_premultiplied else pixels

    opened.decode = decode_jxl
    return opened
