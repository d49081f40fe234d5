"""The pieces of methods of DAS, one idea a file; spaces.inverse_1d.registries.METHODS composes them."""
