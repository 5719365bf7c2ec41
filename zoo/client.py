"""The Hub, asked for a checkpoint's two files: once, not for long, verified, and with a reason when they do not come.

huggingface_hub is imported only when the Hub comes into play.
"""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from zoo import __version__
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import CONFIG, FILES, WEIGHTS, read_config, sha256

LARGEST = 1 << 30  # bytes; no CAE-ResNet comes near
ANSWER = 4.0  # seconds in which the Hub has to answer
PAUSE = 30.0  # seconds for which a Hub that did not answer is not asked again: a family has several members
Progress = Callable[[int, int], None]  # takes the bytes of the weights that have come, and all of them

unanswered: dict[str, float] = {}  # endpoint -> when it did not answer, on the monotonic clock


class Unavailable(ZooError):
    """The Hub did not give the checkpoint; the message says why."""


@dataclass(frozen=True)
class Source:
    """A checkpoint on the Hub, and how it is asked for."""

    repo: str
    revision: str  # a commit, a tag or a branch
    cache: Path | None = None  # None: where huggingface_hub keeps its own
    sha256: dict[str, str] = field(default_factory=dict)  # what the files have to be, if the catalogue knows
    offline: bool | None = None  # None: as HF_HUB_OFFLINE says
    progress: Progress | None = None

    @classmethod
    def of(cls, entry: Entry, **how: Any) -> "Source":
        """A published checkpoint of the catalogue."""
        return cls(entry.repo_id, entry.revision, sha256=entry.sha256, **how)

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"

    @property
    def remedy(self) -> str:
        """What to do by hand."""
        cache = f" --cache-dir {self.cache}" if self.cache else ""
        return f"To fetch it yourself: hf download {self.repo} {' '.join(FILES)} --revision {self.revision}{cache}"


def cached(source: Source) -> Path | None:
    """The folder in the Hub's cache, if it holds both files; asks nobody."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None
    try:
        found = [try_to_load_from_cache(source.repo, file, source.cache, source.revision) for file in FILES]
    except HFValidationError as error:
        raise ZooError(f"{source.repo} is no name of a repository.") from error
    return Path(found[0]).parent if isinstance(found[0], str) and isinstance(found[1], str) else None


def within(seconds: float, source: Source) -> Path:
    """`download`, waited for so long; after that it goes on by itself.

    Raises:
        Unavailable: as `download`, or it takes longer.
    """
    done: Queue[Path | Exception] = Queue()

    def work() -> None:
        try:
            done.put(download(source))
        except Exception as error:  # handed to the one who waits
            done.put(error)

    Thread(target=work, daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except Empty:
        unanswered[endpoint()] = time.monotonic()
        raise Unavailable(f"the Hub takes longer than {seconds:.0f} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def download(source: Source) -> Path:
    """Fetch both files into the Hub's cache and verify them; returns the folder of the commit.

    Raises:
        Unavailable: they are not to be had, or arrive damaged twice.
        CheckpointError: config.json does not describe a CAE-ResNet; the weights are then not fetched.
    """
    try:
        from huggingface_hub import is_offline_mode
        from huggingface_hub.errors import HTTPError
    except ImportError as error:
        raise Unavailable("huggingface_hub is not installed") from error
    if is_offline_mode() if source.offline is None else source.offline:
        raise Unavailable("the Hub is not to be asked (offline)")
    if time.monotonic() - unanswered.get(endpoint(), -PAUSE) < PAUSE:
        raise Unavailable(f"{endpoint()} did not answer a moment ago")
    file = CONFIG
    try:
        commit, _ = ask(source, CONFIG)
        pinned = replace(source, revision=commit)  # both files from one commit, whatever becomes of the branch
        _, etag = ask(pinned, file := WEIGHTS)
        config = verified(source, file := CONFIG, source.sha256.get(CONFIG))
        if config.parent.name != commit:
            raise Unavailable("it was changed while it was fetched; try again")
        read_config(config)
        # The Hub names large files by their SHA-256: somebody else's weights can be verified, too.
        known = etag if re.fullmatch("[0-9a-f]{64}", etag) else None
        return verified(pinned, file := WEIGHTS, source.sha256.get(WEIGHTS, known)).parent
    except (HTTPError, OSError) as error:
        raise Unavailable(explain(error, source, file)) from error


def ask(source: Source, file: str) -> tuple[str, str]:
    """The commit and the ETag of a file, in one request: huggingface_hub's retries take 23 s where the Hub is ill."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, HTTPError

    url = hf_hub_url(source.repo, file, revision=source.revision, endpoint=endpoint())
    try:
        head = get_hf_file_metadata(url, timeout=ANSWER, library_name="caesr", library_version=__version__)
    except HfHubHTTPError:
        raise
    except HTTPError:  # no answer at all
        unanswered[endpoint()] = time.monotonic()
        raise
    if head.commit_hash is None or head.etag is None:
        raise FileMetadataError(f"{url} does not say which commit it is of.")
    if (head.size or 0) > LARGEST:
        raise Unavailable(f"its {file} has {head.size:,} bytes, too many for a CAE-ResNet")
    return head.commit_hash, head.etag


def verified(source: Source, file: str, expected: str | None) -> Path:
    """Download one file, once more if it arrives damaged; a damaged copy does not stay in the cache."""
    from huggingface_hub import hf_hub_download

    bar = counting(source.progress if file == WEIGHTS else None) if source.progress else None
    for _ in range(2):
        path = Path(
            hf_hub_download(
                source.repo,
                file,
                revision=source.revision,
                cache_dir=source.cache,
                endpoint=endpoint(),
                etag_timeout=ANSWER,
                library_name="caesr",
                library_version=__version__,
                tqdm_class=bar,
            )
        )
        if expected is None or sha256(path) == expected:
            return path
        blob = path.resolve()  # a link into blobs/, where the system has links
        path.unlink()
        blob.unlink(missing_ok=True)
    raise Unavailable(f"{file} came twice, and neither had the SHA-256 it has to have")


def counting(progress: Progress | None) -> Any:
    """A class that huggingface_hub takes for its progress bar: it shows nothing and passes the bytes on."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *_: Any, total: int | None = None, initial: int = 0, **__: Any) -> None:
            super().__init__(total=total, initial=initial, disable=True)

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if progress:
                progress(int(self.n), int(self.total or 0))

        def update_transfer(self, _: float) -> None:
            """Xet counts twice: what came over the line, and what of the file that makes. The file it is."""

        def set_transfer_postfix_str(self, *_: Any, **__: Any) -> None: ...

    return Bar


def endpoint() -> str:
    """Where the Hub is: HF_ENDPOINT as it is now, which huggingface_hub reads when it is imported."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def explain(error: Exception, source: Source, file: str) -> str:
    """Why a download failed, in the middle of a sentence."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else 0
    match error:
        case errors.GatedRepoError():
            return "its owner wants the terms on its page accepted first; then `hf auth login`"
        case errors.RepositoryNotFoundError():
            return (
                f"the Hub has no repository {source.repo}, or it is private (`hf auth login`, or set HF_TOKEN), "
                "and there is no folder of that name"
            )
        case errors.RevisionNotFoundError():
            return f"the repository has no revision {source.revision}"
        case errors.EntryNotFoundError():
            return f"the repository has no {file}, and weights of any other kind are not taken"
        case errors.HfHubHTTPError() if status in (401, 403):
            return f"the Hub refuses it ({status}): `hf auth login`, or set HF_TOKEN"
        case errors.HfHubHTTPError() if status == 429:
            return "the Hub has had too many requests (429); try again in a few minutes"
        case errors.HfHubHTTPError():
            return f"the Hub is not well ({status}); try again later"
        case errors.FileMetadataError():
            return f"what answers at {endpoint()} is not the Hub (a proxy, a login page?)"
        case errors.HTTPError():
            return f"{endpoint()} does not answer, or broke off ({type(error).__name__})"
        case OSError(errno=int()):
            return f"{file} cannot be written to the cache ({error.strerror}); HF_HOME names another place"
    return f"{file} did not come whole ({str(error).splitlines()[0]})"
