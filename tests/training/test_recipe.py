"""Recipes: what is refused, batches for a GPU, and the recipes of the zoo."""

import pytest

from caesr.training.recipe import read_recipe
from tests.conftest import ROOT
from tests.training.conftest import RECIPE


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("batch = 4", "bach = 4", "bach"),
        ("fft", "gan", "unknown loss gan"),
        ("scale = 2", "scale = 7", "scale"),
        ('"psnr"', '"perceptual"', "a loss on pixels"),
        ("batch = 4", "features = 'resnet'", "neither squeezenet nor vgg16"),
        ("batch = 4", "degrade = 'rain'", "neither bicubic nor photo"),
        ("batch = 4", "drawings = 1.5", "not a share from 0 to 1"),
        ("batch = 4", "colours = 'lab'", "neither rgb nor ycbcr"),
        ("loss = {charbonnier = 1.0", "colours = 'ycbcr'\nloss = {even = 1.0", "even needs rgb"),
        ('"psnr"', "'even'\ncolours = 'ycbcr'", "even needs rgb"),
        ("data =", "data", "TOML|Expected|recipe"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_reason(recipe, old, new, why):
    recipe.write_text(RECIPE.replace(old, new))
    with pytest.raises(ValueError, match=why):
        read_recipe(recipe)


def test_a_recipe_may_have_other_batches_on_a_gpu(recipe):
    recipe.write_text(RECIPE.replace("[model]", "[on_cuda]\nbatch = 64\n[model]"))
    assert read_recipe(recipe).batch == 4
    assert read_recipe(recipe, device="cuda").batch == 64


def test_every_recipe_of_the_zoo_is_valid_and_has_its_checkpoints_name():
    recipes = sorted((ROOT / "zoo/recipes").glob("*.toml"))
    assert recipes
    for file in recipes:
        recipe = read_recipe(file)
        read_recipe(file, device="cuda")
        assert recipe.name.endswith(f"-x{recipe.model.scale}")
        assert file.stem.startswith(recipe.name)
