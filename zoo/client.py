"""Client of the Hugging Face Hub: fetch a checkpoint's two files, verify them, and explain why they did not come.

huggingface_hub is imported only when the Hub is involved. Its own retries would take 23 s where the Hub is down; here
a request is sent once, and a Hub that did not answer is left alone for a while.
"""

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any

from zoo import __version__
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import CONFIG, FILES, WEIGHTS, read_config, sha256
from zoo.messages import Message

MAX_FILE_BYTES = 1 << 30  # no CAE-ResNet comes near
HUB = "https://huggingface.co"
TIMEOUT_SECONDS = 4.0  # in which the Hub has to answer
RETRY_SECONDS = 30.0  # for which a Hub that did not answer is left alone: a family has several members
CALLER: Any = {"library_name": "caesr", "library_version": __version__}  # sent with every request
Progress = Callable[[int, int], None]  # takes the bytes of the weights received so far, and in all

unanswered: dict[str, float] = {}  # endpoint -> when it did not answer, on the monotonic clock


class Unavailable(ZooError):
    """A checkpoint that the Hub did not give; the message says why, in the middle of a sentence."""


@dataclass(frozen=True)
class Source:
    """A checkpoint on the Hub, and how to ask for it."""

    repo_id: str
    revision: str  # a commit, a tag or a branch
    cache: Path | None = None  # None: huggingface_hub's own
    sha256: dict[str, str] = field(default_factory=dict)  # expected of the files, where the catalogue knows them
    offline: bool | None = None  # None: as HF_HUB_OFFLINE says
    progress: Progress | None = None

    @classmethod
    def of(cls, entry: Entry, **how: Any) -> "Source":
        """Return the source of a published checkpoint of the catalogue."""
        return cls(entry.repo_id, entry.revision, sha256=entry.sha256, **how)

    def __str__(self) -> str:
        return f"{self.repo_id}@{self.revision}"

    @property
    def command(self) -> str:
        """The command that fetches it without us."""
        cache = f" --cache-dir {self.cache}" if self.cache else ""
        return f"hf download {self.repo_id} {' '.join(FILES)} --revision {self.revision}{cache}"


def find_cached(source: Source) -> Path | None:
    """Return the folder in the Hub's cache if it holds both files; sends no request."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = [try_to_load_from_cache(source.repo_id, file, source.cache, source.revision) for file in FILES]
    except HFValidationError as error:
        raise ZooError(Message("{repo_id} is no name of a repository.", repo_id=source.repo_id)) from error
    paths = [Path(path) for path in found if isinstance(path, str)]
    return paths[0].parent if len(paths) == len(FILES) else None


def download_within(seconds: float, source: Source) -> Path:
    """Run `download` in a thread and wait for it at most so long; it goes on after that.

    Raises:
        Unavailable, CheckpointError: as `download`; or it takes longer.
    """
    folder: Future[Path] = Future()

    def work() -> None:
        try:
            folder.set_result(download(source))
        except Exception as error:
            folder.set_exception(error)

    Thread(target=work, daemon=True).start()  # no executor: the interpreter would wait for it before it exits
    try:
        return folder.result(timeout=seconds)
    except TimeoutError:
        unanswered[endpoint()] = time.monotonic()
        raise Unavailable(Message("the Hub takes longer than {seconds} s", seconds=f"{seconds:.0f}")) from None


def download(source: Source) -> Path:
    """Fetch both files into the Hub's cache, verify them and return the folder of the commit.

    Raises:
        Unavailable: they cannot be had, or arrive damaged twice.
        CheckpointError: config.json does not describe a CAE-ResNet; the weights are then not fetched.
    """
    try:
        from huggingface_hub import is_offline_mode
    except ImportError as error:
        raise Unavailable(Message("huggingface_hub is not installed")) from error
    if is_offline_mode() if source.offline is None else source.offline:
        raise Unavailable(Message("the Hub is not to be asked (offline)"))
    if time.monotonic() - unanswered.get(endpoint(), -RETRY_SECONDS) < RETRY_SECONDS:
        raise Unavailable(Message("{endpoint} did not answer a moment ago", endpoint=endpoint()))
    commit, _ = request_commit(source, CONFIG)
    pinned = replace(source, revision=commit)  # both files of one commit, even if the branch moves meanwhile
    _, etag = request_commit(pinned, WEIGHTS)
    config = download_file(source, CONFIG, source.sha256.get(CONFIG))
    if config.parent.name != commit:
        raise Unavailable(Message("it was changed while it was fetched; try again"))
    read_config(config)
    # The Hub's ETag of a large file is its SHA-256, so weights that the catalogue does not know are verified too.
    named = etag if re.fullmatch("[0-9a-f]{64}", etag) else None
    return download_file(pinned, WEIGHTS, source.sha256.get(WEIGHTS, named)).parent


def request_commit(source: Source, file: str) -> tuple[str, str]:
    """Return the commit and the ETag of a file, in one request."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, HTTPError

    url = hf_hub_url(source.repo_id, file, revision=source.revision, endpoint=endpoint())
    try:
        head = get_hf_file_metadata(url, timeout=TIMEOUT_SECONDS, **CALLER)
        if head.commit_hash is None or head.etag is None:
            raise FileMetadataError(f"{url} does not say which commit it is of.")
    except (HTTPError, OSError) as error:
        if isinstance(error, HTTPError) and not isinstance(error, HfHubHTTPError):  # no answer at all
            unanswered[endpoint()] = time.monotonic()
        raise Unavailable(explain(error, source, file)) from error
    if head.size and head.size > MAX_FILE_BYTES:
        size = f"{head.size:,}"
        raise Unavailable(Message("its {file} has {size} bytes, too many for a CAE-ResNet", file=file, size=size))
    return head.commit_hash, head.etag


def download_file(source: Source, file: str, expected: str | None) -> Path:
    """Download one file, again if its SHA-256 is not the expected one; damaged copies are removed from the cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HTTPError

    bar = progress_bar(source.progress if file == WEIGHTS else None) if source.progress else None
    how: Any = {"revision": source.revision, "cache_dir": source.cache, "endpoint": endpoint(), "tqdm_class": bar}
    try:
        for _ in range(2):
            path = Path(hf_hub_download(source.repo_id, file, etag_timeout=TIMEOUT_SECONDS, **how, **CALLER))
            if expected is None or sha256(path) == expected:
                return path
            blob = path.resolve()  # the cache links to blobs/, on systems that have links
            path.unlink()
            blob.unlink(missing_ok=True)
    except (HTTPError, OSError) as error:
        raise Unavailable(explain(error, source, file)) from error
    raise Unavailable(Message("{file} came twice, and neither had the SHA-256 it has to have", file=file))


def progress_bar(progress: Progress | None) -> Any:
    """Return a class for huggingface_hub's `tqdm_class` that shows nothing and reports the bytes to `progress`."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *_: Any, total: int | None = None, initial: int = 0, **__: Any) -> None:
            super().__init__(total=total, initial=initial, disable=True)

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if progress:
                progress(int(self.n), int(self.total or 0))

        def update_transfer(self, _: float) -> None:
            """Ignore the bytes sent over the network: Xet counts them beside those of the file."""

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None: ...

    return Bar


def endpoint() -> str:
    """Return the Hub's address: HF_ENDPOINT as it is now; huggingface_hub reads it only once, when it is imported."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def explain(error: Exception, source: Source, file: str) -> Message:
    """Say why a download failed, in the middle of a sentence."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    match error:
        case errors.GatedRepoError():
            return Message("its owner wants the terms on its page accepted first; then `hf auth login`")
        case errors.RepositoryNotFoundError():
            return Message(
                "the Hub has no repository {repo_id}, or it is private (`hf auth login`, or set HF_TOKEN), "
                "and there is no folder of that name",
                repo_id=source.repo_id,
            )
        case errors.RevisionNotFoundError():
            return Message("the repository has no revision {revision}", revision=source.revision)
        case errors.EntryNotFoundError():
            return Message("the repository has no {file}, and weights of any other kind are not taken", file=file)
        case errors.HfHubHTTPError() if status in (401, 403):
            return Message("the Hub refuses it ({status}): `hf auth login`, or set HF_TOKEN", status=status)
        case errors.HfHubHTTPError() if status == 429:
            return Message("the Hub has had too many requests (429); try again in a few minutes")
        case errors.HfHubHTTPError():
            return Message("the Hub is not well ({status}); try again later", status=status)
        case errors.FileMetadataError():
            return Message("what answers at {endpoint} is not the Hub (a proxy, a login page?)", endpoint=endpoint())
        case errors.HTTPError():
            kind = type(error).__name__
            return Message("{endpoint} does not answer, or broke off ({kind})", endpoint=endpoint(), kind=kind)
        case OSError(errno=int()):
            why = error.strerror
            return Message(
                "{file} cannot be written to the cache ({why}); HF_HOME names another place", file=file, why=why
            )
    return Message("{file} did not come whole ({why})", file=file, why=str(error).splitlines()[0])
