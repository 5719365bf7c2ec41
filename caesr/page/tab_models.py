"""The tab Models: what each family is for, with a sample; its figures; and fetching of any repository."""

import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path

import gradio as gr

import zoo
from caesr.options import UpscaleOptions
from caesr.page.controls import HIDDEN, Controls
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.first_sight import address
from caesr.page.models import MORE, all_choices, compared_choices
from caesr.page.progress import bar, progress_line, show_when_stopped
from caesr.page.tab_compare import method_choices
from caesr.page.translations import error_text, label, say
from caesr.page.viewer import code, table

SETS = ("Set5", "Set14", "B100")
POLL_SECONDS = 0.2  # between two looks at a download
SAMPLES = Path(__file__).parent / "first_sight"  # of the input, and of what each family makes of it


def tab(blocks: gr.Blocks, c: Controls, compared: gr.CheckboxGroup, device: Device) -> None:
    """Lay the tab out; a network that is loaded joins the models, and what can be compared."""
    cards = gr.HTML(elem_id="cards")
    with gr.Accordion(label("figures"), open=False, elem_id="all-figures"):
        rows = gr.HTML(elem_id="catalogue")
    with gr.Accordion(label("developer"), open=False, elem_id="developer"):
        with gr.Row():
            name = gr.Dropdown(
                zoo.names(), value=zoo.names()[0], label=label("checkpoint"), elem_id="fetch-name", min_width=0, scale=4
            )
            get = gr.Button(label("fetch"), elem_id="fetch", min_width=0)
        line = progress_line("fetched-so-far")
        status = gr.HTML(elem_id="fetched")
        with gr.Row():
            shell = code("command", lines=2, elem_id="zoo-command")
            python = code("python", lines=5)
        gr.Markdown(label("repo_info"))
        with gr.Row():
            repo = gr.Textbox(label=label("repo"), placeholder="owner/repo", elem_id="repo", min_width=0, scale=4)
            load = gr.Button(label("load"), elem_id="load", min_width=0)
        loaded = gr.HTML(elem_id="loaded")
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
            reason = f'<p class="problem" role="alert">{escape(error_text(request, error))}</p>'
            return others, gr.skip(), gr.skip(), gr.skip(), reason
        others = list(dict.fromkeys([*others, repo]))
        networks = all_choices(others)
        sentence = escape(say(request, "is_loaded", name=repo, scale=first.config.scale))
        chosen = gr.Dropdown(networks, value=repo), gr.CheckboxGroup(method_choices(compared_choices(others)))
        return others, MORE, *chosen, sentence

    getting = get.click(fetch, name, [line, status, rows], **HIDDEN)
    show_when_stopped(getting, line)
    choices = [c.options["model"], c.checkpoint, compared]
    load.click(use, [repo, others], [others, *choices, loaded], api_visibility="private")
    gr.on([blocks.load, name.input], how_to_get, name, [shell, python], **HIDDEN)
    blocks.load(catalogue, None, rows, **HIDDEN)
    blocks.load(families, None, cards, **HIDDEN)


def families(request: gr.Request) -> str:
    """Return a card of each family: what it makes of a small photograph, and a sentence."""
    entries = [zoo.info(name) for name in zoo.names()]
    cards = [card("original", say(request, "sample_original"), "", request)]
    for family in dict.fromkeys(entry.family for entry in entries):
        scales = ", ".join(f"×{entry.scale}" for entry in entries if entry.family == family)
        cards.append(card(family, say(request, f"name_{family}"), scales, request))
    return f'<div class="cards">{"".join(cards)}</div>'


def card(sample: str, name: str, scales: str, request: gr.Request) -> str:
    """Return a card: a sample picture, a name and a sentence."""
    file = SAMPLES / f"sample_{sample}.webp"
    picture = f'<img alt="" src="{address(file)}">' if file.is_file() else '<span class="no-sample"></span>'
    words = say(request, f"purpose_{sample}")
    heading = f"<strong>{escape(name)}</strong> <small>{escape(scales)}</small>"
    return f"<figure>{picture}<figcaption>{heading}<p>{escape(words)}</p></figcaption></figure>"


def catalogue(request: gr.Request) -> str:
    """Return the table."""
    keys = ("checkpoint_short", "scale_short", "size_short", *SETS, "lpips_short", "licence", "where")
    head = [key if key in SETS else say(request, key) for key in keys]
    rows = []
    for entry in map(zoo.info, zoo.names()):
        psnr = [entry.figures.get(name, {}).get("psnr_y") for name in SETS]
        lpips = entry.figures.get("B100-10", {}).get("lpips")
        rows.append(
            [
                entry.name, f"×{entry.scale}", f"{entry.size / 1e6:.1f} MB",
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
