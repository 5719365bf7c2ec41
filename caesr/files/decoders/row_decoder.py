"""RowDecoder: decode a picture row by row, and of a slightly damaged file what every viewer shows of it."""

import logging
import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files.decoders import mend
from caesr.files.decoders.decode import explain_damage, load
from caesr.files.jpeg_segments import SOS, segments, shows_every_detail
from caesr.files.vips import field_of, pyvips
from zoo.messages import Message

STEP_ROWS = 8  # decoded at once: those of a JPEG's blocks, so that the first damaged one is known
STEP_BYTES = 1 << 18  # of long rows fewer are decoded at once, since libvips holds them several times
TILE_ROWS, TILE_BYTES = 16, 1 << 22  # of a TIFF of tiles: libvips may read a wide row of them again for every step
GREY = {"uint8": 128, "uint16": 32768}
# Warnings of libjpeg about files of odd programs whose pixels are right.
HARMLESS = ("Invalid SOS parameters", "Inconsistent progression", "Unknown Adobe color transform", "unknown JFIF")


class RowDecoder:
    """Decoder of consecutive rows, from the top down.

    A strict decoder comes first. Where it fails, the file is mended or a tolerant decoder takes over, and a note says
    what is wrong. Rows that are missing are grey, if they are less than half; else the picture is refused. Whether a
    file is damaged is known for certain only after its last row: `notes` grows until then.

    Args:
        path: the file.
        format: of the file.
        image: of libvips, opened strictly, as `interpret` returns it; not rotated.
        interpret: makes such an image of one that was opened otherwise.
        rows: that hold pixels; None: all.
        notes: for people, to which it adds.
    """

    def __init__(
        self,
        path: Path,
        format: str,
        image: Any,
        interpret: Callable[[Any], Any],
        rows: int | None,
        notes: list[Message],
    ):
        self.path, self.format, self.interpret, self.notes = path, format, interpret, notes
        self.width, self.height, self.channels = image.width, image.height, image.bands
        self.dtype = np.dtype(np.uint8 if image.format == "uchar" else np.uint16)
        self.image = image  # keeps what libvips reads from, as long as the region is there
        self.region = pyvips.Region.new(image)
        row_bytes = self.width * self.channels * self.dtype.itemsize
        self.step = STEP_ROWS
        if format != "jpg":
            rows_at_once, most = (TILE_ROWS, TILE_BYTES) if field_of(image, "tile-height") else (STEP_ROWS, STEP_BYTES)
            fitting = max(1, min(rows_at_once, most // row_bytes))
            self.step = 1 << (fitting.bit_length() - 1)  # a power of two: blocks of LazyPixels are whole steps
        self.ahead: np.ndarray | None = None  # rows of the next step
        self.rows = self.height  # that hold pixels
        self.attempts = 0  # to read a damaged file
        self.data = b""  # the file, once it was mended
        if rows is not None and rows < self.height:
            with explain_damage(path):
                self._fill_from(rows)

    def __call__(self, start: int, stop: int) -> np.ndarray:
        """Return rows from start to stop, which are whole steps or end the picture: (stop - start, W, C).

        Raises:
            PictureError: the file is damaged too much.
        """
        out = np.empty((stop - start, self.width, self.channels), self.dtype)  # takes memory as it is filled
        with explain_damage(self.path):
            for top in range(start, stop, self.step):
                self._read(out[top - start : top - start + self.step], top)
            if stop == self.height:
                self._finish(out)
        return out

    def _grey(self, count: int) -> np.ndarray:
        """Return so many grey rows, which are opaque."""
        rows = np.full((count, self.width, self.channels), GREY[self.dtype.name], self.dtype)
        if self.channels in (2, 4):
            rows[..., -1] = 255 if self.dtype == np.uint8 else 65535
        return rows

    def _read(self, out: np.ndarray, top: int) -> None:
        """Decode the rows from `top` on, as far as they hold pixels; the others are grey."""
        count = 0
        while top < self.rows and not count:
            try:
                rows = self._decode(top)[: self.rows - top]
            except pyvips.Error as error:
                self.ahead = None
                self._recover(top, str(error))
                continue
            count = len(rows)
            out[:count] = rows
        if count < len(out):
            out[count:] = self._grey(len(out) - count)

    def _decode(self, top: int) -> np.ndarray:
        """Return the rows of one step; of a JPEG after the next step, since libvips fails only after damaged rows."""
        rows = self._fetch(top) if self.ahead is None else self.ahead
        self.ahead = None
        if self.format == "jpg" and top + self.step < self.height:
            self.ahead = self._fetch(top + self.step)
        return rows

    def _fetch(self, top: int) -> np.ndarray:
        """Return the rows of one step as they come."""
        count = min(self.step, self.height - top)
        pixels = self.region.fetch(0, top, self.width, count)
        return np.frombuffer(pixels, self.dtype).reshape(count, self.width, self.channels)

    def _finish(self, out: np.ndarray) -> None:
        """Close the file; libvips says only then whether libjpeg warned of the last rows, which end `out`."""
        with _warnings() as said:
            self.region = self.image = None
        if self.format != "jpg" or self.attempts > 1 or not any("read gave" in text for text in said):
            return
        row = max(0, self.height - STEP_ROWS)
        if self.attempts == 0:
            self._note_rows(row)
        else:  # its end was missing, and so is more
            self._fill_from(row)
            out[row - self.height :] = self._grey(self.height - row)

    # --- what is damaged ---

    def _recover(self, row: int, reason: str) -> None:
        """Go on at a row at which the decoder failed.

        Raises:
            pyvips.Error: too much is damaged.
        """
        self.attempts += 1
        if self.format == "png" and self.attempts == 1:
            self._mend_png()
        elif self.format == "jpg" and self.attempts <= 3:
            self._mend_jpeg(row, reason)
        elif self.format in ("tif", "png"):
            self._fill_from(row)
        else:
            raise pyvips.Error(reason)

    def _mend_png(self) -> None:
        """Read a PNG of which a checksum is wrong or a part is missing."""
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                mended = mend.mend_png(data, pixels_too=True)
            except mend.Hopeless as error:
                raise pyvips.Error("damaged too much") from error
        assert mended is not None
        assert mended.rows is not None
        self._open(mended.data)
        if mended.rows < self.height:
            self._fill_from(mended.rows)
        elif mended.is_verified:
            message = "A checksum is wrong, but its pixels are right, as another one says."
            self.notes.append(Message(message))
        elif mended.has_end:
            message = "A checksum is wrong; its pixels are all there, but some may be wrong."
            self.notes.append(Message(message))

    def _mend_jpeg(self, row: int, reason: str) -> None:
        """Read a JPEG that is cut short, or that libjpeg warned of."""
        if self.attempts == 1:
            data = self.path.read_bytes()
            mended = mend.mend_jpeg(data)
            if mended:  # perhaps all that is missing is the end
                self.data = mended.data
                return self._open(self.data)
            self.data = data
            self.attempts += 1
        elif self.attempts == 2:
            self._retract()
            is_progressive = sum(marker == SOS for marker, *_ in segments(self.data)) > 1
            if not is_progressive:
                return self._fill_from(row)
            if not shows_every_detail(self.data):
                raise pyvips.Error("mostly gone")
            message = "It is cut short: all of it is there, but without its finest details."
            self.notes.append(Message(message))
            return self._open(self.data, "none")
        if self.attempts > 2:
            raise pyvips.Error(reason)
        if not any(text in reason for text in HARMLESS):
            if self._last_row() < self.height / 2:
                raise pyvips.Error("mostly gone")
            self._note_rows(row)
        self._open(self.data, "none")

    def _open(self, data: bytes, fail_on: str | None = None) -> None:
        """Read the file otherwise from now on."""
        self.image = self.interpret(load(data, self.format, fail_on))
        self.region = pyvips.Region.new(self.image)

    def _fill_from(self, row: int) -> None:
        """Let rows from this one on be grey."""
        if 2 * row < self.height:
            raise pyvips.Error("mostly gone")
        self.rows = row
        self._retract()
        message = "It is cut short or damaged: the last {missing} of its {height} rows are missing and are grey."
        self.notes.append(Message(message, missing=self.height - row, height=self.height))

    def _retract(self) -> None:
        """Take back what was said before the pixels were read."""
        self.notes[:] = [note for note in self.notes if "its pixels are all there" not in note]

    def _note_rows(self, row: int) -> None:
        """Say that pixels from a row on may be wrong."""
        message = "It is damaged from row {row} of {height} on; what follows may be wrong."
        self.notes.append(Message(message, row=max(0, row), height=self.height))

    def _last_row(self) -> int:
        """Return the row after the last one in which a tolerant decoder finds more than one colour."""
        region, last = pyvips.Region.new(load(self.data, self.format, "none")), 0
        for top in range(0, self.height, STEP_ROWS):
            count = min(STEP_ROWS, self.height - top)
            rows = np.frombuffer(region.fetch(0, top, self.width, count), np.uint8).reshape(count, self.width, -1)
            if (rows != rows[:1, :1]).any():
                last = top + count
        return last


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what libvips warns of in this thread."""
    said: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                said.append(record.getMessage())

    logger, collector = logging.getLogger("pyvips"), Collector()
    logger.addHandler(collector)
    try:
        yield said
    finally:
        logger.removeHandler(collector)
