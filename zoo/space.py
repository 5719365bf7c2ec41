"""The Space: the page on the Hugging Face Hub. README.md's front matter configures it, and it is these files."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from zoo import catalogue, client
from zoo.catalogue import Entry
from zoo.checkpoint_files import FILES, write_atomically

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
THUMBNAIL = "docs/page.png"
CONTENTS = ("app.py", "caesr", "zoo", "requirements.txt", "README.md", "LICENSE", "examples")
FIELDS = re.compile(r"^(models|preload_from_hub):\n(- .*\n)*", re.MULTILINE)


def front_matter(readme: str, entries: Iterable[Entry]) -> str:
    """README.md with the checkpoints on the Hub in its front matter: the Space links to them and starts with them."""
    published = [entry for entry in entries if entry.revision]
    fields = {
        "models": [entry.repo_id for entry in published],
        "preload_from_hub": [f"{entry.repo_id} {','.join(FILES)} {entry.revision}" for entry in published],
    }
    lines = [f"{name}:\n" + "".join(f"- {item}\n" for item in items) for name, items in fields.items() if items]
    _, front, text = readme.split("---\n", 2)
    return "---\n" + FIELDS.sub("", front) + "".join(lines) + "---\n" + text


def write() -> None:
    """Bring README.md to what the catalogue says; where CAESR is installed as a package there is none."""
    if README.exists():
        write_atomically(README, front_matter(README.read_text(), catalogue.read().values()))


def assemble(folder: Path, repo_id: str = "") -> Path:
    """Put all that goes to a Space into a folder, and nothing else."""
    shown = re.findall(r"!\[.*?\]\((.+?)\)", README.read_text())  # the pictures of README.md
    for name in (*CONTENTS, *shown):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    if repo_id:  # a thumbnail needs an address, which only the Space itself has
        _, front, text = (folder / "README.md").read_text().split("---\n", 2)
        front += f"thumbnail: {client.endpoint()}/spaces/{repo_id}/resolve/main/{THUMBNAIL}\n"
        (folder / "README.md").write_text(f"---\n{front}---\n{text}")
    return folder
