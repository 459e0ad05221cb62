"""The pages: show and accept, nothing else."""
