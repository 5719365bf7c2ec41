"""Picture files in, upscaled files out: one picture, or many with a manifest."""

from caesr.jobs.runner import CaesrWarning, upscale_file

__all__ = ["CaesrWarning", "upscale_file"]
