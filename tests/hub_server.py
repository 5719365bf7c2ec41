"""A small Hub on 127.0.0.1: the part of the Hub's protocol that fetching and publishing need, and its failures.

It keeps repositories in memory, logs every request, and can be told to fail. Like the real Hub it answers requests for
large files with a redirect to another host name. `python tests/hub_server.py` serves until stopped; HF_ENDPOINT then
leads any client to it.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN, OWNER = "hf_made_up_for_the_tests", "someone"  # the token that may write, and the namespace
PAGE = b"<!DOCTYPE html><html><body>Sign in to this network</body></html>"


def git_oid(content: bytes) -> str:
    """Return git's id of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def oid(path: str, content: bytes) -> str:
    """Return the Hub's id of a file: its SHA-256 if it is a large one, else git's."""
    return hashlib.sha256(content).hexdigest() if is_large(path) else git_oid(content)


def is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".bin"))


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # id -> path -> content, oldest first
    tags: dict[str, str] = field(default_factory=dict)  # name -> commit
    sdk: str = ""  # of a Space

    def commit(self, files: dict[str, bytes], deleted: Collection[str] = ()) -> str:
        """Add a commit on main; returns its id."""
        head = list(self.commits.values())[-1] if self.commits else {}
        identity = hashlib.sha1(
            repr((len(self.commits), sorted(files), sorted(deleted))).encode() + b"".join(files.values())
        ).hexdigest()
        self.commits[identity] = {path: content for path, content in head.items() if path not in deleted} | files
        return identity

    def find(self, revision: str) -> str | None:
        """Return the commit of a revision, None if there is none."""
        if revision == "main":
            return list(self.commits)[-1] if self.commits else None
        revision = self.tags.get(revision, revision)
        return revision if revision in self.commits else None


@dataclass
class Fault:
    kind: int | str  # a status, or "corrupt", "cut", "html", "slow"
    where: str  # the requests that fail: a regular expression for "METHOD /path"
    times: int = 1 << 30
    code: str = ""  # X-Error-Code
    seconds: float = 0.0


class Hub(ThreadingHTTPServer):
    """The server, as a context manager; `log` has a line per request: METHOD path status."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, Repository] = {}
        self.stored: dict[str, bytes] = {}  # large files by SHA-256
        self.faults: list[Fault] = []
        self.log: list[str] = []

    def __enter__(self) -> "Hub":
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def add(self, repo: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """Put files into a repository; returns the commit."""
        self.stored |= {hashlib.sha256(c).hexdigest(): c for path, c in files.items() if is_large(path)}
        return self.repositories.setdefault(repo, Repository(private)).commit(files)

    def fail(self, kind: int | str, where: str = "", **more: Any) -> None:
        """Fail from now on where `where` matches."""
        self.faults.append(Fault(kind, where, **more))

    def handle_error(self, *_: object) -> None:
        """Ignore clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub
    routes: list[tuple[str, Callable]] = []  # noqa: RUF012

    def do(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        self.path = unquote(urlsplit(self.path).path)
        self.fault = next((f for f in self.server.faults if re.search(f.where, f"{self.command} {self.path}")), None)
        if self.fault:
            self.fault.times -= 1
            if not self.fault.times:
                self.server.faults.remove(self.fault)
            if self.fault.kind == "slow":
                time.sleep(self.fault.seconds)
            if isinstance(self.fault.kind, int):
                return self.refuse(self.fault.kind, self.fault.code)
            if self.fault.kind == "html":
                return self.answer(200, PAGE, {"Content-Type": "text/html"})
        for route, run in self.routes:
            if match := re.fullmatch(route, f"{self.command} {self.path}"):
                return run(self, *match.groups())
        self.refuse(404, "RepoNotFound")

    do_HEAD = do_GET = do_POST = do_PUT = do

    def answer(self, status: int, content: bytes | dict | list = b"", headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.server.log.append(f"{self.command} {self.path} {status}")
        kind = self.fault.kind if self.fault else ""
        if kind == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if kind == "cut" else body)
        self.close_connection = kind == "cut"

    def refuse(self, status: int, code: str = "") -> None:
        self.answer(status, {"error": code or str(status)}, {"X-Error-Code": code} if code else {})

    @property
    def may_write(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def look_up(self, repo: str, revision: str) -> tuple[Repository, str] | None:
        """Return the repository and commit; None if there is none, which the client has then been answered."""
        repository = self.server.repositories.get(repo)
        if repository is None or (repository.private and not self.may_write):
            self.refuse(404 if self.may_write else 401, "RepoNotFound")
        elif not (commit := repository.find(revision)):
            self.refuse(404, "RevisionNotFound")
        else:
            return repository, commit
        return None

    def resolve(self, repo: str, revision: str, path: str) -> None:
        if not (found := self.look_up(repo, revision)):
            return
        repository, commit = found
        if path not in repository.commits[commit]:
            return self.refuse(404, "EntryNotFound")
        content = repository.commits[commit][path]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{oid(path, content)}"'}
        if not is_large(path):
            return self.answer(200, content, headers)
        storage = f"http://localhost:{self.server.server_port}/storage/{oid(path, content)}/{path}"
        linked = {"X-Linked-ETag": headers["ETag"], "X-Linked-Size": str(len(content)), "Location": storage}
        self.answer(302, b"", headers | linked)

    def storage(self, sha256: str) -> None:
        assert "Authorization" not in self.headers, "the token went to another host"
        self.answer(200, self.server.stored[sha256])

    def info(self, repo: str, revision: str | None = None) -> None:
        if found := self.look_up(repo, revision or "main"):
            repository, commit = found
            siblings = [{"rfilename": path} for path in repository.commits[commit]]
            self.answer(200, {"id": repo, "sha": commit, "private": repository.private, "siblings": siblings})

    def tree(self, repo: str, revision: str) -> None:
        if found := self.look_up(repo, revision):
            files = found[0].commits[found[1]].items()
            self.answer(200, [{"type": "file", "path": p, "size": len(c), "oid": oid(p, c)} for p, c in files])

    def refs(self, repo: str) -> None:
        tags = self.server.repositories[repo].tags.items()
        named = [{"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit} for name, commit in tags]
        self.answer(200, {"branches": [], "converts": [], "tags": named})

    def create(self) -> None:
        wanted = json.loads(self.body)
        repo = f"{wanted['organization']}/{wanted['name']}"
        if wanted.get("type") == "space":
            repo = f"spaces/{repo}"
        if not self.may_write or wanted["organization"] != OWNER:
            return self.refuse(403 if self.may_write else 401)
        if repo in self.server.repositories:
            return self.answer(409, {"url": f"{self.server.url}/{repo}"})
        self.server.add(repo, {".gitattributes": b"*.safetensors filter=lfs\n"})
        self.server.repositories[repo].private = wanted.get("visibility") == "private"
        self.server.repositories[repo].sdk = wanted.get("sdk", "")
        self.answer(200, {"url": f"{self.server.url}/{repo}"})

    def preupload(self, repo: str, revision: str) -> None:
        if found := self.look_up(repo, revision):
            held = found[0].commits[found[1]]
            files = []
            for path in (file["path"] for file in json.loads(self.body)["files"]):
                mode = "lfs" if is_large(path) else "regular"
                known = oid(path, held[path]) if path in held else None
                files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": known})
            self.answer(200, {"files": files})

    def batch(self, _: str) -> None:
        objects = [{"oid": o["oid"], "size": o["size"]} for o in json.loads(self.body)["objects"]]
        for o in objects:
            if o["oid"] not in self.server.stored:
                o["actions"] = {"upload": {"href": f"{self.server.url}/storage/{o['oid']}"}}
        self.answer(200, {"transfer": "basic", "objects": objects})

    def store(self, sha256: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == sha256, "an upload arrived damaged"
        self.server.stored[sha256] = self.body
        self.answer(200)

    def commit(self, repo: str, _: str) -> None:
        files: dict[str, bytes] = {}
        deleted = []
        for line in self.body.splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
            elif item["key"] == "lfsFile":
                files[item["value"]["path"]] = self.server.stored[item["value"]["oid"]]
            elif item["key"] == "deletedFile":
                deleted.append(item["value"]["path"])
        commit = self.server.repositories[repo].commit(files, deleted)
        self.answer(200, {"commitOid": commit, "commitUrl": f"{self.server.url}/{repo}/commit/{commit}"})

    def tag(self, repo: str, revision: str) -> None:
        if found := self.look_up(repo, revision):
            found[0].tags[json.loads(self.body)["tag"]] = found[1]
            self.answer(200, {})

    def log_message(self, *_: object) -> None:
        """Print nothing: `Hub.log` has the requests."""


REPO = r"((?:spaces/)?[^/]+/[^/]+)"  # a Space's name begins with spaces/, here and in its addresses
API = rf"/api/(?:models/)?{REPO}"
Handler.routes = [
    (rf"(?:HEAD|GET) /{REPO}/resolve/([^/]+)/(.+)", Handler.resolve),
    (r"GET /storage/(\w+)/.+", Handler.storage),
    (r"PUT /storage/(\w+)", Handler.store),
    (rf"GET {API}", Handler.info),
    (rf"GET {API}/revision/([^/]+)", Handler.info),
    (rf"GET {API}/tree/([^/]+)", Handler.tree),
    (rf"GET {API}/refs", Handler.refs),
    (r"POST /api/repos/create", Handler.create),
    (r"POST /api/validate-yaml", lambda handler: handler.answer(200, {"errors": [], "warnings": []})),
    (rf"POST {API}/preupload/([^/]+)", Handler.preupload),
    (rf"POST /{REPO}\.git/info/lfs/objects/batch", Handler.batch),
    (rf"POST {API}/commit/([^/]+)", Handler.commit),
    (rf"POST {API}/tag/([^/]+)", Handler.tag),
]


def publish_by_hand(folder: Path, server: Hub | None = None) -> None:
    """Make the catalogue of a copy of the project say that every checkpoint is published; upload them to `server`."""
    file = folder / "zoo" / "catalogue.json"
    entries = json.loads(file.read_text())
    for entry in entries:
        files = {f.name: f.read_bytes() for f in (folder / "zoo" / "checkpoints" / entry["name"]).iterdir()}
        entry["repo_id"] = f"someone/{entry['name']}"
        entry["revision"] = server.add(entry["repo_id"], files) if server else "1" * 40
    file.write_text(json.dumps(entries))


if __name__ == "__main__":
    with Hub(8800) as hub:
        print(f"HF_ENDPOINT={hub.url} HF_TOKEN={TOKEN} HF_HUB_DISABLE_XET=1, namespace {OWNER}")  # noqa: T201
        while True:
            time.sleep(60)
