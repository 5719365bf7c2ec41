"""Row-by-row execution of a network gives what the network gives at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import CAEResNet
from caesr.engine.row_buffer import RowBuffer
from caesr.engine.row_engine import apply_network, with_precision
from tests.conftest import small

NETWORKS = {
    "the article's": CAEResNet(widths=(4, 8)),
    "the article's after bicubic": CAEResNet(scale=3, upsampling="pre", widths=(4, 8)),
    "bicubic first, with a residual": CAEResNet(scale=2, upsampling="pre", widths=(4, 8), global_residual=True),
    "a single level": CAEResNet(
        scale=4, widths=(8,), encoder_blocks=(2,), decoder_blocks=(), skips="sum", global_residual=True
    ),
    "fused": small(2, skips="fuse"),
    "three levels, summed": small(3, skips="sum", widths=(4, 8, 8), encoder_blocks=(1, 2, 1), decoder_blocks=(1, 0)),
    "no skips": small(4, skips="none"),
}


def recorded_rows(x: torch.Tensor) -> tuple[RowBuffer, list[int]]:
    """Return a picture (1, C, H, W) as rows, and a list that records which of them are read."""
    read: list[int] = []

    def make(start: int, stop: int) -> torch.Tensor:
        read.extend(range(start, stop))
        return x[:, :, start:stop]

    return RowBuffer(x.shape[2], make), read


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=25)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.data())
@torch.inference_mode()
def test_row_by_row_a_network_gives_what_it_gives_at_once(name, height, width, band, data):
    net = NETWORKS[name].eval()
    x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height * 100 + width))
    rows, read = recorded_rows(x)
    output = apply_network(net, rows, (0, width * net.config.scale), band)
    cursor, start, pieces = output.cursor(), 0, []
    while start < output.height:
        stop = data.draw(st.integers(start + 1, output.height))
        pieces.append(cursor.read(start, stop))
        start = stop
    assert (torch.cat(pieces, dim=2) - net(x)).abs().max() <= 1e-5
    assert read == list(range(height))  # each row of the picture once, from the top down


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_started_in_the_middle_it_gives_what_the_whole_has_there(name):
    net, x = NETWORKS[name].eval(), torch.rand(1, 3, 200, 20)
    rows, read = recorded_rows(x)
    scale = net.config.scale
    start, stop = 100 * scale + 1, 120 * scale + 1
    columns = 3, 20 * scale - 2
    piece = apply_network(net, rows, columns).cursor().read(start, stop)
    assert (piece - net(x)[:, :, start:stop, slice(*columns)]).abs().max() <= 1e-5
    assert 100 - net.halo - 8 <= min(read) <= 100
    assert 120 < max(read) <= 121 + net.halo + 8


@torch.inference_mode()
def test_the_rows_held_do_not_grow_with_the_picture(monkeypatch):
    buffers, release = set(), RowBuffer.release

    def recording(self):
        buffers.add(self)
        release(self)

    monkeypatch.setattr(RowBuffer, "release", recording)
    most_held = []
    for height in (100, 1000):
        buffers.clear()
        rows, _ = recorded_rows(torch.rand(1, 3, height, 8))
        cursor = apply_network(NETWORKS["three levels, summed"], rows, (0, 24), 4).cursor()
        held = []
        for start in range(0, 3 * height, 12):
            cursor.read(start, start + 12)
            held.append(sum(buffer.held.numel() for buffer in buffers if buffer.held is not None))
        most_held.append(max(held))
    assert most_held[0] == most_held[1] > 0


@torch.inference_mode()
def test_in_bfloat16_the_picture_itself_stays_exact():
    net = NETWORKS["fused"]
    half = with_precision(net, torch.bfloat16)
    assert half.decoder[-1].weight.dtype == half.encoder[2].conv1.weight.dtype == torch.bfloat16
    assert half.encoder[0].weight.dtype == net.decoder[-1].weight.dtype == torch.float32
    torch.nn.init.zeros_(half.decoder[-1].weight)
    torch.nn.init.zeros_(half.decoder[-1].bias)
    x = torch.rand(1, 3, 20, 20)
    output = apply_network(half, recorded_rows(x)[0], (0, 40)).cursor().read(0, 40)
    assert (output - half.bicubic(x)).abs().max() <= 1e-6  # what is left is bicubic
    article = with_precision(NETWORKS["the article's"], torch.bfloat16)  # its head makes the picture
    assert article.decoder[-1].weight.dtype == torch.float32
