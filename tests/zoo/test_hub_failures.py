"""A Hub that refuses, fails, sends damaged files or does not answer: it is explained, and survived where possible."""

import json
import logging
import pickle
import resource
import sys
import time

import pytest

import zoo
from caesr import CAEResNet, load_family
from tests.hub_server import PAGE
from tests.small_zoo import NAME, REPO
from zoo import catalogue, client
from zoo.checkpoint_files import CheckpointError

pytestmark = pytest.mark.slow


def test_weights_damaged_in_transit_are_fetched_again(bare, cache):
    bare.fail("corrupt", "GET /storage", times=1)
    assert CAEResNet.from_pretrained(zoo.fetch(NAME, cache_dir=cache))
    assert sum(line.startswith("GET /storage") for line in bare.log) == 2


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_file_damaged_twice_is_refused_and_not_kept(bare, cache, file):
    bare.fail("corrupt", f"GET .*{file}")
    with pytest.raises(zoo.ZooError, match=f"{file} came twice"):
        zoo.fetch(NAME, cache_dir=cache)
    assert not list(cache.rglob(file))
    bare.faults.clear()
    assert zoo.fetch(NAME, cache_dir=cache).is_dir()


def test_if_the_hub_sends_damaged_weights_the_shipped_ones_are_used_with_a_warning(published, cache, caplog):
    published.fail("corrupt", "GET /storage")
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "Using the copy that ships" in caplog.text


def test_a_damaged_copy_in_the_cache_is_replaced(bare, cache):
    weights = zoo.fetch(NAME, cache_dir=cache) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert catalogue.sha256(zoo.fetch(NAME, cache_dir=cache) / weights.name) == zoo.info(NAME).sha256[weights.name]


FAILURES = [
    ((401, ""), "or it is private|refuses it"),
    ((403, ""), "refuses it .403.: `hf auth login`"),
    ((403, "GatedRepo"), "terms on its page"),
    ((404, "RepoNotFound"), "no repository someone/caesr-lite-x2, or it is private"),
    ((404, "RevisionNotFound"), "has no revision"),
    ((404, "EntryNotFound"), "has no config.json"),
    ((429, ""), "too many requests"),
    ((500, ""), "not well .500."),
    ((503, ""), "not well .503."),
    (("html", ""), "not the Hub"),
]


@pytest.mark.parametrize(("fault", "words"), FAILURES, ids=lambda value: str(value))
def test_a_refusal_is_explained_at_once_with_what_to_do(bare, cache, fault, words):
    kind, code = fault
    bare.fail(kind, code=code)
    with pytest.raises(zoo.ZooError, match=words) as error:
        zoo.fetch(NAME, cache_dir=cache)
    assert len(bare.log) == 1  # asked once: huggingface_hub's own retries would be seconds of waiting
    command = f"hf download {REPO} config.json model.safetensors --revision {zoo.info(NAME).revision}"
    assert command in str(error.value)


@pytest.mark.parametrize("kind", [401, 404, 429, 503, "html"])
def test_if_the_hub_fails_the_shipped_copy_is_used_with_a_warning(published, cache, caplog, kind):
    published.fail(kind)
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert [record.levelno for record in caplog.records if record.name == "caesr.zoo"] == [logging.WARNING]


def test_a_download_cut_short_once_is_resumed(bare, cache):
    bare.fail("cut", "GET /storage", times=1)
    assert CAEResNet.from_pretrained(zoo.fetch(NAME, cache_dir=cache))


def test_a_download_that_is_always_cut_short_is_given_up(bare, cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # between its attempts
    bare.fail("cut", "GET /storage")
    with pytest.raises(zoo.ZooError, match="broke off"):
        zoo.fetch(NAME, cache_dir=cache)
    assert not list(cache.rglob("*.incomplete"))


def test_a_web_page_in_place_of_the_weights_is_refused(bare, cache):
    bare.fail("html", "GET /storage")
    with pytest.raises(zoo.ZooError, match=r"model\.safetensors did not come whole"):
        zoo.fetch(NAME, cache_dir=cache)


def test_a_web_page_stored_as_weights_is_refused_by_its_content(hub, cache, files):
    hub.add("a/b", files | {"model.safetensors": PAGE})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/b", cache_dir=cache))


def test_a_hub_that_hangs_is_asked_once_for_a_whole_family(published, monkeypatch, caplog):
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.3)
    published.fail("slow", seconds=2)
    assert [net.config.scale for net in load_family("lite")] == [2, 4]
    assert "does not answer" in caplog.text
    assert "did not answer a moment ago" in caplog.text


def test_if_nothing_answers_the_shipped_copy_is_used_at_once(published, monkeypatch, cache, caplog):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "http://127.0.0.1:9 does not answer" in caplog.text


def test_a_slow_download_goes_on_while_the_shipped_copy_is_used(published, cache, monkeypatch, caplog):
    monkeypatch.setattr(zoo.hub, "FALLBACK_SECONDS", 0.4)
    published.fail("slow", "GET /storage", seconds=1)
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "takes longer" in caplog.text
    deadline = time.monotonic() + 10
    while zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME and time.monotonic() < deadline:
        time.sleep(0.2)
    assert zoo.fetch(NAME, cache_dir=cache).is_relative_to(cache)


def test_a_full_disk_is_explained(bare, cache):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = zoo.info(NAME).size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limit[1]))  # a file of this size cannot be written
    try:
        with pytest.raises(zoo.ZooError, match=r"model\.safetensors cannot be written to the cache .*HF_HOME"):
            zoo.fetch(NAME, cache_dir=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert zoo.fetch(NAME, cache_dir=cache).is_dir()


def test_a_cache_that_cannot_be_written_is_explained(bare, tmp_path):
    (tmp_path / "a_file").touch()
    with pytest.raises(zoo.ZooError, match=r"cannot be written to the cache .*HF_HOME"):
        zoo.fetch(NAME, cache_dir=tmp_path / "a_file/cache")


def test_a_read_only_cache_serves_what_it_has(bare, cache):
    folder = zoo.fetch(NAME, cache_dir=cache)
    before = {path: path.lstat().st_mtime_ns for path in cache.rglob("*")}
    directories = [path for path in (cache, *before) if path.is_dir()]
    for path in directories:
        path.chmod(0o555)
    try:
        assert zoo.fetch(NAME, cache_dir=cache) == folder
        assert {path: path.lstat().st_mtime_ns for path in cache.rglob("*")} == before  # holds for root as well
    finally:
        for path in directories:
            path.chmod(0o755)


def test_offline_no_request_is_sent(published, cache, caplog, monkeypatch):
    assert zoo.fetch(NAME, cache_dir=cache, offline=True) == catalogue.CHECKPOINTS / NAME
    assert "offline" in caplog.text
    monkeypatch.setattr(catalogue, "CHECKPOINTS", cache / "nothing")
    with pytest.raises(zoo.ZooError, match=r"offline.*hf download"):
        zoo.fetch(NAME, cache_dir=cache, offline=True)
    assert published.log == []


def test_without_huggingface_hub_the_shipped_copy_is_used_with_a_warning(published, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert zoo.fetch(NAME) == catalogue.CHECKPOINTS / NAME
    assert "huggingface_hub is not installed" in caplog.text


def test_without_the_hub_a_repository_fetched_earlier_is_used_with_a_warning(hub, cache, files, caplog):
    hub.add("a/b", files)
    folder = zoo.fetch("a/b", cache_dir=cache)
    hub.fail(503)
    assert zoo.fetch("a/b", cache_dir=cache) == folder
    assert f"Using commit {folder.name[:7]}, fetched earlier" in caplog.text


def test_another_architecture_is_refused_before_the_weights_are_fetched(hub, cache, files):
    config = json.loads(files["config.json"]) | {"architecture": "ResNet"}
    hub.add("a/b", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match="architecture is not CAEResNet"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in hub.log)


def test_a_hostile_config_is_refused_when_the_network_is_loaded(hub, cache, files):
    config = json.loads(files["config.json"]) | {"widths": [1_000_000, 16]}
    hub.add("a/b", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match="widths"):
        CAEResNet.from_pretrained(zoo.fetch("a/b", cache_dir=cache))


def test_weights_too_large_for_a_cae_resnet_are_not_fetched(hub, cache, files, monkeypatch):
    monkeypatch.setattr(client, "MAX_FILE_BYTES", 1000)
    hub.add("a/b", files)
    with pytest.raises(zoo.ZooError, match="too many for a CAE-ResNet"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in hub.log)


def test_pickles_are_neither_fetched_nor_loaded(hub, cache, files):
    hub.add("a/b", {"config.json": files["config.json"], "pytorch_model.bin": pickle.dumps({})})
    with pytest.raises(zoo.ZooError, match=r"has no model\.safetensors, and weights of any other kind are not taken"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(".bin" in line for line in hub.log)
    hub.add("a/c", files | {"model.safetensors": pickle.dumps({"weight": 1})})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/c", cache_dir=cache))


def test_weights_unknown_to_the_catalogue_are_verified_by_the_hubs_etag(hub, cache, files):
    hub.add("a/b", files)
    hub.fail("corrupt", "GET /storage")
    with pytest.raises(zoo.ZooError, match="came twice"):
        zoo.fetch("a/b", cache_dir=cache)


@pytest.mark.parametrize("name", ["a/b/c", "./nothing", "/nothing", "../a", "a/b@", "a/--b..c"])
def test_no_request_is_sent_for_what_cannot_be_a_repository(hub, name):
    with pytest.raises(zoo.ZooError, match=r"no folder|no name|no owner/repo"):
        zoo.fetch(name)
    assert hub.log == []
