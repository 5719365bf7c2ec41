"""spandrel without torchvision, of which two of its networks, and none of ours, use functions."""

import importlib
import importlib.util
import sys
import types

import pytest


@pytest.fixture(scope="session")
def spandrel() -> types.ModuleType:
    """Return spandrel with CAESR's architecture registered, or skip the test."""
    if importlib.util.find_spec("spandrel") is None:
        pytest.skip("LEFT OUT: spandrel is not installed; `make test` installs it.")
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
        modules = {name: types.ModuleType(name) for name in names}
        for name in ("InterpolationMode", "rotate", "normalize"):
            setattr(modules[names[-1]], name, None)
        sys.modules.update(modules)
        importlib.import_module("spandrel")
        for name in names:
            del sys.modules[name]
    import spandrel

    from caesr.integrations.spandrel import install

    install()
    install()  # which may be called by several programs
    return spandrel
