"""A real database, its report, and a browser, for all tests of pages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from spaces.hyperparameters import PRESETS, Hyperparameters
from spaces.trial import Epoch
from tests.browser import chromium
from tests.das_hpo.command import das_hpo
from tests.das_hpo.databases import Run, Trial, store, trials

RNG = np.random.default_rng(12)


MARKUP = "</td><script>alert(1)</script><img src=x onerror=alert(2)>"


def _epochs(count: int = 5) -> tuple[Epoch, ...]:
    alpha = np.cumsum(RNG.normal(0, 0.2, (count, 10, 2)), axis=0)
    search = (
        Epoch("search", i + 1, 0.1, 10.0 + i, 0.1, 9.0 + i, tuple(map(tuple, alpha[i].tolist()))) for i in range(count)
    )
    return (*search, *(Epoch("retrain", i + 1, 0.1, 12.0 + i) for i in range(count)))


def _optimisation() -> list[Trial]:
    """27 configurations at 1 epoch, 9 of them at 3, 3 of those at 9; one diverged, one was lost once."""
    found = []
    for number in range(27):
        rate = 10 ** RNG.uniform(-4, -1)
        point = Hyperparameters(rate, 1e-6, bool(number % 2), 1e-3, 1e-4, True, "linear", "adam")
        for budget, most in ((1.0, 27), (3.0, 9), (9.0, 3)):
            if number < most:
                psnr = (
                    None if number == 26 else 18 - abs(math.log10(rate) + 2.5) + math.log(budget) + RNG.normal(0, 0.3)
                )
                found.append(
                    Trial(
                        psnr, None if psnr is None else psnr - 1, number=number, budget=budget, seed=len(found),
                        hyperparameters=point, origin="model" if number % 3 else "random",
                        lost_first=number == 2, epochs=_epochs() if budget == 9.0 else (),
                    )
                )  # fmt: skip
    return found


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run, two campaigns, a run without results, and markup wherever a user can put it."""
    path = tmp_path_factory.mktemp("report") / "das <b>.db"
    url = f"sqlite:///{path}"
    store(
        url,
        Run(
            "tuned",
            _optimisation(),
            kind="run",
            settings={"aggregate": "mean", "note": MARKUP, "choices": {"tau": 0.1}},
        ),
        Run("h1", trials(RNG.normal(20, 1, 12).tolist(), epochs=_epochs())),
        Run("h2", trials([*RNG.normal(21, 1, 11).tolist(), None], hyperparameters=PRESETS["H2"])),
        Run("one-shot-only", [Trial(None, 15.0)], kind="run", objective="one-shot"),
        Run("nothing-yet", [], kind="run", optimizer=MARKUP),
    )
    return url


@pytest.fixture(scope="session")
def page(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of all runs, by the real command."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    process = das_hpo("report", "-o", str(path), "--db", url)
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    assert process.stderr == f"das-hpo: 5 runs in {path}\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: Playwright keeps an event loop, which others must not find."""
    with chromium() as started:
        yield started
