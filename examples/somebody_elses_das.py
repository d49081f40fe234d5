"""A DAS code that knows nothing of das-hpo: it has a command line of its own and prints two scores.

    python examples/somebody_elses_das.py --lr 0.05 --alpha-lr 0.1 --epochs 20 --seed 3

It searches the activation function of two hidden layers of a classifier of wines (scikit-learn's, 178 bottles).
docs/own-task.md shows how it becomes a task.
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_wine

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sine": torch.sin, "identity": lambda u: u}


def main() -> None:
    """Searches, trains what was found, and prints both accuracies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--alpha-lr", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    x, y = load_wine(return_X_y=True)
    x = torch.tensor((x - x.mean(axis=0)) / x.std(axis=0), dtype=torch.float32)
    parts = [(x[start::3], torch.tensor(y)[start::3]) for start in range(3)]
    alpha = torch.zeros(2, len(ACTIVATIONS), requires_grad=True)
    print("supernet accuracy:", fit(options, parts, alpha))  # noqa: T201
    chosen = torch.eye(len(ACTIVATIONS))[alpha.argmax(dim=1)]
    print("chosen:", ",".join(list(ACTIVATIONS)[index] for index in alpha.argmax(dim=1).tolist()))  # noqa: T201
    print("final accuracy:", fit(options, parts, chosen))  # noqa: T201


def fit(options: argparse.Namespace, parts: list[tuple[torch.Tensor, torch.Tensor]], alpha: torch.Tensor) -> float:
    """Trains new weights, and alpha where it is learned; the accuracy on the third part."""
    weights = [(torch.randn(shape) / shape[0] ** 0.5).requires_grad_() for shape in ((13, 16), (16, 16), (16, 3))]
    groups = [{"params": weights, "lr": options.lr}]
    if alpha.requires_grad:
        groups.append({"params": [alpha], "lr": options.alpha_lr})
    steps = torch.optim.Adam(groups)

    def logits(x: torch.Tensor) -> torch.Tensor:
        mixing = alpha.softmax(dim=1) if alpha.requires_grad else alpha
        for layer in range(2):
            u = x @ weights[layer]
            x = sum(weight * act(u) for weight, act in zip(mixing[layer], ACTIVATIONS.values(), strict=True))
        return x @ weights[2]

    for _ in range(options.epochs):
        for x, y in parts[:2]:
            steps.zero_grad()
            torch.nn.functional.cross_entropy(logits(x), y).backward()
            steps.step()
    x, y = parts[2]
    return float((logits(x).argmax(dim=1) == y).float().mean())


if __name__ == "__main__":
    main()
