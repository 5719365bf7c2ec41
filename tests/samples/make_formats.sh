#!/bin/sh
# Make tests/samples/formats: one small picture as the kinds of files that the packages of the tests cannot write. Made
# with ImageMagick 6.9.11, libheif 1.15 (heif-enc), libjxl 0.7 (cjxl) and pillow-heif 1.8.1; run in this folder. The
# picture is a part of examples/cat.png.
set -e
rm -rf formats && mkdir formats && cd formats
convert ../../../examples/cat.png -crop 256x192+50+30 -resize 64x48! -strip plain.png
convert plain.png -depth 16 -evaluate add 200 PNG48:deep.png  # values that 8 bits do not hold
convert plain.png -colorspace Gray -depth 16 -evaluate add 200 -define png:color-type=0 -define png:bit-depth=16 grey.png
convert plain.png \( -size 48x64 gradient: -rotate 90 \) -alpha off -compose CopyOpacity -composite alpha.png
heif-enc -q 95 -p chroma=444 -t 32 plain.png -o photo.heic
heif-enc -q 95 -p chroma=444 -b 10 deep.png -o deep.heic
heif-enc -q 95 -p chroma=444 alpha.png -o alpha.heic
heif-enc -q 95 plain.png alpha.png -o two.heic
../../../.venv/bin/python - <<'P'
import pillow_heif
from PIL import Image
pillow_heif.register_heif_opener()
exif = Image.Exif()
exif[0x0112], exif[0x010F] = 6, "Camera Works"  # telephones say it twice: in the EXIF, and in a box that counts
picture = Image.open("plain.png").convert("RGB")
options = {"quality": 95, "chroma": 444}
picture.rotate(90, expand=True).save("turned.heic", exif=exif.tobytes(), xmp=b"<x/>", **options)
picture.save("pq.heic", color_primaries=9, transfer_characteristics=16, matrix_coefficients=9, **options)
P
cjxl -q 95 plain.png plain.jxl --quiet
cjxl -d 0 deep.png deep.jxl --quiet
cjxl -d 0 grey.png grey.jxl --quiet
cjxl -d 0 alpha.png alpha.jxl --quiet
convert plain.png -quality 90 photo.jpg && cjxl photo.jpg repacked.jxl --quiet
convert plain.png \( plain.png -flop \) -set delay 10 -loop 0 moving.gif && cjxl moving.gif moving.jxl --quiet
convert plain.png -colors 200 -compress RLE BMP3:rle8.bmp
convert plain.png -colors 12 BMP3:palette4.bmp
convert alpha.png BMP:alpha.bmp
convert plain.png BMP2:os2.bmp
convert plain.png -define bmp:subtype=RGB565 BMP:rgb565.bmp
rm -f moving.gif
