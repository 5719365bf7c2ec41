"""What travels with a picture: EXIF, XMP, IPTC, texts, density and profile."""
