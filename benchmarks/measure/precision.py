"""Measure what bfloat16 costs in PSNR on Set5, of every checkpoint of the zoo.

    python -m benchmarks.measure.precision

Writes benchmarks/results/precision.json. The pictures are those of $CAESR_DATA/test.
"""

import zoo
from benchmarks import results
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import evaluate, means
from caesr.files.data import data_folder


def main() -> None:
    about, rows = results.header(), []
    del about["busy"]  # which changes no figure here
    for name in zoo.names():
        model = CAEResNet.from_pretrained(name)
        psnr = {}
        for precision in ("float32", "bfloat16"):
            upscale = checkpoint_upscale(model, precision)
            scores = evaluate(upscale, data_folder() / "test" / "Set5", model.config.scale)
            psnr[precision] = round(means(scores)["psnr_y"], 4)
        lost = round(psnr["float32"] - psnr["bfloat16"], 4)
        rows.append({"checkpoint": name, **psnr, "lost": lost})
        results.show(rows[-1])
    results.write("precision", about | {"found": rows})


if __name__ == "__main__":
    main()
