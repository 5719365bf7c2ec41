#!/bin/sh
# Make tests/samples/pages: files of several pages and frames as other programs write them. Made with ImageMagick 6.9.11,
# libtiff 4.5.0 (tiffcp, tiffset) and libwebp 1.2.4 (cwebp, webpmux); run in this folder. The picture is a part of
# examples/cat.png.
set -e
rm -rf pages && mkdir pages && cd pages
cat="convert ../../../examples/cat.png -crop 256x192+50+30 +repage -strip"
$cat -resize 32x24! -units PixelsPerInch -density 300 1.tif
$cat -resize 8x6! -compress none 2.tif && tiffset -s 254 1 2.tif  # a thumbnail
$cat -resize 40x30! -monochrome -compress Group4 3.tif
$cat -resize 20x28! -colorspace Gray -depth 16 -compress LZW -endian MSB 4.tif
$cat -resize 24x16! \( -size 16x24 gradient: -rotate 90 \) -alpha off -compose CopyOpacity -composite -compress Zip 5.tif
tiffset -s 274 6 5.tif  # on its side
tiffcp 1.tif 2.tif 3.tif 4.tif 5.tif scan.tif
tiffcp -8 -t -w 16 -l 16 1.tif 3.tif big.tif
# Frames that are parts of the picture, each with another way to dispose of it.
$cat -resize 32x24! 1.png
convert -size 12x10 radial-gradient:red-none 2.png
convert -loop 3 -delay 5 -dispose None 1.png -delay 7 -dispose Previous -page +4+5 2.png \
  -delay 13 -dispose Background -page +15+8 2.png -delay 200 -dispose None -page +10+2 2.png moving.gif
cwebp -quiet -lossless 1.png -o 1.webp && cwebp -quiet -lossless 2.png -o 2.webp
webpmux -frame 1.webp +50+0+0+0-b -frame 2.webp +8+4+6+0+b -frame 2.webp +130+14+8+1+b -frame 2.webp +3000+10+2+0-b \
  -loop 2 -bgcolor 40,10,20,30 -o moving.webp
convert moving.gif -coalesce -append PNG32:shown.png  # what browsers show; Pillow fills with a colour where frame 3 was
rm -f ?.tif ?.png ?.webp
