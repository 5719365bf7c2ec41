"""RowWriter: a picture reaches its saver row by row, and neither side waits for ever when the other fails."""

import logging
import threading
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr.files.row_writer import RowWriter


def decode_all(image: pyvips.Image) -> None:
    """A saver that reads all rows."""
    image.copy_memory()


@settings(max_examples=30)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 4),
    st.sampled_from([np.uint8, np.uint16]),
    st.lists(st.integers(0, 90), max_size=5),
)
def test_the_saver_gets_the_picture_whatever_the_strips(height, width, channels, dtype, cuts):
    rng = np.random.default_rng(height)
    picture = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    saved = []

    def save(image: pyvips.Image) -> None:
        saved.append(image.numpy().reshape(picture.shape))

    edges = sorted({0, height, *(cut for cut in cuts if cut < height)})
    with RowWriter(picture.shape, picture.dtype, save) as rows:
        for start, stop in pairwise(edges):
            rows.write(picture[start:stop])
    assert np.array_equal(saved[0], picture)


def test_the_saver_makes_no_file_before_there_are_rows():
    """If Ctrl-C comes while the thread is being started, nobody would remove the file."""
    begun = threading.Event()

    def save(image: pyvips.Image) -> None:
        begun.set()
        decode_all(image)

    with RowWriter((4, 10, 3), np.dtype(np.uint8), save) as rows:
        assert not begun.wait(0.3)
        rows.write(np.zeros((4, 10, 3), np.uint8))
    assert begun.is_set()


def test_a_saver_that_fails_raises_from_the_next_write_or_at_the_end():
    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    def write(strips: int) -> None:
        strip = np.zeros((4, 10, 3), np.uint8)
        with RowWriter((4 * strips, 10, 3), strip.dtype, fail) as rows:
            for _ in range(strips):
                rows.write(strip)

    for strips in (1, 1000):
        with pytest.raises(OSError, match="No space"):
            write(strips)


def test_rows_that_end_too_soon_are_no_picture_for_the_saver():
    saved = []
    with pytest.raises(pyvips.Error):
        with RowWriter((40, 10, 3), np.dtype(np.uint8), lambda image: saved.append(image.copy_memory())) as rows:
            rows.write(np.zeros((8, 10, 3), np.uint8))
    assert not saved


def give_up(height: int, written: int) -> None:
    """Raise KeyError in the middle of a picture."""
    with RowWriter((height, 1000, 3), np.dtype(np.uint8), decode_all) as rows:
        if written:
            rows.write(np.zeros((written, 1000, 3), np.uint8))
        raise KeyError("mine")


def test_an_exception_while_rows_are_written_is_raised_and_no_thread_is_left():
    before = threading.active_count()
    with pytest.raises(KeyError, match="mine"):
        give_up(40, 8)
    assert threading.active_count() == before


@pytest.mark.parametrize("written", [0, 8, 39])
def test_a_saver_that_is_stopped_logs_no_warning(caplog, written):
    """libvips would warn of a PNG cut short, in a log where people look for what is wrong with their own files."""
    caplog.set_level(logging.WARNING)
    with pytest.raises(KeyError, match="mine"):
        give_up(40, written)
    assert caplog.records == []


def test_a_saver_that_is_stopped_stops_at_once(monkeypatch):
    sizes, on_read = [], pyvips.SourceCustom.on_read

    def on_read_counted(source: pyvips.SourceCustom, read: Callable[[int], bytes]) -> None:
        def read_counted(count: int) -> bytes:
            data = read(count)
            sizes.append(len(data))
            return data

        on_read(source, read_counted)

    monkeypatch.setattr(pyvips.SourceCustom, "on_read", on_read_counted)
    with pytest.raises(KeyError, match="mine"):
        give_up(100_000, 8)
    assert 0 < sum(sizes) < 3_000_000  # of 300,000,000
