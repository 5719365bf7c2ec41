"""The page as a Space on the Hugging Face Hub: the files that it holds, and the front matter that configures it."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from zoo import catalogue, client
from zoo.catalogue import Entry
from zoo.checkpoint_files import FILES, write_atomically

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONTENTS = ("app.py", "caesr", "zoo", "requirements.txt", "README.md", "LICENSE", "examples")
FIELDS = re.compile(r"^(models|preload_from_hub):\n(- .*\n)*", re.MULTILINE)


def update_front_matter(readme: str, entries: Iterable[Entry]) -> str:
    """Return README.md with the published checkpoints in its front matter: the Space links to and preloads them."""
    published = [entry for entry in entries if entry.revision]
    fields = {
        "models": [entry.repo_id for entry in published],
        "preload_from_hub": [f"{entry.repo_id} {','.join(FILES)} {entry.revision}" for entry in published],
    }
    _, front, text = readme.split("---\n", 2)
    front = FIELDS.sub("", front)
    for name, items in fields.items():
        if items:
            front += f"{name}:\n" + "".join(f"- {item}\n" for item in items)
    return f"---\n{front}---\n{text}"


def update_readme() -> None:
    """Bring README.md up to date with the catalogue; where CAESR is installed as a package there is none."""
    if README.exists():
        before = README.read_text()
        after = update_front_matter(before, catalogue.read().values())
        if after != before:
            write_atomically(README, after)


def assemble(folder: Path, repo_id: str = "") -> Path:
    """Copy everything that goes to a Space into a folder, and return it."""
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", README.read_text())
    for name in (*CONTENTS, *pictures):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    if repo_id:  # the thumbnail, the README's first picture, is given by its address in the Space itself
        _, front, text = (folder / "README.md").read_text().split("---\n", 2)
        front += f"thumbnail: {client.endpoint()}/spaces/{repo_id}/resolve/main/{pictures[0]}\n"
        (folder / "README.md").write_text(f"---\n{front}---\n{text}")
    return folder
