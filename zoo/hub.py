"""Where a checkpoint comes from: a folder, the Hub's cache, the Hub, or the copy that ships with CAESR.

huggingface_hub is imported only when the Hub is involved: `import zoo`, and every checkpoint that is not published,
work without it.
"""

import logging
import re
from pathlib import Path
from typing import Any

from zoo import catalogue
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import sha256
from zoo.client import Progress, Source, Unavailable, download, download_within, find_cached
from zoo.messages import Message, did_you_mean

FALLBACK_SECONDS = 8.0  # after which the shipped copy is used while the download goes on
REPOSITORY = re.compile(r"(?P<repo_id>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")

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
    """Return the folder of a checkpoint; the hashes are verified if it is one of the catalogue.

    The first place that has it: the folder, the pinned copy in the Hub's cache (no request), the Hub, the copy that
    ships with CAESR. The Hub is not asked for what is not published; falling back to the shipped copy is logged.

    Args:
        name: a folder (returned as it is), a checkpoint (`caesr-base-x4`), a family with `scale`, or any `owner/repo`
            or `owner/repo@revision` of the Hub.
        revision: a commit, tag or branch instead of the catalogue's, or of `main`.
        offline: send no request to the Hub; by default as HF_HUB_OFFLINE says.
        cache_dir: by default as HF_HOME says.
        progress: called with the bytes of the weights received so far and in all while they come from the Hub; in
            the thread that downloads.
    Raises:
        ZooError: there is none of that name, or it cannot be fetched; the message says what to do.
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
            raise ZooError(
                Message("There is no folder {name}, and it is no owner/repo or owner/repo@revision either.", name=name)
            )
        return fetch_repository(Source(parts["repo_id"], revision or parts["revision"] or "main", **how))
    entry = catalogue.info(name)
    if revision and revision != entry.revision:
        if not entry.repo_id:
            raise ZooError(
                Message("{name} is not published: there is no revision {revision} of it.", name=name, revision=revision)
            )
        return fetch_repository(Source(entry.repo_id, revision, **how))
    return fetch_published(entry, Source.of(entry, **how)) if entry.revision else shipped_folder(entry)


def fetch_family(name: str) -> list[Path]:
    """Return the folders of every scale of a family, or that of the one checkpoint, folder or repository of that name.

    Raises:
        ZooError, CheckpointError: as `fetch`.
    """
    members = catalogue.members(name)
    if not members and "/" not in name and not Path(name).is_dir() and name not in catalogue.names():
        families = dict.fromkeys(entry.family for entry in catalogue.read().values())
        known = [*families, *catalogue.names()]
        hint = did_you_mean(name, known)
        message = "There is no family, checkpoint or folder {name!r}.{hint} There is: {names}."
        raise ZooError(Message(message, name=name, hint=hint, names=", ".join(known)))
    return [fetch(member) for member in members or [name]]


def fetch_blend() -> list[tuple[Path, Path]]:
    """Return the folders of base and of texture, the ends of the texture dial, for every scale that both have.

    Raises:
        ZooError, CheckpointError: as `fetch`; or there is no such scale.
    """
    entries = catalogue.read()
    scales = [entry.scale for entry in entries.values() if entry.family == "base"]
    scales = [scale for scale in scales if f"caesr-texture-x{scale}" in entries]
    if not scales:
        raise ZooError(Message("The zoo has no scale in which there is a base and a texture network to blend."))
    return [(fetch("base", scale=scale), fetch("texture", scale=scale)) for scale in scales]


def fell_back(folder: Path) -> str:
    """Return the checkpoint's name if a folder of `fetch` is the shipped copy of a published one, else "".

    `fetch` only logs that the Hub did not give it; a page shows it.
    """
    entry = catalogue.read().get(folder.name)
    return folder.name if entry and entry.revision and folder == catalogue.CHECKPOINTS / folder.name else ""


def entry_of(folder: Path) -> Entry | None:
    """Return the catalogue's entry of a folder of `fetch`; None if the catalogue does not have it."""
    # The Hub's cache names folders by their commit.
    return next((entry for entry in catalogue.read().values() if folder.name in (entry.name, entry.revision)), None)


def locations(entry: Entry) -> list[str]:
    """Say where a checkpoint is ("shipped", "cached", "published as …") without a request to the Hub."""
    places = []
    if not mismatched_files(catalogue.CHECKPOINTS / entry.name, entry):
        places.append("shipped")
    if entry.revision and find_cached(Source.of(entry)):
        places.append("cached")
    if entry.revision:
        places.append(f"published as {entry.repo_id}@{entry.revision[:7]}")
    return places


def shipped_folder(entry: Entry) -> Path:
    """Return the verified folder that ships with CAESR.

    Raises:
        ZooError: it is missing, or its files are not those of the catalogue.
    """
    folder = catalogue.CHECKPOINTS / entry.name
    for file in mismatched_files(folder, entry):
        raise ZooError(Message("{file} is missing or damaged. Install CAESR again.", file=file))
    return folder


def fetch_published(entry: Entry, source: Source) -> Path:
    """Return a published checkpoint of the catalogue: from the cache, the Hub or the shipped folder."""
    folder = find_cached(source)
    if folder and not mismatched_files(folder, entry):
        return folder
    fallback = catalogue.CHECKPOINTS / entry.name
    is_shipped = not mismatched_files(fallback, entry)
    try:
        return download_within(FALLBACK_SECONDS, source) if is_shipped else download(source)
    except Unavailable as error:
        if is_shipped:
            log.warning("%s: %s. Using the copy that ships with CAESR.", entry.name, error)
            return fallback
        raise unobtainable(entry.name, error, source) from error


def fetch_repository(source: Source) -> Path:
    """Return the checkpoint of any repository: a pinned commit from the cache, a branch as the Hub has it now."""
    folder = find_cached(source)
    if folder and folder.name == source.revision:
        return folder
    try:
        return download(source)
    except Unavailable as error:
        if folder:
            log.warning("%s: %s. Using commit %s, fetched earlier.", source, error, folder.name[:7])
            return folder
        raise unobtainable(str(source), error, source) from error


def unobtainable(name: str, error: Unavailable, source: Source) -> ZooError:
    """Return the error for a checkpoint that is not on this machine and that the Hub did not give."""
    reason, command = error.args[0], source.command
    return ZooError(
        Message("{name}: {reason}. To fetch it yourself: {command}", name=name, reason=reason, command=command)
    )


def mismatched_files(folder: Path, entry: Entry) -> list[Path]:
    """Return the files of a folder that are missing, or not what the catalogue says."""
    files = {folder / name: expected for name, expected in entry.sha256.items()}
    return [file for file, expected in files.items() if not file.is_file() or sha256(file) != expected]
