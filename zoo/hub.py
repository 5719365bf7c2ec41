"""Where a checkpoint comes from: a folder, the Hub's cache, the Hub, the copy that ships with CAESR.

huggingface_hub is imported only when the Hub comes into play: `import zoo`, and every checkpoint that is not
published, do without it.
"""

import logging
import re
from pathlib import Path
from typing import Any

from zoo import catalogue
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import sha256
from zoo.client import Progress, Source, Unavailable, cached, download, within

PATIENCE = 8.0  # seconds for the whole of a checkpoint that ships as well
REPOSITORY = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")

log = logging.getLogger("caesr.zoo")


def fetch(
    name: str,
    *,
    scale: int | None = None,
    revision: str | None = None,
    offline: bool | None = None,
    cache_dir: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """The folder of a checkpoint; its hashes are verified if it is one of the catalogue.

    The first that has it: the folder, the pinned copy in the Hub's cache (no request), the Hub, the copy that
    ships with CAESR. What is not published is not asked of the Hub; falling back is said on the log.

    Args:
        name: a folder (taken as it is), a checkpoint (`caesr-base-x4`), a family with `scale`, or `owner/repo`
            or `owner/repo@revision`, anybody's.
        revision: a commit, tag or branch instead of the catalogue's, or of `main`.
        offline: ask the Hub for nothing; by default as HF_HUB_OFFLINE says.
        cache_dir: by default as HF_HOME says.
        progress: called with the bytes of the weights that have come and with all of them, while they come from
            the Hub; from the thread that downloads.
    Raises:
        ZooError: there is none of that name, or it is nowhere to be had; the message says what to do.
        CheckpointError: the repository's config.json does not describe a CAE-ResNet.
    """
    if scale is not None and name in catalogue.FAMILIES:
        name = f"caesr-{name}-x{scale}"
    if Path(name).is_dir():
        return Path(name)
    how: Any = {"cache": Path(cache_dir) if cache_dir else None, "offline": offline, "progress": progress}
    if "/" in name:
        parts = REPOSITORY.fullmatch(name)
        if not parts:
            raise ZooError(f"There is no folder {name}, and it is no owner/repo or owner/repo@revision either.")
        return from_repository(Source(parts["repo"], revision or parts["revision"] or "main", **how))
    entry = catalogue.info(name)
    if revision and revision != entry.revision:
        if not entry.repo_id:
            raise ZooError(f"{name} is not published: there is no revision {revision} of it.")
        return from_repository(Source(entry.repo_id, revision, **how))
    if not entry.revision:
        return shipped(entry)
    return published(entry, Source.of(entry, **how))


def fetch_family(name: str) -> list[Path]:
    """The folders of every scale of a family, or that of the one checkpoint, folder or repository of that name.

    Raises:
        ZooError, CheckpointError: as `fetch`.
    """
    members = [entry.name for entry in catalogue.read().values() if entry.family == name]
    if not members and "/" not in name and not Path(name).is_dir() and name not in catalogue.names():
        families = dict.fromkeys(entry.family for entry in catalogue.read().values())
        there_is = ", ".join([*families, *catalogue.names()])
        raise ZooError(f"There is no family, checkpoint or folder {name!r}. There is: {there_is}.")
    return [fetch(member) for member in members or [name]]


def fetch_blend() -> list[tuple[Path, Path]]:
    """The folders of base and of texture, for every scale that both families have: the ends of the texture dial.

    Raises:
        ZooError, CheckpointError: as `fetch`; or there is no such scale.
    """
    entries = catalogue.read().values()
    base, texture = ({e.scale: e.name for e in entries if e.family == family} for family in ("base", "texture"))
    if not base.keys() & texture.keys():
        raise ZooError("The zoo has no scale in which there is a base and a texture network to blend.")
    return [(fetch(base[scale]), fetch(texture[scale])) for scale in sorted(base.keys() & texture.keys())]


def fell_back(folder: Path) -> str:
    """The name of the checkpoint if this is the shipped copy of one that should have come from the Hub; else "".

    What `fetch` says on the log, told from its answer: for those whose visitors do not read the log.
    """
    entry = catalogue.read().get(folder.name)
    return folder.name if entry and entry.revision and folder == catalogue.CHECKPOINTS / folder.name else ""


def entry_of(folder: Path) -> Entry | None:
    """The checkpoint of the catalogue that a folder of `fetch` holds; None if it holds another one.

    The Hub's cache names them by their commit.
    """
    return next((entry for entry in catalogue.read().values() if folder.name in (entry.name, entry.revision)), None)


def whereabouts(entry: Entry) -> list[str]:
    """Where a checkpoint is, found out without asking the Hub."""
    places = []
    if not wrong(catalogue.CHECKPOINTS / entry.name, entry.sha256):
        places.append("shipped")
    if entry.revision and cached(Source.of(entry)):
        places.append("cached")
    if entry.revision:
        places.append(f"published as {entry.repo_id}@{entry.revision[:7]}")
    return places


def shipped(entry: Entry) -> Path:
    """The folder that ships with CAESR.

    Raises:
        ZooError: it is not there, or its files are not those of the catalogue.
    """
    folder = catalogue.CHECKPOINTS / entry.name
    for file in wrong(folder, entry.sha256):
        raise ZooError(f"{file} is missing or damaged. Install CAESR again.")
    return folder


def published(entry: Entry, source: Source) -> Path:
    """A checkpoint of the catalogue that is on the Hub: from the cache, the Hub or the shipped folder."""
    folder = cached(source)
    if folder and not wrong(folder, entry.sha256):
        return folder
    fallback = catalogue.CHECKPOINTS / entry.name
    ships = not wrong(fallback, entry.sha256)
    try:
        # Where there is another copy nobody has to wait: the download goes on, and is there the next time.
        return within(PATIENCE, source) if ships else download(source)
    except Unavailable as reason:
        if ships:
            log.warning("%s: %s. Using the copy that ships with CAESR.", entry.name, reason)
            return fallback
        raise ZooError(f"{entry.name}: {reason}. {source.remedy}") from reason


def from_repository(source: Source) -> Path:
    """A checkpoint of any repository: a pinned commit from the cache, anything else as the Hub has it now."""
    folder = cached(source)
    if folder and folder.name == source.revision:
        return folder
    try:
        return download(source)
    except Unavailable as reason:
        if folder:
            log.warning("%s: %s. Using commit %s, fetched earlier.", source, reason, folder.name[:7])
            return folder
        raise ZooError(f"{source}: {reason}. {source.remedy}") from reason


def wrong(folder: Path, hashes: dict[str, str]) -> list[Path]:
    """The files of a folder that are not there, or not what they have to be."""
    files = {folder / name: expected for name, expected in hashes.items()}
    return [file for file, expected in files.items() if not file.is_file() or sha256(file) != expected]
