"""What a visitor chose, in one piece."""

import pytest

import zoo
from caesr.page.settings import Settings
from tests.conftest import ROOT


@pytest.mark.parametrize("folder", [str(ROOT / "zoo" / "checkpoints" / "caesr-lite-x2"), "zoo/checkpoints", ".."])
def test_a_folder_of_the_server_is_no_model(folder, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(zoo.ZooError, match="Choose one of the zoo, or owner/repo"):
        Settings(model=folder).how()


@pytest.mark.parametrize(("kind", "size"), [("width", None), ("megapixels", 0), ("height", -3)])
def test_a_size_that_cannot_be_is_refused_in_words(kind, size):
    with pytest.raises(ValueError, match="give a number above 0"):
        _ = Settings(kind=kind, size=size).target


def test_the_dial_at_its_end_is_the_texture_family_itself():
    assert Settings(model="texture", texture=100).how().folders == tuple(zoo.fetch_family("texture"))
    how = Settings(model="texture", texture=30).how()
    assert [folder.name for folder in (*how.folders, *how.blended)] == ["caesr-base-x4", "caesr-texture-x4"]
    assert how.texture == 0.3
