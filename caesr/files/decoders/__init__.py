"""Decoders of picture files, and what must be known of a file before it is decoded."""
