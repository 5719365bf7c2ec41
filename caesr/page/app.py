"""The page: a picture and the options of upscaling it on the left; on the right what is made of it, a tab each."""

import logging
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Of this page alone, because it is cleaned (caesr/page/cache_cleaner.py).
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir()) / "gradio" / "caesr"))

import gradio as gr
from starlette.middleware import Middleware

from caesr.page import api, column, tab_batch, tab_compare, tab_models, tab_upscale
from caesr.page.aborted_uploads import AbortedUploads
from caesr.page.cache_cleaner import clean_cache
from caesr.page.controls import controls
from caesr.page.device import Device
from caesr.page.document_scripts import DocumentScripts
from caesr.page.header import header
from caesr.page.memory import limit_heaps
from caesr.page.translations import LABELS, label

CLEAN_SECONDS, KEEP_SECONDS = 600, 3600  # how often visitors' files are looked through, and how long they are kept
MAX_CALLS = 256  # that may come in one moment; how many wait for the device is bounded in caesr/page/queue.py
MAX_SESSIONS = 500  # of which Gradio remembers what they saw; by itself it would remember 10,000
PAGE = Path(__file__).parent
STYLE, SCRIPT = ((PAGE / name).read_text() for name in ("page.css", "page.js"))
SCRIPTS_BEFORE_GRADIO = ("language_choice.js", "event_stream.js", "loading_frames.js")
IDLE_SECONDS = 0.02  # between two looks for a call; by itself Gradio looks a thousand times a second, day and night


def page(device: Device) -> gr.Blocks:
    """Lay the page out and wire it."""
    with gr.Blocks(title="CAESR") as blocks:
        header(blocks)
        with gr.Row(elem_id="layout"):
            with gr.Column(min_width=0, elem_id="column"):
                chosen = controls()
            with gr.Column(min_width=0, elem_id="work"), gr.Tabs(elem_id="tabs") as tabs:
                with gr.Tab(label("tab_upscale"), id="upscale", elem_id="upscale-tab"):
                    tab_upscale.tab(blocks, chosen, device)
                with gr.Tab(label("tab_compare"), id="compare", elem_id="compare-tab"):
                    compared = tab_compare.tab(chosen, tabs, device)
                with gr.Tab(label("tab_batch"), id="batch", elem_id="batch-tab"):
                    tab_batch.tab(chosen, device)
                with gr.Tab(label("tab_models"), id="models", elem_id="models-tab"):
                    tab_models.tab(blocks, chosen, compared, device)
        column.wire(blocks, chosen, device)
        api.endpoints(device)
    blocks.queue(max_size=MAX_CALLS)
    blocks._queue.sleep_when_free = IDLE_SECONDS
    blocks._queue.progress_update_sleep_when_free = 5 * IDLE_SECONDS
    return blocks


def main(port: int | None = None, opens_browser: bool = False) -> None:
    """Serve the page; GRADIO_SERVER_NAME, GRADIO_SERVER_PORT and GRADIO_ROOT_PATH say where.

    Args:
        port: instead of GRADIO_SERVER_PORT.
    """
    logging.basicConfig(level=logging.WARNING)
    fonts = [gr.themes.GoogleFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif"]
    theme = gr.themes.Default(primary_hue="teal", font=fonts).set(  # with the contrast that WCAG's AA asks for
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        body_text_color_subdued="*neutral_600",
        block_info_text_color="*neutral_600",
    )
    blocks = page(Device())
    clean_cache(blocks, CLEAN_SECONDS, KEEP_SECONDS)
    limit_heaps()
    scripts = [(PAGE / name).read_text() for name in SCRIPTS_BEFORE_GRADIO]
    blocks.launch(
        theme=theme,
        css=STYLE,
        js=SCRIPT,
        app_kwargs={"middleware": [Middleware(DocumentScripts, scripts=scripts), Middleware(AbortedUploads)]},
        i18n=LABELS,
        footer_links=["api", "gradio"],
        max_file_size="200mb",
        server_port=port,
        inbrowser=opens_browser,
        show_error=True,
        max_threads=64,  # those who wait for the device hold one each
        state_session_capacity=MAX_SESSIONS,
        mcp_server=find_spec("mcp") is not None,  # an optional extra
        ssr_mode=False,  # a Space would turn it on: another server, which does not send those scripts
    )
