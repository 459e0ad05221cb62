"""The making of models: data, training, calibration, evaluation and export. Imports no torch by itself."""
