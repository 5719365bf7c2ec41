"""Which model upscales: what a visitor can choose, and what Auto makes of it for a picture."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import zoo
from caesr.engine.auto_model import FAITHFUL, RESTORING, Choice, choose_model
from caesr.options import AUTO, UpscaleOptions
from caesr.page.translations import label

AUTO_MODEL, MORE = AUTO, "more"
BLENDED = "texture"  # the family whose strength can be chosen
SIMPLE = {AUTO_MODEL: "auto", RESTORING: "photo", FAITHFUL: "faithful", BLENDED: "texture", MORE: "more"}
FAITHFUL_FAMILIES = {"lite", "base", "large", "seed"}  # trained on fidelity: what they invent is an error
MAX_CHOICES = 256  # pictures whose choice is remembered


def simple_choices() -> list[tuple[Any, str]]:
    """Return the choices for everybody, with their labels."""
    return [(label(f"model_{key}"), value) for value, key in SIMPLE.items()]


def all_choices(fetched: list[str] = []) -> list[tuple[Any, str]]:  # noqa: B006
    """Return every family and checkpoint of the zoo, and the repositories that were fetched."""
    families = dict.fromkeys(zoo.info(name).family for name in zoo.names())
    named = [(label(f"family_{name}", name), name) for name in families]
    return [*named, *((name, name) for name in [*zoo.names(), *fetched])]


def compared_choices(fetched: list[str] = []) -> list[tuple[Any, str]]:  # noqa: B006
    """Return every family by its short name, and the repositories that were fetched."""
    families = dict.fromkeys(zoo.info(name).family for name in zoo.names())
    order = [name for name in (RESTORING, FAITHFUL, BLENDED) if name in families]
    named = [
        (label(f"model_{SIMPLE.get(name, name)}", name.capitalize()), name)
        for name in dict.fromkeys([*order, *families])
    ]
    return [*named, *((name, name) for name in fetched)]


@lru_cache(MAX_CHOICES)
def choice_for(file: Path) -> Choice:
    """Return what Auto chooses for a picture.

    Raises:
        PictureError: the file cannot be read.
    """
    return choose_model(file)


def resolve(options: UpscaleOptions, file: Path | None) -> UpscaleOptions:
    """Return options whose model is a real one: Auto becomes what suits the picture, or the faithful family.

    Raises:
        PictureError: the file cannot be read.
    """
    if options.model != AUTO_MODEL:
        return options
    return replace(options, model=choice_for(file).model if file else FAITHFUL)


def family_of(model: str) -> str:
    """Return the family of a family's or a checkpoint's name; "" of a repository."""
    entries = {name: zoo.info(name).family for name in zoo.names()}
    return model if model in entries.values() else entries.get(model, "")
