"""The methods of DAS: each composes pieces of workers.methods, and has the hyperparameters that its authors gave it.

docs/methods.md says what each is and where its ranges are from. No torch here: pieces are named as text.
"""

from __future__ import annotations

from dataclasses import replace

from spaces.inverse_1d.method import Method, OwnHyperparameter

#: DARTS of first order (section 2 of the paper, which calls it DAS): Liu, Simonyan, Yang, ICLR 2019.
_DARTS = Method(
    relaxation="workers.methods.softmax:Softmax",
    update="workers.methods.alternating:AlternatingFirstOrder",
    selection="workers.methods.argmax:argmax",
)

#: Alpha's five hyperparameters, and the three of the weights.
_ALPHA = ("alpha_learning_rate", "alpha_weight_decay", "alpha_warm_up", "alpha_scheduler", "alpha_optimizer")
_WEIGHTS = ("parameter_learning_rate", "parameter_weight_decay", "parameter_warm_up")

#: How an architecture is searched. ``das`` and ``darts`` are one entry under two names: the paper's, and its authors'.
METHODS: dict[str, Method] = {
    "das": _DARTS,
    "das-single": replace(
        _DARTS,
        update="workers.methods.alpha_alone:AlphaAlone",
        weights="workers.methods.pretrained:pretrained_weights",
        spaces=("sequential",),
        searched=_ALPHA,
        preset="BOHB-one-shot-Blur",
    ),
    "darts": _DARTS,
    "darts-second": replace(
        _DARTS,
        update="workers.methods.second_order:SecondOrder",
        hyperparameters={
            "virtual_step": OwnHyperparameter(
                1.0, low=0.1, high=10.0, log=True, source="Liu et al. 2019: xi is the weights' rate; a decade around it"
            )
        },
    ),
    "single-level": replace(_DARTS, update="workers.methods.single_level:SingleLevel"),
    "mixed-level": replace(
        _DARTS,
        update="workers.methods.mixed_level:MixedLevel",
        hyperparameters={
            "validation_weight": OwnHyperparameter(
                1.0, low=0.1, high=10.0, log=True, source="He et al. 2020: lambda 1 in their code; a decade around it"
            )
        },
    ),
    "gdas": replace(
        _DARTS,
        relaxation="workers.methods.gumbel_hard:HardGumbel",
        hyperparameters={
            "temperature_start": OwnHyperparameter(10.0, low=1.0, high=20.0, log=True, source="Dong, Yang 2019: 10"),
            "temperature_end": OwnHyperparameter(0.1, low=0.05, high=1.0, log=True, source="Dong, Yang 2019: 0.1"),
        },
    ),
    "snas": replace(
        _DARTS,
        relaxation="workers.methods.gumbel_soft:SoftGumbel",
        update="workers.methods.single_level:SingleLevel",
        hyperparameters={
            "temperature_start": OwnHyperparameter(
                1.0, low=0.5, high=10.0, log=True, source="Xie et al. 2019, code: 1"
            ),
            "temperature_end": OwnHyperparameter(
                0.03, low=0.01, high=0.5, log=True, source="Xie et al. 2019, code: 0.03"
            ),
        },
    ),
    "reinmax": replace(
        _DARTS,
        relaxation="workers.methods.reinmax:ReinMax",
        hyperparameters={
            "temperature": OwnHyperparameter(1.0, low=1.0, high=2.0, source="Liu et al. 2023: 1 or more"),
        },
    ),
}
