"""The networks whose cost is measured: every checkpoint of the zoo, and peers with their published PSNR.

The peers' weights are random, because cost does not depend on them. Their PSNR is what was published for this very
network, bicubic ×4, on Y; a network with weights for blindly degraded pictures only has none that compares.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import zoo
from benchmarks.architectures import FSRCNN, IMDN, RLFN, Compact, EDSRBaseline
from benchmarks.pictures import TEST_SETS
from caesr import CAEResNet


@dataclass(frozen=True)
class Network:
    """One line of the comparison."""

    name: str
    kind: str  # "ours" or "peer"
    scale: int
    build: Callable[[], nn.Module]
    psnr: dict[str, float] = field(default_factory=dict)  # test set -> dB on Y
    source: str = ""  # where that was published, and what the network was trained on
    channels: int = 3  # 1: luma only; the colours are upscaled by something else

    def model(self) -> nn.Module:
        """Return the network in eval mode, channels_last."""
        return self.build().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def picture(self, side: int) -> Tensor:
        """Return a random input of shape (1, channels, side, side), channels_last."""
        return torch.rand(1, self.channels, side, side).contiguous(memory_format=torch.channels_last)

    def megapixels(self, side: int) -> float:
        """Return the size of the output for such an input, in millions of pixels."""
        return (self.scale * side) ** 2 / 1e6


def our_networks() -> list[Network]:
    """Return every checkpoint of the zoo, with the figures of its catalogue."""
    networks = []
    for entry in map(zoo.info, zoo.names()):
        psnr = {data: round(entry.figures[data]["psnr_y"], 2) for data in TEST_SETS if data in entry.figures}
        build = partial(CAEResNet.from_pretrained, entry.name)
        networks.append(Network(entry.name, "ours", entry.scale, build, psnr, "benchmarks/measure/quality.py"))
    return networks


def spandrel(architecture: str, **options: Any) -> nn.Module:
    """Build a network of the library spandrel.

    Args:
        architecture: the module of `spandrel.architectures`, whose class has the same name; or `module:class`.

    Raises:
        SystemExit: spandrel is not installed.
    """
    # Two of spandrel's other networks (LaMa, RestoreFormer) import functions from torchvision, and importing any
    # network imports all. No network here uses torchvision, nor does CAESR: empty modules stand in for it.
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
            sys.modules[name] = types.ModuleType(name)
        for name in ("InterpolationMode", "rotate", "normalize"):
            setattr(sys.modules["torchvision.transforms.functional"], name, None)
    module, _, name = architecture.partition(":")
    try:
        package = importlib.import_module(f"spandrel.architectures.{module}")
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error}. `make bench` installs what the peers need.") from error
    return getattr(package, name or module)(**options)


def span(channels: int) -> nn.Module:
    """Build SPAN as it is deployed: each training-time triple of convolutions folded into one 3×3 convolution."""
    model = spandrel("SPAN", num_in_ch=3, num_out_ch=3, feature_channels=channels).eval()
    for parent in list(model.modules()):
        child: Any
        for name, child in parent.named_children():
            if hasattr(child, "eval_conv"):
                child.update_params()
                setattr(parent, name, child.eval_conv)
    return model


def peer(
    name: str, build: Callable[[], nn.Module], psnr: tuple[float, ...] = (), source: str = "", channels: int = 3
) -> Network:
    """Return a peer at ×4, with its PSNR on Set5, Set14 and B100 as far as it is known."""
    return Network(name, "peer", 4, build, dict(zip(TEST_SETS, psnr, strict=False)), source, channels)


SAFMN_TABLE = "comparison table of SAFMN, ICCV 2023, arXiv 2302.13800"
PLKSR_PAPER = "Lee et al., arXiv 2404.11848; DF2K"
BLIND = "{}'s network; its weights are made for degraded pictures, so that no figure compares"
SWINIR_LIGHT = {"embed_dim": 60, "depths": [6] * 4, "num_heads": [6] * 4, "window_size": 8, "mlp_ratio": 2}
PLKSR_TINY = {"n_blocks": 12, "kernel_size": 13, "ccm_type": "DCCM", "use_ea": False}

PEERS = [
    peer("FSRCNN", FSRCNN, (30.71, 27.59, 26.98), f"{SAFMN_TABLE}; luma only", channels=1),
    peer(
        "ECBSR-M16C64",  # folded, it is the plain stack that Compact is, on luma
        partial(Compact, 64, 16, colours=1),
        (31.92, 28.34, 27.48),
        f"{SAFMN_TABLE}; DIV2K, luma only",
        channels=1,
    ),
    peer("Compact 64×16", partial(Compact, 64, 16), (), BLIND.format("realesr-animevideov3")),
    peer("Compact 64×32", partial(Compact, 64, 32), (), BLIND.format("realesr-general-x4v3")),
    peer(
        "SPAN-28",
        partial(span, 28),
        (31.74,),
        "the NTIRE 2026 baseline's released weights under the protocol of `caesr evaluate`",
    ),
    peer("SPAN", partial(span, 48), (32.20, 28.66, 27.62), "Wan et al., CVPRW 2024, arXiv 2311.12770"),
    peer("SAFMN", partial(spandrel, "SAFMN", dim=36), (32.18, 28.60, 27.58), f"{SAFMN_TABLE}; DF2K"),
    peer("EDSR-baseline", EDSRBaseline, (32.09, 28.58, 27.57), f"{SAFMN_TABLE}; DIV2K"),
    peer("IMDN", IMDN, (32.21, 28.58, 27.56), f"{SAFMN_TABLE}; DIV2K"),
    peer("RLFN", RLFN, (32.24, 28.62, 27.60), "Kong et al., CVPRW 2022, arXiv 2205.07514, table 1; DIV2K"),
    peer("PLKSR-tiny", partial(spandrel, "PLKSR", **PLKSR_TINY), (32.33, 28.76, 27.68), PLKSR_PAPER),
    peer("PLKSR", partial(spandrel, "PLKSR", ccm_type="DCCM"), (32.62, 28.94, 27.80), PLKSR_PAPER),
    peer(
        "SwinIR-light",
        partial(spandrel, "SwinIR", upscale=4, upsampler="pixelshuffledirect", **SWINIR_LIGHT),
        (32.44, 28.77, 27.69),
        "Liang et al., ICCVW 2021, arXiv 2108.10257; DIV2K",
    ),
    peer("Real-CUGAN", partial(spandrel, "RealCUGAN:UpCunet4x"), (), BLIND.format("Real-CUGAN")),
    peer(
        "ESRGAN (RRDB)",
        partial(spandrel, "ESRGAN"),
        (32.73, 28.99, 27.85),
        "the PSNR-oriented network of Wang et al., ECCVW 2018, arXiv 1809.00219; DF2K",
    ),
]


def all_networks() -> list[Network]:
    """Return everything that is measured, ours first."""
    return [*our_networks(), *PEERS]
