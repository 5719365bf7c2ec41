"""The page that upscales in the visitor's own browser: a folder of files for any web server, or a static Space.

Its sources are in zoo/browser; the viewer is that of caesr/page. The runtime, onnxruntime-web, comes from npm and the
networks are ONNX files; both are verified by their hashes and get names that hold their content.
"""

import base64
import hashlib
import json
import os
import shutil
import tarfile
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import catalogue, export, hub
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import sha256, write_atomically
from zoo.messages import Message

MODELS = ("caesr-photo-x4", "caesr-lite-x2", "caesr-lite-x3", "caesr-lite-x4", "caesr-texture-x4")
RUNTIME = "onnxruntime-web-1.30.0"
RUNTIME_URL = f"https://registry.npmjs.org/onnxruntime-web/-/{RUNTIME}.tgz"
RUNTIME_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # npm's
RUNTIME_FILES = (
    "ort.wasm.min.mjs",  # on the CPU
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",  # on a graphics card
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
TIMEOUT_SECONDS = 60.0

SOURCES = catalogue.HERE / "browser"
PAGE = catalogue.HERE.parent / "caesr" / "page"  # whose viewer and example are used; nothing of it is imported
SERVICE_WORKER, CONTENTS = "sw.js", "contents.js"

README = """---
title: CAESR
emoji: 🔍
colorFrom: green
colorTo: blue
sdk: static
app_file: index.html
license: apache-2.0
short_description: Upscale photos in your own browser
custom_headers:
  cross-origin-embedder-policy: require-corp
  cross-origin-opener-policy: same-origin
  cross-origin-resource-policy: cross-origin
{models}---

# CAESR in the browser

A page that makes photos two to four times larger and sharper. All work is done by the visitor's browser: no picture is
sent anywhere. Any web server can serve this folder, under any path; it was written by `zoo site`.

`{runtime}` is ONNX Runtime Web, copyright Microsoft Corporation, under the MIT licence. All else is under the Apache
License 2.0.
"""


def write_site(out: Path, models: Path | None = None, runtime: Path | None = None) -> list[Path]:
    """Write the page into a folder, replacing one written before; returns its files.

    Args:
        out: a new folder, an earlier page, or the checkout of a Space, whose hidden files are kept.
        models: the folder with NAME.onnx for each of `MODELS`, as `zoo export` writes them. By default they come from
            the published checkpoints, or are made, which needs `caesr[onnx]`.
        runtime: the file that `npm pack` writes of `RUNTIME`; by default it is downloaded once and cached.
    Raises:
        ZooError: the runtime or a network cannot be had, or is not the expected one; or the folder holds other things.
    """
    others = [file for file in out.glob("*") if not file.name.startswith(".") and file.name != "README.md"]
    if others and not (out / CONTENTS).exists():
        raise ZooError(Message("{folder} holds other files. Name a new folder or an empty one.", folder=out))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_page(folder)
        page = ["./", *sorted(name for name in list_files(folder) if name != SERVICE_WORKER)]
        described = [write_model(catalogue.info(name), models, folder) for name in MODELS]
        unpack_runtime(runtime or download_runtime(), folder / RUNTIME)
        (folder / "models.json").write_text(json.dumps({"runtime": f"{RUNTIME}/", "models": described}, indent=1))
        assets = [name for name in list_files(folder) if "/" in name]
        page.append("models.json")
        contents = {"version": content_hash([folder / name for name in page[1:]]), "page": page, "assets": assets}
        (folder / CONTENTS).write_text(f"self.CONTENTS = {json.dumps(contents, indent=1)};\n")
        write_readme(folder)
        shutil.rmtree(out / "models", ignore_errors=True)
        for old in out.glob("onnxruntime-web-*"):
            shutil.rmtree(old)
        shutil.copytree(folder, out, dirs_exist_ok=True)
        return [out / name for name in list_files(folder)]


def write_page(folder: Path) -> None:
    """Write what is neither runtime nor network."""
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    shutil.copy(PAGE / "first_sight" / "before.jpg", folder / "example-before.jpg")
    shutil.copy(PAGE / "first_sight" / "after.webp", folder / "example-after.webp")
    shutil.copy(PAGE / "before_after.css", folder / "viewer.css")
    html, script = ((PAGE / f"before_after.{suffix}").read_text() for suffix in ("html", "js"))
    # Gradio runs the script with these names; here they are parameters.
    wrapped = f"export function createViewer(element, props, trigger, watch) {{\n{script}}}\n"
    (folder / "viewer.js").write_text(f"export const HTML = {json.dumps(html)};\n{wrapped}")


def write_model(entry: Entry, models: Path | None, folder: Path) -> dict[str, str | int]:
    """Write a network into `models/`, and return what the page has to know of it."""
    with TemporaryDirectory() as temporary:
        file = find_model(entry, models, Path(temporary))
        export.check_onnx(entry, file)
        properties = read_properties(file.read_bytes())
        name = f"models/{entry.name}-{sha256(file)[:8]}.onnx"
        (folder / "models").mkdir(exist_ok=True)
        shutil.copy(file, folder / name)
    sides = {key: int(properties[key]) for key in ("scale", "stride", "halo")}
    return {"name": entry.name, "family": entry.family, "file": name, **sides}


def find_model(entry: Entry, models: Path | None, temporary: Path) -> Path:
    """Return the ONNX file of a checkpoint; one that is nowhere is made in a temporary folder."""
    if models:
        file = models / export.file_name(entry.name, "float32")
        if not file.is_file():
            raise ZooError(Message("{file} is missing. Write it by `zoo export`.", file=file))
        return file
    folder = hub.fetch(entry.name)
    if (folder / export.MODEL).is_file():
        return folder / export.MODEL
    export.export_onnx(folder, temporary / export.MODEL, entry=entry)
    return temporary / export.MODEL


def read_properties(model: bytes) -> dict[str, str]:
    """Return the metadata of an ONNX file: field 14 of a ModelProto, each a pair of strings."""
    pairs = [dict(protobuf_fields(value)) for number, value in protobuf_fields(model) if number == 14]
    return {pair[1].decode(): pair[2].decode() for pair in pairs}


def protobuf_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of the fields of a protobuf message that have a length; numbers are skipped."""
    position = 0

    def read_varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(message):
        number, kind = divmod(read_varint(), 8)
        length = read_varint()
        if kind == 2:  # a string or a message
            yield number, message[position : position + length]
            position += length
        elif kind != 0:
            raise ValueError(f"An ONNX file with a field of kind {kind}.")


def download_runtime() -> Path:
    """Return npm's package of the runtime, from the user's cache or downloaded into it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caesr"
    file = cache / f"{RUNTIME}.tgz"
    if not file.is_file():
        try:
            with urllib.request.urlopen(RUNTIME_URL, timeout=TIMEOUT_SECONDS) as response:
                content = response.read()
        except OSError as error:
            command = f"npm pack {RUNTIME.replace('web-', 'web@')}"
            raise ZooError(
                Message(
                    "{url} cannot be downloaded ({reason}). Give the file that `{command}` writes by --runtime.",
                    url=RUNTIME_URL, reason=error, command=command,
                )
            ) from error  # fmt: skip
        check_runtime(content, RUNTIME_URL)
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_bytes(content)
        part.replace(file)
    return file


def check_runtime(content: bytes, name: object) -> None:
    """Raise ZooError if the package is not the pinned one."""
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != RUNTIME_SHA512:
        raise ZooError(Message("{file} is not {package} as npm has it. Remove it.", file=name, package=RUNTIME))


def unpack_runtime(package: Path, folder: Path) -> None:
    """Unpack what the page needs of the runtime, modules as .js: not every server knows what a .mjs is."""
    content = package.read_bytes()
    check_runtime(content, package)
    folder.mkdir()
    with tarfile.open(fileobj=BytesIO(content)) as archive:
        for name in RUNTIME_FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None  # by the hash
            (folder / name.replace(".mjs", ".js")).write_bytes(member.read())


def write_readme(folder: Path) -> None:
    """Write README.md, which configures a Space, and the licence."""
    repositories = [entry.repo_id for name in MODELS if (entry := catalogue.info(name)).revision]
    models = "".join(f"- {name}\n" for name in repositories)
    text = README.format(models=f"models:\n{models}" if models else "", runtime=f"{RUNTIME}/")
    write_atomically(folder / "README.md", text)
    licence = catalogue.HERE.parent / "LICENSE"
    if licence.exists():
        shutil.copy(licence, folder / "LICENSE")


def list_files(folder: Path) -> list[str]:
    """Return the names of all files below a folder, by their path in it."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def content_hash(files: list[Path]) -> str:
    """Return a short hash that changes with any of the files."""
    return hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()[:12]
