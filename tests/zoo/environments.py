"""Python environments for subprocesses that see exactly the packages they should see."""

import sysconfig
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

INSTALLED = Path(sysconfig.get_path("purelib"))


def link_packages(folder: Path, requirements: Iterable[str]) -> Path:
    """Make a site-packages of links to the installed packages that the requirements bring, and to nothing else.

    For `python -S` with PYTHONPATH: then neither this interpreter's site-packages nor an editable install is seen.
    """
    folder.mkdir()
    todo, done = [Requirement(line) for line in requirements], set()
    while todo:
        requirement = todo.pop()
        if requirement.name in done:
            continue
        done.add(requirement.name)
        found = distribution(requirement.name)
        for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(INSTALLED / name)
        for needed in map(Requirement, found.requires or []):
            extras = ("", *requirement.extras)
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    return folder
