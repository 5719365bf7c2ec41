"""Write all pages of a TIFF, or all frames of an animation, into one file, row by row, complete or not at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from caesr.files.atomic import atomic_write, scratch_file
from caesr.files.decoders.apng import ApngJoiner
from caesr.files.metadata.containers.tiff_pages import TiffJoiner
from caesr.files.pages import Pages
from caesr.files.picture import Picture, PictureError
from caesr.files.row_writer import RowWriter
from caesr.files.write import (
    CLASSIC_TIFF_BYTES,
    check_output,
    explain_failure,
    format_to_write,
    part_writer,
    picture_writer,
)
from caesr.options import FORMATS
from zoo.messages import Message

# Takes a picture as `picture_writer`'s template, and (H, W); pages are written one after the other.
PageWriter = Callable[[Picture, tuple[int, int]], AbstractContextManager[RowWriter]]
# Kinds of files that hold several pages of a file of such a kind. A GIF, with its few colours, is made of a GIF only.
HOLDERS = {"tif": ("tif",), "gif": ("gif", "webp", "png"), "webp": ("webp", "png"), "png": ("png", "webp")}


def format_of_pages(pages: Pages, path: Path, format: str | None) -> str:
    """Return the format of a file for pages: `format`, or if it is None, what the suffix says.

    Raises:
        PictureError: it cannot hold them.
    """
    is_gif = (format or path.suffix[1:].lower()) == "gif" and bool(pages.format)
    chosen = "gif" if is_gif else format_to_write(path, format)
    if len(pages) > 1 and chosen not in HOLDERS[pages.format]:
        message = (
            "{name} would have {pages} pages or frames, which such a file does not hold; give --format {choices} or a "
            "name that ends so, or leave --pages all out."
        )
        choices = " / ".join(holder for holder in HOLDERS[pages.format] if holder in FORMATS)
        raise PictureError(Message(message, name=path.name, pages=len(pages), choices=choices))
    if chosen == "gif" and pages.format != "gif":
        message = "{name}: a GIF is written of another GIF only; choose another format or name."
        raise PictureError(Message(message, name=path.name))
    return chosen


def lost_colours(format: str) -> tuple[Message, ...]:
    """Return what a file of this format cannot hold of a picture's colours, for people."""
    if format != "gif":
        return ()
    return (Message("A GIF has 256 colours a frame; others are dithered. --format webp or png keeps all."),)


@contextmanager
def pages_writer(
    path: Path, format: str, sizes: Sequence[tuple[int, int]], pages: Pages, quality: int, metadata: str
) -> Iterator[PageWriter]:
    """Open a file for pages; it appears, or replaces an older one, only when all are written.

    Pages of a TIFF may be of any sizes and kinds. A single page is written as `picture_writer` does.

    Args:
        format: as `format_of_pages` returns it.
        sizes: (H, W) of each page to write.
        quality, metadata: as for `picture_writer`.
    Raises:
        PictureError: as `picture_writer`.
    """
    for size in set(sizes):
        check_output(path, format, size, quality, metadata)
    timing = pages.timing
    with ExitStack() as stack:
        if len(pages) == 1 and format != "gif":
            yield lambda template, size: picture_writer(template, size, path, format, quality, metadata)
            return
        stack.enter_context(explain_failure(path))
        part = stack.enter_context(atomic_write(path))
        if format in ("gif", "webp"):
            rows: list[RowWriter] = []

            @contextmanager
            def write_frame(template: Picture, size: tuple[int, int]) -> Iterator[RowWriter]:
                if not rows:  # the one to which all frames go
                    frames = part_writer(template, size, part, format, quality, metadata, timing)
                    rows.append(stack.enter_context(frames))
                yield rows[0]

            yield write_frame
            return
        file = stack.enter_context(part.open("r+b"))
        joiner: TiffJoiner | ApngJoiner
        if format == "png":
            assert timing
            joiner = ApngJoiner(file, timing)
        else:
            shapes = zip(sizes, pages.shapes, strict=True)
            joined = sum(height * width * shape.pixel_bytes for (height, width), shape in shapes)
            joiner = TiffJoiner(file, len(pages), is_big=joined > CLASSIC_TIFF_BYTES)

        @contextmanager
        def write_page(template: Picture, size: tuple[int, int]) -> Iterator[RowWriter]:
            with scratch_file(path) as page:
                with part_writer(template, size, page, format, quality, metadata) as rows:
                    yield rows
                joiner.append(page)

        yield write_page
        joiner.finish()
