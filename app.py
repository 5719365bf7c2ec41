"""The page: drop a picture, choose a model, move scale and tile size, compare, download."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import gradio as gr

import zoo
from caesr import picture
from caesr.page import device
from caesr.page.preview import previews
from caesr.page.words import LABELS, PROBLEMS, label, say, sorry
from caesr.upscale import LARGEST_SCALE, SMALLEST_TILE, choose_device, passes

ENTRIES = {name: zoo.info(name) for name in zoo.names()}
FAMILIES = list(dict.fromkeys(entry.family for entry in ENTRIES.values()))
EXAMPLES = sorted(Path(__file__).parent.glob("examples/*.png"))
HOUR = 3600
CSS = ".gradio-container {max-width: 1280px !important; margin: 0 auto !important}"


@lru_cache(maxsize=8)
def folders(name: str) -> device.Folders:
    """Where the checkpoints of a family, or the one of that name, lie on this machine; fetched once."""
    return tuple(zoo.fetch_family(name))


def describe(model: str, scale: float, request: gr.Request) -> str:
    """Which checkpoints the chosen family and scale take, their size and measured PSNR; what the Hub did not give."""
    family = {entry.scale: entry for entry in ENTRIES.values() if entry.family == model}
    try:
        route = [family[native] for native in passes(family, scale)]
        copies = [name for folder in folders(model) if (name := zoo.fell_back(folder))]
    except PROBLEMS as error:
        return f"⚠️ {error}"
    if len(route) > 1:
        line = say(request, "passes", name=" + ".join(entry.name for entry in route), passes=len(route))
    else:
        psnr = route[0].figures.get("Set5", {}).get("psnr_y")
        measured = f"{psnr:.2f}" if psnr else "–"
        line = say(request, "model_facts", name=route[0].name, megabytes=route[0].size / 1e6, psnr=measured)
    return line + "  \n" + say(request, "fell_back", names=", ".join(copies)) if copies else line


def facts(file: str | None, scale: float, request: gr.Request) -> str:
    """The picture's size and kind, and the size of what will come."""
    if not file:
        return ""
    try:
        found = picture.inspect(Path(file))
    except picture.PictureError as error:
        return f"⚠️ {error}"
    line = say(
        request,
        "facts",
        width=found.width,
        height=found.height,
        mode=say(request, found.mode),
        depth=found.depth,
        profile=f", {found.profile}" if found.profile else "",
        out_width=round(found.width * scale),
        out_height=round(found.height * scale),
    )
    return line if found.pages == 1 else line + "  \n" + say(request, "pages", pages=found.pages)


def enlarge(
    file: str | None,
    model: str,
    scale: float,
    tile: float,
    auto: bool,
    request: gr.Request,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it by its default
) -> Iterator[tuple]:
    """Enlarge for the page: yields after every tile, at last what the slider, the download and the status show."""
    if not file:
        raise sorry(say(request, "no_picture"))
    began, source = time.monotonic(), Path(file)
    folder = Path(tempfile.mkdtemp(prefix="caesr-"))  # this run's own, mode 0700
    try:
        target = folder / f"{source.stem}_{scale:g}x.png"
        for step in device.enlarge(folders(model), source, target, scale, "auto" if auto else int(tile)):
            if step is None:
                progress((0, 1), desc=say(request, "waiting"))
            else:
                left = say(request, "tiles", done=step.done, total=step.total, left=round(step.seconds_left))
                progress((step.done, step.total), desc=left, unit="tiles")
            yield gr.skip(), gr.skip(), gr.skip()
        seconds, found = time.monotonic() - began, picture.inspect(target)
        before, after, whole = previews(source, target, folder)
        status = say(
            request,
            "done",
            width=found.width,
            height=found.height,
            seconds=seconds,
            device=choose_device().type.upper(),
            reduced="" if whole else say(request, "reduced"),
        )
        yield (str(before), str(after)), gr.DownloadButton(value=str(target), interactive=True), status
    except PROBLEMS as error:
        raise sorry(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # gradio keeps its own copy of what was yielded


def upscale(file: str, model: str = "lite", scale: float = 4, tile: float = 0) -> Iterator[Any]:
    """Enlarge a picture for a program.

    Args:
        file: the picture: JPEG, PNG, WebP or TIFF.
        model: a family or a checkpoint of the zoo.
        scale: 1 to 8, any number.
        tile: side of a tile in pixels of the picture, 0 to have it chosen.
    Returns:
        The enlarged picture as a lossless PNG.
    """
    source, folder = Path(file or ""), Path(tempfile.mkdtemp(prefix="caesr-"))
    try:
        target = folder / f"{source.stem}_{scale:g}x.png"
        for _ in device.enlarge(folders(model), source, target, scale, int(tile) or "auto"):
            yield gr.skip()  # a client that leaves is noticed here, and the device is free again
        yield str(target)
    except PROBLEMS as error:
        raise sorry(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def page() -> gr.Blocks:
    """Layout and wiring."""
    with gr.Blocks(title="CAESR", delete_cache=(HOUR // 6, HOUR)) as blocks:
        gr.Markdown("# CAESR")
        gr.Markdown(label("tagline"))
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                file = gr.Image(
                    label=label("picture"), type="filepath", image_mode=None, sources=["upload", "clipboard"],
                    height=300, buttons=[], elem_id="picture",
                )  # fmt: skip
                about_file = gr.Markdown(elem_id="facts")
                families = [(label(f"family_{family}"), family) for family in FAMILIES]
                model = gr.Radio(families, value=FAMILIES[0], label=label("model"), elem_id="model")
                about_model = gr.Markdown(elem_id="about-model")
                scale = gr.Slider(
                    1,
                    LARGEST_SCALE,
                    4,
                    step=0.05,
                    label=label("scale"),
                    info=label("scale_info"),
                    elem_id="scale",
                )
                tile = gr.Slider(
                    SMALLEST_TILE, 2048, 512, step=32, label=label("tile"), info=label("tile_info"), elem_id="tile",
                    interactive=False,
                )  # fmt: skip
                auto = gr.Checkbox(True, label=label("auto"), elem_id="auto")
                with gr.Row():
                    run = gr.Button(label("run"), variant="primary", elem_id="run")
                    cancel = gr.Button(label("cancel"), elem_id="cancel")
            with gr.Column(scale=3, min_width=320):
                slider = gr.ImageSlider(
                    label=label("before_after"), type="filepath", image_mode=None, format="png", max_height=720,
                    interactive=False, buttons=["fullscreen"], elem_id="result",
                )  # fmt: skip
                status = gr.Markdown(elem_id="status")
                download = gr.DownloadButton(label("download"), interactive=False, elem_id="download")
        gr.Examples([[str(example)] for example in EXAMPLES], file, label=label("examples"), cache_examples=False)

        outputs = [slider, download, status]
        running = run.click(
            enlarge, [file, model, scale, tile, auto], outputs,
            concurrency_limit=1, concurrency_id="device", show_progress_on=slider, api_visibility="private",
        )  # fmt: skip
        cancel.click(None, cancels=running, api_visibility="private")
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        auto.change(lambda on: gr.Slider(interactive=not on), auto, tile, **private)
        gr.on([file.change, scale.change, blocks.load], facts, [file, scale], about_file, **private)
        gr.on([model.change, scale.change, blocks.load], describe, [model, scale], about_model, **private)

        with gr.Group(visible=False):  # the endpoint /upscale, for programs
            result, call = gr.File(), gr.Button()
            name, by, side = gr.Textbox("lite"), gr.Number(4), gr.Number(0)
            call.click(
                upscale, [file, name, by, side], result,
                concurrency_limit=1, concurrency_id="device", api_name="upscale",
            )  # fmt: skip
    return blocks.queue(max_size=32)


def main() -> None:
    """Serve the page; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where."""
    logging.basicConfig(level=logging.WARNING)
    fonts = [gr.themes.GoogleFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif"]
    page().launch(
        theme=gr.themes.Default(primary_hue="teal", font=fonts),
        css=CSS,
        i18n=LABELS,
        max_file_size="200mb",
        show_error=True,
    )


if __name__ == "__main__":
    main()
