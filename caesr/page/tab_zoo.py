"""The tab Zoo: every checkpoint, what it is for, how good it was measured to be, and how to get it."""

import threading
from collections.abc import Iterator

import gradio as gr

import zoo
from caesr.options import UpscaleOptions
from caesr.page.controls import HIDDEN, Controls, family_choices
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.progress import bar, progress_line, show_when_stopped
from caesr.page.tab_compare import method_choices
from caesr.page.translations import label, say
from caesr.page.viewer import code, table

SETS = ("Set5", "Set14", "B100")
POLL_SECONDS = 0.2  # between two looks at a download


def tab(blocks: gr.Blocks, c: Controls, compared: gr.CheckboxGroup, device: Device) -> None:
    """Lay the tab out; a network that is loaded joins the models, and what can be compared."""
    rows = gr.HTML(elem_id="catalogue")
    with gr.Row():
        name = gr.Dropdown(zoo.names(), value=zoo.names()[0], label=label("checkpoint"), elem_id="checkpoint")
        get = gr.Button(label("fetch"), elem_id="fetch")
    line = progress_line("fetched-so-far")
    status = gr.Markdown(elem_id="fetched")
    with gr.Row():
        shell = code("command", lines=2, elem_id="zoo-command")
        python = code("python", lines=5)
    gr.Markdown(label("repo_info"))
    with gr.Row():
        repo = gr.Textbox(label=label("repo"), placeholder="owner/repo", elem_id="repo")
        load = gr.Button(label("load"), elem_id="load")
    loaded = gr.Markdown(elem_id="loaded")
    others = gr.State([])

    def fetch(name: str, request: gr.Request) -> Iterator[tuple]:
        try:
            for come, size in fetched(name):
                yield bar(f"{name} · {come / 1e6:.1f} / {size / 1e6:.1f} MB", come, size), "", gr.skip()
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error
        device.forget_specs()  # a family may come from the Hub now, and not from what ships
        yield "", say(request, "is_here", name=name), catalogue(request)

    def use(repo: str, others: list[str], request: gr.Request) -> tuple:
        repo = repo.strip()
        try:
            if "/" not in repo:
                raise ValueError(say(request, "no_repo"))
            (first, *_) = device.networks(device.spec(UpscaleOptions(model=repo)))
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error
        others = list(dict.fromkeys([*others, repo]))
        networks = family_choices() + [(one, one) for one in others]
        sentence = say(request, "is_loaded", name=repo, scale=first.config.scale)
        return others, gr.Radio(networks, value=repo), gr.CheckboxGroup(method_choices(networks)), sentence

    getting = get.click(fetch, name, [line, status, rows], **HIDDEN)
    show_when_stopped(getting, line)
    load.click(use, [repo, others], [others, c.options["model"], compared, loaded], api_visibility="private")
    gr.on([blocks.load, name.input], how_to_get, name, [shell, python], **HIDDEN)
    blocks.load(catalogue, None, rows, **HIDDEN)


def catalogue(request: gr.Request) -> str:
    """Return the table."""
    keys = ("checkpoint_short", "purpose", "scale_short", "size_short", *SETS, "lpips_short", "licence", "where")
    head = [key if key in SETS else say(request, key) for key in keys]
    rows = []
    for entry in map(zoo.info, zoo.names()):
        psnr = [entry.figures.get(name, {}).get("psnr_y") for name in SETS]
        lpips = entry.figures.get("B100-10", {}).get("lpips")
        rows.append(
            [
                entry.name, say(request, f"purpose_{entry.family}"), f"×{entry.scale}", f"{entry.size / 1e6:.1f} MB",
                *(f"{value:.2f}" if value else "–" for value in psnr), f"{lpips:.3f}" if lpips else "–",
                entry.licence, ", ".join(zoo.locations(entry)),
            ]
        )  # fmt: skip
    return table(head, rows, say(request, "catalogue_caption"))


def how_to_get(name: str) -> tuple[str, str]:
    """Return the lines that get a checkpoint in a shell and in Python."""
    shell = f"zoo fetch {name}\ncaesr photo.jpg --model {name}"
    python = (
        "from caesr import CAEResNet, Upscaler\nfrom zoo import fetch\n\n"
        f'model = CAEResNet.from_pretrained(fetch("{name}"))\nupscaler = Upscaler(model)'
    )
    return shell, python


def fetched(name: str) -> Iterator[tuple[float, float]]:
    """Fetch a checkpoint: yields the bytes that have come and all of them, while they come.

    Raises:
        ZooError, CheckpointError: it is not to be had.
    """
    state: list[tuple[float, float]] = [(0, zoo.info(name).size)]
    failed: list[Exception] = []

    def work() -> None:
        try:
            zoo.fetch(name, progress=lambda come, size: state.append((come, size)))
        except EXPECTED_ERRORS as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        yield state[-1]
    if failed:
        raise failed[0]
