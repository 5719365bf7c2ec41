"""Every module of benchmarks imports, and says by which command it is run."""

import importlib
import pkgutil

import pytest

import benchmarks

MODULES = [module.name for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks.") if not module.ispkg]
COMMANDS = [name for name in MODULES if name.startswith(("benchmarks.measure.", "benchmarks.figures."))]
OPTIONAL = ("matplotlib",)  # in the extra `bench` only


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"LEFT OUT: {error.name} is not installed (make bench installs it).")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_how_it_is_run(name):
    source = importlib.util.find_spec(name).loader.get_source(name)
    assert f"python -m {name}" in source.split('"""')[1] or "def main" not in source
