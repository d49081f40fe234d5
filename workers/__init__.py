"""What runs where the GPU is: search, retraining, validation, kernels, the worker, the wire."""
