"""The report: one HTML page, complete in itself, of everything a database knows about some runs.

run_data  reads a run from storage
gallery   the figures of runs, by name
overview  sections over all runs
run       sections of one run or campaign
blocks    what sections are made of
page      sections to HTML
"""
