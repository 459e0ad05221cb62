"""RetinEye: diabetic-retinopathy grading for small clinics."""
