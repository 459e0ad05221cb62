"""A folder that cameras put files into: each one is taken in once, or laid aside with the reason."""
