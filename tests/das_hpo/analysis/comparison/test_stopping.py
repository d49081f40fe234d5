"""What is said of trials that were added until something was decided."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.comparison.agreement import SEQUENTIAL
from das_hpo.analysis.comparison.compare import compare_subjects
from das_hpo.analysis.comparison.stopping import stopping
from das_hpo.analysis.comparison.subjects import ComparedRun, run_subject
from das_hpo.analysis.comparison.verdicts import verdicts
from tests.das_hpo.frames import campaign


@pytest.mark.parametrize("which", [(), ("H1",), ("H1", "H2")], ids=["none", "one", "both"])
def test_what_is_sequential_is_said(which: tuple[str, ...]) -> None:
    """By name, and that p values allow for it; one sample is enough, and nothing is said of fixed ones."""
    rng = np.random.default_rng(0)
    subjects = []
    for name, mean in (("H1", 20.0), ("H2", 20.4)):
        frame = campaign(name, [float(psnr) for psnr in rng.normal(mean, 1, 20)])
        frame[SEQUENTIAL] = name in which
        subjects.append(run_subject(ComparedRun(name, frame, kind="campaign")))
    compared = compare_subjects(subjects)
    said = stopping(compared)
    assert compared.comparisons[0].sequential == bool(which)
    assert [text in verdicts(compared) for text in said] == [True] * bool(which)
    for text in said:
        assert text.startswith(f"{', '.join(which)}: trials were added until a comparison was decided")
        assert "hold whenever one stops" in text
        assert "do not allow for it" in text
    assert any("Holm, valid whenever one stops" in text for text in verdicts(compared)) == bool(which)
