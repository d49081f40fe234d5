"""Figures with matplotlib: axes with units, colours that the colour-blind can tell apart, PNG and SVG.

Every function returns a matplotlib Figure of data it was given; none reads a database, opens a window or
touches pyplot's global state. :func:`das_hpo.analysis.figures.style.save` writes the files.
"""
