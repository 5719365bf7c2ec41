"""The page: a picture and how it is enlarged on the left; on the right what is made of it, a tab each."""

import logging
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Of this page alone, because it is swept (caesr/page/leftovers.py).
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir()) / "gradio" / "caesr"))

import gradio as gr

from caesr.page import api, tab_batch, tab_compare, tab_invented, tab_upscale, tab_zoo
from caesr.page.cache_cleaner import forget
from caesr.page.controls import controls, wire
from caesr.page.memory import settle
from caesr.page.translations import LABELS, label

OFTEN, HOUR = 600, 3600  # seconds: how often visitors' files are looked through, and how long they are kept
BURST = 256  # calls that may come in one moment; how many wait for the device is bounded in caesr/page/device.py
SESSIONS = 500  # the last ones, of which Gradio remembers what they saw; by itself it would remember 10,000
STYLE, SCRIPT = ((Path(__file__).parent / "caesr" / "page" / f"page.{kind}").read_text() for kind in ("css", "js"))


def page() -> gr.Blocks:
    """Layout and wiring."""
    with gr.Blocks(title="CAESR") as blocks:
        gr.Markdown("# CAESR")
        gr.Markdown(label("tagline"))
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                chosen = controls()
            with gr.Column(scale=4, min_width=300), gr.Tabs(elem_id="tabs"):
                with gr.Tab(label("tab_enlarge"), id="enlarge"):
                    result = tab_upscale.tab(chosen)
                with gr.Tab(label("tab_compare"), id="compare"):
                    compared = tab_compare.tab(chosen)
                with gr.Tab(label("tab_invented"), id="invented"):
                    tab_invented.tab(chosen, result)
                with gr.Tab(label("tab_batch"), id="batch"):
                    tab_batch.tab(chosen)
                with gr.Tab(label("tab_zoo"), id="zoo"):
                    tab_zoo.tab(blocks, chosen, compared)
        wire(blocks, chosen)
        api.endpoints()
    return blocks.queue(max_size=BURST)


def main() -> None:
    """Serve the page; GRADIO_SERVER_NAME, GRADIO_SERVER_PORT and GRADIO_ROOT_PATH say where."""
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
    blocks = page()
    forget(blocks, OFTEN, HOUR)
    settle()
    blocks.launch(
        theme=theme,
        css=STYLE,
        js=SCRIPT,
        i18n=LABELS,
        max_file_size="200mb",
        show_error=True,
        max_threads=64,  # those who wait for the device hold one each
        state_session_capacity=SESSIONS,
        mcp_server=find_spec("mcp") is not None,  # an optional extra
    )


if __name__ == "__main__":
    main()
