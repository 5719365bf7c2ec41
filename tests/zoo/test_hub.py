"""Fetching from and publishing to the Hub: the real client over real HTTP, to a small Hub on this machine."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import zoo
from caesr import CAEResNet, load_family
from tests.conftest import ROOT, small
from tests.hub_server import OWNER, TOKEN
from tests.small_zoo import NAME, REPO
from zoo import catalogue
from zoo.cli import main

pytestmark = pytest.mark.slow

FETCH = [  # the requests of a first fetch, from a repository at a revision
    "HEAD /{repo}/resolve/{at}/config.json 200",
    "HEAD /{repo}/resolve/{commit}/model.safetensors 302",
    "HEAD /{repo}/resolve/{at}/config.json 200",
    "GET /{repo}/resolve/{at}/config.json 200",
    "HEAD /{repo}/resolve/{commit}/model.safetensors 302",
    "GET /storage/{oid}/model.safetensors 200",
]


def expected_requests(repo, at, commit, files):
    oid = hashlib.sha256(files["model.safetensors"]).hexdigest()
    return [line.format(repo=repo, at=at, commit=commit, oid=oid) for line in FETCH]


def test_the_first_fetch_asks_the_hub_and_the_second_sends_no_request(bare, cache, files):
    folder = zoo.fetch(NAME, cache_dir=cache)
    commit = zoo.info(NAME).revision
    assert bare.log == expected_requests(REPO, commit, commit, files)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
    bare.log.clear()
    assert zoo.fetch(NAME, cache_dir=cache) == folder
    assert zoo.fetch("lite", scale=2, cache_dir=cache) == folder
    assert bare.log == []


def test_progress_is_reported_while_the_weights_come(bare, cache, capsys, monkeypatch):
    reports = []
    zoo.fetch(NAME, cache_dir=cache, progress=lambda *report: reports.append(report))
    size = zoo.info(NAME).size
    assert reports[-1] == (size, size)
    assert all(done <= total == size for done, total in reports)
    reports.clear()
    zoo.fetch(NAME, cache_dir=cache, progress=lambda *report: reports.append(report))
    assert reports == []  # it is in the cache already
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache / "another"))
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=is_terminal: answer)
        shutil.rmtree(cache)
        assert main(["fetch", NAME]) == 0
        output = capsys.readouterr()
        assert output.out.strip().startswith(str(cache))
        assert (f"{NAME}: 0.0 of 0.0 MB" in output.err) == is_terminal


def test_the_hub_is_not_asked_for_what_is_not_published(hub, shipped):
    assert zoo.fetch(NAME) == shipped / NAME
    with pytest.raises(zoo.ZooError, match="not published"):
        zoo.fetch(NAME, revision="v1")
    assert hub.log == []


def test_another_revision_of_a_published_checkpoint_may_be_asked_for(published, cache, files):
    older = published.repositories[REPO].find("main")
    published.add(REPO, {"README.md": b"# Another"})
    assert zoo.fetch(NAME, revision="main", cache_dir=cache).name == published.repositories[REPO].find("main")
    assert zoo.fetch(NAME, cache_dir=cache).name == older


def test_two_processes_fetch_at_once_and_a_third_finds_the_files_offline(hub, tmp_path, files):
    hub.add("a/b", files)
    hub.fail("slow", "GET /storage", seconds=0.5)
    code = "import sys, zoo; assert 'huggingface_hub' not in sys.modules; print(zoo.fetch('a/b'))"
    environment = {
        "HF_ENDPOINT": hub.url,
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
    hub.log.clear()
    third = start(HF_HUB_OFFLINE="1")
    assert {third.communicate(timeout=60)[0]} == folders
    assert hub.log == []


def test_any_repository_can_be_fetched_and_loaded(hub, cache, files, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    commit = hub.add("any.body/net", files)
    hub.repositories["any.body/net"].tags["v1"] = commit
    for name in ("any.body/net", "any.body/net@v1", f"any.body/net@{commit}"):
        net = CAEResNet.from_pretrained(name)
        x = torch.rand(1, 3, 8, 8)
        assert torch.allclose(net(x), small(2)(x), atol=1e-6)
    hub.log.clear()
    assert load_family(f"any.body/net@{commit}")[0].config.scale == 2
    assert hub.log == []


def test_a_branch_that_moved_brings_both_files_of_the_new_commit(hub, cache, files):
    first = zoo.fetch("a/b", cache_dir=cache) if hub.add("a/b", files) else None
    small(3).save_pretrained(cache / "x3")
    newer = hub.add("a/b", {file.name: file.read_bytes() for file in (cache / "x3").iterdir()})
    second = zoo.fetch("a/b", cache_dir=cache)
    assert second.name == newer != first.name
    assert CAEResNet.from_pretrained(second).config.scale == 3


def publish(*arguments: str) -> int:
    return main(["publish", "--namespace", OWNER, *arguments])


def test_a_zoo_is_published_and_fetched_into_an_empty_cache(hub, shipped, cache, monkeypatch, capsys, caplog):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish() == 0
    assert hub.log.count(f"POST /api/models/{REPO}/commit/main 200") == 1
    repository = hub.repositories[REPO]
    entry = zoo.info(NAME)
    assert (entry.repo_id, entry.revision) == (REPO, repository.find("main"))
    assert repository.tags == {"v0.1.0": entry.revision}
    assert b"hf download someone/caesr-lite-x2" in repository.commits[entry.revision]["README.md"]
    uploaded = {path: content for path, content in repository.commits[entry.revision].items() if path[0] != "."}
    made = {name: uploaded.pop(name) for name in ("model.onnx", "example.png")}
    assert all(made.values())
    assert uploaded == {file.name: file.read_bytes() for file in (shipped / NAME).iterdir()}

    hub.log.clear()
    assert publish() == 0  # nothing changed: no commit
    assert not any("PUT" in line or "/commit/" in line or "/tag/" in line for line in hub.log)
    assert "unchanged" in capsys.readouterr().out
    assert zoo.info(NAME) == entry

    shutil.rmtree(shipped)
    hub.log.clear()
    for name in zoo.names():
        assert zoo.fetch(name, cache_dir=cache).name == zoo.info(name).revision
    assert len(hub.log) == 2 * len(FETCH)
    assert TOKEN not in "".join(capsys.readouterr()) + caplog.text


def test_other_weights_make_another_commit_and_the_tag_of_the_version_stays(hub, shipped, monkeypatch, caplog):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish(NAME) == 0
    first = zoo.info(NAME).revision
    small(2, encoder_blocks=(2, 1)).save_pretrained(shipped / NAME)
    assert main(["add", NAME]) == 0
    assert (zoo.info(NAME).repo_id, zoo.info(NAME).revision) == (REPO, "")
    assert publish(NAME) == 0
    assert zoo.info(NAME).revision not in ("", first)
    assert hub.repositories[REPO].tags == {"v0.1.0": first}
    assert f"stays at commit {first[:7]}" in caplog.text


def test_a_private_zoo_is_shown_only_to_those_who_may_see_it(hub, shipped, cache, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert publish("--private", NAME) == 0
    shutil.rmtree(shipped)
    assert zoo.fetch(NAME, cache_dir=cache).is_dir()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(zoo.ZooError, match=r"private|refuses"):
        zoo.fetch(NAME, cache_dir=cache / "another")


def test_a_dry_run_says_what_would_go_where_and_sends_nothing(hub, shipped, capsys):
    before = catalogue.CATALOGUE.read_text()
    assert publish("--dry-run") == 0
    assert "caesr-lite-x2: would go to someone/caesr-lite-x2" in capsys.readouterr().out
    assert hub.log == []
    assert catalogue.CATALOGUE.read_text() == before


def test_a_refused_publication_is_explained(hub, shipped, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert publish() == 2
    assert "hf auth login" in capsys.readouterr().err
    assert hub.log == []
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
    assert not (shipped / NAME / "README.md").exists()  # no card names a repository that does not exist


def test_a_folder_with_another_kind_of_name_is_not_added(shipped, capsys):
    (shipped / NAME).rename(shipped / "mine")
    assert main(["add", "mine"]) == 2
    assert "mine is not caesr-FAMILY-x2, of a family of lite" in capsys.readouterr().err


def test_a_pushed_network_can_be_fetched_and_loaded(hub, cache, monkeypatch):
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


def test_the_catalogue_accepts_only_commits_as_revisions(shipped):
    for repo_id, revision in ((REPO, "main"), ("", "0" * 40)):
        with pytest.raises(ValueError, match="not a commit"):
            replace(zoo.info(NAME), repo_id=repo_id, revision=revision)
