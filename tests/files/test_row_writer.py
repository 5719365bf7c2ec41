"""RowWriter: a picture reaches its saver row by row, and neither side waits for ever when the other fails."""

import logging
import threading
from itertools import pairwise

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr.files.row_writer import RowWriter


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 4),
    st.sampled_from([np.uint8, np.uint16]),
    st.lists(st.integers(0, 90), max_size=5),
)
def test_whatever_the_strips_the_saver_gets_the_picture(height, width, channels, kind, ends):
    rng = np.random.default_rng(height)
    picture = rng.integers(0, np.iinfo(kind).max, (height, width, channels), kind, endpoint=True)
    got = []
    with RowWriter(
        picture.shape, picture.dtype, lambda image: got.append(image.numpy().reshape(picture.shape))
    ) as strips:
        edges = sorted({0, height, *(end for end in ends if end < height)})
        for top, bottom in pairwise(edges):
            strips.add(picture[top:bottom])
    assert np.array_equal(got[0], picture)


def test_a_saver_that_fails_is_heard_of_at_the_next_strip_or_at_the_end():
    def save(_: object) -> None:
        raise OSError(28, "No space left on device")

    def feed(strips: int) -> None:
        rows = np.zeros((4, 10, 3), np.uint8)
        with RowWriter((4 * strips, 10, 3), rows.dtype, save) as picture:
            for _ in range(strips):
                picture.add(rows)

    for strips in (1, 1000):
        with pytest.raises(OSError, match="No space"):
            feed(strips)


def test_rows_that_end_too_soon_are_no_picture_for_the_saver():
    saved = []
    with pytest.raises(pyvips.Error):
        with RowWriter((40, 10, 3), np.dtype(np.uint8), lambda image: saved.append(image.copy_memory())) as strips:
            strips.add(np.zeros((8, 10, 3), np.uint8))
    assert not saved


def test_whoever_gives_up_keeps_their_own_error_and_no_thread_stays_behind():
    def give_up() -> None:
        with RowWriter((40, 10, 3), np.dtype(np.uint8), lambda image: image.copy_memory()) as strips:
            strips.add(np.zeros((8, 10, 3), np.uint8))
            raise KeyError("mine")

    before = threading.active_count()
    with pytest.raises(KeyError, match="mine"):
        give_up()
    assert threading.active_count() == before


def give_up(height: int, rows: int) -> None:
    with RowWriter((height, 1000, 3), np.dtype(np.uint8), lambda image: image.copy_memory()) as strips:
        if rows:
            strips.add(np.zeros((rows, 1000, 3), np.uint8))
        raise KeyError("mine")


@pytest.mark.parametrize("rows", [0, 8, 39])
def test_a_saver_that_is_stopped_warns_of_nothing(caplog, rows):
    """libvips would warn of a PNG cut short, where an operator looks for what is wrong with people's files."""
    caplog.set_level(logging.WARNING)
    with pytest.raises(KeyError, match="mine"):
        give_up(40, rows)
    assert caplog.records == []


def test_a_saver_that_is_stopped_stops_at_once(monkeypatch):
    served, read = [], RowWriter._read
    monkeypatch.setattr(RowWriter, "_read", lambda self, count: served.append(count) or read(self, count))
    with pytest.raises(KeyError, match="mine"):
        give_up(100_000, 8)
    assert sum(served) < 3_000_000  # of 300
