"""How a checkpoint gets to the Hub: its folder as it is, in a repository of its own, tagged with the version. And
the page, as a Space.

The token comes from HF_TOKEN or `hf auth login`, through huggingface_hub; nothing here sees or says it.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zoo import __version__, card, client, hub, space
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import FILES

PUBLISHED = ("README.md", "limits.jpg", *FILES)
TAG = f"v{__version__}"

log = logging.getLogger("caesr.zoo")


def publish(entry: Entry, namespace: str, *, private: bool = False) -> Entry:
    """Upload a checkpoint and its card; where nothing has changed, nothing is committed.

    Returns:
        The entry with its repository and the commit, for the catalogue.
    Raises:
        ZooError: the folder is damaged, there is no token, or the Hub refuses.
    """
    folder = hub.shipped(entry)
    entry = replace(entry, repo_id=f"{namespace}/{entry.name}")
    with TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        card.write(entry, Path(copy))  # it names the repository, which perhaps there never will be
        commit = upload(Path(copy), entry.repo_id, private=private, only=PUBLISHED, tag=TAG)
    card.write(entry, folder)
    return replace(entry, revision=commit)


def push_space(repo_id: str, *, private: bool = False) -> str:
    """Make somebody's Space what `space.assemble` puts together; returns the commit.

    Raises:
        ZooError: there is no token, or the Hub refuses.
    """
    with TemporaryDirectory() as folder:
        return upload(space.assemble(Path(folder), repo_id), repo_id, private=private, kind="space")


def upload(
    folder: Path, repo_id: str, *, private: bool, kind: str = "model", only: Sequence[str] = (), tag: str = ""
) -> str:
    """Bring a repository, made if there is none, to what the folder holds; returns the commit.

    Args:
        only: these files; what else the repository holds stays. By default all, and nothing else stays.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError, HTTPError, OfflineModeIsEnabled

    if get_token() is None:
        raise ZooError("Publishing needs a token: `hf auth login`, or set HF_TOKEN.")
    api = HfApi(endpoint=client.endpoint(), library_name="caesr", library_version=__version__)
    which: Any = {"repo_id": repo_id, "repo_type": kind}
    try:
        api.create_repo(**which, private=private, exist_ok=True, space_sdk="gradio" if kind == "space" else None)
        commit = api.upload_folder(
            **which,
            folder_path=folder,
            allow_patterns=list(only) or None,
            delete_patterns=None if only else "*",
            commit_message=f"CAESR {__version__}",
        ).oid
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(**which).tags} if tag else {}
        if tag and tag not in tags:
            api.create_tag(**which, tag=tag, revision=commit)
        elif tags.get(tag, commit) != commit:  # others may have pinned it: a tag stays where it is
            log.warning("%s: %s stays at commit %s; the next version gets its own.", repo_id, tag, tags[tag][:7])
    except HFValidationError as error:
        raise ZooError(f"{repo_id} cannot be the name of a repository.") from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise ZooError(f"{repo_id}: {explain(error)}.") from error
    return commit


def explain(error: Exception) -> str:
    """Why the Hub did not take it, in the middle of a sentence."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status in (401, 403):
        return f"the Hub refuses ({status}): the token is not valid, or may not write there"
    return (
        f"the Hub is not well ({status})" if status else f"{client.endpoint()} does not answer ({type(error).__name__})"
    )
