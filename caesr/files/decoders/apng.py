"""Animated PNG: its frames composed, and PNGs joined to one (PNG, third edition, 11.3.6)."""

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np

from caesr.files.decoders.decode import load
from caesr.files.metadata.directories import Source
from caesr.files.picture import Timing
from caesr.files.png_chunks import SIGNATURE, chunks, has_right_checksum, png_chunk

SHARED = (b"PLTE", b"tRNS")  # chunks that say what the samples of all frames mean
FRAME_CONTROL = ">LLLLLHHBB"  # of fcTL: its number, width, height, left, top, seconds as a fraction, dispose, blend
NONE, BACKGROUND, PREVIOUS = 0, 1, 2  # what becomes of a frame before the next: values of dispose
SOURCE = 0  # value of blend: the frame replaces what is there
BLEND_ROWS = 64  # at once, since they become floats
MAX_TERM = 65535  # of the fraction that a duration is


@dataclass
class Frame:
    """A frame as the file has it."""

    width: int
    height: int
    left: int
    top: int
    seconds: Fraction
    dispose: int
    blend: int
    data: list[tuple[int, int]]  # where its compressed pixels start and stop


@dataclass
class Layout:
    """An animated PNG, of which the pixels are not read yet."""

    header: bytes  # of IHDR
    shared: bytes  # chunks
    frames: list[Frame]
    plays: int
    has_default: bool  # whether the picture for programs without animation is no frame

    @property
    def timing(self) -> Timing:
        return Timing(tuple(frame.seconds for frame in self.frames), self.plays)


def read_layout(source: Source) -> Layout:
    """Read where the frames of an animated PNG are.

    Raises:
        ValueError: it is damaged.
    """
    layout = Layout(b"", b"", [], 0, has_default=False)
    announced = 0
    for kind, start, stop in _read_chunks(source):
        if kind == b"IHDR":
            layout.header = bytes(source[start:stop])
        elif kind in SHARED:
            layout.shared += png_chunk(kind, bytes(source[start:stop]))
        elif kind == b"acTL":
            announced, layout.plays = struct.unpack(">LL", source[start:stop])
        elif kind == b"fcTL":
            layout.frames.append(_read_control(bytes(source[start:stop]), layout.header))
        elif kind == b"IDAT":
            if layout.frames:
                layout.frames[0].data.append((start, stop))
            layout.has_default |= not layout.frames
        elif kind == b"fdAT":
            layout.frames[-1].data.append((start + 4, stop))
    if not layout.frames or len(layout.frames) != announced or not all(frame.data for frame in layout.frames):
        raise ValueError("frames are missing")
    return layout


def _read_control(data: bytes, header: bytes) -> Frame:
    """Return the frame that a chunk fcTL announces, within the size that IHDR says."""
    _, width, height, left, top, part, whole, dispose, blend = struct.unpack(FRAME_CONTROL, data)
    canvas_width, canvas_height = struct.unpack_from(">LL", header)
    if not width or not height or left + width > canvas_width or top + height > canvas_height:
        raise ValueError("a frame beyond the picture")
    return Frame(width, height, left, top, Fraction(part, whole or 100), dispose, blend, [])


def _read_chunks(source: Source) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and stop of the content of each chunk before IEND; ValueError for one that is damaged."""
    for kind, start, stop in chunks(source):
        if kind == b"IEND":
            return
        is_needed = not kind[0] & 0x20 or kind in (b"acTL", b"fcTL", b"fdAT", b"tRNS")
        if stop + 4 > len(source) or (is_needed and not has_right_checksum(source, start, stop)):
            break
        yield kind, start, stop
    raise ValueError("cut short, or a checksum is wrong")


def compose_frames(source: Source, layout: Layout) -> Iterator[np.ndarray]:
    """Yield the frames as they are shown: (H, W, C), 8 or 16 bits.

    Raises:
        pyvips.Error: a frame is damaged.
    """
    width, height = struct.unpack_from(">LL", layout.header)
    first = layout.frames[0]
    is_covered = (first.width, first.height) == (width, height)
    has_holes = not is_covered or any(frame.dispose != NONE for frame in layout.frames)
    canvas = np.empty(0)
    for number, frame in enumerate(layout.frames):
        pixels = _decode(source, layout, frame)
        if has_holes and pixels.shape[2] in (1, 3):
            opaque = np.full((*pixels.shape[:2], 1), np.iinfo(pixels.dtype).max, pixels.dtype)
            pixels = np.concatenate((pixels, opaque), axis=2)
        if number == 0:
            canvas = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
        area = canvas[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
        dispose = BACKGROUND if number == 0 and frame.dispose == PREVIOUS else frame.dispose
        before = area.copy() if dispose == PREVIOUS else None
        if frame.blend == SOURCE or pixels.shape[2] in (1, 3):
            area[:] = pixels
        else:
            for top in range(0, frame.height, BLEND_ROWS):
                rows = slice(top, top + BLEND_ROWS)
                area[rows] = _blend(pixels[rows], area[rows])
        yield canvas.copy()
        if dispose == BACKGROUND:
            area[:] = 0
        elif before is not None:
            area[:] = before


def _decode(source: Source, layout: Layout, frame: Frame) -> np.ndarray:
    """Return the pixels of a frame: (h, w, C)."""
    header = struct.pack(">LL", frame.width, frame.height) + layout.header[8:]
    packed = b"".join(bytes(source[start:stop]) for start, stop in frame.data)
    content = png_chunk(b"IHDR", header) + layout.shared + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")
    image = load(SIGNATURE + content, "png")
    dtype = np.uint8 if image.format == "uchar" else np.uint16
    return np.frombuffer(image.write_to_memory(), dtype).reshape(frame.height, frame.width, image.bands)


def _blend(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return pixels laid over others, both with alpha that is not multiplied into the colours (PNG, 13.16)."""
    white = np.iinfo(above.dtype).max
    cover, rest = above[..., -1:] / white, below[..., -1:] / white
    rest = rest * (1 - cover)
    alpha = cover + rest
    colours = (above[..., :-1] * cover + below[..., :-1] * rest) / np.where(alpha > 0, alpha, 1)
    return np.concatenate((colours, alpha * white), axis=-1).round().astype(above.dtype)


class ApngJoiner:
    """Joiner of PNGs of one size and kind to an animated one; what is beside the pixels comes from the first.

    Args:
        file: an empty one, to which the frames are appended.
    """

    def __init__(self, file: IO[bytes], timing: Timing):
        self.file, self.timing = file, timing
        self.frames = self.number = 0  # of fcTL and fdAT together

    def append(self, frame: Path) -> None:
        """Append a frame, the pixels of a PNG."""
        with frame.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            is_announced = False
            for kind, start, stop in _read_chunks(source):
                chunk = source[start - 8 : stop + 4]
                if kind == b"IHDR" and self.frames == 0:
                    control = struct.pack(">LL", len(self.timing.seconds), self.timing.plays)
                    self.file.write(SIGNATURE + chunk + png_chunk(b"acTL", control))
                if kind == b"IDAT" and not is_announced:
                    self.file.write(png_chunk(b"fcTL", self._control(source)))
                    is_announced = True
                if kind == b"IDAT" and self.frames > 0:
                    self.file.write(png_chunk(b"fdAT", self._next_number() + source[start:stop]))
                elif self.frames == 0 and kind != b"IHDR":
                    self.file.write(chunk)
        self.frames += 1

    def finish(self) -> None:
        """Write the end."""
        self.file.write(png_chunk(b"IEND", b""))

    def _next_number(self) -> bytes:
        """Return the number of the next chunk fcTL or fdAT."""
        self.number += 1
        return struct.pack(">L", self.number - 1)

    def _control(self, source: Source) -> bytes:
        """Return the content of fcTL: the frame replaces the one before."""
        seconds = min(self.timing.seconds[self.frames], Fraction(MAX_TERM))
        fraction = seconds.limit_denominator(MAX_TERM // max(1, math.ceil(seconds)))
        ends = struct.pack(">LLHHBB", 0, 0, fraction.numerator, fraction.denominator, NONE, SOURCE)
        return self._next_number() + bytes(source[16:24]) + ends
