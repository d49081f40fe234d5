"""What holds for all tests: axes of tensors are checked, and hypothesis asserts no timing.

The modules that annotate axes are instrumented when they are imported.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from beartype._check.code import codemain
from hypothesis import settings
from jaxtyping import install_import_hook

from tests.axes import annotated_modules
from tests.postgresql import empty_database, running_server

# beartype looks at one random item of a sequence; the global stream of random numbers is not its own to draw from.
codemain.getrandbits = random.Random(0).getrandbits
# An int is a float, as PEP 484 has it.
install_import_hook(annotated_modules(), "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# A shell starts what it puts in the background with SIGINT ignored, and every process of the tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples follow from the tests alone, so that a failure is the change's; --hypothesis-profile=explore seeks new ones.
settings.register_profile("das-hpo", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("das-hpo")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The directory of the socket of a running PostgreSQL server."""
    with running_server() as directory:
        yield directory


@pytest.fixture
def postgresql_url(postgresql_server: Path) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with empty_database(postgresql_server) as url:
        yield url
