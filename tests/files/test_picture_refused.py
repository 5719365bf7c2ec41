"""Picture files that cannot be read, and paths that cannot be written to."""

import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from caesr.files.metadata.containers import tiff
from caesr.files.picture import Metadata, Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from tests.pictures import FORMATS, check_message, make_exif, make_png, noise, smooth

# --- reading ------------------------------------------------------------------------------------


NO_PICTURES = {
    "empty.jpg": b"",
    "notes.png": b"dear diary, this is not a picture",
    "drawing.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "paper.pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj",
    "sound.webp": b"RIFF\x24\0\0\0WAVEfmt ",
    "page.jpg": b"<!DOCTYPE html><html></html>",
    "short.jpg": b"\xff\xd8\xff",
    "short.png": b"\x89PNG\r\n\x1a\n",
    "short.webp": b"RIFF\x24\0\0\0WEBP",
    "short.tif": b"II*\0",
    "loop.tif": b"II*\0\x08\0\0\0\x01\0" + b"\xff" * 40,
    "matrix.mat": b"MATLAB 5.0 MAT-file",
    "portable.ppm": b"P6 1 1 255\n\0\0\0",
    "moving.gif": b"GIF89a\x01\0\x01\0\0\0\0;",
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_other_files_are_refused(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(NO_PICTURES[name])
    for read in (inspect, read_picture):
        with pytest.raises(PictureError) as error:
            read(tmp_path / name)
        check_message(error, name)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path):
    with pytest.raises(PictureError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(PictureError, match="no file") as error:
        read_picture(tmp_path / "missing.jpg")
    check_message(error, "missing.jpg")
    with pytest.raises(PictureError):
        read_picture("nul\0byte.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError):
        read_picture(tmp_path / "pipe.jpg")


def test_the_thumbnail_of_a_raw_photograph_is_not_read_instead(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "raw.dng", format="TIFF", tiffinfo={254: 1})
    with pytest.raises(PictureError, match="raw photograph") as error:
        read_picture(tmp_path / "raw.dng")
    check_message(error, "raw.dng")


def test_a_header_that_claims_far_too_much_is_refused_at_once(tmp_path: Path):
    path = tmp_path / "bomb.png"
    path.write_bytes(make_png(60000, 60000, zlib.compress(bytes(1000))))
    assert inspect(path).width == 60000
    start = time.perf_counter()
    with pytest.raises(PictureError, match="60000 x 60000 pixels, over the limit of 100 mega") as error:
        read_picture(path)
    assert time.perf_counter() - start < 1
    check_message(error, "bomb.png")


def test_a_header_with_impossible_numbers_is_refused(tmp_path: Path):
    for size in (0, 2**31 - 1, 2**32 - 1):
        (tmp_path / "odd.png").write_bytes(make_png(size, size, zlib.compress(b"\0")))
        with pytest.raises(PictureError):
            inspect(tmp_path / "odd.png")


def test_the_limit_is_that_of_the_argument_then_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_picture(Picture(smooth()), tmp_path / "p.png")
    assert read_picture(path, max_pixels=48 * 64).pixels.shape == (48, 64, 3)
    with pytest.raises(PictureError, match="limit"):
        read_picture(path, max_pixels=48 * 64 - 1)
    monkeypatch.setenv("CAESR_MAX_PIXELS", "3000")
    with pytest.raises(PictureError, match=r"limit of 0\.003 megapixels"):
        read_picture(path)
    assert read_picture(path, max_pixels=10**6).pixels.shape == (48, 64, 3)
    monkeypatch.setenv("CAESR_MAX_PIXELS", "plenty")
    with pytest.raises(PictureError, match="CAESR_MAX_PIXELS is 'plenty'"):
        read_picture(path)


def test_damaged_files_print_nothing(tmp_path: Path):
    for format in FORMATS:
        data = write_picture(Picture(noise(40, 40, 3)), tmp_path / f"p.{format}").read_bytes()
        (tmp_path / f"p.{format}").write_bytes(data[: len(data) // 3])
    (tmp_path / "loop.tif").write_bytes(NO_PICTURES["loop.tif"])
    code = (
        "import sys\nfrom caesr.files.picture import PictureError\nfrom caesr.files.read import read_picture\n"
        "for path in sys.argv[1:]:\n    try: read_picture(path)\n    except PictureError: print('refused')\n"
    )
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 5
    assert done.stderr == ""


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "longest"), [("webp", 16383), ("jpg", 65500), ("avif", 16384)])
def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path, format: str, longest: int):
    fits, beyond = np.zeros((1, longest, 3), np.uint8), np.zeros((longest + 1, 1, 3), np.uint8)
    assert inspect(write_picture(Picture(fits), tmp_path / f"fits.{format}")).width == longest
    with pytest.raises(PictureError, match="PNG or TIFF") as error:
        write_picture(Picture(beyond), tmp_path / f"beyond.{format}")
    check_message(error, f"beyond.{format}")
    assert not (tmp_path / f"beyond.{format}").exists()
    for other in ("png", "tif"):
        assert inspect(write_picture(Picture(beyond), tmp_path / f"beyond.{other}")).height == longest + 1


@pytest.mark.parametrize("moment", ["encoding", "EXIF", "disk", "renaming", "stopped by hand"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    path = tmp_path / "kept.tif"
    path.write_bytes(b"what was there before")
    new = Picture(smooth(), metadata=Metadata(exif=make_exif().tobytes()))

    def fail(*_: object) -> None:
        raise KeyboardInterrupt if moment == "stopped by hand" else OSError(28, "No space left on device")

    def write_half(image: pyvips.Image, target: bytes, **_: object) -> None:
        Path(os.fsdecode(target)).write_bytes(b"half a picture")
        raise pyvips.Error("unable to write")

    if moment == "encoding":
        monkeypatch.setattr(pyvips.Image, "tiffsave", write_half, raising=False)
    elif moment == "EXIF":
        monkeypatch.setattr(tiff, "add", fail)
    elif moment == "renaming":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt if moment == "stopped by hand" else PictureError) as error:
        write_picture(new, path)
    monkeypatch.undo()
    if moment != "stopped by hand":
        check_message(error, "kept.tif")
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]
    write_picture(new, path)
    np.testing.assert_array_equal(read_picture(path).pixels, smooth())
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_reported_and_leaves_no_file(tmp_path: Path):
    """A limit on the size of files takes the place of the disk, in a process of its own."""
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from caesr.files.picture import Picture\nfrom caesr.files.write import write_picture\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)\n"
        "for name in sys.argv[1:]:\n    try: write_picture(Picture(pixels), name)\n"
        "    except ValueError as error: print(error)\n"
    )
    pytest.importorskip("resource")
    names = [str(tmp_path / f"p.{format}") for format in FORMATS]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"{name} cannot be written" for name in names]
    assert list(tmp_path.iterdir()) == []


def test_paths_that_cannot_be_written_to_are_reported(tmp_path: Path):
    with pytest.raises(PictureError, match=r"nowhere.*No such file"):
        write_picture(Picture(smooth()), tmp_path / "nowhere" / "p.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(Picture(smooth()), tmp_path / "folder.png")
    with pytest.raises(PictureError, match="too long"):
        write_picture(Picture(smooth()), tmp_path / ("x" * 300 + ".png"))
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(Picture(smooth()), Path(__file__) / "p.png")
    with pytest.raises(PictureError, match="too long"):
        read_picture(tmp_path / ("x" * 300 + ".png"))
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.png"]


@pytest.mark.parametrize("name", ["p.gif", "p", "p.bmp", "png"])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str):
    with pytest.raises(PictureError, match=r"choose \.png, \.jpg, \.webp, \.tif, \.avif, \.jxl"):
        write_picture(Picture(smooth()), tmp_path / name)
    with pytest.raises(PictureError):
        write_picture(Picture(smooth()), tmp_path / "p.png", format="heic")


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(tmp_path: Path, quality: int):
    with pytest.raises(PictureError, match="1 to 100"):
        write_picture(Picture(smooth()), tmp_path / "p.jpg", quality=quality)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path):
    (tmp_path / "plain").touch()
    path = write_picture(Picture(smooth()), tmp_path / "p.png")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
