"""What a file of a folder or zip is, by its name and by how it begins."""

import pytest

from caesr.files.listed import reason_to_skip
from zoo.messages import Message

TIFF = b"II*\0\x08\0\0\0"


def never(size: int) -> bytes:
    raise AssertionError("the file was opened")


@pytest.mark.parametrize("name", ["a.jpg", "a.JPE", "a.jfif", "a.mpo", "b/a.bmp", "a.avif", "a.heic", "a.b.tiff"])
def test_a_picture_is_known_by_its_name(name):
    assert reason_to_skip(name, never) is None


@pytest.mark.parametrize("name", [".a.png", ".jpg", "b/.git/a.png", "__MACOSX/a.png", ".DS_Store"])
def test_what_is_hidden_is_left_out_without_a_look(name):
    assert reason_to_skip(name, never) == "hidden"


@pytest.mark.parametrize("beginning", [b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", TIFF, b"GIF89a"])
@pytest.mark.parametrize("name", ["photo", "photo.dat", "photo.jpg.1", "IMG_1.JPG?size=large", "b.psd"])
def test_a_picture_is_known_by_what_it_holds(name, beginning):
    assert reason_to_skip(name, lambda size: beginning) is None


@pytest.mark.parametrize(
    ("name", "beginning", "reason"),
    [
        ("notes.txt", b"notes", "not a picture"),
        ("a.xmp", b'<?xpacket begin="">', "not a picture"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", "not a picture"),
        ("film.mov", b"\0\0\0\x14ftypqt  ", "not a picture"),
        ("a.psd", b"8BPS\0\1", "a Photoshop document, which cannot be read here; export it as a PNG, JPEG or TIFF"),
        ("IMG.NEF", TIFF, "a raw photograph; develop it to a TIFF or JPEG first"),
        ("IMG.CR2", TIFF + b"CR\2\0", "a raw photograph; develop it to a TIFF or JPEG first"),
        ("nothing", b"", "empty"),
        ("b.zip", b"PK\3\4", "a zip within; name it as an input of its own"),
    ],
)
def test_what_is_no_picture_has_its_reason(name, beginning, reason):
    said = reason_to_skip(name, lambda size: beginning)
    assert said == reason
    assert isinstance(said, Message)
