"""Many pictures into one folder: names, what is done already, retries. Used by command line, page and Ray alike."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from caesr.files import store
from caesr.files.names import legal_path
from caesr.files.zips.archive import is_zip
from caesr.jobs.inputs import Source, absolute, input_name, input_problem, is_file, list_sources
from caesr.jobs.manifest import Manifest, recorded_results, records_of
from caesr.jobs.naming import result_names, without_results
from caesr.jobs.report import Job, Report, Status
from caesr.jobs.runner import Engine
from caesr.model.caeresnet import CAEResNet
from caesr.options import OutputOptions, UpscaleOptions, fingerprint
from zoo.messages import Message


class Batch:
    """A folder of results and the pictures they are made of; a context manager.

    A result is made once: what is done is kept, a result of other settings or of a changed picture is never taken for
    done and never overwritten unless asked, and no result is taken for a picture.

    Args:
        inputs: paths or addresses of pictures, folders with all below them, and zips.
        output: the path or address of the folder of results; sub-folders are kept.
        weights: says which networks make the results (`weights_digest`).
        overwrite: make everything anew.
        stamp: tells versions of a file on this machine apart; by default its size and date do.
    Raises:
        StoreError: the output cannot be written, or another batch is writing to it.
        ValueError: two inputs have one name.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        output: str,
        upscale: UpscaleOptions,
        output_options: OutputOptions,
        weights: str,
        overwrite: bool = False,
        stamp: Callable[[Path], str] | None = None,
    ):
        self.roots, self.output = [absolute(address) for address in inputs], absolute(output)
        self.upscale, self.options, self.overwrite, self.stamp = upscale, output_options, overwrite, stamp
        self._check_names()
        settings = fingerprint(upscale, output_options) | {"size": upscale.size_label, "weights": weights}
        self.manifest = Manifest(self.output, settings)
        self._folders: set[str] = set()  # where results may go
        self._results = {store.join(self.output, result) for result in self.manifest.results()}
        self._searched: set[str] = set()  # for results of other batches
        self._taken: set[str] = set()  # names that results of this run were given
        # Of what is no picture, and of conflicts: of these results the manifest keeps what it says.
        self._only_reported: list[Status] = []
        self._stack = ExitStack()  # holds the unpacked zips
        self._closed = False

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the report, and remove what was unpacked or left unfinished; again, it does nothing."""
        if self._closed:
            return
        self._closed = True
        self._stack.close()
        for folder in self._folders:
            store.remove_abandoned(folder)  # a worker that was killed leaves its unfinished file
        self.manifest.close(self._only_reported)

    def plan(self) -> Iterator[Status]:
        """List the files lazily: pictures as queued, kept or failed, others as skipped."""
        for root in self.roots:
            self._exclude_results(root)
        for sources in list_sources(self.roots, self.output, self._stack):
            for folder in {source.rpartition("/")[0] for _, source in sources if source not in self.roots}:
                self._exclude_results(folder)
            if all(source in self._results and source in self.roots for _, source in sources):  # else as *.png has them
                message = "{name} is a result in the folder of results; choose another folder to upscale it again."
                for picture, source in sources:
                    yield Status(Job(picture, source, ""), "failed", Message(message, name=picture.name))
            yield from self._skip(sources)
            yield from self._plan_folder([one for one in sources if not one[0].skipped and one[1] not in self._results])

    def record(self, status: Status) -> None:
        """Write to the manifest what became of a job."""
        self.manifest.add(status)

    def _exclude_results(self, folder: str) -> None:
        """Leave out results of other batches: below an input, and in it if they lie beside their pictures."""
        path = store.local_path(folder)
        if path and folder not in self._searched:
            results = recorded_results(path)
            is_input = folder in self.roots  # people may want to upscale results once more
            self._results |= {str(result) for result in results if not is_input or store.exists(str(results[result]))}
        self._searched.add(folder)

    def _skip(self, sources: list[Source]) -> Iterator[Status]:
        """Report what is left out of a folder, but for a batch's own files."""
        records = records_of(source.rpartition("/")[2] for _, source in sources)
        for picture, source in sources:
            if picture.skipped and source.rpartition("/")[2] not in records:
                skipped = Status(Job(picture, source, ""), "skipped", picture.skipped)
                self._only_reported.append(skipped)
                yield skipped

    def _plan_folder(self, sources: list[Source]) -> Iterator[Status]:
        """Plan the pictures of one folder."""
        for picture, source in sources:
            if picture.error:
                failed = Status(Job(picture, source, ""), "failed", picture.error)
                self.record(failed)
                yield failed
        sources = [(picture, source) for picture, source in sources if not picture.error]
        if not sources:
            return
        folder = store.join(self.output, legal_path(sources[0][0].name.rpartition("/")[0]))
        beside = [picture.name for picture, source in sources if source.rpartition("/")[0] == folder]
        results = set(beside) - set(without_results(beside))
        sources = [(picture, source) for picture, source in sources if picture.name not in results]
        recorded = {picture.name: self.manifest.known_result(picture) for picture, _ in sources}
        recorded = {name: result for name, result in recorded.items() if result}
        names = result_names(
            [picture.name for picture, _ in sources], self.upscale, self.options, recorded, self._taken
        )
        present, statuses = self._results_in(folder), []
        for picture, source in sources:
            if self.stamp and (path := store.local_path(source)):
                picture = replace(picture, stamp=self.stamp(path))
            result = names[picture.name]
            job = Job(picture, source, store.join(self.output, result), self.overwrite)
            self._results.add(job.target)  # which may be listed later
            # Some disks take names that differ in capitals for one, which the listing does not tell.
            is_present = result.rpartition("/")[2] in present or (
                store.is_local(job.target) and store.exists(job.target)
            )
            statuses.append(self._status(job, result, is_present))
        self.manifest.flush()  # before the first of these jobs is begun
        yield from statuses

    def _status(self, job: Job, result: str, present: bool) -> Status:
        """Return whether a job is to be done."""
        if not present or self.overwrite:
            self.manifest.queue(job.picture, result, present)
            return Status(job)
        if self.manifest.is_done(job.picture, result):
            kept = Status(job, "kept")
            if result in self.manifest.unconfirmed:
                self.record(kept)
            return kept
        failed = Status(job, "failed", self.manifest.conflict(job.picture, result))
        self._only_reported.append(failed)
        return failed

    def _results_in(self, folder: str) -> set[str]:
        """Return the names of what is in a folder of results, after what was left unfinished there is removed."""
        if folder not in self._folders:
            store.remove_abandoned(folder)  # other batches are locked out
            self._folders.add(folder)
        return {entry.name for entry in store.listing(folder)} if store.exists(folder) else set()

    def _check_names(self) -> None:
        """Check that two folders or zips do not have one name, which would be that of both in the output.

        Raises:
            ValueError: they do.
        """
        roots = [root for root in self.roots if not input_problem(root)]
        names = [input_name(root) for root in roots if is_zip(root) or not is_file(root)]
        for name in names:
            if names.count(name) > 1:
                message = "Two inputs are called {name}; rename one, or give the folder above them."
                raise ValueError(Message(message, name=name))


def run_batch(batch: Batch, engine: Engine, report: Report, retry: int = 0, say: Callable[..., None] = print) -> None:
    """Do all jobs of a batch; one failure never stops the rest.

    Args:
        engine: does the jobs: `caesr.jobs.runner.local_engine`, or `caesr.jobs.ray_cluster.ray_engine`.
        report: what becomes of the pictures is added to it.
        retry: how many more times failures are tried, after everything else.
        say: takes a line of what is worth knowing.
    """

    def new_jobs() -> Iterator[Job]:
        for status in batch.plan():
            if status.state == "queued":
                yield status.job
            else:
                report.add(status, say)

    jobs = new_jobs()
    with batch:
        for turn in range(retry + 1):
            failed: list[Job] = []
            with closing(engine(jobs)) as statuses:
                for status in statuses:
                    batch.record(status)
                    report.add(status, say)
                    if status.state == "failed":
                        failed.append(status.job)
            if not failed or turn == retry:
                break
            say(f"{len(failed)} failed and are tried again")
            jobs = iter(failed)


def weights_digest(models: Sequence[CAEResNet]) -> str:
    """Return a digest of networks: of their configurations and weights."""
    digest = hashlib.sha256()
    for model in models:
        digest.update(repr(model.config).encode())
        for name, values in model.state_dict().items():
            digest.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
