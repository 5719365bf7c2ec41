"""Count how much arithmetic is done twice in a picture of 12 megapixels on the CPU, for tiles of several sizes.

    python -m benchmarks.measure.tiles

Writes benchmarks/results/tiles.json: the work as a multiple of what the whole picture needs, and seconds.
"""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import results
from benchmarks.costs import kmac
from benchmarks.pictures import tiled_photograph
from caesr import CAEResNet, Upscaler

CHECKPOINT, SCALE = "caesr-lite-x2", 2
TILES = ("auto", 2048, 1024, 512, 256)


def main() -> None:
    about, rows = results.header(), []
    image = tiled_photograph(3000, 4000)
    model = CAEResNet.from_pretrained(CHECKPOINT)
    needed = 2e3 * kmac(model, torch.zeros(1, 3, 64, 64)) * image.shape[0] * image.shape[1]
    for tile in TILES:
        upscaler = Upscaler(model, "cpu", tile)
        began = time.perf_counter()
        with FlopCounterMode(display=False) as counter:
            upscaler(image, SCALE)
        seconds = time.perf_counter() - began
        work = counter.get_total_flops() / needed
        rows.append({"tile": tile, "work": round(work, 3), "seconds": round(seconds, 1)})
        results.show(rows[-1])
    results.write("tiles", about | {"found": rows})


if __name__ == "__main__":
    main()
