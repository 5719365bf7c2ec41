"""Tiles on a GPU: bytes of the picture go up, one function makes bytes of the result of them, and these come down.

A tile at a network's own scale is a static one: its halo included, its sides are multiples of a few pixels, so that
nearly all tiles have one shape, for which cuDNN plans once. Any other tile (another scale, several passes, symmetries,
a correction) is a window of its `Pipeline`, computed in one go. Nothing is compiled: a compiled function may
round otherwise, and what a picture becomes must not depend on how many came before it.

Copies up, computing and copies down are three streams. The host's buffers are pinned; torch's allocator keeps them and
gives them to later tiles when the copies are done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from caesr.engine.device import ieee_float32
from caesr.engine.tile_runner import Plane, Tile
from caesr.engine.tiles import Range, Size, Window, round_up
from caesr.imaging.limits import limit_overshoot, limit_to_surroundings
from caesr.model.caeresnet import CAEResNet

QUANTUM = 32  # pixels; the sides of a static tile are multiples, also of every network's stride

Task = Callable[[Tensor], tuple[Tensor, Tensor]]  # bytes (H, W, C) on the device -> bytes of the result, a checksum


def upscale_bytes(model: CAEResNet, pixels: Tensor, overshoots: bool) -> tuple[Tensor, Tensor]:
    """Upscale tiles by a network, from bytes to bytes.

    Args:
        pixels: (N, H, W, C) uint8, or int16 with the bits of uint16; C = 1 or 3.
        overshoots: as a `Pipeline` has it.
    Returns:
        (N, sH, sW, C) of the same dtype, and a sum that is NaN or infinite if the network overflowed.
    """
    x = to_floats(pixels)
    (height, width), scale = x.shape[2:], model.config.scale
    y = model(x)
    checksum = y.sum()
    y = y.clamp_(0, 1)
    limit = limit_overshoot if overshoots else limit_to_surroundings
    limit(y, x, ((0, height), (0, width)), ((0, scale * height), (0, scale * width)), scale)
    return to_bytes(y, pixels), checksum


def to_floats(pixels: Tensor) -> Tensor:
    """Convert bytes (N, H, W, C) to colours (N, 3, H, W), float32 in [0, 1]."""
    if pixels.dtype == torch.int16:  # not uint16: MPS has none
        x = (pixels.to(torch.int32) & 0xFFFF).to(torch.float32) / 65535
    else:
        x = pixels.to(torch.float32) / 255
    return x.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)


def to_bytes(y: Tensor, template: Tensor) -> Tensor:
    """Convert colours (N, 3, H, W) in [0, 1] to bytes (N, H, W, C) with the dtype and channels of a template."""
    if template.shape[-1] == 1:
        y = y.mean(dim=1, keepdim=True)
    y = y.permute(0, 2, 3, 1)
    if template.dtype == torch.int16:
        return (y * 65535 + 0.5).to(torch.int32).to(torch.int16).contiguous()
    return (y * 255 + 0.5).to(torch.uint8).contiguous()


def static_range(output: Range, length: int, scale: int, halo: int, stride: int) -> Range:
    """Return the range of the input for a static tile: at least what a range of the output depends on.

    Args:
        length: of the input's axis. The range may go beyond it up to a multiple of `stride`; the last row or column is
            to be repeated there, as the network itself does it.
    """
    start, stop, end = output[0] // scale, -(-output[1] // scale), round_up(length, stride)
    side = min(end, round_up(stop - start + 2 * halo + stride - 1, QUANTUM))
    first = min(max(0, (start - halo) // stride * stride), end - side)
    return first, first + side


class TileEngine:
    """Computes tiles on a GPU; on a CPU the same, for tests."""

    def __init__(self, device: torch.device):
        self.device = device
        self.streams = [torch.cuda.Stream(device) for _ in range(2)] if device.type == "cuda" else []  # up, down

    @torch.inference_mode()
    def launch(self, plane: Plane, window: Window) -> Tile:
        """Start computing a tile; a GPU goes on with it after this returns."""
        pipeline = plane.pipeline
        if pipeline.is_one_pass:
            source, crop = self._place(plane, window)
            pixels = read_padded(plane, source)

            def task(x: Tensor) -> tuple[Tensor, Tensor]:
                y, checksum = upscale_bytes(pipeline.route[0], x[None], pipeline.overshoots)
                return y[0][crop].contiguous(), checksum
        else:
            source = pipeline.input_window(*window)
            pixels = read_padded(plane, source)

            def task(x: Tensor) -> tuple[Tensor, Tensor]:
                pipeline.checksums.clear()
                with reading(plane, to_floats(x[None])[0], source):
                    y = pipeline.compute(*window)
                return to_bytes(y[None], x)[0], sum(pipeline.checksums, start=y.new_zeros(()))

        with ieee_float32():
            return self._run(plane, window, pixels, task)

    @staticmethod
    def _place(plane: Plane, window: Window) -> tuple[Window, tuple[slice, slice]]:
        """Return the input window of a static tile, and where the wanted window lies in its output."""
        model, size = plane.pipeline.route[0], plane.pipeline.size
        scale, halo, stride = model.config.scale, model.halo, model.stride
        rows, columns = (
            static_range(output, length, scale, halo, stride) for output, length in zip(window, size, strict=True)
        )
        crop = (
            slice(output[0] - scale * start, output[1] - scale * start)
            for output, (start, _) in zip(window, (rows, columns), strict=True)
        )
        return (rows, columns), (next(crop), next(crop))

    def _run(self, plane: Plane, window: Window, pixels: np.ndarray, task: Task) -> Tile:
        """Copy pixels to the device, do a task with them, and copy its result back."""
        dtype, route = pixels.dtype, plane.pipeline.route
        host = torch.from_numpy(pixels.view(np.int16) if dtype == np.uint16 else pixels)
        if not self.streams:
            y, checksum = task(host.to(self.device))
            return Tile(plane, window, route, y.cpu().numpy().view(dtype), checksum.cpu())
        up, down = self.streams
        compute = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(up):
            x = host.pin_memory().to(self.device, non_blocking=True)
        compute.wait_stream(up)
        x.record_stream(compute)
        y, checksum = task(x)
        down.wait_stream(compute)
        with torch.cuda.stream(down):
            result, on_host = (
                torch.empty_like(t, device="cpu", pin_memory=True).copy_(t, non_blocking=True) for t in (y, checksum)
            )
        for tensor in (y, checksum):
            tensor.record_stream(down)
        transfer_done = torch.cuda.Event(blocking=True)  # the waiting thread sleeps
        transfer_done.record(down)
        return Tile(plane, window, route, result.numpy().view(dtype), on_host, transfer_done)


def read_padded(plane: Plane, window: Window) -> np.ndarray:
    """Read a window of a plane (H, W, C), contiguous; beyond the plane its last row and column are repeated."""
    size: Size = plane.pipeline.size
    rows, columns = ((start, min(stop, length)) for (start, stop), length in zip(window, size, strict=True))
    pixels = plane.read(rows, columns)
    beyond = [stop - inside[1] for (_, stop), inside in zip(window, (rows, columns), strict=True)]
    if any(beyond):
        pixels = np.pad(pixels, ((0, beyond[0]), (0, beyond[1]), (0, 0)), mode="edge")
    return np.require(pixels, requirements=("C", "W"))


@contextmanager
def reading(plane: Plane, x: Tensor, source: Window) -> Iterator[None]:
    """Have a plane's pipeline read from a tensor (3, h, w), which is a window of the plane."""
    (top, _), (left, _) = source
    pipeline, before = plane.pipeline, plane.pipeline.fetch
    pipeline.fetch = lambda rows, columns: x[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
    try:
        yield
    finally:
        pipeline.fetch = before
