"""Where a checkpoint comes from: a folder, the Hub's cache, the Hub, the copy that ships with CAESR.

huggingface_hub is imported only when the Hub comes into play: `import zoo`, and every checkpoint that is not
published, do without it.
"""

import logging
import os
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from caesr import CAEResNet, __version__, checkpoint
from caesr.checkpoint import CONFIG, WEIGHTS
from zoo import catalogue
from zoo.catalogue import Entry, ZooError

FILES = (CONFIG, WEIGHTS)  # nothing else is ever fetched: no .bin, no .pt, no .pth
LARGEST = 1 << 30  # bytes; no CAE-ResNet comes near
ANSWER = 4.0  # seconds in which the Hub has to answer
PATIENCE = 8.0  # seconds for the whole of a checkpoint that ships as well
PAUSE = 30.0  # seconds for which a Hub that did not answer is not asked again: a family has several members
REPOSITORY = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>\w[\w./-]*))?")

log = logging.getLogger("caesr.zoo")
unanswered: dict[str, float] = {}  # endpoint -> when it did not answer, on the monotonic clock


class Unavailable(ZooError):
    """The Hub did not give the checkpoint; the message says why."""


@dataclass(frozen=True)
class Source:
    """A checkpoint on the Hub."""

    repo: str
    revision: str  # a commit, a tag or a branch
    cache: Path | None = None  # None: where huggingface_hub keeps its own
    sha256: dict[str, str] = field(default_factory=dict)  # what the files have to be, if the catalogue knows

    @classmethod
    def of(cls, entry: Entry, cache: Path | None = None) -> "Source":
        """A published checkpoint of the catalogue."""
        return cls(entry.repo_id, entry.revision, cache, entry.sha256)

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"

    @property
    def remedy(self) -> str:
        """What to do by hand."""
        cache = f" --cache-dir {self.cache}" if self.cache else ""
        return f"To fetch it yourself: hf download {self.repo} {' '.join(FILES)} --revision {self.revision}{cache}"


def fetch(
    name: str,
    *,
    scale: int | None = None,
    revision: str | None = None,
    offline: bool | None = None,
    cache_dir: str | Path | None = None,
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
    Raises:
        ZooError: there is none of that name, or it is nowhere to be had; the message says what to do.
        CheckpointError: the repository's config.json does not describe a CAE-ResNet.
    """
    if scale is not None and name in catalogue.FAMILIES:
        name = f"caesr-{name}-x{scale}"
    if Path(name).is_dir():
        return Path(name)
    cache = Path(cache_dir) if cache_dir else None
    if "/" in name:
        parts = REPOSITORY.fullmatch(name)
        if not parts:
            raise ZooError(f"There is no folder {name}, and it is no owner/repo or owner/repo@revision either.")
        return from_repository(Source(parts["repo"], revision or parts["revision"] or "main", cache), offline)
    entry = catalogue.info(name)
    if revision and revision != entry.revision:
        if not entry.repo_id:
            raise ZooError(f"{name} is not published: there is no revision {revision} of it.")
        return from_repository(Source(entry.repo_id, revision, cache), offline)
    if not entry.revision:
        return shipped(entry)
    return published(entry, Source.of(entry, cache), offline)


def load(name: str) -> CAEResNet:
    """The network of a checkpoint, on the CPU, in eval mode.

    Raises:
        ZooError, CheckpointError: as `fetch`, and `CAEResNet.from_pretrained`.
    """
    return checkpoint.load(fetch(name))


def load_family(name: str) -> list[CAEResNet]:
    """What an `Upscaler` needs: every scale of a family, or the one checkpoint, folder or repository of that name.

    Raises:
        ZooError, CheckpointError: as `load`.
    """
    members = [entry.name for entry in catalogue.read().values() if entry.family == name]
    if not members and "/" not in name and not Path(name).is_dir() and name not in catalogue.names():
        families = dict.fromkeys(entry.family for entry in catalogue.read().values())
        there_is = ", ".join([*families, *catalogue.names()])
        raise ZooError(f"There is no family, checkpoint or folder {name!r}. There is: {there_is}.")
    return [load(member) for member in members or [name]]


def shipped(entry: Entry) -> Path:
    """The folder that ships with CAESR.

    Raises:
        ZooError: it is not there, or its files are not those of the catalogue.
    """
    folder = catalogue.CHECKPOINTS / entry.name
    for file in wrong(folder, entry.sha256):
        raise ZooError(f"{file} is missing or damaged. Install CAESR again.")
    return folder


def published(entry: Entry, source: Source, offline: bool | None) -> Path:
    """A checkpoint of the catalogue that is on the Hub: from the cache, the Hub or the shipped folder."""
    folder = cached(source)
    if folder and not wrong(folder, entry.sha256):
        return folder
    fallback = catalogue.CHECKPOINTS / entry.name
    ships = not wrong(fallback, entry.sha256)
    try:
        # Where there is another copy nobody has to wait: the download goes on, and is there the next time.
        return within(PATIENCE, source, offline) if ships else download(source, offline)
    except Unavailable as reason:
        if ships:
            log.warning("%s: %s. Using the copy that ships with CAESR.", entry.name, reason)
            return fallback
        raise ZooError(f"{entry.name}: {reason}. {source.remedy}") from reason


def from_repository(source: Source, offline: bool | None) -> Path:
    """A checkpoint of any repository: a pinned commit from the cache, anything else as the Hub has it now."""
    folder = cached(source)
    if folder and folder.name == source.revision:
        return folder
    try:
        return download(source, offline)
    except Unavailable as reason:
        if folder:
            log.warning("%s: %s. Using commit %s, fetched earlier.", source, reason, folder.name[:7])
            return folder
        raise ZooError(f"{source}: {reason}. {source.remedy}") from reason


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


def wrong(folder: Path, sha256: dict[str, str]) -> list[Path]:
    """The files of a folder that are not there, or not what they have to be."""
    files = {folder / name: expected for name, expected in sha256.items()}
    return [file for file, expected in files.items() if not file.is_file() or catalogue.sha256(file) != expected]


def within(seconds: float, source: Source, offline: bool | None) -> Path:
    """`download`, waited for so long; after that it goes on by itself.

    Raises:
        Unavailable: as `download`, or it takes longer.
    """
    done: Queue[Path | Exception] = Queue()

    def work() -> None:
        try:
            done.put(download(source, offline))
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


def download(source: Source, offline: bool | None) -> Path:
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
    if is_offline_mode() if offline is None else offline:
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
        checkpoint.read_config(config)
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


def verified(source: Source, file: str, sha256: str | None) -> Path:
    """Download one file, once more if it arrives damaged; a damaged copy does not stay in the cache."""
    from huggingface_hub import hf_hub_download

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
            )
        )
        if sha256 is None or catalogue.sha256(path) == sha256:
            return path
        blob = path.resolve()  # a link into blobs/, where the system has links
        path.unlink()
        blob.unlink(missing_ok=True)
    raise Unavailable(f"{file} came twice, and neither had the SHA-256 it has to have")


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
