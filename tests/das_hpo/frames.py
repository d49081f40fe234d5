"""Synthetic ``results`` frames with the view's columns, for tests of what reads them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spaces.hyperparameters import CATEGORIES, HYPERPARAMETERS, RANGES
from spaces.inverse_1d.architecture import Architecture
from storage.records import RESULT_COLUMNS


def optimisation(
    name: str = "r", *, iterations: int = 6, seed: int = 0, objective: str = "architecture"
) -> pd.DataFrame:
    """A run of successive halving at 5, 15 and 50 epochs: good learning rates do well, very high ones diverge."""
    rng = np.random.default_rng(seed)
    rows = []
    clock = pd.Timestamp("2026-11-24T05:00:00Z")
    for iteration in range(iterations):
        survivors = list(range(9))
        points = [_point(rng) for _ in survivors]
        for budget in (5.0, 15.0, 50.0):
            scored = []
            for number in survivors:
                point = points[number]
                rate = np.log10(point["parameter_learning_rate"])
                diverged = rate > -0.3
                one_shot = 20 - 1.5 * (rate + 2.5) ** 2 + np.log(budget) + rng.normal(0, 0.6)
                architecture = 0.6 * one_shot + 8 + rng.normal(0, 0.8)
                start, clock = clock, clock + pd.Timedelta(seconds=budget)
                psnr = {"one_shot_psnr": one_shot, "architecture_psnr": architecture}
                rows.append(
                    {
                        "iteration": iteration,
                        "stage": 0,
                        "number": number,
                        "budget": budget,
                        "status": "diverged" if diverged else "completed",
                        **{key: np.nan if diverged else value for key, value in psnr.items()},
                        "architecture": str(Architecture.uniform("sequential", "net")),
                        "origin": "model" if iteration > 2 else "random",
                        "worker": f"host-{number % 2}",
                        "started_at": start,
                        "finished_at": clock,
                        "duration_s": budget,
                        **point,
                    }
                )
                scored.append((-np.inf if diverged else architecture, number))
            survivors = [number for _, number in sorted(scored, reverse=True)[: max(1, len(scored) // 3)]]
    return _frame(rows, name, objective)


def campaign(
    name: str,
    architecture: list[float | None],
    one_shot: list[float | None] | None = None,
    *,
    seeds: list[int] | None = None,
    duration_s: float = 10.0,
) -> pd.DataFrame:
    """A campaign whose trials gave these PSNRs; None diverged."""
    rows = []
    clock = pd.Timestamp("2026-11-24T05:00:00Z")
    point = _point(np.random.default_rng(1))
    for index, psnr in enumerate(architecture):
        start, clock = clock, clock + pd.Timedelta(seconds=duration_s)
        rows.append(
            {
                "iteration": 0,
                "stage": 0,
                "number": 0,
                "replicate": index,
                "budget": 50.0,
                "status": "diverged" if psnr is None else "completed",
                "one_shot_psnr": (None if psnr is None else psnr - 1) if one_shot is None else one_shot[index],
                "architecture_psnr": psnr,
                "architecture": str(Architecture.uniform("sequential", "net")),
                "origin": "preset",
                "worker": "host-0",
                "started_at": start,
                "finished_at": clock,
                "duration_s": duration_s,
                "seed": index if seeds is None else seeds[index],
                **point,
            }
        )
    return _frame(rows, name, "architecture")


def _point(rng: np.random.Generator) -> dict[str, object]:
    point: dict[str, object] = {}
    for name in HYPERPARAMETERS:
        if name in RANGES:
            low, high = np.log10(RANGES[name])
            point[name] = 10 ** rng.uniform(low, high)
        else:
            point[name] = CATEGORIES[name][int(rng.integers(2))]
    return point


def _frame(rows: list[dict[str, object]], name: str, objective: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=list(RESULT_COLUMNS))
    frame["run"], frame["objective"] = name, objective
    frame["space"], frame["operations"], frame["data"], frame["method"] = "sequential", "good", "blur", "das"
    frame["replicate"] = frame["replicate"].fillna(0).astype(int)
    frame["seed"] = frame["seed"].fillna(pd.Series(range(len(frame)), index=frame.index)).astype(int)
    frame["sequence"] = range(1, len(frame) + 1)
    frame["attempts"] = 1
    for column in ("one_shot_psnr", "architecture_psnr", "duration_s"):
        frame[column] = frame[column].astype(float)
    frame["one_shot_score"], frame["architecture_score"] = frame["one_shot_psnr"], frame["architecture_psnr"]
    frame["task"], frame["metric"] = "inverse-1d", "PSNR"
    frame["loss"] = -frame["one_shot_psnr" if objective == "one-shot" else "architecture_psnr"]
    return frame
