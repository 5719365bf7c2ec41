"""Publish to the Hugging Face Hub: checkpoint folders as repositories tagged with the version, the page as a Space.

The token comes from HF_TOKEN or `hf auth login`, through huggingface_hub; nothing here reads or prints it.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from zoo import __version__, card, client, export, hub, space
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import FILES
from zoo.messages import Message

SHIPPED = ("README.md", "limits.jpg", *FILES)  # in the checkpoint's folder
PUBLISHED = (*SHIPPED, export.MODEL, card.EXAMPLE)
TAG = f"v{__version__}"

log = logging.getLogger("caesr.zoo")


def publish(entry: Entry, namespace: str, *, private: bool = False) -> Entry:
    """Upload a checkpoint, its card and its ONNX file; if nothing has changed, nothing is committed.

    Returns:
        The entry with its repository, the commit and the hash of the ONNX file, for the catalogue.
    Raises:
        ZooError: the folder is damaged, onnx is not installed, there is no token, or the Hub refuses.
    """
    folder = hub.shipped_folder(entry)
    entry = replace(entry, repo_id=f"{namespace}/{entry.name}")
    with TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        shutil.copy(space.ROOT / "examples" / "cat.png", Path(copy) / card.EXAMPLE)
        entry = export.describe_onnx(entry, folder, Path(copy) / export.MODEL)
        card.write(entry, Path(copy))  # in a copy: it names a repository that does not exist if the upload fails
        commit = upload(Path(copy), entry.repo_id, private=private, only=PUBLISHED, tag=TAG)
    card.write(entry, folder)
    return replace(entry, revision=commit)


def push_space(repo_id: str, *, private: bool = False) -> str:
    """Upload the page as a Space, which then holds exactly what `space.assemble` collects; returns the commit.

    Raises:
        ZooError: there is no token, or the Hub refuses.
    """
    with TemporaryDirectory() as folder:
        return upload(space.assemble(Path(folder), repo_id), repo_id, private=private, kind="space")


def upload(
    folder: Path, repo_id: str, *, private: bool, kind: str = "model", only: Sequence[str] = (), tag: str = ""
) -> str:
    """Upload a folder to a repository, which is created if there is none; returns the commit.

    Args:
        only: upload these files and leave the repository's others; by default all, and the others are deleted.
        tag: name the commit so, unless an earlier one has that tag: others may have pinned it.
    Raises:
        ZooError: there is no token, or the Hub refuses.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HFValidationError, HTTPError, OfflineModeIsEnabled

    if get_token() is None:
        raise ZooError(Message("Publishing needs a token: `hf auth login`, or set HF_TOKEN."))
    api = HfApi(endpoint=client.endpoint(), **client.CALLER)
    repository: Any = {"repo_id": repo_id, "repo_type": kind}
    try:
        api.create_repo(**repository, private=private, exist_ok=True, space_sdk="gradio" if kind == "space" else None)
        commit = api.upload_folder(
            **repository,
            folder_path=folder,
            allow_patterns=list(only) or None,
            delete_patterns=None if only else "*",
            commit_message=f"CAESR {__version__}",
        ).oid
        tags = {ref.name: ref.target_commit for ref in api.list_repo_refs(**repository).tags} if tag else {}
        if tag and tag not in tags:
            api.create_tag(**repository, tag=tag, revision=commit)
        elif tags.get(tag, commit) != commit:
            log.warning("%s: %s stays at commit %s; the next version gets its own.", repo_id, tag, tags[tag][:7])
    except HFValidationError as error:
        raise ZooError(Message("{repo_id} cannot be the name of a repository.", repo_id=repo_id)) from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise ZooError(Message("{repo_id}: {reason}.", repo_id=repo_id, reason=explain(error))) from error
    return commit


def explain(error: Exception) -> Message:
    """Say why an upload failed, in the middle of a sentence."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status in (401, 403):
        return Message("the Hub refuses ({status}): the token is not valid, or may not write there", status=status)
    if status:
        return Message("the Hub is not well ({status})", status=status)
    return Message("{endpoint} does not answer ({kind})", endpoint=client.endpoint(), kind=type(error).__name__)
