"""Other people's formats: in by `clinic.intake` alone, out by pure functions from rows to bytes."""
