"""Picture files in, upscaled files out: one picture, or many with a manifest."""

from caesr.jobs.runner import upscale_file

__all__ = ["upscale_file"]
