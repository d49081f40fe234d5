"""A module that cannot be imported."""

raise ZeroDivisionError("as users' modules do at times")
