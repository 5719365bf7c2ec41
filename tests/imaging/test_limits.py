"""The limits of what a network may make of a picture, beside their definition pixel by pixel."""

import pytest
import torch

from caesr.imaging.limits import LEVEL, OVERSHOOT, limit_overshoot, limit_to_surroundings, surroundings

HEIGHT, WIDTH = 9, 7


def around(picture: torch.Tensor, row: int, column: int, reach: int) -> torch.Tensor:
    """Return the pixels (3, n) of (3, H, W) around one."""
    rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (row, column))
    return picture[:, rows, columns].flatten(1)


def limited(value: torch.Tensor, picture: torch.Tensor, row: int, column: int, overshoots: bool) -> torch.Tensor:
    """Return a pixel (3) of the result that lies in a pixel of a picture, limited."""
    near = around(picture, row, column, 1)
    low, high = near.amin(1), near.amax(1)
    if not overshoots:
        return value.clamp(low, high)
    far = around(picture, row, column, 2)
    slack = OVERSHOOT * (far.amax(1) - far.amin(1)) + LEVEL
    bottom, top = far.amin(1) - slack, far.amax(1) + slack
    bottom[low == 1], top[high == 0] = 1, 0
    return value.clamp(bottom, top)


@pytest.mark.parametrize("overshoots", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("scale", "rows", "columns"),
    [
        (1, (0, 9), (0, 7)),
        (3, (3, 27), (0, 21)),
        (3, (4, 20), (5, 9)),
        (4.0, (8, 36), (1, 28)),
        (2.5, (0, 22), (3, 18)),
    ],
)
def test_no_pixel_leaves_the_limits_of_the_one_it_lies_in(scale, rows, columns, channels_last, overshoots):
    torch.manual_seed(0)
    picture = torch.rand(3, HEIGHT, WIDTH)
    picture[:, :4] = picture[:, :4].round()  # flat black and white among them
    picture[0, 2:6, :4], picture[1, :4] = 1, 0
    y = torch.rand(3, rows[1] - rows[0], columns[1] - columns[0])
    if channels_last:
        y = y.movedim(0, -1).contiguous().movedim(-1, 0)
    source = surroundings(rows, scale, HEIGHT), surroundings(columns, scale, WIDTH)
    expected = y.clone()
    for r in range(y.shape[1]):
        for c in range(y.shape[2]):
            at = min(int((rows[0] + r + 0.5) / scale), HEIGHT - 1), min(int((columns[0] + c + 0.5) / scale), WIDTH - 1)
            expected[:, r, c] = limited(y[:, r, c], picture, *at, overshoots)
    limit = limit_overshoot if overshoots else limit_to_surroundings
    limit(y, picture[:, slice(*source[0]), slice(*source[1])], source, (rows, columns), scale)
    assert torch.equal(y, expected)
