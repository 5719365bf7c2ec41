"""All pages of a TIFF and all frames of an animation: pictures that are read one after the other."""

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files.colour.interpret import interpret
from caesr.files.decoders import apng, parts
from caesr.files.decoders.decode import explain_damage, open_file
from caesr.files.metadata.containers import webp
from caesr.files.metadata.transfer import read_metadata
from caesr.files.picture import AnyPath, Picture, PictureError, Timing, damaged
from caesr.files.read import (
    PAGED,
    OpenedImage,
    check_limits,
    open_image,
    open_picture,
    orientation_of,
    pixel_limit,
    turn,
)
from caesr.files.vips import field_of, pyvips
from zoo.messages import Message

MAX_PAGES = 2000
DEFAULT_DELAY = 100  # milliseconds of a frame that says none, as browsers show it


@dataclass(frozen=True)
class PageShape:
    """The size of a page, upright."""

    height: int
    width: int
    pixel_bytes: int


@dataclass(frozen=True)
class Pages:
    """Pages of a file, of which only headers have been read."""

    format: str  # of the file
    shapes: Sequence[PageShape]
    read: Callable[[], Iterator[Picture[Any]]]  # of each page, as `open_picture`; each is used before the next is taken
    timing: Timing | None = None  # of an animation
    notes: tuple[Message, ...] = field(default=())  # for people, about none of the pages

    def __len__(self) -> int:
        return len(self.shapes)


def open_pages(path: AnyPath, every: bool = True, max_pixels: int | None = None) -> Pages:
    """Open a picture file, of which the first page, or every one of a TIFF, GIF, WebP or PNG, will be read.

    Of other kinds, such as MPO, HEIC and AVIF, it is the first. Reduced pages and masks of a TIFF are left out, and so
    is the separate picture of an animated PNG for programs without animation. Frames of an animation come as they are
    shown, composed of those before.

    Args:
        max_pixels: of a page, and of all frames of an animation together; None: as for `read_picture`.
    Raises:
        PictureError: as for `open_picture`, of any page; more than 2000 pages.
    """
    path = Path(path)
    opened = open_image(path) if every else None
    if opened and opened.info.format in ("gif", "webp"):
        open_file(path, opened.info.format, frames=True)  # raises an error if the file ends before its last frame
    if opened is None or opened.info.pages == 1 or opened.info.format not in PAGED:
        picture = open_picture(path, max_pixels)
        height, width, channels = picture.pixels.shape
        shape = PageShape(height, width, channels * picture.pixels.dtype.itemsize)
        return Pages(opened.info.format if opened else "", [shape], lambda: iter([picture]))
    if opened.info.pages > MAX_PAGES:
        message = "{name} has {pages} pages or frames, over the limit of {limit}; divide it."
        raise PictureError(Message(message, name=path.name, pages=opened.info.pages, limit=MAX_PAGES))
    if opened.info.format == "tif":
        return _open_tiff(path, field_of(opened.stored, "n-pages", 1), max_pixels)
    _check_frames(path.name, opened, max_pixels)
    return _open_apng(path, opened) if opened.info.format == "png" else _open_frames(path, opened)


@contextmanager
def name_page(number: int, count: int) -> Iterator[None]:
    """Raise the errors of one page of several as such that name it, from 1."""
    try:
        yield
    except PictureError as error:
        if count == 1:
            raise
        message = "Page {page} of {pages}: {why}"
        raise PictureError(Message(message, page=number, pages=count, why=error.args[0])) from error


def _open_tiff(path: Path, directories: int, max_pixels: int | None) -> Pages:
    """Open the pages of a TIFF, each with its own size, colours and metadata."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        kinds = list(parts.subfile_types(data, directories))
    pages = [page for page, kind in enumerate(kinds) if not kind & (parts.REDUCED | parts.MASK)]
    shapes = []
    for number, page in enumerate(pages, 1):
        with name_page(number, len(pages)):
            opened = open_image(path, page)
            info = opened.info
            check_limits(path.name, opened.stored, info, max_pixels)
            image = opened.interpreted.image
            shapes.append(PageShape(info.height, info.width, image.bands * info.depth // 8))

    def read() -> Iterator[Picture[Any]]:
        for number, page in enumerate(pages, 1):
            with name_page(number, len(pages)):
                picture: Picture[Any] = open_picture(path, max_pixels, page)
            yield picture

    notes: tuple[Message, ...] = ()
    if len(pages) < len(kinds):
        message = "Reduced pictures (thumbnails) or masks among its pages were left out: {count}."
        notes = (Message(message, count=len(kinds) - len(pages)),)
    return Pages("tif", shapes, read, notes=notes)


def _check_frames(name: str, opened: OpenedImage, max_pixels: int | None) -> None:
    """Raise PictureError for an animation whose frames have too many pixels together."""
    info, limit = opened.info, pixel_limit() if max_pixels is None else max_pixels
    check_limits(name, opened.stored, info, max_pixels)
    pixels = info.pages * info.width * info.height
    if pixels > limit:
        message = (
            "{name} has {frames} frames of {width} x {height} pixels: {megapixels} megapixels together, over the limit "
            "of {limit} ({gigabytes} GB); make it shorter or smaller, or raise CAESR_MAX_PIXELS."
        )
        gigabytes = pixels * opened.interpreted.image.bands * info.depth / 8e9
        raise PictureError(Message(message, name=name, frames=info.pages, width=info.width, height=info.height,
                                   megapixels=f"{pixels / 1e6:.4g}", limit=f"{limit / 1e6:g}",
                                   gigabytes=f"{gigabytes:.2g}"))  # fmt: skip


def _open_frames(path: Path, opened: OpenedImage) -> Pages:
    """Open the frames of a GIF or WebP, which libvips composes."""
    format, count = opened.info.format, opened.info.pages
    whole = open_file(path, format, frames=True)
    delays = [max(0, delay) for delay in field_of(whole.image, "delay", [])][:count]
    delays += [DEFAULT_DELAY] * (count - len(delays))
    background = None
    if format == "webp":
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            background = webp.read_background(data)
    plays = max(0, field_of(whole.image, "loop", 0))
    timing = Timing(tuple(Fraction(delay, 1000) for delay in delays), plays, background)
    interpreted = interpret(whole.image, path, format)
    image = interpreted.image
    height, dtype = image.height // count, np.uint8 if image.format == "uchar" else np.uint16
    shape = PageShape(opened.info.height, opened.info.width, image.bands * opened.info.depth // 8)
    metadata, notes = read_metadata(whole.image, path, format), (*whole.notes, *interpreted.notes)

    def read() -> Iterator[Picture[Any]]:
        region = pyvips.Region.new(image)
        for number in range(count):
            with name_page(number + 1, count), explain_damage(path):
                rows = region.fetch(0, number * height, image.width, height)
            pixels = np.frombuffer(rows, dtype).reshape(height, image.width, image.bands)
            yield Picture(_upright(pixels, whole.image), interpreted.icc, metadata, notes)

    return Pages(format, [shape] * count, read, timing)


def _open_apng(path: Path, opened: OpenedImage) -> Pages:
    """Open the frames of an animated PNG, which libvips does not read."""
    with path.open("rb") as file:
        source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # open as long as it is read
    try:
        layout = apng.read_layout(source)
    except (ValueError, IndexError, apng.struct.error) as error:
        raise damaged(path.name) from error
    metadata = read_metadata(opened.stored, path, "png")
    info, count = opened.info, len(layout.frames)
    shape = PageShape(info.height, info.width, 4 * info.depth // 8)

    def read() -> Iterator[Picture[Any]]:
        frames = apng.compose_frames(source, layout)
        for number in range(1, count + 1):
            with name_page(number, count), explain_damage(path):
                pixels = next(frames)
            icc = opened.interpreted.icc
            yield Picture(_upright(pixels, opened.stored), icc, metadata, (*opened.notes, *opened.interpreted.notes))

    notes: tuple[Message, ...] = ()
    if layout.has_default:
        notes = (Message("Its separate picture for programs without animation was left out."),)
    return Pages("png", [shape] * count, read, layout.timing, notes)


def _upright(pixels: np.ndarray, image: Any) -> np.ndarray:
    """Return pixels (H, W, C) of a file turned as its header, an image of libvips, asks for."""
    orientation = orientation_of(image)
    return pixels if orientation == 1 else np.ascontiguousarray(turn(pixels, orientation))
