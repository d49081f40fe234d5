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
    "drnas": replace(
        _DARTS,
        relaxation="workers.methods.dirichlet:Dirichlet",
        regulariser="workers.methods.dirichlet_anchor:dirichlet_anchor",
        hyperparameters={
            "regulariser": OwnHyperparameter("l2", values=("l2", "kl"), source="Chen et al. 2021, code: l2"),
            "regulariser_weight": OwnHyperparameter(
                1e-3, low=1e-5, high=0.1, log=True, source="Chen et al. 2021, code: 0.001"
            ),
        },
    ),
    "gaea": replace(
        _DARTS,
        update="workers.methods.exponentiated:ExponentiatedGradient",
        searched=(*_WEIGHTS, "alpha_learning_rate", "alpha_warm_up", "alpha_scheduler"),
        preset="H1",
    ),
    "fairdarts": replace(
        _DARTS,
        relaxation="workers.methods.sigmoid:Sigmoid",
        regulariser="workers.methods.zero_one:zero_one_loss",
        hyperparameters={
            "zero_one_weight": OwnHyperparameter(10.0, low=0.1, high=100.0, log=True, source="Chu et al. 2020: 10")
        },
    ),
    "sdarts-rs": replace(
        _DARTS,
        update="workers.methods.random_perturbation:RandomPerturbation",
        hyperparameters={
            "perturbation": OwnHyperparameter(0.3, low=0.03, high=0.5, log=True, source="Chen, Hsieh 2020: 0.3")
        },
    ),
    "sdarts-adv": replace(
        _DARTS,
        update="workers.methods.adversarial_perturbation:AdversarialPerturbation",
        hyperparameters={
            "perturbation": OwnHyperparameter(0.3, low=0.03, high=0.5, log=True, source="Chen, Hsieh 2020: 0.3"),
            "attack_steps": OwnHyperparameter(7, low=1, high=10, source="Chen, Hsieh 2020: 7"),
        },
    ),
    "robust-darts": replace(
        _DARTS,
        update="workers.methods.early_stop:EarlyStop",
        hyperparameters={
            "eigenvalue_ratio": OwnHyperparameter(0.75, low=0.5, high=0.95, source="Zela et al. 2020: 0.75"),
            "search_l2_factor": OwnHyperparameter(
                1.0, low=1.0, high=81.0, log=True, source="Zela et al. 2020: 1, 3, 9, 27 and 81"
            ),
        },
    ),
    "beta-darts": replace(
        _DARTS,
        regulariser="workers.methods.beta_decay:beta_decay",
        hyperparameters={
            "beta_weight": OwnHyperparameter(50.0, low=0.5, high=100.0, log=True, source="Ye et al. 2022: 0 to 50")
        },
    ),
    "darts-pt": replace(
        _DARTS,
        selection="workers.methods.projection:perturbation_based",
        hyperparameters={
            "tuning_share": OwnHyperparameter(
                0.05, low=0.01, high=0.2, log=True, source="Wang et al. 2021, code: 5 of 100 epochs, and 10 of 50"
            ),
            "projection_batches": OwnHyperparameter(4, low=1, high=19, log=True, source="Wang et al. 2021: all data"),
        },
    ),
    "sgas": replace(
        _DARTS,
        relaxation="workers.methods.greedy:Greedy",
        update="workers.methods.greedy:GreedyDecisions",
        hyperparameters={
            "criterion": OwnHyperparameter(
                "certainty", values=("certainty", "stability"), source="Li et al. 2020: criteria 1 and 2"
            ),
            "warm_up_share": OwnHyperparameter(0.18, low=0.05, high=0.5, source="Li et al. 2020: 9 of 50 epochs"),
        },
    ),
    "oles": replace(
        _DARTS,
        update="workers.methods.operation_stop:OperationStop",
        hyperparameters={
            "agreement": OwnHyperparameter(0.4, low=0.0, high=0.9, source="Jiang et al. 2023, code: 0.4"),
            "agreement_window": OwnHyperparameter(20, low=5, high=50, log=True, source="Jiang et al. 2023, code: 20"),
        },
    ),
    "random-ws": replace(
        _DARTS,
        relaxation="workers.methods.uniform_paths:UniformPaths",
        update="workers.methods.ranked_paths:RankedPaths",
        searched=_WEIGHTS,
        preset="H1",
        hyperparameters={
            "ranked_paths": OwnHyperparameter(
                1000, low=10, high=1000, log=True, source="Li, Talwalkar 2019, code: 1000; not searched, it is a cost"
            )
        },
    ),
}
