"""The zoo: CAESR's checkpoints, where they are and how they come."""

from zoo.catalogue import Entry, ZooError, info, names
from zoo.dial import fetch_dial, load_dial
from zoo.hub import entry_of, fell_back, fetch, fetch_family, load, load_family, whereabouts

__all__ = [
    "Entry",
    "ZooError",
    "entry_of",
    "fell_back",
    "fetch",
    "fetch_dial",
    "fetch_family",
    "info",
    "load",
    "load_dial",
    "load_family",
    "names",
    "whereabouts",
]
