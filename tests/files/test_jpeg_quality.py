"""The quality of a JPEG, estimated from its quantisation tables."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.files.decoders.jpeg_quality import jpeg_quality
from tests.pictures import noise


@pytest.mark.parametrize("quality", [25, 40, 50, 60, 75, 85, 90, 95, 98])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_that_pillow_was_asked_for_is_found(tmp_path: Path, quality: int, mode: str):
    Image.fromarray(noise(20, 30, 3)).convert(mode).save(tmp_path / "p.jpg", quality=quality)
    assert abs(jpeg_quality(tmp_path / "p.jpg") - quality) <= 1


def test_the_tables_of_photoshop_count_as_high_quality(tmp_path: Path):
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / "p.jpg", quality="maximum")
    assert jpeg_quality(tmp_path / "p.jpg") >= 90


def test_other_files_have_no_quality(tmp_path: Path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "p.png")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0\0")
    for name in ("p.png", "text.jpg", "cut.jpg", "none.jpg"):
        assert jpeg_quality(tmp_path / name) is None
