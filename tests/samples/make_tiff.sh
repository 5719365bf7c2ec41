#!/bin/sh
# Make the TIFFs of tests/files/test_tiff_layout.py: one crop of examples/cat.png, in kinds of pixels of other programs.
# ImageMagick 6.9.11-60 (convert) and libtiff 4.5.0 (tiffcp). Run it in tests/samples.
set -eu
cd tiff
convert ../../../examples/cat.png -crop 32x24+80+50 +repage -depth 8 -strip PNG24:plain.png
convert plain.png \( -size 32x24 gradient:white-gray20 \) -alpha off -compose CopyOpacity -composite -strip PNG32:clear.png
convert clear.png -define tiff:alpha=associated -compress LZW multiplied.tif
convert clear.png -colorspace CMYK -compress LZW inks-and-alpha.tif
convert plain.png -colorspace Lab -depth 8 -compress Zip lab-8.tif
convert plain.png -colorspace Lab -depth 16 -compress Zip lab-16.tif
convert plain.png -depth 12 -compress LZW 12-bits.tif
convert plain.png -depth 16 -interlace plane -compress Zip planes-16.tif
convert plain.png -colorspace YCbCr -compress None ycbcr.tif
# It writes the tag, but not the opposite values.
convert plain.png -colorspace Gray -negate -define quantum:polarity=min-is-white -compress RLE white-is-zero.tif
convert plain.png -colorspace Gray -depth 8 grey.png
convert plain.png -compress None rgb.tif
tiffcp -c jpeg:r:95 rgb.tif jpeg.tif
tiffcp -c lzw -t -w 16 -l 16 -p separate rgb.tif planes-of-tiles.tif
tiffcp -8 -B -c packbits rgb.tif big.tif
tiffcp -c zstd rgb.tif zstandard.tif
rm rgb.tif
