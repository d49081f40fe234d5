"""Makes the table of evaluations that test_evaluations.py computes again: ``python -m tests.golden.evaluations``.

Make it anew only where numbers are meant to change, and say so in CHANGELOG.md.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.pipeline import run_trial

PATH = Path(__file__).with_name("evaluations.json")
KERNELS = ("torch", "fused")
DURATIONS = ("search_s", "retrain_s")

LAYERS = "sequential:net,learnable-gradient,roll,noise,net,learnable-gradient,net,net,learnable-gradient,noise"
CELLS = (
    "cell:net,zero,learnable-gradient,noise,roll,zero,net,net,zero,learnable-gradient,zero,roll,zero,net,zero"
    "|zero,learnable-gradient,net,zero,zero,noise,net,zero,roll,zero,learnable-gradient,zero,net,zero,zero"
)

#: Every space, data formation, set of operations and method; each is computed by both kernels.
SPECS: tuple[InverseTrial, ...] = (
    InverseTrial(preset("H1"), 1.0, 1),
    InverseTrial(preset("H2"), 0.3, 2, operations="all"),
    InverseTrial(preset("BOHB-Blur"), 0.6, 3, operations="all", data="downsampling", choices=Choices(channels=5)),
    InverseTrial(preset("BOHB-DAS-single"), 0.3, 4, method="das-single"),
    InverseTrial(preset("H1"), 0.4, 5, operations="all", data="downsampling", method="das-single", retrain=False),
    InverseTrial(preset("BOHB-Non-Seq-Blur"), 0.5, 6, space="cell"),
    InverseTrial(preset("BOHB-one-shot-DS"), 0.3, 7, space="cell", operations="all", data="downsampling"),
    InverseTrial(
        preset("H1"),
        1.0,
        8,
        space="cell",
        operations="all",
        retrain=False,
        choices=Choices(merge_kernel_size=3, roll_batch=False, batch_size=24, scheduler="step", warm_up="gradual"),
    ),
    InverseTrial(preset("BOHB-one-shot-Blur"), 1.0, 9, operations="all", architecture=LAYERS),
    InverseTrial(preset("H2"), 0.5, 10, space="cell", operations="all", data="downsampling", architecture=CELLS),
)


def machine() -> dict[str, str]:
    """What the last bits of the numbers depend on: the CPU as torch and numba see it, and their versions."""
    return {
        "cpu": llvmlite.binding.get_host_cpu_name(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numba": numba.__version__,
    }


def evaluate(spec: InverseTrial, kernel: str) -> dict[str, Any]:
    """One evaluation as builtin types under the names of the table, without its durations."""
    with one_thread():
        outcome = run_trial(spec, kernel=kernel).to_dict()
    assert not outcome.pop("extras")
    assert outcome.pop("fingerprint") is None
    outcome["epochs"] = [_of_the_table(epoch) for epoch in outcome["epochs"]]
    kept = {name: value for name, value in outcome.items() if name not in DURATIONS}
    found: dict[str, Any] = json.loads(json.dumps(_of_the_table(kept)))
    return found


def _of_the_table(values: dict[str, Any]) -> dict[str, Any]:
    """The table is older than tasks of other metrics: its scores are named PSNRs."""
    return {name.replace("_score", "_psnr"): value for name, value in values.items()}


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """As workers compute: the order of sums, and so the last bits, depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def main() -> None:
    """Writes the table."""
    rows = [
        {"kernel": kernel, "spec": dataclasses.asdict(spec), "outcome": evaluate(spec, kernel)}
        for spec in SPECS
        for kernel in KERNELS
    ]
    table = ",\n".join(json.dumps(row) for row in rows)
    PATH.write_text(f'{{"machine": {json.dumps(machine())},\n"evaluations": [\n{table}\n]}}\n')


if __name__ == "__main__":
    main()
