"""Zip files: their directory, names and members, read from strangers."""
