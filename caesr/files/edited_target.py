"""Save an image with libvips into a file whose beginning is edited on the way, the whole never in memory."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from caesr.files.vips import pyvips

Edit = Callable[[bytearray], bytes | None]


def save_edited(save: Callable[..., None], path: Path, edit: Edit, options: Mapping[str, Any]) -> None:
    """Save an image, with its profile and no other metadata.

    Args:
        save: a method of a libvips image that saves it to a target.
        edit: takes the bytes so far; returns what to write instead of them, or None if it needs more. All that follow
            are written as they come.
        options: of `save`.
    Raises:
        OSError, pyvips.Error: the file cannot be written.
    """
    with path.open("wb") as file:
        writer = _Writer(file, edit)
        target = pyvips.TargetCustom()
        target.on_write(writer.write)
        try:
            save(target, keep="icc", **options)
        except pyvips.Error:
            if writer.error:
                raise writer.error from None
            raise


class _Writer:
    """Receiver of the bytes that libvips writes."""

    def __init__(self, file: IO[bytes], edit: Edit):
        self.file, self.edit = file, edit
        self.beginning: bytearray | None = bytearray()  # None: it is written
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write bytes and return their number, or -1 to stop libvips."""
        try:
            if self.beginning is None:
                self.file.write(data)
                return len(data)
            self.beginning += data
            edited = self.edit(self.beginning)
            if edited is not None:
                self.file.write(edited)
                self.beginning = None
        except OSError as error:
            self.error = error
            return -1
        return len(data)
