"""The Hub: what is fetched is what was published, and whatever goes wrong is said and survived.

The real client over real HTTP, to a small Hub on this machine.
"""

import hashlib
import json
import logging
import pickle
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

import zoo
from caesr import CAEResNet
from caesr.checkpoint import CheckpointError
from tests.conftest import ROOT, small
from tests.hub_server import OWNER, PAGE, TOKEN, Hub
from zoo import catalogue, client, hub, space
from zoo.__main__ import main

NAME, REPO = "caesr-lite-x2", "someone/caesr-lite-x2"
FETCH = [  # the requests of a first fetch, from a repository at a revision
    "HEAD /{repo}/resolve/{at}/config.json 200",
    "HEAD /{repo}/resolve/{commit}/model.safetensors 302",
    "HEAD /{repo}/resolve/{at}/config.json 200",
    "GET /{repo}/resolve/{at}/config.json 200",
    "HEAD /{repo}/resolve/{commit}/model.safetensors 302",
    "GET /storage/{oid}/model.safetensors 200",
]


@pytest.fixture
def server(monkeypatch):
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(client, "unanswered", {})
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def nets(tmp_path_factory):
    """The checkpoints of a zoo with two members."""
    folder = tmp_path_factory.mktemp("nets")
    for scale in (2, 4):
        small(scale).save_pretrained(folder / f"caesr-lite-x{scale}")
    return folder


@pytest.fixture
def files(nets):
    """The files of one of them, by name."""
    return {file.name: file.read_bytes() for file in (nets / NAME).iterdir()}


@pytest.fixture
def shipped(nets, tmp_path, monkeypatch):
    """That zoo: its members ship and are not published."""
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "catalogue.json")
    monkeypatch.setattr(catalogue, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(space, "README", tmp_path / "README.md")  # there is none, so none is written
    shutil.copytree(nets, catalogue.CHECKPOINTS)
    folders = sorted(catalogue.CHECKPOINTS.iterdir())
    catalogue.write({folder.name: catalogue.describe(folder, {}) for folder in folders})
    return catalogue.CHECKPOINTS


@pytest.fixture
def published(server, shipped):
    """The same on the Hub."""
    entries = catalogue.read()
    for name, entry in entries.items():
        repo = f"someone/{name}"
        commit = server.add(repo, {file.name: file.read_bytes() for file in (shipped / name).iterdir()})
        entries[name] = replace(entry, repo_id=repo, revision=commit)
    catalogue.write(entries)
    return server


@pytest.fixture
def bare(published, shipped):
    """On the Hub only."""
    shutil.rmtree(shipped)
    return published


def expected(repo, at, commit, files):
    oid = hashlib.sha256(files["model.safetensors"]).hexdigest()
    return [line.format(repo=repo, at=at, commit=commit, oid=oid) for line in FETCH]


def test_the_first_fetch_asks_the_hub_and_the_second_nobody(bare, cache, files):
    folder = zoo.fetch(NAME, cache_dir=cache)
    commit = zoo.info(NAME).revision
    assert bare.log == expected(REPO, commit, commit, files)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
    bare.log.clear()
    assert zoo.fetch(NAME, cache_dir=cache) == folder
    assert zoo.fetch("lite", scale=2, cache_dir=cache) == folder
    assert bare.log == []


def test_whoever_waits_is_told_how_much_has_come(bare, cache, capsys, monkeypatch):
    told = []
    zoo.fetch(NAME, cache_dir=cache, progress=lambda *bytes_: told.append(bytes_))
    size = zoo.info(NAME).size
    assert told[-1] == (size, size)
    assert all(done <= total == size for done, total in told)
    told.clear()
    zoo.fetch(NAME, cache_dir=cache, progress=lambda *bytes_: told.append(bytes_))
    assert told == []  # it is there already
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache / "another"))
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda here=terminal: here)
        shutil.rmtree(cache)
        assert main(["fetch", NAME]) == 0
        output = capsys.readouterr()
        assert output.out.strip().startswith(str(cache))
        assert (f"{NAME}: 0.0 of 0.0 MB" in output.err) == terminal


def test_the_hub_is_not_asked_for_what_is_not_published(server, shipped):
    assert zoo.fetch(NAME) == shipped / NAME
    with pytest.raises(zoo.ZooError, match="not published"):
        zoo.fetch(NAME, revision="v1")
    assert server.log == []


def test_another_revision_of_a_published_checkpoint_may_be_asked_for(published, cache, files):
    older = published.repositories[REPO].find("main")
    published.add(REPO, {"README.md": b"# Another"})
    assert zoo.fetch(NAME, revision="main", cache_dir=cache).name == published.repositories[REPO].find("main")
    assert zoo.fetch(NAME, cache_dir=cache).name == older


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


def test_a_page_stored_as_weights_is_refused_by_its_content(server, cache, files):
    server.add("a/b", files | {"model.safetensors": PAGE})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/b", cache_dir=cache))


def test_a_hub_that_hangs_is_asked_once_by_the_whole_family(published, monkeypatch, caplog):
    monkeypatch.setattr(client, "ANSWER", 0.3)
    published.fail("slow", seconds=2)
    assert [net.config.scale for net in zoo.load_family("lite")] == [2, 4]
    assert "does not answer" in caplog.text
    assert "did not answer a moment ago" in caplog.text


def test_where_nobody_is_the_shipped_copy_is_used_at_once(published, monkeypatch, cache, caplog):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert zoo.fetch(NAME, cache_dir=cache) == catalogue.CHECKPOINTS / NAME
    assert "http://127.0.0.1:9 does not answer" in caplog.text


def test_nobody_waits_for_weights_that_crawl_and_the_next_time_they_are_there(published, cache, monkeypatch, caplog):
    monkeypatch.setattr(hub, "PATIENCE", 0.4)
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


def test_two_processes_fetch_at_once_and_a_third_offline_has_what_they_fetched(server, tmp_path, files):
    server.add("a/b", files)
    server.fail("slow", "GET /storage", seconds=0.5)
    code = "import sys, zoo; assert 'huggingface_hub' not in sys.modules; zoo.load('a/b'); print(zoo.fetch('a/b'))"
    environment = {
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_XET": "1",
        "PATH": "/usr/bin:/bin",
    }

    def start(**more):
        command = [sys.executable, "-c", code]
        return subprocess.Popen(command, cwd=ROOT, env=environment | more, stdout=subprocess.PIPE, text=True)

    both = [start(), start()]
    folders = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    server.log.clear()
    third = start(HF_HUB_OFFLINE="1")
    assert {third.communicate(timeout=60)[0]} == folders
    assert server.log == []


def test_anybodys_repository_can_be_fetched_and_loaded(server, cache, files, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    commit = server.add("any.body/net", files)
    server.repositories["any.body/net"].tags["v1"] = commit
    for name in ("any.body/net", "any.body/net@v1", f"any.body/net@{commit}"):
        net = CAEResNet.from_pretrained(name)
        x = torch.rand(1, 3, 8, 8)
        assert torch.allclose(net(x), small(2)(x), atol=1e-6)
    server.log.clear()
    assert zoo.load_family(f"any.body/net@{commit}")[0].config.scale == 2
    assert server.log == []


def test_a_branch_that_moved_brings_both_files_of_the_new_commit(server, cache, files):
    first = zoo.fetch("a/b", cache_dir=cache) if server.add("a/b", files) else None
    small(3).save_pretrained(cache / "x3")
    newer = server.add("a/b", {file.name: file.read_bytes() for file in (cache / "x3").iterdir()})
    second = zoo.fetch("a/b", cache_dir=cache)
    assert second.name == newer != first.name
    assert CAEResNet.from_pretrained(second).config.scale == 3


def test_without_the_hub_a_repository_fetched_earlier_is_used_and_that_is_said(server, cache, files, caplog):
    server.add("a/b", files)
    folder = zoo.fetch("a/b", cache_dir=cache)
    server.fail(503)
    assert zoo.fetch("a/b", cache_dir=cache) == folder
    assert f"Using commit {folder.name[:7]}, fetched earlier" in caplog.text


def test_a_hostile_config_is_refused_before_the_weights_are_fetched(server, cache, files):
    config = json.loads(files["config.json"]) | {"widths": [1_000_000, 16]}
    server.add("a/b", files | {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match="widths"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in server.log)


def test_weights_too_large_for_any_network_of_ours_are_not_fetched(server, cache, files, monkeypatch):
    monkeypatch.setattr(client, "LARGEST", 1000)
    server.add("a/b", files)
    with pytest.raises(zoo.ZooError, match="too many for a CAE-ResNet"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(line.startswith("GET /storage") for line in server.log)


def test_pickles_are_not_fetched_and_not_loaded(server, cache, files):
    server.add("a/b", {"config.json": files["config.json"], "pytorch_model.bin": pickle.dumps({})})
    with pytest.raises(zoo.ZooError, match=r"has no model\.safetensors, and weights of any other kind are not taken"):
        zoo.fetch("a/b", cache_dir=cache)
    assert not any(".bin" in line for line in server.log)
    server.add("a/c", files | {"model.safetensors": pickle.dumps({"weight": 1})})
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        CAEResNet.from_pretrained(zoo.fetch("a/c", cache_dir=cache))


def test_anybodys_weights_are_verified_by_the_name_that_the_hub_gives_them(server, cache, files):
    server.add("a/b", files)
    server.fail("corrupt", "GET /storage")
    with pytest.raises(zoo.ZooError, match="came twice"):
        zoo.fetch("a/b", cache_dir=cache)


@pytest.mark.parametrize("name", ["a/b/c", "./nothing", "/nothing", "../a", "a/b@", "a/--b..c"])
def test_what_is_no_name_of_a_repository_is_said_and_not_asked_for(server, name):
    with pytest.raises(zoo.ZooError, match=r"no folder|no name|no owner/repo"):
        zoo.fetch(name)
    assert server.log == []


def publish(*arguments):
    return main(["publish", "--namespace", OWNER, *arguments])


def test_a_zoo_is_published_and_fetched_into_an_empty_cache(server, shipped, cache, monkeypatch, capsys, caplog):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish() == 0
    assert server.log.count(f"POST /api/models/{REPO}/commit/main 200") == 1
    repository = server.repositories[REPO]
    entry = zoo.info(NAME)
    assert (entry.repo_id, entry.revision) == (REPO, repository.find("main"))
    assert repository.tags == {"v0.1.0": entry.revision}
    assert b"hf download someone/caesr-lite-x2" in repository.commits[entry.revision]["README.md"]
    uploaded = {path: content for path, content in repository.commits[entry.revision].items() if path[0] != "."}
    assert uploaded == {file.name: file.read_bytes() for file in (shipped / NAME).iterdir()}

    server.log.clear()
    assert publish() == 0  # nothing changed: no commit
    assert not any("PUT" in line or "/commit/" in line or "/tag/" in line for line in server.log)
    assert "unchanged" in capsys.readouterr().out
    assert zoo.info(NAME) == entry

    shutil.rmtree(shipped)
    server.log.clear()
    for name in zoo.names():
        assert zoo.fetch(name, cache_dir=cache).name == zoo.info(name).revision
    assert len(server.log) == 2 * len(FETCH)
    assert TOKEN not in "".join(capsys.readouterr()) + caplog.text


def test_other_weights_make_another_commit_and_the_tag_of_the_version_stays(server, shipped, monkeypatch, caplog):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish(NAME) == 0
    first = zoo.info(NAME).revision
    small(2, encoder_blocks=(2, 1)).save_pretrained(shipped / NAME)
    assert main(["add", NAME]) == 0
    assert (zoo.info(NAME).repo_id, zoo.info(NAME).revision) == (REPO, "")
    assert publish(NAME) == 0
    assert zoo.info(NAME).revision not in ("", first)
    assert server.repositories[REPO].tags == {"v0.1.0": first}
    assert f"stays at commit {first[:7]}" in caplog.text


def test_a_private_zoo_is_shown_only_to_those_who_may_see_it(server, shipped, cache, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish("--private", NAME) == 0
    shutil.rmtree(shipped)
    assert zoo.fetch(NAME, cache_dir=cache).is_dir()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(zoo.ZooError, match=r"private|refuses"):
        zoo.fetch(NAME, cache_dir=cache / "another")


def test_a_dry_run_says_what_would_go_where_and_sends_nothing(server, shipped, capsys):
    before = catalogue.CATALOGUE.read_text()
    assert publish("--dry-run") == 0
    assert "caesr-lite-x2: would go to someone/caesr-lite-x2" in capsys.readouterr().out
    assert server.log == []
    assert catalogue.CATALOGUE.read_text() == before


def test_who_may_not_publish_is_told_why(server, shipped, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert publish() == 2
    assert "hf auth login" in capsys.readouterr().err
    assert server.log == []
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["publish", "--namespace", "another"]) == 2
    assert "may not write there" in capsys.readouterr().err
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert publish() == 2
    error = capsys.readouterr().err
    assert "not valid" in error
    assert "hf_wrong" not in error
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert publish() == 2
    assert "does not answer" in capsys.readouterr().err
    assert zoo.info(NAME).revision == ""


def test_a_network_is_pushed_and_comes_back(server, cache, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    commit = small(3).push_to_hub("someone/mine", minutes=3)
    folder = zoo.fetch("someone/mine", cache_dir=cache)
    assert folder.name == commit
    x = torch.rand(1, 3, 8, 8)
    assert torch.allclose(CAEResNet.from_pretrained(folder)(x), small(3)(x), atol=1e-6)
    with pytest.raises(zoo.ZooError, match="may not write there"):
        small(3).push_to_hub("another/mine")


def test_the_list_says_what_is_shipped_cached_and_published(published, cache, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    zoo.fetch(NAME)
    published.log.clear()
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip().startswith("shipped, cached, published as someone/caesr-lite-x2@")
    assert lines[3].strip().startswith("shipped, published as")
    assert published.log == []


def test_a_revision_that_is_no_commit_is_not_accepted_into_the_catalogue(shipped):
    for repo_id, revision in ((REPO, "main"), ("", "0" * 40)):
        with pytest.raises(ValueError, match="not a commit"):
            replace(zoo.info(NAME), repo_id=repo_id, revision=revision)
