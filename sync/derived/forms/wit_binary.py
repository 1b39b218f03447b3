"""Makes the binary form of a WIT package: one file, with what it uses of other packages."""

from sync.derived.ingredients import Ingredients, Made, one_file
from sync.derived.wit import run_on_packages

VERSION = 1


def make(given: Ingredients) -> Made:
    return one_file(run_on_packages(given, "--wasm"))
