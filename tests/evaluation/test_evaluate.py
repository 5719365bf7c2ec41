"""The standard protocol and the fixed degradations of its inputs."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from caesr.evaluation.degrade import STRENGTHS, Strength, degrade_picture
from caesr.evaluation.evaluate import bicubic, evaluate, means, to_tensor_255
from caesr.imaging.metrics import psnr
from caesr.imaging.resize import resize_image


@pytest.mark.data
@pytest.mark.parametrize(("scale", "expected"), [(2, 33.67), (3, 30.40), (4, 28.43)])
def test_bicubic_on_set5_measures_what_the_field_publishes(data, scale, expected):
    scores = evaluate(bicubic(scale), data / "test" / "Set5", scale)
    assert means(scores)["psnr_y"] == pytest.approx(expected, abs=0.015)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="No test pictures"):
        evaluate(bicubic(2), tmp_path, 2)


def test_an_unreadable_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a PNG")
    with pytest.raises(ValueError, match=r"broken\.png cannot be read"):
        evaluate(bicubic(2), tmp_path, 2)


def test_means_leave_out_what_is_not_a_number(photograph, tmp_path):
    for name in ("a", "b", "c"):
        Image.fromarray(photograph).save(tmp_path / f"{name}.png")
    scores = evaluate(bicubic(2), tmp_path, 2, first=2)
    assert [score.picture for score in scores] == ["a", "b"]
    scores[0].figures["weave"], scores[1].figures["weave"] = float("nan"), 3.0
    assert means(scores)["weave"] == 3
    assert means(scores)["psnr_y"] == pytest.approx(scores[0].figures["psnr_y"], abs=1e-5)


def test_degraded_pictures_are_always_the_same_and_lose_by_blur_noise_and_jpeg(photograph):
    high_res = photograph[:144, :224]
    medium = STRENGTHS["medium"]
    low_res, again = degrade_picture(high_res, 1 / 2, medium), degrade_picture(high_res, 1 / 2, medium)
    assert np.array_equal(low_res, again)
    assert low_res.shape == (72, 112, 3)
    clean = to_tensor_255(resize_image(high_res, 1 / 2))

    def decibels(strength: Strength) -> float:
        return psnr(to_tensor_255(degrade_picture(high_res, 1 / 2, strength)), clean)

    none = Strength(blur=0, noise=0, quality=100)
    alone = [
        decibels(replace(none, blur=medium.blur)),
        decibels(replace(none, noise=medium.noise)),
        decibels(replace(none, quality=medium.quality)),
    ]
    assert decibels(medium) < min(alone) < 40
    assert decibels(none) > max(alone)


def test_stronger_degradation_costs_more_decibels(photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "cat.png")
    reductions = [resize_image, *(partial(degrade_picture, strength=strength) for strength in STRENGTHS.values())]
    found = [means(evaluate(bicubic(2), tmp_path, 2, reduce=reduce))["psnr_y"] for reduce in reductions]
    assert found == sorted(found, reverse=True)
    assert found[2] < found[0] - 1
