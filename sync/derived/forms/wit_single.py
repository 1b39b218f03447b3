"""Makes one WIT file of a package and of all the packages that it needs, whole."""

from sync.derived.ingredients import Ingredients, Made, one_file
from sync.derived.wit import run_on_packages

VERSION = 1


def make(given: Ingredients) -> Made:
    return one_file(run_on_packages(given))
