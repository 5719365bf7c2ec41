"""What the commands do, with the options that `caesr.cli.parser` has read; it calls them by name."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import Any

from caesr.cli.progress_bar import ProgressBar
from caesr.evaluation.verbs import compare_models, evaluate_model
from caesr.jobs.many import upscale_many
from caesr.jobs.ray_cluster import ray_engine
from caesr.jobs.runner import Engine, local_engine
from caesr.options import OutputOptions, UpscaleOptions
from caesr.training.command import run_train
from zoo.messages import Message

__all__ = ["run_compare", "run_demo", "run_evaluate", "run_train", "run_upscale"]


def chosen(options: argparse.Namespace, table: type) -> Any:
    """Return the options of a table that were given on the command line."""
    return table(**{row.name: getattr(options, row.name) for row in fields(table)})


def run_upscale(options: argparse.Namespace) -> int:
    """Upscale pictures to files, here or on a cluster; one that fails is named at the end and stops no other."""
    bar = ProgressBar(sys.stderr)
    make_engine: Callable[..., Engine] = partial(local_engine, watch=bar.show)
    if options.engine == "ray":
        if "RAY_ADDRESS" in os.environ and any(name.lower().endswith(".zip") for name in options.inputs):
            message = "A zip is unpacked on this machine only; unpack it where the whole cluster sees it."
            raise ValueError(Message(message))
        make_engine = partial(ray_engine, cores=options.cores, per_gpu=options.per_gpu)
    try:
        report = upscale_many(
            options.inputs, options.out, chosen(options, UpscaleOptions), chosen(options, OutputOptions),
            options.overwrite, options.retry, make_engine, bar.say,
        )  # fmt: skip
    finally:
        bar.clear()
    print(report.summary(), file=sys.stderr)
    return 0 if report.is_complete else 2


def run_compare(options: argparse.Namespace) -> int:
    """Draw a sheet of bicubic, Lanczos and every model; print milliseconds and figures, as a table and as JSON."""
    report = compare_models(
        options.input, options.out, options.models, options.scale, options.truth, options.device, print
    )
    print(json.dumps(report))
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Print a table of the pictures and, as the last line, one JSON object with the means."""
    result = evaluate_model(
        options.model, options.data, options.scale, print, perceptual=options.perceptual, degraded=options.degraded,
        first=options.first, json_file=options.json, precision=options.precision, device=options.device,
    )  # fmt: skip
    print(json.dumps(result))
    return 0


def run_demo(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C, and open it in the browser. It is imported here only: it may not be installed."""
    try:
        page = importlib.import_module("caesr.page.app")
    except ModuleNotFoundError as error:
        if not error.name or error.name.partition(".")[0] not in ("gradio", "starlette"):
            raise
        raise RuntimeError(Message("The page needs Gradio: pip install 'caesr[page]'.")) from error
    page.main(port=options.port, opens_browser=not options.no_browser)
    return 0
