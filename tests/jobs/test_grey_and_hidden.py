"""Files whose pixels are grey or transparent, whatever their kind, upscaled as arrays are."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from caesr import OutputOptions, UpscaleOptions, Upscaler, load_family
from caesr.files.read import read_picture
from caesr.jobs import upscale_file
from tests.pictures import noise


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, :1], 3, axis=2)


def save_grey(file: Path, height: int) -> None:
    """Save a grey picture in a file of colours, as its name says."""
    rgb = as_rgb(np.asarray(Image.fromarray(noise(10, 12)).resize((48, height)))[:, :, None])
    image, kind = Image.fromarray(rgb), file.name.partition(".")[0]
    if kind == "deep":
        deep = pyvips.Image.new_from_array(rgb.astype(np.uint16) * 257).copy(interpretation="rgb16")
        return deep.write_to_file(str(file))
    if kind == "palette":
        image = image.convert("L").convert("P")
    if kind == "alpha":
        image.putalpha(Image.fromarray(noise(height, 48)))
    image.save(file, lossless=True, progressive=kind == "progressive")


@pytest.mark.parametrize(
    "name",
    [
        *("a.jpg", "a.png", "a.webp", "a.tif", "a.gif", "progressive.jpg"),
        *("palette.png", "alpha.png", "alpha.webp", "deep.png", "deep.tif"),
    ],
)
def test_a_grey_file_of_any_kind_comes_back_grey(tmp_path: Path, name: str):
    source, target = tmp_path / name, tmp_path / "result.png"
    save_grey(source, height=150)
    pixels = read_picture(source).pixels
    assert pixels.shape[2] >= 3
    assert np.array_equal(as_rgb(pixels), pixels[:, :, :3])
    upscale_file(source, target, UpscaleOptions("lite", scale=2, device="cpu"))
    result = read_picture(target).pixels
    expected = Upscaler(load_family("lite"), "cpu")(np.dstack([pixels[:, :, :1], pixels[:, :, 3:]]), 2)
    assert np.array_equal(result[:, :, :3], as_rgb(expected))
    assert np.array_equal(result[:, :, 3:], expected[:, :, 1:])


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize("scale", [1, 2])
def test_hidden_colours_are_kept_in_files(tmp_path: Path, suffix: str, scale: int):
    image = np.dstack([noise(40, 50, 3), np.where(noise(40, 50) > 128, 255, 0)]).astype(np.uint8)
    source, target = tmp_path / "a.png", tmp_path / f"b.{suffix}"
    Image.fromarray(image).save(source)
    options = UpscaleOptions("lite", scale=scale, keep_hidden_colours=scale > 1, device="cpu")
    upscale_file(source, target, options, OutputOptions(quality=100))
    expected = Upscaler(load_family("lite"), "cpu", keep_hidden_colours=scale > 1)(image, scale)
    assert np.array_equal(np.asarray(Image.open(target)), expected)
    if scale == 1:
        assert np.array_equal(expected[image[:, :, 3] == 0], image[image[:, :, 3] == 0])
