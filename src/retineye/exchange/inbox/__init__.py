"""A folder that cameras and vendors' programs put files into: each file is taken in once, or laid aside with a reason."""
