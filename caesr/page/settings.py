"""What a visitor chose, in one piece; it can be said as a command and as Python, which give the same file."""

import shlex
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import zoo
from caesr.jobs.runner import Wish
from caesr.jobs.target import Target
from caesr.page.device import How

FORMATS = ("png", "jpg", "webp", "tif")
DIAL = "texture"  # the family whose strength can be chosen
KEPT = {"no location": "", "all": " --keep-location", "none": " --drop-metadata"}


@dataclass(frozen=True)
class Settings:
    """The page's controls, in their order; the API has the same.

    Args:
        model: a family, a checkpoint, or owner/repo[@revision].
        kind: what is asked for: "scale", or the result's "width", "height", "long side" or "megapixels".
        scale: 1 to 8; for "scale".
        size: a number above 0; for the other kinds.
        texture: 0 to 100 percent of texture, the rest base; for the family texture.
        auto: choose the tile's side, instead of `tile` pixels.
        metadata: "no location", "all" or "none".
    """

    model: str = "lite"
    kind: str = "scale"
    scale: float = 4.0
    size: float | None = 3000
    texture: float = 100
    auto: bool = True
    tile: float = 512
    ensemble: bool = False
    true_to_input: bool = False
    format: str = "png"
    quality: float = 95
    metadata: str = "no location"

    @property
    def target(self) -> Target:
        """What size is asked for.

        Raises:
            ValueError: it cannot be had.
        """
        return Target(self.kind, (self.scale if self.kind == "scale" else self.size) or 0)

    @property
    def wish(self) -> Wish:
        """What the result shall be.

        Raises:
            ValueError: the size cannot be had.
        """
        return Wish(self.target, self.format, int(self.quality), self.metadata)

    @property
    def dialled(self) -> bool:
        """Whether two networks are blended."""
        return self.model == DIAL and self.texture < 100

    def how(self) -> How:
        """Where the networks lie on this machine, fetched if need be, and how they are used.

        Raises:
            ZooError, CheckpointError: they are not to be had.
        """
        folders, blended = found(self.model, self.dialled)
        tile = "auto" if self.auto else int(self.tile)
        return How(folders, blended, self.texture / 100 if blended else 0.0, tile, self.ensemble, self.true_to_input)

    def name(self, source: Path) -> str:
        """Of the file that is made of that one."""
        return f"{source.stem}_{self.target}.{self.format}"

    def command(self, source: Path) -> str:
        """The line that does the same in a shell."""
        line = f"python -m caesr upscale {shlex.quote(source.name)} -o {shlex.quote(self.name(source))}"
        line += f" --texture {self.texture:g}" if self.dialled else f" --model {shlex.quote(self.model)}"
        line += f" --{self.kind.replace(' ', '-')} {self.target.value:g}"
        line += "" if self.auto else f" --tile {int(self.tile)}"
        line += " --ensemble" if self.ensemble else ""
        line += " --true-to-input" if self.true_to_input else ""
        line += f" --quality {int(self.quality)}" if self.format in ("jpg", "webp") else ""
        return line + KEPT[self.metadata]

    def python(self, source: Path) -> str:
        """The lines that do the same in Python."""
        load = f"load_dial({self.texture / 100:g})" if self.dialled else f"load_family({self.model!r})"
        how = "" if self.auto else f", tile={int(self.tile)}"
        how += ", ensemble=True" if self.ensemble else ""
        how += ", true_to_input=True" if self.true_to_input else ""
        end = f", quality={int(self.quality)}" if self.format in ("jpg", "webp") else ""
        end += "" if self.metadata == "no location" else f", metadata={self.metadata!r}"
        size = f"{self.scale:g}" if self.kind == "scale" else f"Target({self.kind!r}, {self.target.value:g})"
        return (
            "from pathlib import Path\n\n"
            "from caesr import Upscaler\n"
            "from caesr.batch import Wish, enlarge_file\n"
            + ("" if self.kind == "scale" else "from caesr.target import Target\n")
            + f"from zoo import {load.split('(')[0]}\n\n"
            f"upscaler = Upscaler({load}{how})\n"
            f"source, result = Path({source.name!r}), Path({self.name(source)!r})\n"
            f"for progress in enlarge_file(upscaler, source, result, Wish({size}{end})):\n"
            '    print(f"{progress.done} of {progress.total} tiles")\n'
        )


@lru_cache(maxsize=16)
def found(model: str, dialled: bool) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The folders of a family or a checkpoint; with the dial those of base, and those of texture. Fetched once."""
    if Path(model).is_dir():  # the library takes folders; strangers are not to try what lies on this machine
        raise zoo.ZooError(f"{model} names no family, checkpoint or repository. Choose one of the zoo, or owner/repo.")
    if not dialled:
        return tuple(zoo.fetch_family(model)), ()
    base, texture = zip(*zoo.fetch_dial(), strict=True)
    return base, texture
