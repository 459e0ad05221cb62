"""The REST API under /api/v1/: routers over the clinic's own verbs."""
