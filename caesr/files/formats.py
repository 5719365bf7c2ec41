"""Kinds of files, recognised by how they begin, whatever their names say: pictures that can be read, and others."""

import re

from caesr.files.picture import PictureError
from zoo.messages import Message

SIGNATURE_BYTES = 65536  # read before a file is opened; an animated PNG says within these that it is one
# HEIF files name their codec as their brand, or else among those that they are compatible with (ISO 23008-12, 10.2).
AVIF_BRANDS, HEIC_BRANDS = rb"(?:avif|avis)", rb"(?:hei[cxms]|hev[cxms])"
HEIF = rb"(?s)....ftyp(?:%b|(?:mif[12]|msf1|miaf)(?:.{4}){1,30}?%b)"
SIGNATURES = {
    "jpg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"(?s)RIFF....WEBP",
    "tif": rb"II[*+]\0|MM\0[*+]",
    "gif": rb"GIF8[79]a",
    "avif": HEIF % (AVIF_BRANDS, AVIF_BRANDS),
    "heic": HEIF % (HEIC_BRANDS, HEIC_BRANDS),
    "jxl": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    "bmp": rb"(?s)BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",  # the length of the header that follows
}
# CR2, CR3, RAF, ORF, RW2, X3F and MRW; others begin as a TIFF does.
RAW = rb"(?s)(?:II[*]\0.{4}CR|....ftypcrx|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|\0MRM)"
PICTURES = {
    Message("an SVG drawing"): rb"(?is)(?:\xef\xbb\xbf)?\s*(?!.{0,600}?<(?:!DOCTYPE )?html)"
    rb"<(?:svg|[?!].{0,4000}?<svg)\b",
    Message("a PDF document"): rb"%PDF-",
    Message("a PostScript drawing"): rb"%!PS|\xc5\xd0\xd3\xc6",
    Message("a Photoshop document"): rb"8BPS",
    Message("a GIMP picture"): rb"gimp xcf",
    Message("a JPEG 2000 picture"): rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    Message("a JPEG XR picture"): rb"II\xbc",
    Message("an OpenEXR picture"): rb"\x76\x2f\x31\x01",
    Message("a Radiance HDR picture"): rb"#\?(?:RADIANCE|RGBE)",
    Message("a DirectDraw texture"): rb"DDS ",
    Message("a portable anymap (PPM, PGM, PBM, PAM or PFM)"): rb"P[1-7Ff]\s+[#\dW]",
    Message("a QOI picture"): rb"qoif",
    Message("an icon"): rb"(?s)\0\0[\1\2]\0[\x01-\x40]\0.{2}[\0\1]\0|icns",
    Message("a PCX picture"): rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]",
    Message("a Windows metafile"): rb"(?s)\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF",
    Message("a DjVu document"): rb"AT&TFORM",
    Message("a DICOM picture"): rb"(?s).{128}DICM",
    Message("a FITS picture"): rb"SIMPLE  =",
    Message("an MNG animation"): rb"\x8a[MJ]NG\r\n",
    Message("a HEIF picture of a rare kind"): rb"(?s)....ftyp(?:mif[123]|msf1|miaf|jpeg|j2ki)",
}
OTHERS = {
    Message("a pointer of Git LFS (run: git lfs pull)"): rb"version https://git-lfs",
    Message("a web page, perhaps the message of a failed download"): rb"(?is)(?:\xef\xbb\xbf)?\s*"
    rb"<(?:!DOCTYPE html|html|head|body|meta|[?!].{0,600}?<(?:!DOCTYPE )?html)\b",
    Message("a file of XML, perhaps the message of a failed download"): rb"(?:\xef\xbb\xbf)?\s*<\?xml",
    Message("a file of JSON, perhaps the message of a failed download"): rb"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]])",
    Message("a video"): rb"(?s)....(?:ftyp|moov|mdat|wide)|\x1a\x45\xdf\xa3|RIFF....AVI |\0\0\x01[\xba\xb3]|FLV\x01",
    Message("a sound"): rb"(?s)RIFF....WAVE|ID3|OggS|fLaC",
    Message("an archive"): rb"(?s)PK(?:\x03\x04|\x05\x06|\x07\x08)|Rar!|7z\xbc\xaf|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ|"
    rb".{257}ustar",
    Message("a macOS file of attributes, without the picture itself"): rb"\0\x05\x16\x07",
    Message("full of zeros"): rb"\0+\Z",
    Message("a text"): rb"[\t\n\r\x20-\x7e\x80-\xff]+\Z",
}


def recognise(beginning: bytes) -> str | None:
    """Return the format of a file that begins with these bytes, None if it is no picture that can be read."""
    if re.match(RAW, beginning):
        return None
    return next((format for format, signature in SIGNATURES.items() if re.match(signature, beginning)), None)


def refusal(name: str, beginning: bytes) -> PictureError:
    """Return the error of a file that is not read, which says what the file is.

    Args:
        beginning: its first bytes, at most 64 KiB, for which `recognise` returned None.
    """
    if re.match(RAW, beginning):
        return PictureError(Message("{name} is a raw photograph; develop it to a TIFF or JPEG first.", name=name))
    for kind, signature in PICTURES.items():
        if re.match(signature, beginning):
            message = "{name} is {kind}, which cannot be read here; export it as a PNG, JPEG or TIFF."
            return PictureError(Message(message, name=name, kind=kind))
    for kind, signature in OTHERS.items():
        if re.match(signature, beginning):
            return PictureError(Message("{name} is {kind}, no picture; get the picture itself.", name=name, kind=kind))
    message = "{name} is no picture of a known kind; save it as a JPEG, PNG, WebP or TIFF."
    return PictureError(Message(message, name=name))
