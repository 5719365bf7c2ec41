"""upscale_file: one picture file to another, from Python."""

import numpy as np
import pytest
from PIL import Image

from caesr import OutputOptions, UpscaleOptions, Upscaler, load_family
from caesr.files.picture import PictureError
from caesr.jobs import upscale_file
from caesr.options import OptionError
from tests.jobs.command import picture, width

ON_CPU = UpscaleOptions(scale=2, device="cpu")


def test_a_file_is_what_the_library_makes_of_its_pixels(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "new folder" / "b.png"
    assert upscale_file(source, target, ON_CPU) == target
    expected = Upscaler(load_family("lite"), "cpu")(np.array(Image.open(source)), 2)
    assert np.array_equal(np.array(Image.open(target)), expected)


def test_paths_may_be_texts_and_the_suffix_chooses_the_format(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.jpg"
    upscale_file(str(source), str(target), ON_CPU, OutputOptions(quality=80))
    assert Image.open(target).format == "JPEG"


def test_a_file_that_is_there_is_overwritten_only_if_asked(tmp_path):
    source, target = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", 7)
    with pytest.raises(PictureError, match=r"b\.png is there already"):
        upscale_file(source, target, ON_CPU)
    assert width(target) == 7
    upscale_file(source, target, ON_CPU, overwrite=True)
    assert width(target) == 48


def test_a_size_that_cannot_be_had_is_said_with_the_picture_and_leaves_no_file(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    with pytest.raises(OptionError) as error:
        upscale_file(source, target, UpscaleOptions(width=5, device="cpu"))
    assert str(error.value) == (
        "a.png: A picture of 24 × 20 pixels cannot become 5w: that is a scale of 0.208; choose from 1 to 8."
    )
    assert list(tmp_path.iterdir()) == [source]
