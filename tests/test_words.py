"""What the page says: the same in both languages, and nothing that it does not."""

import re
from string import Formatter

import pytest

from caesr.page.words import FILES
from tests.conftest import ROOT


@pytest.mark.parametrize("table", ["labels", "sentences"])
def test_both_languages_have_the_same_words_with_the_same_gaps(table):
    english, chinese = FILES["en"][table], FILES["zh"][table]
    assert english.keys() == chinese.keys()

    def gaps(text: str) -> set[tuple[str | None, str | None]]:
        return {(name, form) for _, name, form, _ in Formatter().parse(text) if name}

    for key in english:
        assert gaps(english[key]) == gaps(chinese[key]), key


def test_every_word_is_said_somewhere():
    source = "".join(file.read_text() for file in [ROOT / "app.py", *(ROOT / "caesr" / "page").glob("*.py")])
    made = ("family_", "kind_", "metadata_", "purpose_", "state_")  # with an ending that is worked out
    for table in ("labels", "sentences"):
        for key in FILES["en"][table]:
            if not key.startswith(made) and key not in (
                "colour",
                "greyscale",
                "colour with alpha",
                "greyscale with alpha",
            ):
                assert re.search(f'"{key}"', source), f"{table}: nobody says {key}"
