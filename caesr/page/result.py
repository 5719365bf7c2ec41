"""Result: an upscaled picture that is kept for a while, and saved in any format without another run."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from caesr.files.metadata.transfer import lost_metadata
from caesr.files.picture import ImageInfo, Picture
from caesr.files.read import open_picture
from caesr.files.write import picture_writer
from caesr.jobs.naming import result_name
from caesr.jobs.runner import printed_alike
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.preview import MAX_PIXELS
from zoo.messages import Message

STRIP_ROWS = 256
MAX_RECENT = 8  # results that a visitor can go back to


@dataclass(frozen=True)
class Result:
    """What a run made, and of what."""

    source: Path
    name: str  # of the picture, as the visitor knows it
    master: Path  # a PNG with all of it, in Gradio's cache
    before: Path  # as browsers show them
    after: Path
    options: UpscaleOptions  # with a real model
    written: OutputOptions  # as what the master was written
    info: ImageInfo  # of the master
    pages: str  # as chosen
    seconds: float
    thumbnail: str
    notes: tuple[Message, ...] = ()  # what of the picture was mended or guessed

    @property
    def is_kept(self) -> bool:
        """Whether its files are still there."""
        return self.source.is_file() and self.master.is_file()

    @property
    def is_whole(self) -> bool:
        """Whether the view is as large as the result."""
        return self.info.width * self.info.height <= MAX_PIXELS


def save_result(
    result: Result, output: OutputOptions, folder: Path, recent: Sequence[Result] = ()
) -> tuple[Path, tuple[Message, ...]]:
    """Write a result into a folder as a run with these options would have; returns the file, and what it cannot hold.

    Args:
        output: with a format.
        recent: where another of them has the same name, this one's names its model, too.
    Raises:
        PictureError: a file cannot be read or written.
    """
    if result.written.pages == "all":  # of many pages, which are not put into another format
        output = result.written
    target = folder / file_name(result, output, recent)
    original, pixels = open_picture(result.source), open_picture(result.master).pixels
    height, width = pixels.shape[:2]
    template, notes = written_alike(original, width, output)
    if replace(output, pages=result.written.pages) == result.written:
        return Path(shutil.copyfile(result.master, target)), notes
    with picture_writer(template, (height, width), target, output.format, output.quality, output.metadata) as rows:
        for start in range(0, height, STRIP_ROWS):
            rows.write(pixels[start : min(height, start + STRIP_ROWS), :])
    return target, notes


def written_alike(original: Picture, width: int, output: OutputOptions) -> tuple[Picture, tuple[Message, ...]]:
    """Return a picture with the metadata of its result, so many pixels wide, and what of them its file cannot hold."""
    template, notes = printed_alike(original, width / original.pixels.shape[1], output)
    return template, notes + lost_metadata(template, str(output.format), output.metadata)


def file_name(result: Result, output: OutputOptions, recent: Sequence[Result] = ()) -> str:
    """Return the name of a result's file."""
    name = result_name(result.source.name, result.options, output)
    names = [result_name(other.source.name, other.options, output) for other in recent if other != result]
    path = PurePosixPath(name)
    model = result.options.model.replace("/", "-")
    return path.with_stem(f"{path.stem}_{model}").name if name in names else name
