"""libvips, configured once: no untrusted decoders, no cache, messages that may be no UTF-8."""

from typing import Any

import pyvips

pyvips.block_untrusted_set(True)  # decoders that libvips itself would not show a stranger's file
pyvips.cache_set_max(0)  # would hold decoded pictures in memory, and show a changed file as it was


def _words(said: Any) -> str:
    """What libvips says, which may quote a file, and so be no UTF-8."""
    return pyvips.ffi.string(said).decode(errors="replace")


pyvips._to_string = pyvips.error._to_string = _words  # of the log and of errors; pyvips's own would raise


def field_of(image: Any, name: str, default: Any = None) -> Any:
    """Return a metadata field of a libvips image, or `default` where it has none."""
    return image.get(name) if image.get_typeof(name) else default
