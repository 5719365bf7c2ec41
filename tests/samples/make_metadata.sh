#!/bin/sh
# Make tests/samples/metadata: one small photograph as every kind of file, with all the metadata that a program can put
# there. Made with ExifTool 12.57, ImageMagick 6.9.11, tifffile 2026.3.3, libwebp 1.2.4 (cwebp), libheif 1.15
# (heif-enc), and Python 3; run in this folder. The picture is a part of examples/cat.png.
set -e
rm -rf metadata && mkdir metadata && cd metadata
cat > unknown.cfg <<'C'
%Image::ExifTool::UserDefined = (
    'Image::ExifTool::Exif::Main' => {
        0xfde8 => { Name => 'VendorText', Writable => 'string', WriteGroup => 'IFD0' },
        0xfde9 => { Name => 'VendorNumber', Writable => 'int32u', WriteGroup => 'ExifIFD' },
        0xd000 => { Name => 'VendorRational', Writable => 'rational64s', WriteGroup => 'ExifIFD', Count => 3 },
        0x927c => { Name => 'RawNote', Writable => 'undef', WriteGroup => 'ExifIFD' },
    },
);
1;
C
convert ../../../examples/cat.png -crop 200x200+50+30 -resize 48x32! -strip plain.png
convert ../../../examples/cat.png -resize 40x26! -quality 30 -strip thumb.jpg
python3 -c "open('note.bin', 'wb').write(b'PLACEHOLDER'.ljust(120, b'.'))"

tag() {  # FILE: all that ExifTool can write into it
    exiftool -config unknown.cfg -q -m -overwrite_original -charset filename=utf8 \
        -Make=Canon -Model="P 9 é" -IFD0:XResolution=300 -IFD0:YResolution=200 -IFD0:ResolutionUnit=inches \
        -VendorText="vendor text" -VendorNumber=123456789 "-VendorRational=1.5 -2.25 3" \
        -ExposureTime=1/125 -FNumber=1.8 -ISO=100 -DateTimeOriginal="2024:05:06 07:08:09" -OffsetTimeOriginal=+02:00 \
        -LensModel="50mm f/1.8" -UserComment="Grüße 你好" -CompositeImage#=2 -ExifImageWidth=48 -ExifImageHeight=32 \
        -InteropIndex=R03 -InteropVersion=0100 -ColorSpace#=65535 \
        -GPSLatitude=52.52 -GPSLatitudeRef=N -GPSLongitude=13.405 -GPSLongitudeRef=E -GPSAreaInformation=Berlin \
        -XMP-exif:GPSLatitude="52.52 N" -XMP-exif:GPSLongitude="13.405 E" -XMP-photoshop:City=Berlin \
        -XMP-iptcCore:Location=Berlin -XMP-iptcExt:LocationCreatedCity=Berlin -XMP-drone-dji:GpsLatitude=52.52 \
        -XMP-dc:Title="A cat" -XMP-dc:Subject=cat -XMP-dc:Subject=ears -XMP-xmp:Rating=4 \
        -XMP-tiff:Orientation#=1 -XMP-tiff:ImageWidth=48 \
        -IPTC:CodedCharacterSet=UTF8 -IPTC:Headline="Cät" -IPTC:Keywords=cat -IPTC:Keywords=ears -IPTC:City=Berlin \
        -IPTC:Country-PrimaryLocationName=Berlin -IPTC:Sub-location=Berlin -IPTC:By-line=Jürgen \
        -Comment="A comment, ümlaut" "$1"
}

convert plain.png -quality 90 phone.jpg
tag phone.jpg
exiftool -q -overwrite_original "-ThumbnailImage<=thumb.jpg" phone.jpg
exiftool -config unknown.cfg -q -overwrite_original "-RawNote<=note.bin" phone.jpg
python3 - <<'P'
import struct  # a maker's note as Canon's: a directory whose values are at places of the block of EXIF
data = bytearray(open("phone.jpg", "rb").read())
start, at = data.index(b"Exif\0\0") + 6, data.index(b"PLACEHOLDER")
order = ">" if data[start : start + 2] == b"MM" else "<"
texts = [(6, b"Canon PowerShot X\0"), (7, b"Firmware 1.00\0"), (9, b"Owner of it\0")]
head, values, end = struct.pack(order + "H", len(texts)), b"", at - start + 2 + 12 * len(texts) + 4
for tag, text in texts:
    head, values = head + struct.pack(order + "HHLL", tag, 2, len(text), end + len(values)), values + text
data[at : at + 120] = (head + bytes(4) + values).ljust(120, b"\0")
open("phone.jpg", "wb").write(data)
P
convert plain.png -compress zip exiftool.tif && tag exiftool.tif
exiftool -b -xmp phone.jpg > xmp.bin && exiftool -b -iptc phone.jpg > iptc.bin
../../../.venv/bin/python - <<'P'
import tifffile  # the only program at hand that puts XMP and IPTC into a BigTIFF
pixels = tifffile.imread("exiftool.tif")
texts = [(271, "Canon"), (272, "P 9"), (315, "Jürgen"), (65000, "vendor text")]
extra = [(tag, 2, None, text.encode() + b"\0", True) for tag, text in texts]
extra += [(700, 1, None, open("xmp.bin", "rb").read(), True), (33723, 7, None, open("iptc.bin", "rb").read(), True)]
tifffile.imwrite("big.tif", pixels, bigtiff=True, photometric="rgb", compression="zlib", resolution=(300, 200),
                 resolutionunit=2, description="A cat", software="tifffile", metadata=None, extratags=extra)
P
convert plain.png -compress zip -endian MSB motorola.tif && tag motorola.tif
cp plain.png exiftool.png && tag exiftool.png
cwebp -quiet -q 90 plain.png -o exiftool.webp && tag exiftool.webp
heif-enc -A -q 60 plain.png -o exiftool.avif > /dev/null && tag exiftool.avif
convert plain.png exiftool.gif && tag exiftool.gif
convert phone.jpg magick.png    # EXIF and IPTC in "Raw profile" texts, GPS in texts of their own
convert phone.jpg -compress zip magick.tif  # IPTC in Photoshop's resources
convert phone.jpg -define webp:method=4 magick.webp
rm -f *.bin plain.png thumb.jpg unknown.cfg
