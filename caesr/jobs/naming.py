"""What results are called: photo.jpg -> photo_x4.png, on the page, the command line, in batches and in zips."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import PurePosixPath

from caesr.options import OutputOptions, UpscaleOptions

RESULT = re.compile(r"([^/\\]+)_(x[\d.]+|[\d.]+(w|h|px|mp))\.(png|jpg|webp|tif)", re.IGNORECASE)


def result_name(source: str, upscale: UpscaleOptions, output: OutputOptions) -> str:
    """Return the name of a picture's result; folders before the name are kept."""
    path = PurePosixPath(source)
    return str(path.with_name(f"{path.stem}_{upscale.size_label}.{output.suffix}"))


def result_names(
    sources: Sequence[str], upscale: UpscaleOptions, output: OutputOptions, recorded: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the name of each result of the pictures of one folder, no two of them equal.

    Where two pictures differ in their suffix only, their results name it: photo_jpg_x4.png and photo_png_x4.png.
    Capitals do not tell names apart, since not every disk knows them from small letters.

    Args:
        recorded: the names that results of some of these pictures were given before, which they keep.
    """
    names = dict(recorded or {})
    taken = {name.casefold() for name in names.values()}
    plain = {source: result_name(source, upscale, output).casefold() for source in sources}
    counts = Counter(plain.values())
    for source in sorted(set(sources) - set(names)):
        path = PurePosixPath(source)
        if counts[plain[source]] > 1:
            path = path.with_stem(f"{path.stem}_{path.suffix[1:]}")
        results = (result_name(name, upscale, output) for name in numbered(str(path)))
        names[source] = first_free(results, taken)
    return names


def numbered(name: str) -> Iterator[str]:
    """Yield a name, then the same with numbers: photo.jpg, photo_2.jpg, photo_3.jpg, …"""
    yield name
    path = PurePosixPath(name)
    for number in count(2):
        yield str(path.with_stem(f"{path.stem}_{number}"))


def first_free(names: Iterable[str], taken: set[str]) -> str:
    """Return the first name that is not taken; it is added to `taken`, in small letters."""
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return name


def without_results(names: Iterable[str]) -> list[str]:
    """Return the names of a folder without those that look like results of others in it."""
    names = list(names)
    stems = {PurePosixPath(name).stem for name in names}
    stems |= {f"{PurePosixPath(name).stem}_{PurePosixPath(name).suffix[1:]}" for name in names}

    def is_result(name: str) -> bool:
        match = RESULT.fullmatch(PurePosixPath(name).name)
        return match is not None and not stems.isdisjoint((match[1], re.sub(r"_\d+$", "", match[1])))

    return [name for name in names if not is_result(name)]
