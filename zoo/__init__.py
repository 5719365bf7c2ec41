"""The zoo: CAESR's checkpoints, where they are and how they come."""

from zoo.catalogue import Entry, ZooError, info, names
from zoo.dial import load_dial
from zoo.hub import fetch, load, load_family

__all__ = ["Entry", "ZooError", "fetch", "info", "load", "load_dial", "load_family", "names"]
