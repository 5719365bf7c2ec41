"""Measure OpenVINO and ONNX Runtime beside the engine, in turns, on the CPU.

    pip install openvino onnxruntime onnx onnxscript
    python -m benchmarks.measure.backends

The runtimes get the network whole, with fixed shapes, in the layout and precision that they choose by themselves; the
engine goes from array to array, tiles and bytes included. Writes benchmarks/results/backends.json.
"""

import tempfile
from functools import partial
from typing import Any

import torch

from benchmarks import results
from benchmarks.costs import Call, medians, time_in_turns
from benchmarks.pictures import tiled_photograph
from caesr import CAEResNet, Upscaler

CHECKPOINTS = ("caesr-lite-x4", "caesr-base-x4")
SIZES = ((256, 256), (512, 768))  # height and width
ROUNDS = 5
SETTLE_SECONDS = 0.3  # until the threads of the other runtimes have stopped looking for work


def openvino_call(model: CAEResNet, x: torch.Tensor, precision: str) -> Call:
    """Return a call of the network compiled by OpenVINO."""
    import openvino as ov  # not among the dependencies

    converted = ov.convert_model(model, example_input=x, input=[tuple(x.shape)])
    compiled = ov.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return partial(compiled, [x.numpy()])


def onnx_runtime_call(model: CAEResNet, x: torch.Tensor) -> Call:
    """Return a call of the network by ONNX Runtime, in float32."""
    import onnxruntime  # not among the dependencies

    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/model.onnx"
        torch.onnx.export(model, (x,), file, dynamo=True, external_data=False, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return partial(session.run, None, {name: x.numpy()})


def measure(name: str, height: int, width: int) -> list[dict[str, Any]]:
    """Return a row for each backend: the milliseconds of a checkpoint and a picture of this size."""
    image = tiled_photograph(height, width)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255).contiguous()
    calls: dict[str, Call] = {}
    for precision in ("float32", "bfloat16"):
        upscaler = Upscaler(CAEResNet.from_pretrained(name), "cpu", precision=precision)
        calls[f"engine {precision}"] = partial(upscaler, image, 4)
    plain = CAEResNet.from_pretrained(name)  # in the memory layout that it is loaded in
    with torch.inference_mode():
        for precision in ("f32", "bf16"):
            calls[f"openvino {precision}"] = openvino_call(plain, x, precision)
        calls["onnxruntime f32"] = onnx_runtime_call(plain, x)
    rows = []
    for backend, seconds in medians(time_in_turns(calls, ROUNDS, settle_seconds=SETTLE_SECONDS)).items():
        row = {"checkpoint": name, "height": height, "width": width, "way": backend, "ms": round(1e3 * seconds, 1)}
        rows.append(row)
        results.show(row)
    return rows


def main() -> None:
    about = results.header()
    rows: list[dict[str, Any]] = []
    for name in CHECKPOINTS:
        for height, width in SIZES:
            rows += measure(name, height, width)
    results.write("backends", about | {"rows": rows})


if __name__ == "__main__":
    main()
