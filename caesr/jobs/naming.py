"""What results are called: photo.jpg -> photo_x4.jpg, on the page, the command line, in batches and in zips."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import PurePosixPath

from caesr.files.names import MAX_NAME_BYTES, alike, first_free, legal_name, legal_path, shortened, size
from caesr.options import FORMATS, SAME, OutputOptions, UpscaleOptions
from zoo.messages import Message

RESULT = re.compile(rf"([^/\\]+)_(x[\d.]+|[\d.]+(w|h|px|mp))\.({'|'.join((*FORMATS, 'gif'))})", re.IGNORECASE)
# The format of a picture by the suffix of its name; and of the result where the picture's own is not written.
WRITTEN = {"jpg": "jpg", "jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "mpo": "jpg", "png": "png", "apng": "png",
           "webp": "webp", "tif": "tif", "tiff": "tif", "avif": "avif", "jxl": "jxl"}  # fmt: skip
INSTEAD = {"heic": "jpg", "heif": "jpg"}  # photographs of telephones; of others a PNG


def result_name(source: str, upscale: UpscaleOptions, output: OutputOptions, number: str = "") -> str:
    """Return the name of a picture's result; folders before the name are kept.

    A name that would be too long for a disk is cut, and ends in a digest of itself.

    Args:
        number: goes between the picture's name and the size.
    """
    folder, slash, name = source.rpartition("/")
    end = f"{number}_{upscale.size_label}.{result_format(name, output)}"
    stem = shortened(PurePosixPath(name).stem, MAX_NAME_BYTES - size(end))
    return f"{legal_path(folder)}{slash}{legal_name(stem + end)}"


def result_format(source: str, output: OutputOptions) -> str:
    """Return the format of a picture's result; by default the picture's, of which its name tells."""
    if output.format != SAME:
        return output.format
    suffix = _suffix(source)
    if suffix == "gif" and output.pages == "all":
        return "gif"
    return WRITTEN.get(suffix) or INSTEAD.get(suffix, "png")


def format_note(source: str, output: OutputOptions) -> tuple[Message, ...]:
    """Return what is said where the result should have the picture's format and that is not written."""
    suffix, format = _suffix(source), result_format(source, output)
    if output.format != SAME or format == "gif" or suffix in WRITTEN:
        return ()
    if not suffix:
        return (Message("Its name says no format, so the result is a {format}.", format=format.upper()),)
    message = "A {suffix} is not written, so the result is a {format}."
    return (Message(message, suffix=suffix.upper(), format=format.upper()),)


def result_names(
    sources: Sequence[str],
    upscale: UpscaleOptions,
    output: OutputOptions,
    recorded: Mapping[str, str] | None = None,
    taken: set[str] | None = None,
) -> dict[str, str]:
    """Return the name of each result of the pictures of one folder, no two of them alike (`names.alike`).

    Where two results would differ in nothing, they name the suffix of their pictures: with the format png those of
    photo.jpg and photo.png are photo_jpg_x4.png and photo_png_x4.png.

    Args:
        recorded: the names that results of some of these pictures were given before, which they keep.
        taken: names, as `alike` has them, that others have; those given are added.
    """
    names = dict(recorded or {})
    taken = set() if taken is None else taken
    taken |= {alike(name) for name in names.values()}
    plain = {source: alike(result_name(source, upscale, output)) for source in sources}
    counts = Counter(plain.values())
    for source in sorted(set(sources) - set(names)):
        path = PurePosixPath(source)
        if counts[plain[source]] > 1:
            path = path.with_stem(f"{path.stem}_{path.suffix[1:]}")
        names[source] = first_free(_numbered_results(str(path), upscale, output), taken)
    return names


def without_results(names: Iterable[str]) -> list[str]:
    """Return the names of a folder without those that look like results of others in it."""
    names = list(names)
    stems = {PurePosixPath(name).stem for name in names}
    stems |= {f"{PurePosixPath(name).stem}_{PurePosixPath(name).suffix[1:]}" for name in names}
    long_stems = [stem for stem in stems if size(stem) > MAX_NAME_BYTES - 60]  # which a result's end may not fit

    def is_result(name: str) -> bool:
        match = RESULT.fullmatch(PurePosixPath(name).name)
        if match is None:
            return False
        plain = re.sub(r"_\d+$", "", match[1])
        room = MAX_NAME_BYTES - size(match[0]) + size(plain)
        return not stems.isdisjoint((match[1], plain)) or plain in (shortened(stem, room) for stem in long_stems)

    return [name for name in names if not is_result(name)]


def _numbered_results(source: str, upscale: UpscaleOptions, output: OutputOptions) -> Iterator[str]:
    """Yield the name of a result, then the same with numbers."""
    yield result_name(source, upscale, output)
    for number in count(2):
        yield result_name(source, upscale, output, f"_{number}")


def _suffix(name: str) -> str:
    """Return the suffix of a name in lower case, without the dot."""
    return PurePosixPath(name).suffix.lower()[1:]
