"""A plug-in with a set of operations that are there already."""

from spaces.inverse_1d.registries import OPERATION_SETS

OPERATION_SETS["noisy"] = ("noise", "net")
