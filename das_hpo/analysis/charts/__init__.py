"""Interactive charts, for the live page and the report: every function gives a figure of plotly as builtin values.

A chart is what plotly.js takes, ``{"data": [...], "layout": {...}}``. Colours of text and grid follow the page, light
or dark, and are set there; so is the size. None reads a database. Charts of many points are aggregated here, so that a
page of 100,000 evaluations stays small. The figures that are saved as files are :mod:`das_hpo.analysis.figures`.
"""
