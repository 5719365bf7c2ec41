"""RowWriter: rows of pixels are pushed into a libvips saver as they come, so the whole picture is never in memory.

libvips pulls a picture from its source, and we have rows to push. So the rows go into a pipe as an uncompressed TIFF,
which libvips copies from the top down, while a thread saves the picture at the other end. A PNG would do as well, but
has sums to make and to check. (TIFF 6.0; BigTIFF for 64-bit offsets.)
"""

import queue
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from caesr.files.vips import pyvips

QUEUED_STRIPS = 1  # that may wait for the disk
CHUNK_ROWS = 64
SHORT, LONG, LONG8 = 3, 4, 16  # types of a TIFF's numbers
NUMBER_CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}
SEEK_CURRENT, SEEK_END = 1, 2


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
        self.header = tiff_header(shape, self.dtype)
        self.pieces: Iterator[np.ndarray] = iter(())
        self.unread = memoryview(b"")  # of the piece that was taken last
        self.position = self.taken = 0  # where libvips reads, and where `unread` begins, in the TIFF
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
        """Save the picture, in the thread.

        The saver, which creates the file, begins when there are rows: if Ctrl-C comes while the thread is being
        started, nobody will wait for it or remove what it makes.
        """
        try:
            strip = self.strips.get()
            if strip is None:
                raise pyvips.Error("no rows came")
            self.pieces = self._pieces(strip)
            del strip  # it would be held to the end
            source = pyvips.SourceCustom()
            source.on_read(self._read)
            source.on_seek(self._seek)
            self.image = pyvips.Image.tiffload_source(source, access="sequential", fail_on="error", unlimited=True)
            if not self.cut_short:
                self.save(self.image)
            if self.cut_short:
                raise pyvips.Error("the rows ended too soon")
        except Exception as error:  # it is raised where rows are written
            self.error = error.with_traceback(None)  # its frames would keep the file open, and a full disk full

    def _read(self, count: int) -> bytes:
        """Return at most `count` bytes of the TIFF to libvips; none at its end."""
        if self.position < len(self.header):
            data = self.header[self.position : self.position + count]
        else:
            start = self.position - len(self.header)
            while start >= self.taken + len(self.unread):
                self.taken += len(self.unread)
                piece = next(self.pieces, None)
                if piece is None:
                    self.unread = memoryview(b"")
                    return b""
                self.unread = piece.data
            offset = start - self.taken
            data = bytes(self.unread[offset : offset + count]) if offset >= 0 else b""  # rows do not come twice
        self.position += len(data)
        return data

    def _seek(self, offset: int, whence: int) -> int:
        """Move where libvips reads, and return that."""
        length = len(self.header) + int(np.prod(self.shape)) * self.dtype.itemsize
        self.position = offset + {SEEK_CURRENT: self.position, SEEK_END: length}.get(whence, 0)
        return self.position

    def _pieces(self, strip: np.ndarray | None) -> Iterator[np.ndarray]:
        """Yield the bytes of the rows, of which `strip` has the first.

        If they end too soon, libvips is told to stop and gets black rows until it does: of a picture cut short it would
        warn, in a log where people look for what is wrong with their own files.
        """
        height, width, channels = self.shape
        written = 0
        while written < height:
            if strip is None:
                self.cut_short = True
                if self.image is not None:
                    self.image.set_kill(True)
                strip = np.zeros((min(CHUNK_ROWS, height - written), width, channels), self.dtype)
            yield strip.astype(self.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8)
            written += len(strip)
            if written < height:
                strip = None if self.cut_short else self.strips.get()


def tiff_header(shape: tuple[int, int, int], dtype: np.dtype) -> bytes:
    """Return a BigTIFF of this shape (H, W, C) up to its pixels, which follow row by row, little-endian."""
    height, width, channels = shape
    rows_in_strip = max(1, min(height, (1 << 16) // (width * channels * dtype.itemsize)))  # of 64 KiB at most
    count = -(-height // rows_in_strip)
    row_bytes = width * channels * dtype.itemsize
    sizes = np.full(count, rows_in_strip * row_bytes, "<u8")
    sizes[-1] = (height - (count - 1) * rows_in_strip) * row_bytes
    tags: list[tuple[int, int, np.ndarray | list[int]]] = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [8 * dtype.itemsize] * channels),
        (259, SHORT, [1]),  # not compressed
        (262, SHORT, [1 if channels <= 2 else 2]),  # grey, RGB
        (273, LONG8, sizes),  # where strips begin: filled in below
        (277, SHORT, [channels]),
        (278, LONG, [rows_in_strip]),
        (279, LONG8, sizes),
        (284, SHORT, [1]),  # channels side by side
    ]
    if channels in (2, 4):
        tags.append((338, SHORT, [2]))  # the last channel is alpha, not multiplied in
    start = 16  # of the directory
    outside = start + 8 + 20 * len(tags) + 8  # where numbers are that do not fit into a tag
    bodies = [struct.pack(f"<{len(values)}{NUMBER_CODES[kind]}", *values) for _, kind, values in tags]
    pixels = outside + sum(len(body) for body in bodies if len(body) > 8)
    bodies[5] = (pixels + np.concatenate(([0], np.cumsum(sizes)[:-1]))).astype("<u8").tobytes()
    directory, extra = b"", b""
    for (tag, kind, values), body in zip(tags, bodies, strict=True):
        place = body.ljust(8, b"\0") if len(body) <= 8 else struct.pack("<Q", outside + len(extra))
        directory += struct.pack("<HHQ", tag, kind, len(values)) + place
        extra += body if len(body) > 8 else b""
    head = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, start, len(tags))
    return head + directory + struct.pack("<Q", 0) + extra
