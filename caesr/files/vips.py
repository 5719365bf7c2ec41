"""libvips, configured once: no unsafe decoders, no cache, error messages that may not be UTF-8."""

import atexit
from typing import Any

import pyvips

GOBJECT = b"GLib-GObject"  # complains on stderr of the absurd sizes that a damaged file may claim
ALL_LEVELS = 0xFF  # of GLib's log

pyvips.block_untrusted_set(True)  # decoders that libvips itself marks as unsafe for untrusted files
pyvips.cache_set_max(0)  # it would hold decoded pictures in memory, and give a changed file as it was before


def _decode(message: Any) -> str:
    """Decode a message of libvips, which may quote a file and so not be UTF-8."""
    return pyvips.ffi.string(message).decode(errors="replace")


pyvips._to_string = pyvips.error._to_string = _decode  # for the log and for errors; pyvips's own would raise

_complaints = pyvips.glib_lib.g_log_set_handler(GOBJECT, ALL_LEVELS, pyvips._log_handler_cb, pyvips.ffi.NULL)
atexit.register(pyvips.glib_lib.g_log_remove_handler, GOBJECT, _complaints)  # Python cannot be called any more then


def field_of(image: Any, name: str, default: Any = None) -> Any:
    """Return a metadata field of a libvips image, or `default` where it has none."""
    return image.get(name) if image.get_typeof(name) else default
