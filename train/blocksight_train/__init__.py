"""Tuning of dense language models to MiniMax Sparse Attention, for reading whole repositories."""
