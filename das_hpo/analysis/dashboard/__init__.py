"""The live page: what the report shows, while it happens, served by a process of its own that can only read.

live    the data of runs, kept and extended by what is new
access  who may look
views   the views, as sections of the report's blocks
server  addresses, and pages that are made again when something happened
"""
