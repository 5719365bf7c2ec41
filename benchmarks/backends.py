"""Whether another runtime would be faster than ours: OpenVINO and ONNX Runtime beside the engine, in turns, on the CPU.

    pip install openvino onnxruntime onnx onnxscript
    python benchmarks/backends.py

The runtimes get the network whole, with fixed shapes, in the layout and precision that they choose by themselves; the
engine goes from array to array, tiles and bytes included. Writes benchmarks/results/backends.json.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from speed import busy, processor

from caesr import CAEResNet, Upscaler

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "backends.json"
CHECKPOINTS = ("caesr-lite-x4", "caesr-base-x4")
SIZES = ((256, 256), (512, 768))
ROUNDS = 5


def openvino(model: CAEResNet, x: torch.Tensor, precision: str) -> Callable[[], object]:
    """The network compiled by OpenVINO."""
    import openvino as ov

    converted = ov.convert_model(model, example_input=x, input=[tuple(x.shape)])
    compiled = ov.Core().compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return partial(compiled, [x.numpy()])


def onnx_runtime(model: CAEResNet, x: torch.Tensor) -> Callable[[], object]:
    """The network by ONNX Runtime, in float32."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/model.onnx"
        torch.onnx.export(model, (x,), file, dynamo=True, external_data=False, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return partial(session.run, None, {name: x.numpy()})


def main() -> None:
    rows: list[dict[str, Any]] = []
    part = np.array(Image.open(ROOT / "examples" / "coffee.png").convert("RGB"))
    load = busy()
    for name in CHECKPOINTS:
        for height, width in SIZES:
            image = np.ascontiguousarray(np.tile(part, (3, 3, 1))[:height, :width])
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255).contiguous()
            plain = CAEResNet.from_pretrained(name)  # laid out as it comes
            ways: dict[str, Callable[[], object]] = {
                f"engine {way}": partial(Upscaler(CAEResNet.from_pretrained(name), "cpu", precision=way), image, 4)
                for way in ("float32", "bfloat16")
            }
            with torch.inference_mode():
                ways |= {f"openvino {way}": openvino(plain, x, way) for way in ("f32", "bf16")}
                ways["onnxruntime f32"] = onnx_runtime(plain, x)
            times: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way, call in ways.items():
                    time.sleep(0.3)  # until the other runtimes' threads have stopped to look for work
                    call()
                    began = time.perf_counter()
                    call()
                    times[way].append(time.perf_counter() - began)
            for way, spent in times.items():
                row = {"checkpoint": name, "height": height, "width": width, "way": way}
                rows.append(row | {"ms": round(1e3 * statistics.median(spent), 1)})
                print(json.dumps(rows[-1]), flush=True)
    result = {"date": str(date.today()), "cpu": processor(), "busy": load, "torch": torch.__version__}
    RESULTS.write_text(json.dumps(result | {"command": "python benchmarks/backends.py", "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
