"""Seeds derived by name."""

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from spaces.seeds import derive_seed, evaluation_seed, proposal_seed


def test_golden_values() -> None:
    """Seeds are part of what a stored run means: they never change."""
    text = b"7\x1fsearch\x1fweights"
    assert derive_seed(7, "search", "weights") == int.from_bytes(hashlib.sha256(text).digest()[:8], "big") // 2
    assert derive_seed(0) == 3456079177858693020


@given(seed=st.integers(0, 2**63 - 1), names=st.lists(st.text(max_size=5), max_size=3))
def test_range(seed: int, names: list[str]) -> None:
    """A derived seed can be derived from again, and is one torch and numpy take."""
    assert 0 <= derive_seed(seed, *names) < 2**63


def test_every_argument_counts() -> None:
    """Changing any argument, or where one name ends, changes the seed."""
    seeds = {
        derive_seed(0, "a", "b"),
        derive_seed(1, "a", "b"),
        derive_seed(0, "ab"),
        derive_seed(0, "b", "a"),
        evaluation_seed(0, (1, 2, 3), 5.0, 0),
        evaluation_seed(1, (1, 2, 3), 5.0, 0),
        evaluation_seed(0, (1, 3, 2), 5.0, 0),
        evaluation_seed(0, (1, 2, 3), 15.0, 0),
        evaluation_seed(0, (1, 2, 3), 5.0, 1),
        proposal_seed(0, (1, 2, 3)),
    }
    assert len(seeds) == 10


def test_budgets_of_either_type_are_equal() -> None:
    """A budget of 5 and of 5.0 are one budget."""
    assert evaluation_seed(0, (0, 0, 0), 5, 0) == evaluation_seed(0, (0, 0, 0), 5.0, 0)


def test_other_processes_agree() -> None:
    """The seed is the same under another hash seed of Python."""
    code = "from spaces.seeds import derive_seed; print(derive_seed(3, 'x'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "1"}
    )
    assert int(done.stdout) == derive_seed(3, "x")
