"""RowWriter: rows of pixels are pushed into a libvips saver as they come, so the whole picture is never in memory.

libvips pulls a picture from its source, and we have rows to push. So the rows go into a pipe as an uncompressed PNG,
which libvips decodes from the top down, while a thread saves the picture at the other end.
"""

import queue
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from caesr.files.png_chunks import SIGNATURE, png_chunk
from caesr.files.vips import pyvips

QUEUED_STRIPS = 1  # that may wait for the disk
CHUNK_ROWS = 64
PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by number of channels (ISO 15948, table 11.1)


class RowWriter:
    """Context manager that feeds a picture to `save` strip by strip.

    Leaving it waits for the saver. Leaving it by an exception, or before all rows were written, stops the saver.

    Args:
        shape: (H, W, C) of the whole picture.
        dtype: uint8 or uint16.
        save: takes the libvips image, to be read once from the top down; it runs in a thread.
    Raises:
        pyvips.Error, OSError: what the saver raised, from `write` or on leaving.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype, save: Callable[[Any], None]):
        self.shape, self.dtype, self.save = shape, np.dtype(dtype), save
        self.strips: queue.Queue[np.ndarray | None] = queue.Queue(QUEUED_STRIPS)  # None: no more will come
        self.error: Exception | None = None
        self.image: Any = None  # what the saver reads
        self.cut_short = False
        self.png = self._encode_png()
        self.unread = memoryview(b"")  # of the piece of `png` that was taken last
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "RowWriter":
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._put(None)
        self.thread.join()
        try:
            if self.error and kind is None:
                raise self.error
        finally:
            self.error = self.image = None  # they refer to this object and would wait for the garbage collector

    def write(self, strip: np.ndarray) -> None:
        """Write the next rows: (h, W, C), or (h, W) of a picture with one channel."""
        self._put(np.ascontiguousarray(strip).reshape(len(strip), *self.shape[1:]))
        if self.error:
            raise self.error

    def _put(self, strip: np.ndarray | None) -> None:
        while self.thread.is_alive():  # a saver that has failed takes no more
            try:
                return self.strips.put(strip, timeout=0.1)
            except queue.Full:
                continue

    def _run(self) -> None:
        """Save the picture, in the thread."""
        try:
            source = pyvips.SourceCustom()
            source.on_read(self._read)
            self.image = pyvips.Image.pngload_source(source, access="sequential", fail_on="error", unlimited=True)
            if not self.cut_short:
                self.save(self.image)
            if self.cut_short:
                raise pyvips.Error("the rows ended too soon")
        except Exception as error:  # it is raised where rows are written
            self.error = error.with_traceback(None)  # its frames would keep the file open, and a full disk full

    def _read(self, count: int) -> bytes:
        """Return at most `count` bytes of the PNG to libvips; none at its end."""
        while not self.unread:
            piece = next(self.png, None)
            if piece is None:
                return b""
            self.unread = memoryview(piece)
        data, self.unread = bytes(self.unread[:count]), self.unread[count:]
        return data

    def _encode_png(self) -> Iterator[bytes]:
        """Encode the rows as a PNG of stored blocks.

        If the rows end too soon, libvips is told to stop and gets black rows until it does: of a picture cut short it
        would warn, in a log where people look for what is wrong with their own files.
        """
        height, width, channels = self.shape
        header = struct.pack(">IIBBBBB", width, height, 8 * self.dtype.itemsize, PNG_COLOUR_TYPES[channels], 0, 0, 0)
        yield SIGNATURE + png_chunk(b"IHDR", header)
        compressor, written = zlib.compressobj(0), 0
        while written < height:
            strip = None if self.cut_short else self.strips.get()
            if strip is None:
                self.cut_short = True
                if self.image is not None:
                    self.image.set_kill(True)
                strip = np.zeros((min(CHUNK_ROWS, height - written), width, channels), self.dtype)
            rows = strip.astype(self.dtype.newbyteorder(">"), copy=False).reshape(len(strip), -1).view(np.uint8)
            for top in range(0, len(rows), CHUNK_ROWS):
                part = rows[top : top + CHUNK_ROWS]
                no_filter = np.zeros((len(part), 1), np.uint8)  # every row begins with the number of its filter
                yield png_chunk(b"IDAT", compressor.compress(np.hstack((no_filter, part)).tobytes()))
            written += len(strip)
        yield png_chunk(b"IDAT", compressor.flush()) + png_chunk(b"IEND", b"")
