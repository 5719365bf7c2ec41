"""Line buffers: a network row by row gives what it gives at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import CAEResNet
from caesr.engine.row_engine import Rows, network, prepared
from tests.conftest import small

NETWORKS = {
    "the article's": CAEResNet(widths=(4, 8)),
    "the article's, enlarging first": CAEResNet(scale=3, upsampling="pre", widths=(4, 8)),
    "enlarging first, with a residual": CAEResNet(scale=2, upsampling="pre", widths=(4, 8), global_residual=True),
    "a single level": CAEResNet(
        scale=4, widths=(8,), encoder_blocks=(2,), decoder_blocks=(), skips="sum", global_residual=True
    ),
    "fused": small(2, skips="fuse"),
    "three levels, summed": small(3, skips="sum", widths=(4, 8, 8), encoder_blocks=(1, 2, 1), decoder_blocks=(1, 0)),
    "no skips": small(4, skips="none"),
}


def counted(x: torch.Tensor) -> tuple[Rows, list[int]]:
    """A picture (1, C, H, W) as rows, and which of them were asked for."""
    asked: list[int] = []

    def make(first: int, last: int) -> torch.Tensor:
        asked.extend(range(first, last))
        return x[:, :, first:last]

    return Rows(x.shape[2], make), asked


@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 40), st.data())
@torch.inference_mode()
def test_row_by_row_a_network_gives_what_it_gives_at_once(name, height, width, strip, data):
    net = NETWORKS[name].eval()
    x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height * 100 + width))
    rows, asked = counted(x)
    made = network(net, rows, (0, width * net.config.scale), strip)
    read, first, pieces = made.reader(), 0, []
    while first < made.height:
        last = data.draw(st.integers(first + 1, made.height))
        pieces.append(read(first, last, last))
        first = last
    assert (torch.cat(pieces, dim=2) - net(x)).abs().max() <= 1e-5
    assert asked == list(range(height))  # each row of the picture once, from the top down


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_begun_in_the_middle_it_gives_what_the_whole_has_there(name):
    net, x = NETWORKS[name].eval(), torch.rand(1, 3, 200, 20)
    rows, asked = counted(x)
    scale = net.config.scale
    made = network(net, rows, (3, 20 * scale - 2))
    piece = made.reader()(100 * scale + 1, 120 * scale + 1, 0)
    assert (piece - net(x)[:, :, 100 * scale + 1 : 120 * scale + 1, 3 : 20 * scale - 2]).abs().max() <= 1e-5
    assert 100 - net.halo - 8 <= min(asked) <= 100
    assert 120 < max(asked) <= 121 + net.halo + 8


@torch.inference_mode()
def test_what_is_held_does_not_grow_with_the_picture():
    net = NETWORKS["three levels, summed"]
    held = []
    for height in (100, 1000):
        rows, _ = counted(torch.rand(1, 3, height, 8))
        nodes: list[Rows] = []
        init = Rows.__init__

        def remembered(self, *args, init=init, nodes=nodes, **named):
            init(self, *args, **named)
            nodes.append(self)

        Rows.__init__ = remembered
        try:
            read = network(net, rows, (0, 24), 4).reader()
        finally:
            Rows.__init__ = init
        most = 0
        for first in range(0, 3 * height, 12):
            read(first, first + 12, first + 12)
            most = max(most, sum(node.held.numel() for node in [rows, *nodes] if node.held is not None))
        held.append(most)
    assert held[0] == held[1]


@torch.inference_mode()
def test_in_bfloat16_the_picture_itself_stays_exact():
    bicubic = NETWORKS["fused"]
    half = prepared(bicubic, torch.bfloat16)
    assert half.decoder[-1].weight.dtype == half.encoder[2].conv1.weight.dtype == torch.bfloat16
    assert half.encoder[0].weight.dtype == bicubic.decoder[-1].weight.dtype == torch.float32
    torch.nn.init.zeros_(half.decoder[-1].weight)
    torch.nn.init.zeros_(half.decoder[-1].bias)
    x = torch.rand(1, 3, 20, 20)
    made = network(half, Rows(20, lambda first, last: x[:, :, first:last]), (0, 40)).reader()(0, 40, 40)
    assert (made - half.bicubic(x)).abs().max() <= 1e-6  # what is left is bicubic
    article = prepared(NETWORKS["the article's"], torch.bfloat16)  # its head makes the picture
    assert article.decoder[-1].weight.dtype == torch.float32
