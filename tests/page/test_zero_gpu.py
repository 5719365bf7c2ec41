"""ZeroGPU: the page computes in processes that are forked for it, and all is as it is elsewhere.

tests/stand_in/visits.py runs in an interpreter of its own, with the real module `spaces`; here are its results and what
a page without ZeroGPU makes.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caesr import CAEResNet
from caesr.evaluation.compare import Comparison
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page import gpu_calls
from caesr.page.comparison import Task, compare_methods
from caesr.page.device import Device
from caesr.page.gpu_calls import Failure, GpuCalls, Work
from caesr.page.zero_gpu import MAX_SECONDS, START_SECONDS, count_flops, cut_parts, fit_in_call
from tests.conftest import ROOT

CAT, COFFEE = (ROOT / "examples" / name for name in ("cat.png", "coffee.png"))
visitors = pytest.mark.skipif(sys.platform != "linux", reason="`spaces` needs Linux")


@pytest.fixture(scope="module")
def visits(tmp_path_factory) -> dict[str, Any]:
    """Return what the visits returned, by their names."""
    report = tmp_path_factory.mktemp("visits") / "report.json"
    command = [sys.executable, "-W", "ignore", "-m", "tests.stand_in.visits", str(report)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr
    return json.loads(report.read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Callable[[Path, int], str]]:
    """Yield a function that gives the digest of what this process makes of a file, without ZeroGPU.

    It has one thread, as the forked processes have: with two, some processors add in another order (Zen 4, one level).
    """
    device, folder, digests = Device(), tmp_path_factory.mktemp("made"), dict[tuple[Path, int], str]()

    def digest(file: Path, scale: int) -> str:
        if (file, scale) not in digests:
            for _ in device.upscale(
                UpscaleOptions("lite", scale=scale, tile=64), file, folder / "a.png", OutputOptions()
            ):
                pass
            digests[file, scale] = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
        return digests[file, scale]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield digest
    torch.set_num_threads(threads)


@visitors
@pytest.mark.slow
def test_a_forked_process_makes_the_same_files_and_reads_no_network_again(visits, made):
    digests, calls, parent, readers = visits["pictures"]
    assert digests == [made(CAT, 3), made(CAT, 6)]
    assert [call[:2] for call in calls] == [[True, False]] * 2
    assert calls[0][2] not in (0, parent)
    assert calls[1][2] == 0  # the process that had the GPU has it again
    assert set(readers) == {parent}


@visitors
@pytest.mark.slow
def test_a_batch_takes_one_call_and_a_file_that_is_no_picture_only_itself(visits, made):
    statuses, calls, is_free = visits["batch"]
    assert [state for state, _ in statuses] == ["done", "failed", "done", "done"]
    assert [statuses[n][1] for n in (0, 2, 3)] == [made(CAT, 2), made(COFFEE, 2), made(CAT, 2)]
    assert statuses[1][1].startswith("README.md")
    assert (calls, is_free) == (1, True)


@visitors
@pytest.mark.slow
def test_of_a_call_that_is_aborted_the_picture_at_hand_fails_and_the_rest_is_done_by_another(visits, made):
    statuses, calls, is_free = visits["aborted_batch"]
    assert [state for state, _ in statuses] == ["done", "failed", "done", "done"]
    assert [statuses[n][1] for n in (0, 2, 3)] == [made(CAT, 2), made(COFFEE, 2), made(CAT, 2)]
    assert "aborted" in statuses[1][1]
    assert (calls, is_free) == ([[True, True], [True, False]], True)


@visitors
@pytest.mark.slow
def test_several_models_are_compared_in_one_call(visits):
    source = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    names = ["bicubic", "lite", "base", "lanczos", "photo"]
    found = [
        [name, hashlib.sha256(event.picture.tobytes()).hexdigest()]
        for name, event in compare_methods(Device(), Task(source, None, 4), names, UpscaleOptions(scale=4))
        if isinstance(event, Comparison)
    ]
    assert [name for name, _ in found] == names
    assert visits["several_models"] == [found, 1]


@visitors
@pytest.mark.slow
def test_two_visitors_have_a_call_each_at_the_same_time_and_get_their_own_pictures(visits, made):
    assert visits["two_visitors"] == [[made(CAT, 2), made(COFFEE, 2)], [0, 1], 2]


@visitors
@pytest.mark.slow
def test_cancelling_gives_the_gpu_back_and_the_next_one_gets_it(visits, made):
    done, total, files, is_free, digest = visits["cancelled"]
    assert done == 3 < total
    assert files == [1, 0]  # the file that was begun, and none
    assert is_free
    assert digest == made(CAT, 2)


@visitors
@pytest.mark.slow
def test_errors_of_the_forked_process_are_shown_in_the_same_words_and_can_be_translated(visits):
    kernel, no_picture = visits["broken_network"]
    assert kernel == ["Kernel A failed.", "Kernel {name} failed.", True, 1]
    assert no_picture[0].startswith("README.md")
    assert no_picture[2:] == [True, 1]  # for what is no picture there was no call


@visitors
@pytest.mark.slow
def test_a_picture_that_takes_several_calls_is_the_same(visits, made):
    assert visits["long_picture"] == [made(CAT, 4), 2, True, True]


@visitors
@pytest.mark.slow
def test_without_quota_pictures_are_computed_on_the_cpu_and_the_visitor_is_told(visits, made):
    digests, told, is_free, calls = visits["no_quota"]
    assert digests == [["done", made(CAT, 4)], ["done", made(CAT, 4)], made(CAT, 4)]
    assert (len(told), is_free, calls) == (2, True, 0)
    assert all("on the CPU" in words for words in told)


def test_a_space_without_zero_gpu_computes_in_its_own_process_although_the_package_is_there():
    import spaces  # noqa: F401

    from caesr.page import zero_gpu

    assert (zero_gpu.HAS_ZERO_GPU, zero_gpu.spaces) == (False, None)


def work(side: int, options: UpscaleOptions, channels: int = 3) -> Work:
    image = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (side, side, channels))
    return Work(Device().spec(options), image, 4)


def calls() -> GpuCalls:
    return GpuCalls(Device().networks, lambda spec: pytest.fail("nothing is computed"))


def test_the_seconds_asked_for_grow_with_the_work_and_a_call_stays_below_its_limit():
    lite, seconds = UpscaleOptions(model="lite"), calls().seconds
    assert 0 < seconds(work(100, lite)) < seconds(work(2000, lite)) < seconds(work(2000, lite, channels=4))
    assert seconds(work(2000, replace(lite, model="base"))) > 1.2 * seconds(work(2000, lite))
    much = seconds(work(10_000, replace(lite, model="base", ensemble=True)))
    parts = cut_parts(10_000, much)
    assert len(parts) > 1
    assert [stop for _, stop in parts[:-1]] == [start for start, _ in parts[1:]]
    assert max(stop - start for start, stop in parts) / 10_000 * much + START_SECONDS <= MAX_SECONDS * 1.05


def test_pictures_are_spread_over_no_more_calls_than_their_seconds_take(monkeypatch):
    asked, most = [], MAX_SECONDS - START_SECONDS

    def compute(works):
        asked.append([one.image.shape[0] for one in works])
        for number in range(len(works)):
            yield number, Failure("not computed")

    several = calls()
    monkeypatch.setattr(several, "_compute_on_gpu", compute)
    monkeypatch.setattr(several, "seconds", lambda one: one.image.shape[0] / 10 * most)
    monkeypatch.setattr(gpu_calls, "cut_parts", lambda height, seconds: [(0, height)])
    sides = (3, 3, 3, 3, 40, 5, 5)
    found = list(several.tiles([work(side, UpscaleOptions(model="lite")) for side in sides]))
    assert asked == [[3, 3, 3], [3], [40], [5, 5]]
    assert [number for number, _ in found] == list(range(7))
    assert fit_in_call([2 * most, 1]) == 1
    assert fit_in_call([]) == 1


def test_the_operations_of_a_network_are_those_of_its_layers_and_are_counted_once(monkeypatch):
    network = CAEResNet(scale=1, widths=(8,), encoder_blocks=(0,), decoder_blocks=())
    count_flops.cache_clear()
    assert count_flops(network.config) == 2 * 9 * (24 + 24)
    monkeypatch.setattr(CAEResNet, "forward", lambda *_: pytest.fail("counted again"))
    same = CAEResNet(scale=1, widths=(8,), encoder_blocks=(0,), decoder_blocks=())
    assert count_flops(same.config) == count_flops(network.config)
