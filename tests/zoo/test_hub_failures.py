"""The Hub, when it refuses, fails, lies or is not there: whatever goes wrong is said and survived.

The real client over real HTTP, to a small Hub on this machine.
"""

import json
import logging
import pickle
import resource
import sys
import time

import pytest

import zoo
from caesr import CAEResNet
from caesr.model.family import load_family
from tests.hub_server import PAGE
from tests.small_zoo import NAME, REPO
from zoo import catalogue, client
from zoo.checkpoint_files import CheckpointError


def test_weights_damaged_on_their_way_are_fetched_again(bare, cache):
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


def test_where_the_hub_sends_damaged_weights_the_shipped_ones_are_used_and_that_is_said(published, cache, caplog):
    published.fail("corrupt", "GET /storage")
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "Using the copy that ships" in caplog.text


def test_a_copy_that_was_damaged_in_the_cache_is_replaced(bare, cache):
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
def test_a_hub_that_refuses_or_fails_is_explained_at_once_with_what_to_do(bare, cache, fault, words):
    kind, code = fault
    bare.fail(kind, code=code)
    with pytest.raises(zoo.ZooError, match=words) as error:
        zoo.fetch(NAME, cache_dir=cache)
    assert len(bare.log) == 1  # asked once: huggingface_hub's own retries would be seconds of waiting
    command = f"hf download {REPO} config.json model.safetensors --revision {zoo.info(NAME).revision}"
    assert command in str(error.value)


@pytest.mark.parametrize("kind", [401, 404, 429, 503, "html"])
def test_a_hub_that_fails_leaves_the_shipped_copy_and_that_is_said(published, cache, caplog, kind):
    published.fail(kind)
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert [record.levelno for record in caplog.records if record.name == "caesr.zoo"] == [logging.WARNING]


def test_a_line_that_breaks_once_is_survived(bare, cache):
    bare.fail("cut", "GET /storage", times=1)
    assert CAEResNet.from_pretrained(zoo.fetch(NAME, cache_dir=cache))


def test_a_line_that_keeps_breaking_is_given_up(bare, cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # between its attempts
    bare.fail("cut", "GET /storage")
    with pytest.raises(zoo.ZooError, match="broke off"):
        zoo.fetch(NAME, cache_dir=cache)
    assert not list(cache.rglob("*.incomplete"))


def test_a_page_in_the_place_of_the_weights_is_refused(bare, cache):
    bare.fail("html", "GET /storage")
    with pytest.raises(zoo.ZooError, match=r"model\.safetensors did not come whole"):
        zoo.fetch(NAME, cache_dir=cache)


def test_a_page_stored_as_weights_is_refused_by_its_content(hub, cache, files):
    hub.add("a/b", files | {"model.safetensors": PAGE})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/b", cache_dir=cache))


def test_a_hub_that_hangs_is_asked_once_by_the_whole_family(published, monkeypatch, caplog):
    monkeypatch.setattr(client, "ANSWER", 0.3)
    published.fail("slow", seconds=2)
    assert [net.config.scale for net in load_family("lite")] == [2, 4]
    assert "does not answer" in caplog.text
    assert "did not answer a moment ago" in caplog.text


def test_where_nobody_is_the_shipped_copy_is_used_at_once(published, monkeypatch, cache, caplog):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "http://127.0.0.1:9 does not answer" in caplog.text


def test_nobody_waits_for_weights_that_crawl_and_the_next_time_they_are_there(published, cache, monkeypatch, caplog):
    monkeypatch.setattr(zoo.hub, "PATIENCE", 0.4)
    published.fail("slow", "GET /storage", seconds=1)
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "takes longer" in caplog.text
    deadline = time.monotonic() + 10
    while zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME and time.monotonic() < deadline:
        time.sleep(0.2)
    assert zoo.fetch(NAME, cache_dir=cache).is_relative_to(cache)


def test_a_full_disk_is_said(bare, cache):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = zoo.info(NAME).size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limit[1]))  # a file of this size cannot be written
    try:
        with pytest.raises(zoo.ZooError, match=r"model\.safetensors cannot be written to the cache .*HF_HOME"):
            zoo.fetch(NAME, cache_dir=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert zoo.fetch(NAME, cache_dir=cache).is_dir()


def test_a_cache_that_cannot_be_written_is_said(bare, tmp_path):
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


def test_offline_the_hub_is_not_asked(published, cache, caplog, monkeypatch):
    assert zoo.fetch(NAME, cache_dir=cache, offline=True) == catalogue.CHECKPOINTS / NAME
    assert "offline" in caplog.text
    monkeypatch.setattr(catalogue, "CHECKPOINTS", cache / "nothing")
    with pytest.raises(zoo.ZooError, match=r"offline.*hf download"):
        zoo.fetch(NAME, cache_dir=cache, offline=True)
    assert published.log == []


def test_without_the_client_the_shipped_copy_is_used_and_that_is_said(published, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert zoo.fetch(NAME) == catalogue.CHECKPOINTS / NAME
    assert "huggingface_hub is not installed" in caplog.text


def test_without_the_hub_a_repository_fetched_earlier_is_used_and_that_is_said(hub, cache, files, caplog):
    hub.add("a/b", files)
    folder = zoo.fetch("a/b", cache_dir=cache)
    hub.fail(503)
    assert zoo.fetch("a/b", cache_dir=cache) == folder
    assert f"Using commit {folder.name[:7]}, fetched earlier" in caplog.text


def test_a_hostile_config_is_refused_before_the_weights_are_fetched(hub, cache, files):
    config = json.loads(files["config.json"]) | {"widths": [1_000_000, 16]}
    hub.add("a/b", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match="widths"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in hub.log)


def test_weights_too_large_for_any_network_of_ours_are_not_fetched(hub, cache, files, monkeypatch):
    monkeypatch.setattr(client, "LARGEST", 1000)
    hub.add("a/b", files)
    with pytest.raises(zoo.ZooError, match="too many for a CAE-ResNet"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in hub.log)


def test_pickles_are_not_fetched_and_not_loaded(hub, cache, files):
    hub.add("a/b", {"config.json": files["config.json"], "pytorch_model.bin": pickle.dumps({})})
    with pytest.raises(zoo.ZooError, match=r"has no model\.safetensors, and weights of any other kind are not taken"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(".bin" in line for line in hub.log)
    hub.add("a/c", files | {"model.safetensors": pickle.dumps({"weight": 1})})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/c", cache_dir=cache))


def test_anybodys_weights_are_verified_by_the_name_that_the_hub_gives_them(hub, cache, files):
    hub.add("a/b", files)
    hub.fail("corrupt", "GET /storage")
    with pytest.raises(zoo.ZooError, match="came twice"):
        zoo.fetch("a/b", cache_dir=cache)


@pytest.mark.parametrize("name", ["a/b/c", "./nothing", "/nothing", "../a", "a/b@", "a/--b..c"])
def test_what_is_no_name_of_a_repository_is_said_and_not_asked_for(hub, name):
    with pytest.raises(zoo.ZooError, match=r"no folder|no name|no owner/repo"):
        zoo.fetch(name)
    assert hub.log == []
