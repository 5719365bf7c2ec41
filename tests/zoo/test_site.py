"""The page of `zoo site`: the engine's pixels, made in the browser, which asks nobody for anything."""

import json
import re
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from huggingface_hub import metadata_load
from PIL import Image
from playwright.sync_api import expect

import zoo
from caesr import Upscaler, load_family
from caesr.engine.auto_model import choose_model
from caesr.files.decoders.jpeg_quality import jpeg_quality
from caesr.imaging import artefacts
from tests.conftest import ROOT
from tests.static_site import READY, save_as, serve, upscale_file, visit_site
from zoo import site
from zoo.cli import main

pytestmark = pytest.mark.slow

PATH = "some/where/"  # below the server's root


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Write the page once for all tests."""
    try:
        site.download_runtime()
    except zoo.ZooError as error:
        pytest.skip(f"LEFT OUT: no onnxruntime-web here, so the page was not made: {error}")
    folder = tmp_path_factory.mktemp("served") / PATH
    assert main(["site", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def site_url(folder):
    with serve(folder.parents[1]) as url:
        yield url + PATH


@pytest.fixture(scope="module")
def page(session_browser, site_url):
    """Open the page once for all tests, none of which may make it ask another host or throw."""
    page = visit_site(session_browser, site_url, viewport={"width": 1280, "height": 800})
    yield page
    page.context.close()
    assert page.errors == []
    assert page.outside == []


def engine(image: np.ndarray, family: str, scale: int) -> np.ndarray:
    return Upscaler(load_family(family), device="cpu", precision="float32")(image, scale)


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_makes_the_pixels_of_the_engine(page, photograph, tmp_path):
    wide = np.tile(photograph[:30], (1, 2, 1))  # two tiles
    Image.fromarray(wide).save(tmp_path / "wide.png")
    upscale_file(page, tmp_path / "wide.png", "Faithful", 3)
    found = np.array(Image.open(save_as(page, "PNG", tmp_path)))
    assert np.abs(found.astype(int) - engine(wide, "lite", 3)).max() <= 1

    grey = np.repeat(photograph[:40, :60, 1:2], 3, axis=2)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    upscale_file(page, tmp_path / "grey.png", "Faithful", 2)
    saved = Image.open(save_as(page, "PNG", tmp_path))
    assert saved.mode == "L"
    assert np.abs(np.array(saved).astype(int) - engine(grey, "lite", 2)[:, :, 0]).max() <= 1


@pytest.mark.browser
@pytest.mark.slow
def test_transparency_is_upscaled_as_the_engine_does_it(page, tmp_path):
    logo = np.array(Image.open(ROOT / "examples" / "page" / "logo.png").convert("RGBA"))[20:90, 10:110]
    Image.fromarray(logo).save(tmp_path / "logo.png")
    upscale_file(page, tmp_path / "logo.png", "Faithful", 2)
    found = np.array(Image.open(save_as(page, "PNG", tmp_path))).astype(float)
    expected = engine(logo, "lite", 2).astype(float)
    assert np.abs(found[:, :, 3] - expected[:, :, 3]).max() <= 1
    shown = expected[:, :, 3:] / 255  # a colour counts as much as it is seen
    assert (np.abs(found - expected)[:, :, :3] * shown).max() <= 1

    on_white = np.array(Image.open(save_as(page, "JPEG", tmp_path)).convert("RGB")).astype(float)
    assert np.abs(on_white[expected[:, :, 3] == 0] - 255).mean() < 3
    assert Image.open(save_as(page, "WebP", tmp_path)).mode == "RGBA"


@pytest.mark.browser
@pytest.mark.slow
def test_a_photo_is_turned_upright_and_saved_by_a_name_of_its_own(page, photograph, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(photograph[:40, :60]).save(tmp_path / "a.photo.jpg", quality=95, exif=exif)
    upscale_file(page, tmp_path / "a.photo.jpg", "Faithful", 2)
    saved = save_as(page, "PNG", tmp_path)
    assert saved.name == "a.photo_x2.png"
    upright = np.rot90(np.array(Image.open(tmp_path / "a.photo.jpg")), -1)
    found = np.array(Image.open(saved))
    assert np.abs(found.astype(int) - engine(np.ascontiguousarray(upright), "lite", 2)).max() <= 1


@pytest.mark.browser
@pytest.mark.slow
def test_it_works_offline_with_threads_from_a_server_that_sets_no_headers(page, photograph, tmp_path):
    Image.fromarray(photograph[:40, :60]).save(tmp_path / "small.png")
    upscale_file(page, tmp_path / "small.png", "Faithful", 2)
    page.context.set_offline(True)
    page.reload()
    upscale_file(page, tmp_path / "small.png", "Faithful", 2)
    expect(page.locator("#made")).to_contain_text("120 × 80")
    threads = re.search(r"threads: (\d+)", page.inner_text("#engine"))
    assert threads
    assert int(threads[1]) == min(8, page.evaluate("navigator.hardwareConcurrency"))
    page.context.set_offline(False)


@pytest.mark.browser
@pytest.mark.slow
def test_a_run_can_be_cancelled_and_the_next_one_works(page):
    page.reload()
    page.set_input_files("#file", ROOT / "examples" / "page" / "coffee.jpg")
    expect(page.locator("#models :checked")).to_have_value("photo")  # what suits a small JPEG
    page.click("#run")
    expect(page.locator("#cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#stopped")).to_have_text("Stopped.")
    expect(page.locator("#save")).to_be_hidden()
    page.click("#models label:has-text('Faithful')")
    page.click("#scales label:has-text('×2')")
    page.click("#run")
    expect(page.locator("#save")).to_be_visible(timeout=READY)


@pytest.mark.browser
@pytest.mark.slow
def test_the_model_that_suits_a_picture_is_the_one_that_the_engine_chooses(page, tmp_path):
    photo = Image.open(ROOT / "examples" / "page" / "coffee.jpg").convert("RGB").resize((150, 100))
    photo.save(tmp_path / "clean.png")
    photo.save(tmp_path / "chat.jpg", quality=60)
    photo.save(tmp_path / "fine.jpg", quality=96, subsampling=0)
    Image.open(tmp_path / "chat.jpg").save(tmp_path / "pasted.png")
    noisy = np.array(photo) + np.random.default_rng(0).normal(0, 8, (100, 150, 3))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "noisy.png")
    photo.resize((40, 30)).save(tmp_path / "tiny.png")
    page.reload()
    families = []
    for name in ("clean.png", "chat.jpg", "fine.jpg", "pasted.png", "noisy.png", "tiny.png"):
        page.set_input_files("#file", tmp_path / name)
        expect(page.locator("#facts")).to_contain_text(name)
        choice = choose_model(tmp_path / name)
        expect(page.locator("#models :checked")).to_have_value(choice.model)
        expect(page.locator("#purpose")).to_contain_text(str(choice.reason))
        families.append(choice.model)
    assert families == ["lite", "photo", "lite", "photo", "photo", "lite"]


@pytest.mark.browser
@pytest.mark.slow
def test_artefacts_are_measured_as_the_engine_measures_them(page, photograph, tmp_path):
    def measure(name: str, grey: np.ndarray) -> float:
        script = f"async ([grey, w, h]) => (await import('./auto.js')).{name}(Float32Array.from(grey), w, h)"
        return page.evaluate(script, [grey.ravel().tolist(), grey.shape[1], grey.shape[0]])

    noisy = np.random.default_rng(0).normal(128, 30, (70, 131))
    for grey in (np.array(Image.fromarray(photograph).convert("L")).astype(np.float32), noisy.astype(np.float32)):
        tensor = torch.from_numpy(grey)[None, None]
        assert measure("blockiness", grey) == pytest.approx(artefacts.blockiness(tensor).item(), rel=1e-4)
        crops = tensor[0, 0].unfold(0, 64, 64).unfold(1, 64, 64).reshape(-1, 1, 64, 64)
        assert measure("noise", grey) == pytest.approx(artefacts.noise(crops).min().item(), rel=1e-3)

    script = "async (b) => (await import('./auto.js')).jpegQuality(new DataView(Uint8Array.from(b).buffer))"
    image = Image.fromarray(photograph[:16, :16])
    for quality in (1, 20, 50, 75, 90, 100):
        image.save(tmp_path / "a.jpg", quality=quality)
        assert page.evaluate(script, list((tmp_path / "a.jpg").read_bytes())) == jpeg_quality(tmp_path / "a.jpg")
    encoded = (tmp_path / "a.jpg").read_bytes()
    for length in (0, 3, 25, 60, 85):  # cut off, in or before a table
        assert page.evaluate(script, list(encoded[:length])) is None


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("event", "carrier"), [("drop", "dataTransfer"), ("paste", "clipboardData")])
def test_a_picture_can_be_dropped_or_pasted(page, event, carrier):
    page.reload()
    page.evaluate(
        """async ([event, carrier]) => {
            const blob = await (await fetch("example-before.jpg")).blob();
            const data = new DataTransfer();
            data.items.add(new File([blob], `${event}.jpg`, { type: "image/jpeg" }));
            const kind = event === "drop" ? DragEvent : ClipboardEvent;
            document.body.dispatchEvent(new kind(event, { [carrier]: data, bubbles: true, cancelable: true }));
        }""",
        [event, carrier],
    )
    expect(page.locator("#facts")).to_contain_text(f"{event}.jpg: 300 × 200")
    expect(page.locator("#run")).to_be_enabled()


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_too_large_to_be_shown_is_reduced_row_by_row(page, photograph):
    rows = photograph[:7, :11]
    encoded = page.evaluate(
        """async (rows) => {
            const { ReducedPng } = await import("./reduced.js");
            const png = new ReducedPng(11, 7, 3, 2);
            for (const row of rows) await png.write(Uint8Array.from(row));
            return [...new Uint8Array(await (await png.finish()).arrayBuffer())];
        }""",
        [rows[:5].ravel().tolist(), rows[5:].ravel().tolist()],
    )
    expected = rows[:6, :10].reshape(3, 2, 5, 2, 3).mean(axis=(1, 3))
    found = np.array(Image.open(BytesIO(bytes(encoded))))
    assert np.abs(found - expected).max() <= 0.5


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_no_picture_is_refused_and_the_page_speaks_chinese(page, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.png")
    expect(page.locator("#problem")).to_contain_text("notes.png cannot be read")
    page.click("[data-language=zh]")
    expect(page.locator("#run")).to_have_text("放大")
    page.reload()
    expect(page.locator("#drop strong")).to_have_text("拖入、粘贴或选择一张照片")
    page.click("[data-language=en]")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_nothing_sticks_out(page, width, colours):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=colours)
    page.reload()
    page.click("#try")
    expect(page.locator("#facts")).to_contain_text("300 × 200")
    found = Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_folder_is_a_static_space_and_can_be_installed(folder):
    front = metadata_load(folder / "README.md")
    assert (front["sdk"], front["app_file"]) == ("static", "index.html")
    assert front["custom_headers"]["cross-origin-embedder-policy"] == "require-corp"
    assert len(front["short_description"]) <= 60
    manifest = json.loads((folder / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        assert (folder / icon["src"]).is_file()
    contents = json.loads((folder / site.CONTENTS).read_text().removeprefix("self.CONTENTS = ").rstrip(";\n"))
    kept = {"index.html" if name == "./" else name for name in contents["page"] + contents["assets"]}
    others = {"README.md", "LICENSE", site.CONTENTS, site.SERVICE_WORKER}
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert kept | others == files


def test_the_page_is_written_over_an_earlier_one_but_over_nothing_else(folder, tmp_path, capsys):
    models = tmp_path / "models"
    models.mkdir()
    for file in (folder / "models").iterdir():
        (models / f"{file.stem.rpartition('-')[0]}.onnx").write_bytes(file.read_bytes())
    out = tmp_path / "space"
    (out / "models").mkdir(parents=True)
    (out / ".gitattributes").touch()
    (out / "README.md").write_text("of a new Space")
    old = out / "models" / "old.onnx"
    old.touch()
    command = ["site", "--out", str(out), "--models", str(models)]
    assert main(command) == 2  # `models` may be anybody's
    assert "holds other files" in capsys.readouterr().err
    old.unlink()
    old.parent.rmdir()
    assert main(command) == 0
    assert (out / ".gitattributes").exists()
    old.touch()
    assert main(command) == 0
    assert not old.exists()
    assert (out / site.CONTENTS).read_bytes() == (folder / site.CONTENTS).read_bytes()

    file = models / "caesr-lite-x2.onnx"
    file.write_bytes(file.read_bytes() + b"\0\0")
    assert main(command) == 2
    assert "not the one of the catalogue" in capsys.readouterr().err


def test_another_runtime_is_refused(tmp_path, capsys):
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name in site.RUNTIME_FILES:
            archive.addfile(tarfile.TarInfo(f"package/dist/{name}"), BytesIO())
    assert main(["site", "--out", str(tmp_path / "out"), "--runtime", str(package)]) == 2
    assert "is not onnxruntime-web" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
