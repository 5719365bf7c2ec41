"""How JPEG, PNG, WebP, GIF, TIFF and AVIF hold metadata: `read` it from a file, add it to one that libvips writes."""
