"""Rows of pixels -> libvips, as they come: a picture is written without anybody holding the whole of it.

libvips pulls a picture from its source, and we have rows to push. So the rows go into a pipe as a PNG without
compression, which its decoder reads from the top down, while a thread saves the picture on the other side.
"""

import queue
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from caesr.files.vips import pyvips

AHEAD = 1  # strips that may wait for the disk
KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG's colour type (ISO 15948, table 11.1)


class RowWriter:
    """Feeds a picture to `save` strip by strip; a context manager.

    Left normally, it waits for the saver; left by an error, or before all rows came, the saver is stopped.

    Args:
        shape: (H, W, C) of the whole.
        dtype: uint8 or uint16.
        save: takes the libvips image, to be read once from the top down; runs in a thread.
    Raises:
        pyvips.Error, OSError: what the saver raised, from `add` or on leaving.
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype, save: Callable[[Any], None]):
        self.shape, self.dtype, self.save = shape, np.dtype(dtype), save
        self.rows: queue.Queue[np.ndarray | None] = queue.Queue(AHEAD)
        self.error: Exception | None = None
        self.image: Any = None  # what the saver is given
        self.ended = False  # the rows did, before their time
        self.rest = memoryview(b"")
        self.bytes = self._png()
        self.thread = threading.Thread(target=self._save, daemon=True)

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
            self.error = self.image = None  # in circles with this, they would wait for the garbage collector

    def add(self, strip: np.ndarray) -> None:
        """The next rows: (h, W, C), or (h, W) of a picture with one channel."""
        self._put(np.ascontiguousarray(strip).reshape(len(strip), *self.shape[1:]))
        if self.error:
            raise self.error

    def _put(self, item: np.ndarray | None) -> None:
        while self.thread.is_alive():  # a saver that has failed takes no more
            try:
                return self.rows.put(item, timeout=0.1)
            except queue.Full:
                continue

    def _save(self) -> None:
        try:
            source = pyvips.SourceCustom()
            source.on_read(self._read)
            self.image = pyvips.Image.pngload_source(source, access="sequential", fail_on="error", unlimited=True)
            if not self.ended:
                self.save(self.image)
            if self.ended:
                raise pyvips.Error("the rows ended too soon")
        except Exception as error:  # it belongs to whoever adds rows
            self.error = error.with_traceback(None)  # whose frames would keep the file open, and a full disk full

    def _read(self, count: int) -> bytes:
        """libvips asks for bytes; none are the end."""
        while not self.rest:
            piece = next(self.bytes, None)
            if piece is None:
                return b""
            self.rest = memoryview(piece)
        piece, self.rest = bytes(self.rest[:count]), self.rest[count:]
        return piece

    def _png(self) -> Iterator[bytes]:
        """The rows as a PNG of stored blocks.

        Where they end before their time, libvips is told to stop. Until it looks it gets black rows: of a picture
        cut short it would warn, in a log where people look for what is wrong with theirs.
        """
        height, width, channels = self.shape
        header = struct.pack(">IIBBBBB", width, height, 8 * self.dtype.itemsize, KINDS[channels], 0, 0, 0)
        yield b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        packer, done = zlib.compressobj(0), 0
        while done < height:
            rows = None if self.ended else self.rows.get()
            if rows is None:
                self.ended = True
                if self.image is not None:
                    self.image.set_kill(True)
                rows = np.zeros((min(64, height - done), width, channels), self.dtype)
            lines = rows.astype(self.dtype.newbyteorder(">"), copy=False).reshape(len(rows), -1).view(np.uint8)
            for top in range(0, len(lines), 64):
                part = lines[top : top + 64]
                unfiltered = np.zeros((len(part), 1), np.uint8)  # every row begins with its filter: none
                yield chunk(b"IDAT", packer.compress(np.hstack((unfiltered, part)).tobytes()))
            done += len(rows)
        yield chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
